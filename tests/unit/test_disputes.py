"""A customer who goes to the bank: what the default policy does about it, and what it leaves be."""

from tests.builders import DAY, HOUR, NOON, Life, a_ticket_event, placed, the_policy


def disputing(intent: str) -> Life:
    life = Life(the_policy())
    life.hears(placed(NOON))
    life.hears(a_ticket_event("opened", NOON + HOUR, intent=intent, order="o-1"))
    return life


def test_a_disputed_payment_is_a_task_for_a_person() -> None:
    assert [play for play, _ in disputing("dispute").tasks] == ["dispute-answer"]


def test_another_ticket_is_none() -> None:
    assert disputing("how-to").tasks == []


def test_nobody_is_asked_how_they_liked_their_dispute() -> None:
    asked, spared = disputing("how-to"), disputing("dispute")

    for life in (asked, spared):
        life.hears(a_ticket_event("resolved", NOON + DAY))
        life.lives_until(NOON + 4 * DAY)

    assert "ticket-survey" in [play for play, _ in asked.actions]
    assert "ticket-survey" not in [play for play, _ in spared.actions]
