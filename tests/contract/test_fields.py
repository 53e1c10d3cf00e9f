"""The field dictionary says what the models say, of every field, and is in the repository as they are now."""

import ast

import pytest

from infra.local import fields
from infra.local.fields import FACTS, FILE, ITSELF, JUDGED, THINGS, Told, Undescribed, document, in_words, meaning_of
from perennial.domain import customer, events
from perennial.domain.customer import Facts
from perennial.domain.events import BaseEvent, Event, OrderData, Person
from perennial.domain.values import Model, Money
from tests.builders import placed

RECORD = {each.__name__ for each in (*FACTS, *JUDGED)}


def models(module: object) -> set[str]:
    """Names of the models and named tuples that a module defines."""
    own = [each for each in vars(module).values() if isinstance(each, type) and each.__module__ == module.__name__]  # type: ignore[attr-defined]
    return {each.__name__ for each in own if issubclass(each, Model) or hasattr(each, "_fields")}


def test_the_dictionary_is_as_the_models_and_samples_are() -> None:
    assert FILE.read_text(encoding="utf-8") == document(), "run `make fields`"


def test_every_field_of_every_event_and_of_the_record_is_in_it() -> None:
    types = {each.__name__ for each in Event.__args__}
    data = {each.model_fields["data"].annotation.__name__ for each in Event.__args__}
    things = {each.__name__ for each in THINGS} - {Money.__name__}

    assert models(events) == types | data | things | {"BaseEvent", "CustomerData"}
    assert models(customer) <= RECORD


def test_every_row_has_a_meaning_a_type_and_somebody_who_tells_it() -> None:
    rows = [line for line in document().splitlines() if line.startswith(("| `", "| **`"))]
    cells = [[cell.strip() for cell in row.strip("|").replace("\\|", "/").split("|")] for row in rows]

    assert len(rows) > 200
    assert [row for row in cells if len(row) != 5 or not all(row)] == []


def test_a_field_that_nobody_explained_is_an_error() -> None:
    class Fresh(Model):
        secret: str

    with pytest.raises(Undescribed, match=r"Fresh\.secret"):
        meaning_of(Fresh, "secret")


@pytest.mark.parametrize("annotation", ["bytes", "Decimal | int", "list[str]"])
def test_a_type_without_words_is_an_error(annotation: str) -> None:
    with pytest.raises(Undescribed, match="no words"):
        in_words(ast.parse(annotation, mode="eval").body)


@pytest.mark.parametrize(
    ("annotation", "words"),
    [
        ("Id | None", ("id (text)", "—")),
        ("Annotated[str, Field(max_length=40)] | None", ("text (at most 40)", "—")),
        ("Annotated[int, Field(ge=0, le=1_000_000)]", ("whole number (0 to 1,000,000)", "—")),
        ("Literal['email', 'sms']", ("one of `email`, `sms`", "—")),
        ("Mapping[str, Instant]", ("map of text to time", "UTC, milliseconds")),
        ("Annotated[tuple[Item, ...], Field(max_length=500)]", ("list of `Item` (at most 500)", "—")),
        ("Label", ("one of `prospect`, `new`, `growing`, `mature`, `declining`, `silent`", "—")),
    ],
)
def test_types_are_said_in_words(annotation: str, words: tuple[str, str]) -> None:
    assert in_words(ast.parse(annotation, mode="eval").body) == words


def test_a_vendor_tells_what_its_events_say_and_nothing_else() -> None:
    told = Told()

    told.note("shopify", placed())

    assert told.vendors(BaseEvent, "id") == told.vendors(Person, "email") == {"shopify"}
    assert told.vendors(OrderData, "order") == {"shopify"}
    assert told.vendors(Person, "phone") == told.vendors(Facts, "orders") == frozenset()


def test_what_only_we_know_is_told_by_nobody_else() -> None:
    told = Told()

    for owner, name in ((Person, "cleaned"), (BaseEvent, "customer"), (events.TimerData, "armed")):
        assert fields._tellers(owner, name, told) == ITSELF
    assert fields._tellers(Person, "birthday", told) == "open"
