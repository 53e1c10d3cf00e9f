"""Lives of people who are met by more than one name, and what staff say of who is whom.

Their names come in any order and by any vendor: a second account in the shop, a help desk's requester before anybody
knows the address, a visitor who says only later who it is. Some become one by themselves, some are proposed; staff
answer, merge by hand, also two who are not one person, and part again.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from random import Random
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from tests.campaign import vendors as v
from tests.campaign.people import Persona
from tests.campaign.vendors import Post

if TYPE_CHECKING:
    from tests.campaign.plan import Teller

SHARE = 0.15
"""Of all seeds."""
SECOND, MINUTE, HOUR, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
OWN = 700
"""The first number of the second account's orders."""

Word = Literal["accept proposal", "reject proposal", "merge by hand", "part"]


class Said(NamedTuple):
    """What staff are to say of who is whom."""

    at: datetime
    deed: Word
    about: str
    """One address by which staff find a customer, or two."""


def lived_twice(chance: Random, tell: "Teller", at: datetime) -> Iterator[Post]:
    """One or two of the ways in which somebody is met by another name."""
    ways = (_second_account, _second_account, _visitor, _stranger)
    for way in chance.sample(ways, chance.choice((1, 1, 2))):
        yield from way(chance, tell, at + chance.choice((0 * SECOND, MINUTE, 3 * HOUR, 2 * DAY)))


def words_of_staff(chance: Random, who: Sequence[Persona], begins: datetime, ends: datetime) -> Iterator[Said]:
    """Answers to proposals, merges and their undoing: at any time, also one right after the other."""
    for _ in range(chance.choice((1, 2, 3, 4))):
        at = begins + chance.random() * (ends - begins)
        for deed in chance.choice(_TURNS):
            yield Said(at, deed, _about(chance, deed, who))
            at += chance.choice((0 * SECOND, SECOND, MINUTE, 5 * HOUR, 30 * DAY))


_TURNS: Sequence[Sequence[Word]] = (
    ("accept proposal",),
    ("accept proposal", "part"),
    ("reject proposal",),
    ("reject proposal", "accept proposal"),
    ("merge by hand",),
    ("merge by hand", "part"),
    ("merge by hand", "part", "merge by hand"),
    ("part",),
)


def _about(chance: Random, deed: Word, who: Sequence[Persona]) -> str:
    """Mostly the two addresses of one person; now and then those of two."""
    one = chance.choice(who)
    if deed != "merge by hand":
        return one.email
    other = chance.choice(who).email
    return f"{one.email} {other if other != one.email else one.other_email}"


# Second names


def _second_account(chance: Random, tell: "Teller", at: datetime) -> Iterator[Post]:
    """Signs up again by another address, orders, says yes or no; then the shop may make one account of the two."""
    who = tell.who
    word = v.consent(chance.random() < 0.6, at) if chance.random() < 0.6 else None
    yield tell.shopify("2-signed-up", at, "customers/create", _account(chance, who, at, word))
    if chance.random() < 0.6:
        then = at + chance.choice((SECOND, HOUR))
        yield tell.shopify("2-placed", then, "orders/create", _order(who, tell.number, then))
        paid = {"financial_status": "paid", "updated_at": v.stamp(then + SECOND)}
        yield tell.shopify("2-paid", then + SECOND, "orders/paid", _order(who, tell.number, then, **paid))
    if chance.random() < 0.4:
        then = at + chance.choice((MINUTE, 4 * HOUR, 3 * DAY))
        yield tell.shopify("2-word", then, "customers_email_marketing_consent/update", _word(who, then, chance))
    if chance.random() < 0.5:
        yield from _made_one(chance, tell, at + chance.choice((0 * SECOND, SECOND, 6 * HOUR, 4 * DAY)))


def _account(chance: Random, who: Persona, at: datetime, word: Mapping[str, Any] | None) -> dict[str, Any]:
    """Its email is another one; its phone may be the same."""
    account = v.account(who, at, email=who.other_email, consent=word)
    phone = who.phone if chance.random() < 0.7 else None
    return {**account, "id": who.second_shopify, "phone": phone}


def _order(who: Persona, number: int, placed_at: datetime, **said: Any) -> dict[str, Any]:
    buyer = {"id": who.second_shopify, "email": who.other_email, "first_name": who.first}
    return v.order(who, OWN + number, placed_at, email=who.other_email, customer=buyer, **said)


def _word(who: Persona, at: datetime, chance: Random) -> dict[str, Any]:
    yes_or_no = v.consent(chance.random() < 0.4, at)
    return {
        "customer_id": who.second_shopify,
        "email_address": who.other_email,
        "email_marketing_consent": yes_or_no,
    }


def _made_one(chance: Random, tell: "Teller", at: datetime) -> Iterator[Post]:
    """One of the two accounts takes the other in, and is told of as deleted, soon or late."""
    accounts = [tell.who.shopify, tell.who.second_shopify]
    chance.shuffle(accounts)
    kept, gone = accounts
    merge = {
        "status": "completed",
        "admin_graphql_api_customer_kept_id": f"gid://shopify/Customer/{kept}",
        "admin_graphql_api_customer_deleted_id": f"gid://shopify/Customer/{gone}",
    }
    yield tell.shopify("2-made-one", at, "customers/merge", merge)
    if chance.random() < 0.5:
        then = at + chance.choice((-SECOND, SECOND, HOUR))
        yield tell.shopify("2-gone", then, "customers/delete", {"id": gone})


def _visitor(chance: Random, tell: "Teller", at: datetime) -> Iterator[Post]:
    """Looks around as nobody in particular; says who it is; and looks around again."""
    who = tell.who
    views = [_seen(who, "product.viewed", product=str(index)) for index in range(chance.randint(1, 3))]
    yield tell.open_api("visits", at, *views)
    if chance.random() < 0.4:
        yield tell.open_api("leaves", at + SECOND, _seen(who, "cart.abandoned", cart={"id": f"d-{who.number}"}))
    named = v.event("product.viewed", who)
    named["data"]["customer"] |= {"device": who.device}
    yield tell.open_api("signs-in", at + chance.choice((SECOND, MINUTE, 5 * HOUR, 2 * DAY)), named)
    if chance.random() < 0.5:
        yield tell.open_api("visits-again", at + 3 * DAY, _seen(who, "product.viewed"))


def _seen(who: Persona, kind: str, **data: Any) -> dict[str, Any]:
    return {"type": kind, "data": {"customer": {"device": who.device, "country": who.country}, **data}}


def _stranger(chance: Random, tell: "Teller", at: datetime) -> Iterator[Post]:
    """Asks the help desk, which knows a number and tells whose it is only later."""
    who, number = tell.who, 200 + tell.number
    yield tell.zendesk("2-opened", at, "ticket.created", v.ticket(who, number, at))
    told = at + chance.choice((SECOND, MINUTE, HOUR, 3 * DAY))
    if chance.random() < 0.5:
        yield tell.shopify("2-known", told - SECOND, "customers/update", v.account(who, told - SECOND))
    yield tell.zendesk("2-user", told, "user.created", v.user(who))
    if chance.random() < 0.4:
        solved, agent = told + chance.choice((MINUTE, 20 * HOUR)), v.ticket(who, number, at, "999")
        yield tell.zendesk("2-solved", solved, "ticket.status_changed", agent, previous="OPEN", current="SOLVED")
