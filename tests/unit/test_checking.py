"""What is wrong with a text is told when it is saved: names, grammar, length, and what rendering alone shows."""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from infra.local.gallery import scenes
from perennial.aws.documents import messages, root
from perennial.channels.catalogue import Catalogue, read_catalogue
from perennial.channels.checking import KNOWN, MOST_SEGMENTS, OF_LAYOUT, Flaw, flaws, warnings
from perennial.channels.compiled import Compiled
from perennial.channels.examples import example_action, example_recipient
from perennial.channels.render import Renderer
from perennial.domain.offers import GiftOffer
from perennial.policy_document import read_yaml
from tests.messaging import BRAND, LOCALES, NOON, a_policy, the_catalogue, the_policy

PLAIN = {"subject": "-", "body": "-"}


def with_document(name: str, document: Mapping[str, Any]) -> Catalogue:
    return read_catalogue({**messages(), name: document})


def found(name: str, catalogue: Catalogue) -> list[Flaw]:
    return flaws(name, catalogue, Renderer(lambda: catalogue, BRAND, b"key"), a_policy(), NOON)


def found_in(**piece: str) -> list[str]:
    """What is wrong with a template that says this in Spanish."""
    document = dict.fromkeys(LOCALES, PLAIN) | {"es": PLAIN | piece}
    told = found("welcome", with_document("welcome", document))
    assert {flaw.path[0] for flaw in told} <= {"es"}
    return [flaw.message for flaw in told]


@pytest.mark.parametrize("state", ["customs_hold", "delivery_failed", "delayed"])
def test_the_words_of_each_state_of_a_parcel_are_tried(state: str) -> None:
    silent = f"{{% if state == '{state}' %}}{{% else %}}Late{{% endif %}}"

    assert found_in(subject=silent) == ["is empty where little is known"]


@pytest.mark.parametrize("name", messages())
def test_nothing_is_wrong_with_what_we_ship(name: str) -> None:
    assert found(name, the_catalogue()) == []


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("{{ custmer.first_name }}", "unknown name 'custmer'; known are brand, "),
        ("{{ customer.age }}", "'customer' needs one of its fields: first_name, name"),
        ("{{ customer }}", "'customer' needs one of its fields: first_name, name"),
        ("{{ tracking.number }}", "'tracking' is a word, and has no 'number'"),
        ("{% if order.total %}x{% endif %}", "'order' needs one of its fields: name"),
        ("{% if tracking %}x", "is not Jinja, line 1 of the text: "),
        ("a\n{{ }", "is not Jinja, line 2 of the text: "),
        ("{{ tracking|upcase }}", "unknown filter 'upcase'; known are capitalize, "),
        ("{{ tracking|attr('x') }}", "unknown filter 'attr'"),
        ("{% if tracking is callable %}x{% endif %}", "unknown test 'callable'; known are defined, none"),
    ],
)
def test_what_a_text_misspells_is_told_with_what_is_known(body: str, said: str) -> None:
    (told,) = found_in(body=body)

    assert told.startswith(said)


@pytest.mark.parametrize(
    "body",
    [
        "{% for x in brand.name %}{{ x }}{% endfor %}",
        "{{ brand.name.upper() }}",
        "{{ ''.__class__.__mro__ }}",
        "{{ brand['name'] }}",
        "{% set brand = 1 %}",
        "{% macro a() %}{% endmacro %}",
        "{% include 'layout/en/sms' %}",
        "{% extends 'layout/en/sms' %}",
        "{{ 'a' * 10 }}",
        "{{ 9 ** 9 }}",
        "{{ brand.name % 3 }}",
    ],
)
def test_a_text_says_names_and_if_and_nothing_more(body: str) -> None:
    assert any("nothing more" in told for told in found_in(body=body))


@pytest.mark.parametrize(
    ("name", "document", "said"),
    [
        ("welcome", {"en": PLAIN}, "welcome is not written in zh-Hans, es, pt, de, fr, ja, and the layout is"),
        (
            "tasks",
            {**messages()["tasks"], "callback": {"en": {"title": "-", "steps": ["-"]}}},
            "callback is not written in zh-Hans, es, pt, de, fr, ja, and the layout is",
        ),
        (
            "layout",
            {**messages()["layout"], "it": messages()["layout"]["es"]},
            "welcome is not written in it, and the layout is",
        ),
    ],
)
def test_a_language_that_is_missing_is_told(name: str, document: Mapping[str, Any], said: str) -> None:
    assert Flaw((), said) in found(name, with_document(name, document))


def test_each_mistake_is_told_once_and_one_hides_no_other() -> None:
    assert len(found_in(subject="{{ a }}{{ a }}", body="{{ b }} {{ c }}")) == 3


def test_a_subject_must_not_vanish_where_little_is_known() -> None:
    assert found_in(subject="{% if tracking %}x{% endif %}") == ["is empty where little is known"]


@pytest.mark.parametrize(("length", "flaw"), [(67 * MOST_SEGMENTS, False), (67 * MOST_SEGMENTS + 1, True)])
def test_an_sms_that_costs_too_much_is_refused(length: int, *, flaw: bool) -> None:
    document = {locale: PLAIN | {"sms": "x"} for locale in LOCALES}
    around = len(f"【{BRAND.name}】回复TD退订")
    document["zh-Hans"] = PLAIN | {"sms": "中" * (length - around)}
    told = found("dispatched", with_document("dispatched", document))

    assert [each.path for each in told] == [("zh-Hans", "sms")] * flaw


def test_a_country_s_own_words_are_looked_at_too() -> None:
    document = dict.fromkeys(LOCALES, PLAIN) | {"es": PLAIN | {"countries": {"MX": {"body": "{{ nope }}"}}}}

    assert found("welcome", with_document("welcome", document))[0].path == ("es", "countries", "MX", "body")


def test_what_is_said_on_each_festival_is_looked_at() -> None:
    silent = PLAIN | {"subject": "{% if festival != 'diwali' %}-{% endif %}"}

    told = found("festival", with_document("festival", dict.fromkeys(LOCALES, PLAIN) | {"es": silent}))

    assert [each.path for each in told] == [("es", "subject")]


@pytest.mark.parametrize("file", sorted((root() / "messages").glob("*.yaml")), ids=lambda file: file.stem)
def test_what_ships_is_written_as_a_merchant_may_write_it(file: Path) -> None:
    """No key twice, of which the first would be lost without a word; and it can be sent back as it was read."""
    _, _, doubled = read_yaml(file.read_text(encoding="utf-8"))

    assert doubled == []


def test_a_layout_is_tried_with_every_template() -> None:
    layout = {name: {**texts, "sms": texts["sms"] + "x" * 400} for name, texts in messages()["layout"].items()}

    told = found("layout", with_document("layout", layout))

    assert told
    assert {each.path for each in told} == {()}


@pytest.mark.parametrize(
    ("piece", "text"), [("coupon", "{{ value }}"), ("choose", "{{ brand.name }}"), ("greeting", "{{ text }}")]
)
def test_each_piece_of_the_layout_has_its_own_names(piece: str, text: str) -> None:
    layout = {name: {**texts, piece: text} for name, texts in messages()["layout"].items()}

    told = found("layout", with_document("layout", layout))

    assert {each.path[1] for each in told} == {piece}
    assert all("unknown name" in each.message for each in told)


def test_what_is_known_is_what_rendering_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    given: dict[str, dict[str, Any]] = {}
    words = Compiled.words

    def noted(self: Compiled, name: str, context: Mapping[str, Any]) -> str:
        given[name] = dict(context)
        return words(self, name, context)

    monkeypatch.setattr(Compiled, "words", noted)
    for scene in scenes(the_policy(), the_catalogue()):
        action = example_action(scene.template, scene.channel, "marketing", NOON, scene.play.do.coupon)
        Renderer(the_catalogue, BRAND, b"key").compose(action, example_recipient("en"), "to", a_policy(), NOON)
    bound = GiftOffer(kind="percent", value="10", expires=timedelta(days=3), minimum="50", products=("1",))
    action = example_action("apology", "email", "marketing", NOON, bound)
    Renderer(the_catalogue, BRAND, b"key").compose(action, example_recipient("en"), "to", a_policy(), NOON)

    shapes = {name: _shape(context) for name, context in given.items()}
    assert shapes.pop("layout/en/sms") == OF_LAYOUT["sms"]
    assert shapes.pop("layout/en/coupon") == OF_LAYOUT["coupon"]
    offers = [shapes.pop(name) for name in list(shapes) if "/offers/" in name]
    assert offers == [OF_LAYOUT["offers"]] * len(offers) != []
    conditions = [shapes.pop(name) for name in list(shapes) if "/conditions/" in name]
    assert conditions == [OF_LAYOUT["conditions"]] * 2
    assert list(shapes.values()) == [KNOWN] * len(shapes) != []


def _shape(context: Mapping[str, Any]) -> dict[str, frozenset[str] | None]:
    return {name: frozenset(value) if isinstance(value, dict) else None for name, value in context.items()}


def test_a_warning_says_what_an_sms_costs_and_why() -> None:
    document = {locale: PLAIN | {"sms": "a" * 60 + "ê"} for locale in LOCALES}
    catalogue = with_document("dispatched", document)
    action = example_action("dispatched", "sms", "service", NOON)
    message = Renderer(lambda: catalogue, BRAND, b"key").compose(action, example_recipient("en"), "", a_policy(), NOON)

    assert warnings(message) == ("costs 2 SMS: 73 characters; the alphabet of SMS lacks ê",)
