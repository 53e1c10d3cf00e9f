"""A past is divided among processes so that nobody's events are torn apart."""

from datetime import UTC, datetime, timedelta

from infra.local.parts import divided
from perennial.domain.events import Event, OrderData, OrderFacts, OrderPlaced, Person, ProductData, ProductViewed

NOON = datetime(2026, 6, 15, 12, tzinfo=UTC)


def a_view(after: int = 0, **who: str) -> Event:
    data = ProductData(customer=Person.model_validate(who))
    return ProductViewed(id=f"v{after}", source="shop", store="demo", time=NOON + timedelta(hours=after), data=data)


def an_order(number: str, **who: str) -> Event:
    data = OrderData(customer=Person.model_validate(who), order=OrderFacts(id=number))
    return OrderPlaced(id=f"o{number}", source="shop", store="demo", time=NOON, data=data)


def test_strangers_are_spread_over_all_parts() -> None:
    parts, _ = divided([a_view(id=f"c-{number}") for number in range(1000)], parts=4)

    assert [min(400, parts.count(part)) > 100 for part in range(4)] == [True] * 4


def test_what_hangs_together_by_any_key_stays_together() -> None:
    strangers = [a_view(id=f"c-{number}") for number in range(100)]
    chain = [
        a_view(id="ana"),
        a_view(email="ana@example.com"),
        an_order("7", email="Ana@Example.com"),
        an_order("7", phone="+525555550134"),
        a_view(phone="+52 5555 550134", id="ana"),
    ]

    parts, _ = divided([event for pair in zip(strangers, chain * 20, strict=True) for event in pair], parts=8)

    assert len(set(parts[1::2])) == 1


def test_who_is_nobody_has_a_part_too_and_the_latest_time_is_known() -> None:
    parts, latest = divided([a_view(after=5), a_view(after=2)], parts=8)

    assert parts[0] == parts[1]
    assert latest == NOON + timedelta(hours=5)


def test_of_nothing_there_are_no_parts() -> None:
    assert divided([], parts=8) == (b"", None)
