"""Vendors' modules are loaded when they are first asked for, and none is missed or confused."""

import subprocess
import sys

import pytest

from perennial.ingest import READERS, SOURCES
from perennial.sources import (
    Source,
    aftership,
    aftership_returns,
    bigcommerce,
    canonical,
    easypost,
    freshdesk,
    gorgias,
    intercom,
    mail,
    open_events,
    seventeentrack,
    shopify,
    sns,
    twilio,
    woocommerce,
    zendesk,
)
from perennial.sources.on_demand import OnDemand
from perennial.sources.payloads import Payload, understanding

SPOKEN = {
    "shopify": shopify,
    "woocommerce": woocommerce,
    "bigcommerce": bigcommerce,
    "zendesk": zendesk,
    "freshdesk": freshdesk,
    "gorgias": gorgias,
    "intercom": intercom,
    "aftership": aftership,
    "aftership_returns": aftership_returns,
    "17track": seventeentrack,
    "easypost": easypost,
    "twilio": twilio,
    "open": open_events,
}


def loaded_after(code: str) -> set[str]:
    """Modules of ours that a fresh process has loaded after this."""
    told = [sys.executable, "-c", f"import sys; {code}; print(*sys.modules)"]
    said = subprocess.run(told, capture_output=True, text=True, check=True).stdout
    return {name.removeprefix("perennial.sources.") for name in said.split() if name.startswith("perennial.sources.")}


def test_each_vendor_answers_to_its_name():
    assert dict(SOURCES) == SPOKEN


def test_what_lies_in_quarantine_may_also_be_our_own_or_of_sns_or_a_mail():
    assert dict(READERS) == {**SPOKEN, "sns": sns, "mail": mail, "perennial": canonical}


def test_nobody_else_answers():
    assert SOURCES.get("sns") is None
    assert "shopware" not in SOURCES


def test_a_start_loads_the_vendor_that_it_meets_and_no_other():
    vendors = {module.__name__.rpartition(".")[2] for module in SPOKEN.values()}

    loaded = loaded_after("from perennial.ingest import SOURCES; [*SOURCES]; 'open' in SOURCES; SOURCES['shopify']")

    assert loaded & vendors == {"shopify"}


def test_the_door_is_built_without_loading_any_vendor(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    parts = "settings=1, table=1, secrets=1, clock=1, " + ", ".join(
        f"queue_{lane}=1" for lane in ("orders", "tickets", "outcomes", "privacy", "fetches")
    )

    loaded = loaded_after(f"from perennial.aws import wiring; wiring.install({parts}); wiring.ingest()")

    assert loaded == {"on_demand", "payloads"}


def test_one_in_the_place_of_another_leaves_the_rest_as_it_was():
    class Ours:
        """Stands for a source."""

    ours: Source = Ours()  # type: ignore[assignment]
    these = OnDemand({"a": lambda: ours})

    assert list(these.also("b", lambda: ours)) == ["a", "b"]
    assert list(these) == ["a"]


def test_a_reason_names_the_fields_of_a_vendor_that_came_after_the_first_mistake():
    mistakes = []

    @understanding
    def read(kind: type[Payload]) -> None:
        kind.model_validate({})

    for name in ("early_field", "late_field"):
        late = type(name, (Payload,), {"__annotations__": {name: int}})
        with pytest.raises(Exception, match=name) as refused:
            read(late)
        mistakes.append(str(refused.value))

    assert mistakes == ["early_field: Field required", "late_field: Field required"]
