"""A policy as people write it: read as they mean it, or refused with every mistake, its path and its line."""

import json
from contextlib import suppress
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perennial.aws.documents import default_policy
from perennial.domain.policy import AtMost, BandEntered, OnDate, Policy
from perennial.policy_document import (
    MAX_BYTES,
    Mistake,
    PolicyRefused,
    policy_as_edited,
    policy_json,
    policy_yaml,
    read_policy,
)
from tests.builders import SAME_EVERY_TIME, the_policy, what_policies_may_name

DEFAULT = default_policy()


def read(text: str) -> Policy:
    return read_policy(text, 1, what_policies_may_name())


def mistakes_in(text: str) -> list[Mistake]:
    with pytest.raises(PolicyRefused) as refused:
        read(text)
    return refused.value.mistakes


def changed(before: str, after: str) -> str:
    """The default policy with the first such place written differently."""
    assert before in DEFAULT
    return DEFAULT.replace(before, after, 1)


def line_of(text: str, written: str) -> int:
    return next(number for number, line in enumerate(text.splitlines(), 1) if written in line)


# What can be written


def test_the_default_policy_holds_every_play_that_is_promised():
    plays = the_policy().by_id

    assert {
        "welcome", "abandoned-cart", "first-order-thanks", "dispatched", "through-customs", "out-for-delivery",
        "delay-notice", "tutorial", "congratulation", "ticket-survey", "return-apology", "birthday", "day-30-report",
        "day-90-call", "declining-winback", "silent-winback", "health-alarm", "dispute-answer",
    } <= plays.keys()  # fmt: skip


def test_a_policy_is_read_back_as_it_was_stored():
    assert Policy.model_validate_json(policy_json(the_policy())) == the_policy()


def test_who_edits_a_policy_sees_to_whom_and_when_nothing_leaves_though_it_be_the_default():
    text, same = policy_yaml(the_policy()), json.loads(policy_as_edited(the_policy()))

    assert "quiet_hours:\n  start: 20:00\n  end: 09:00\n" in text
    assert "\nsend_time: none\n" in text
    assert "consent:\n  transactional: none\n  service: opt_out\n  marketing: opt_in\n" in text
    assert (same["quiet_hours"]["start"], same["consent"]["marketing"]) == ("20:00", "opt_in")
    assert read(text) == read(json.dumps(same)) == the_policy()


def test_the_version_is_given_by_whoever_reads_not_by_the_document():
    assert read("version: 99\n" + DEFAULT).version == 1


def test_json_is_as_good_as_yaml():
    assert read(policy_json(the_policy())) == the_policy()


def test_words_that_older_yaml_takes_for_something_else_are_words():
    text = changed("name: Perennial's default for a cross-border shop of consumer goods", "name: yes").replace(
        'start: "20:00"', "start: 20:00"
    )

    policy = read(text)

    assert policy.name == "yes"
    assert policy.quiet_hours.start.hour == 20
    assert policy.by_id["welcome"].on == "customer.signed_up"


@pytest.mark.parametrize(
    ("play", "field", "value"),
    [
        ("welcome", "at_most", AtMost(times=1, per=timedelta(days=36_500))),
        ("abandoned-cart", "at_most", AtMost(times=1, per=timedelta(days=7))),
        ("abandoned-cart", "after", timedelta(hours=4)),
        ("abandoned-cart", "unless", ("order.placed",)),
        ("health-alarm", "on", BandEntered(band="critical")),
        ("birthday", "on", OnDate(date="birthday")),
    ],
)
def test_the_short_ways_to_write_mean_what_they_say(play: str, field: str, value: Any):
    assert getattr(the_policy().by_id[play], field) == value


def test_percent_and_fraction_are_both_shares():
    text = changed("at_most: once", "at_most: once\n    test: {holdout: 10%, variants: {a: 0.45, b: 45%}}")

    experiment = read(text).by_id["welcome"].test

    assert experiment is not None
    assert (experiment.holdout, dict(experiment.variants)) == (0.1, {"a": 0.45, "b": 0.45})


# What is refused: (what to change, into what, path, some words of the message)

MISTAKES: dict[str, tuple[str, str, str, str]] = {
    "unknown event": (
        "on: customer.signed_up",
        "on: customer.came",
        "plays.0.on",
        "unknown event 'customer.came'; known are order.placed",
    ),
    "event nobody may play on": ("on: customer.signed_up", "on: timer.due", "plays.0.on", "unknown event"),
    "unknown event to end by": (
        "unless: order.placed",
        "unless: [order.plced]",
        "plays.1.unless",
        "'order.plced'; known are",
    ),
    "unknown stage of a play": (
        "stage: onboarding\n    on",
        "stage: boarding\n    on",
        "plays.7.stage.0",
        "'awareness', 'decision'",
    ),
    "unknown stage entered": (
        "on: {label: declining}",
        "on: {stage: nowhere}",
        "plays.14.on.stage",
        "'awareness', 'decision'",
    ),
    "unknown label entered": (
        "on: {label: declining}",
        "on: {label: nowhere}",
        "plays.14.on.label",
        "'prospect', 'new'",
    ),
    "unknown band entered": (
        "on: {band: critical}",
        "on: {band: nowhere}",
        "plays.16.on.band",
        "unknown band 'nowhere'; known are at_risk",
    ),
    "unknown date": ("on: {date: birthday}", "on: {date: easter}", "plays.11.on.date", "'birthday'"),
    "two triggers": ("on: {band: critical}", "on: {band: critical, label: new}", "plays.16.on", "an event, or one of"),
    "no trigger": ("on: {band: critical}", "on: {}", "plays.16.on", "an event, or one of"),
    "number as trigger": ("on: {band: critical}", "on: 7", "plays.16.on", "an event, or one of"),
    "unknown band of a rule": ("band: critical\n", "band: crtical\n", "labels.4.band", "unknown band 'crtical'"),
    "unknown template": (
        "{email: welcome}",
        "{email: welcom}",
        "plays.0.do.email",
        "unknown template 'welcom'; known are abandoned_cart",
    ),
    "template without that channel": (
        "{email: welcome}",
        "{sms: birthday}",
        "plays.0.do.sms",
        "has no text for sms; it has email",
    ),
    "unknown task": (
        "{task: callback}",
        "{task: calback}",
        "plays.13.do.task",
        "unknown task 'calback'; known are callback",
    ),
    "nothing to do": ("{task: callback}", "{}", "plays.13.do", "do at least one of email, sms, task"),
    "coupon on nothing": (
        "{task: callback}",
        "{task: callback, coupon: {kind: gift, value: x, expires: 1d}}",
        "plays.13.do",
        "needs a message",
    ),
    "coupon worth no number": (
        '{email: apology, coupon: {kind: percent, value: "10", expires: 30d}}',
        "{email: apology, coupon: {kind: percent, value: ten, expires: 30d}}",
        "plays.10.do.coupon",
        "a coupon of percent is worth a number above 0",
    ),
    "unknown field of the event": (
        "if: event.first",
        "if: event.frist",
        "plays.2.if",
        "names event.frist; known are by, carrier",
    ),
    "unknown field of the customer": (
        "if: event.first",
        "if: customer.age > 3",
        "plays.2.if",
        "names customer.age; known are activated",
    ),
    "field that a rule may not use": (
        "if: customer.orders == 0\n",
        "if: customer.score == 0.0\n",
        "labels.0.if",
        "names customer.score",
    ),
    "field of an event in a rule": (
        "if: customer.orders == 0\n",
        "if: event.first\n",
        "labels.0.if",
        "names event.first",
    ),
    "field named as in a map": (
        "if: event.first",
        'if: customer["orders"] == 1',
        "plays.2.if",
        "names customer; known are fields like customer.orders",
    ),
    "unknown name": (
        "if: event.first",
        "if: basket.total > 3",
        "plays.2.if",
        "names basket; known are fields like customer.orders",
    ),
    "no CEL": ("if: event.first", "if: event.first &&", "plays.2.if", "is not a CEL expression"),
    "no yes or no": ("if: event.first", "if: event.total", "plays.2.if", "not yes or no"),
    "types that do not compare": ("if: event.first", "if: event.currency > 3", "plays.2.if", "cannot be evaluated"),
    "condition of a script": (
        "- if: customer.carts > 0",
        "- if: customer.cats > 0",
        "scripts.decision.0.if",
        "names customer.cats",
    ),
    "same key twice": (
        "do: {email: welcome}",
        "do: {email: welcome}\n    do: {email: survey}",
        "plays.0.do",
        "is written twice",
    ),
    "same play twice": ("id: first-order-thanks", "id: welcome", "plays.2.id", "there are two plays 'welcome'"),
    "unknown key": (
        "purpose: service\n    at_most: once",
        "porpoise: service\n    at_most: once",
        "plays.0.porpoise",
        "is not known here",
    ),
    "missing key": ("    purpose: service\n    at_most: once", "    at_most: once", "plays.0.purpose", "is missing"),
    "unknown purpose": (
        "purpose: service",
        "purpose: spam",
        "plays.0.purpose",
        "'transactional', 'service' or 'marketing'",
    ),
    "duration in words": (
        "after: 4h",
        "after: 4 hours",
        "plays.1.after",
        "a whole number and a unit: 90d, 4h, 30m or 45s",
    ),
    "duration for ever": ("stale_after: 7d", "stale_after: 999999d", "stale_after", "at most 36500d"),
    "half-life too short": (
        "half_life: 30d",
        "half_life: 1d",
        "score.parts.engagement.half_life",
        "a half-life is 3d to 3650d",
    ),
    "nothing to divide by": ("full_harm: 5d", "full_harm: 0d", "score.parts.delivery.full_harm", "is more than 0d"),
    "how often in words": ("at_most: once", "at_most: 1 a day", "plays.0.at_most", 'like this: "1 per 90d", or "once"'),
    "shares beyond all": (
        "at_most: once",
        "at_most: once\n    test: {holdout: 60%, variants: {a: 60%}}",
        "plays.0.test",
        "120%",
    ),
    "negative weight": ("weight: 25", "weight: -1", "score.parts.rhythm.weight", "greater than or equal to 0"),
    "weight in words": ("weight: 25", "weight: heavy", "score.parts.rhythm.weight", "valid number"),
    "weight without end": ("weight: 25", "weight: .inf", "score.parts.rhythm.weight", "valid number"),
    "bands from above zero": ("{critical: 0,", "{critical: 5,", "score", "bands start at 0 and rise"),
    "bands that fall": ("at_risk: 25", "at_risk: 50", "score", "bands start at 0 and rise"),
    "last label for some": (
        "  - label: growing",
        "  - {label: growing, if: customer.orders > 3}",
        "labels.7",
        "the last label is for everybody else",
    ),
    "last stage for some": (
        "  - stage: retention",
        "  - {stage: retention, label: mature}",
        "stages.4",
        "the last stage is for everybody else",
    ),
    "stage without script": (
        "  winback:\n    - if: customer.returns",
        "  winbak:\n    - if: customer.returns",
        "scripts",
        "says nothing of stage 'winback'",
    ),
    "stage without authority": (
        "  winback: {refund",
        "  winbak: {refund",
        "authority",
        "says nothing of stage 'winback'",
    ),
    "time as a number": ('start: "20:00"', "start: 1200", "quiet_hours.start", "a time of day is written"),
    "hours of no country": (
        "default_zone: UTC",
        'default_zone: UTC, by_country: [{countries: [UK], start: "19:00", end: "10:00"}]',
        "quiet_hours.by_country.0.countries.0",
        "'UK' is no country of ISO 3166; write GB",
    ),
    "consent of no country": (
        "consent: {transactional: none,",
        "consent: {regions: [{countries: [GB, EN], marketing: opt_out}], transactional: none,",
        "consent.regions.0.countries.1",
        "'EN' is no country of ISO 3166; write it like MX",
    ),
    "unknown zone": ("default_zone: UTC", "default_zone: Mars", "quiet_hours.default_zone", "no time zone"),
    "unknown currency": ("base: USD", "base: dollars", "currencies.base", "match pattern"),
    "anchor": ("name: Perennial", "name: &a Perennial", "", "anchors, aliases and tags are not known here"),
    "tag": ("base: USD", "base: !!binary USD", "", "anchors, aliases and tags are not known here"),
}


@pytest.mark.parametrize("kind", MISTAKES)
def test_a_mistake_is_refused_with_its_path_its_line_and_what_is_known_there(kind: str):
    before, after, path, words = MISTAKES[kind]
    text = changed(before, after)

    told = next((each for each in mistakes_in(text) if each.path == path and words in each.message), None)

    assert told, mistakes_in(text)
    places = range(DEFAULT[: DEFAULT.index(before)].count("\n") + 1, 400)
    if words not in ("is missing", "bands start at 0 and rise") and not words.startswith(("says nothing", "the last")):
        assert told.line in places[: after.count("\n") + 1]


@pytest.mark.parametrize(
    "kind", [kind for kind in MISTAKES if MISTAKES[kind][2] and "winback" not in MISTAKES[kind][0]]
)
def test_one_mistake_is_told_once(kind: str):
    before, after, _, _ = MISTAKES[kind]

    told = mistakes_in(changed(before, after))

    assert len(told) == (2 if kind in ("unknown key", "same key twice") and "missing" in str(told) else 1), told


def test_every_mistake_is_told_at_once_in_the_order_of_their_lines():
    text = DEFAULT
    for before, after in (
        ("if: customer.orders == 0\n", "if: customer.oders == 0\n"),
        ("on: customer.signed_up", "on: customer.came"),
        ("if: event.first", "if: event.frist"),
        ("{task: callback}", "{task: calback}"),
    ):
        text = text.replace(before, after, 1)

    told = mistakes_in(text)

    assert [each.path for each in told] == ["labels.0.if", "plays.0.on", "plays.2.if", "plays.13.do.task"]
    assert [each.line for each in told] == [
        line_of(text, word) for word in ("customer.oders", "customer.came", "event.frist", "calback")
    ]
    assert str(told[1]).startswith(f"line {told[1].line}: plays.0.on: unknown event 'customer.came'")


# Odd input


@pytest.mark.parametrize(
    "text",
    [
        "", "~", "hello", "- a list", "7", "name: [", "\tname: x", "name: x\n---\nname: y", "name: \0", "name: \ud800",
        "? [a, b]\n: c", "? {a: b}\n: c", "1: 2\n1: 3", "~: 1", "name: " + "9" * 5_000, "[" * 5_000,
        "a: &a [*a]", "<<: {name: x}", "name: !!python/object:os.system x", "name: !!bool maybe", "name: !!int abc",
        "name: x # \U0001f980", "plays: 7\nlabels: {a: b}\nscripts: [x]\nscore: {bands: 3}\nstages: [7, {stage: [1]}]",
        "plays: [{do: 7}, {on: {band: [x]}}, {id: {}}, {do: {email: [x], task: {}}}, ~]",
    ],
)  # fmt: skip
def test_odd_input_is_refused_and_nothing_else(text: str):
    assert mistakes_in(text)


def test_a_few_lines_cannot_stand_for_millions():
    doubling = "\n".join(
        f"{name}: &{name} [*{before}, *{before}]" for before, name in pairwise("abcdefghijklmnopqrstuvwxyz")
    )

    told = mistakes_in(f"a: &a [x, x]\n{doubling}")

    assert "aliases" in told[0].message


def test_a_document_that_does_not_fit_the_table_is_refused_by_its_size():
    assert "larger than" in mistakes_in("name: " + "x" * MAX_BYTES)[0].message


def test_the_largest_document_fits_an_item_of_the_table_as_it_is_stored():
    play = (
        "  - {id: p%d, on: order.placed, do: {task: callback}, purpose: service, at_most: once, test: {holdout: 1%%}}\n"
    )
    room = (MAX_BYTES - len(DEFAULT)) // len(play % 1000)
    text = changed("plays:\n", "plays:\n" + "".join(play % (1000 + number) for number in range(room)))

    assert len(policy_json(read(text)).encode()) < 400_000


@settings(SAME_EVERY_TIME, max_examples=150)
@given(st.data())
def test_a_policy_with_any_line_garbled_is_read_or_refused(data: st.DataObject):
    lines = DEFAULT.splitlines()
    place = data.draw(st.integers(0, len(lines) - 1))
    head = data.draw(st.integers(0, len(lines[place])))
    junk = data.draw(st.text(alphabet="{}[]:,-?&*!|>'\"%@ \tabz019.\n", max_size=6))
    text = "\n".join([*lines[max(0, place - 15) : place], lines[place][:head] + junk, *lines[place + 1 : place + 15]])

    with suppress(PolicyRefused):
        read(text)


def test_a_character_that_json_writes_as_two_halves_is_one() -> None:
    written = the_policy().model_dump_json(by_alias=True).replace('"name":"', '"name":"\\ud83c\\udf31 ', 1)

    assert read(written).name.startswith("🌱 ")


@pytest.mark.parametrize("place", ["name: {}", "{}: 1", "labels: [{}]"])
def test_half_a_character_is_refused_with_its_line(place: str) -> None:
    """No answer, and no item of the table, can hold one."""
    (mistake,) = mistakes_in("\n" + place.format('"\\ud83c"'))

    assert mistake == Mistake("", 2, "is not YAML: half a character")
