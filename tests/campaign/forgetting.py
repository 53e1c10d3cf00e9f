"""What must hold in the end of people who were erased: nothing of them is left, and nothing brings them back.

Promises as those of `reckoning.py`, written from docs/privacy.md and not from the code that keeps them.
"""

import json
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any

from perennial.aws.quarantine import Entry
from perennial.aws.table import Key
from perennial.domain import events as e
from perennial.domain.events import Event, PrivacyRequested, parse_event
from perennial.domain.identity import IdentityKey, identity_keys, key_for
from perennial.privacy.requests import Request, request_id
from tests.campaign.end import End, Life, Ways
from tests.campaign.people import EVERYBODY, Persona
from tests.campaign.vendors import STORE, Post
from tests.campaign.watch import SKEW

LOOKED_TWICE = timedelta(minutes=25)
"""After the erasure: what was kept until then, by a clock that may be wrong by five minutes, the second look finds."""
ACTS = (e.OrderPlaced, e.TicketOpened, e.CustomerSignedUp)
"""By these somebody is a customer again; by consent too, where it is given."""


# Who was erased


def keys_of(who: Persona) -> list[IdentityKey]:
    """All by which this person may ever have been met."""
    ids = (f"shopify:{who.shopify}", f"shopify:{who.second_shopify}", f"zendesk:{who.zendesk}")
    named = [("id", each) for each in ids] + [("email", who.email), ("email", who.other_email), ("phone", who.phone)]
    return [key_for(STORE, kind, value) for kind, value in (*named, ("device", who.device))]


def words_of(who: Persona) -> tuple[str, ...]:
    """What must not be found anywhere once they are erased."""
    return (*who.names, who.email, who.other_email, who.phone, who.street)


def erased_people(end: End) -> dict[str, Persona]:
    """By their email: those of whose keys one leads to a tombstone."""
    return {who.email: who for who in EVERYBODY if {end.owner(key) for key in keys_of(who)} & end.graves.keys()}


def is_of(entry: Entry, posts: Iterable[Post]) -> bool:
    """Was it made of one of these posts, or of a part of one?"""
    texts = [post.body for post in posts if post.source == entry.source and _fit(entry, post)]
    return any(entry.payload in text or json.loads(entry.payload) in _parts(text) for text in texts)


def _fit(entry: Entry, post: Post) -> bool:
    return all(post.headers.get(name) == value for name, value in entry.headers.items())


def _parts(text: bytes) -> list[Any]:
    said = json.loads(text)
    return said if isinstance(said, list) else [said]


def may_be_let_go(end: End, event: Event) -> bool:
    """Is an event rightly nowhere? Its customer was erased; it is of the time before, or no act of their own."""
    owners = (end.owner(key) for key in identity_keys(event))
    graves = [grave for owner in (event.customer, *owners) for grave in _graves_from(end, owner)]
    return bool(graves) and not all(_begins_anew(end, event, grave) for grave in graves)


def _graves_from(end: End, customer: str | None) -> Iterator[str]:
    """This one, where they were erased; and as whom they came back and were erased again."""
    while customer in end.graves:
        yield customer
        customer = end.graves[customer].again


def _begins_anew(end: End, event: Event, grave: str) -> bool:
    """Is it an act of the person's own after the erasure, about nothing that was theirs before?"""
    is_act = isinstance(event, ACTS) or (isinstance(event, e.ConsentChanged) and event.data.granted)
    return is_act and _is_of_after(end, event, grave, SKEW)


def _is_of_after(end: End, event: Event, grave: str, well: timedelta = timedelta(0)) -> bool:
    """Neither it happened, nor what it is about began, before the erasure; and it names no thing of that time.

    well: so much later than the tombstone says, whose clock may have been behind.
    """
    erased_at = end.graves[grave].erased_at + well
    things = {end.owner(key) for key in identity_keys(event) if not key.is_personal}
    began = (_began_at(event.data), event.time)
    return grave not in things and all(at is None or at > erased_at for at in began)


def _began_at(data: Any) -> datetime | None:
    thing = getattr(data, "order", None) or getattr(data, "ticket", None)
    return getattr(thing, "placed_at", None) or getattr(thing, "opened_at", None)


# Promises


def only_tombstones_are_left(end: End) -> Ways:
    for key in end.items:
        customer = key.pk.removeprefix("C#")
        if key.pk.startswith("C#") and customer in end.graves and key.sk != "RECORD":
            yield f"of {customer[:6]}, who was erased, there is {key.sk[:12]}"
        if key.pk.startswith("C#") and Key(key.pk, "RECORD") not in end.items:
            yield f"{customer[:6]} has {key.sk[:12]} and no record"
    for grave in end.graves:
        if grave in end.items[Key(f"C#{grave}", "RECORD")].body:
            yield f"the tombstone of {grave[:6]} says something"


def nobody_is_named_any_more(end: End) -> Ways:
    """Of who was erased there is no word, in whatever item or message; of who came back, none that was kept before."""
    living = {persona for life in end.lives for _, persona in end.own(life)}
    for email, who in erased_people(end).items():
        if email not in living:
            yield from _found(words_of(who), [*_texts(end), *_kept_until(end, _last_erased(end, who))])
        if _is_erased_whole(end, who):
            yield from _found((who.email, who.other_email), _kept_until(end, _last_erased(end, who) + LOOKED_TWICE))


def _found(words: Iterable[str], texts: Iterable[tuple[str, str]]) -> Iterator[str]:
    return (f"{where} says {word}" for where, text in texts for word in words if word in text)


def _last_erased(end: End, who: Persona) -> datetime:
    owners = {end.owner(key) for key in keys_of(who)} & end.graves.keys()
    return max(end.graves[str(owner)].erased_at for owner in owners)


def _is_erased_whole(end: End, who: Persona) -> bool:
    """Did both addresses lead to somebody who was erased? One that another customer has is not looked for."""
    owners = {end.owner(key_for(STORE, "email", each)) for each in (who.email, who.other_email)}
    return owners <= end.graves.keys()


def _texts(end: End) -> Iterator[tuple[str, str]]:
    """All items but those of quarantine, which are opened; all messages; the log."""
    for key, item in end.items.items():
        if not key.pk.startswith("Q#"):
            yield f"{key.pk[:10]}/{key.sk[:10]}", f"{key.pk} {key.sk} {item.body} {item.attributes}"
    with end.world.database.reading() as connection:
        yield from (("a message", body) for (body,) in connection.execute("SELECT body FROM messages").fetchall())
    yield "the log", end.world.log.getvalue()


def _kept_until(end: End, at: datetime) -> Iterator[tuple[str, str]]:
    for entry in end.quarantine.values():
        if entry and entry.received_at <= at:
            yield f"quarantine of {entry.received_at}", entry.payload.decode()


def nothing_brings_them_back(end: End) -> Ways:
    """Whatever a customer since knows, happened since; and none of it is about a thing of before."""
    for life in end.lives:
        for event, _ in end.own(life):
            strongest = next(iter(identity_keys(event)), None)  # by others it may be found, and yet be somebody else's
            for grave in _graves_from(end, end.owner(strongest) if strongest else None):
                if _leads_to(end, grave, life) and not _is_of_after(end, event, grave):
                    yield f"{event.type} {event.id} of before the erasure came back to {life.customer.id[:6]}"


def _leads_to(end: End, grave: str, life: Life) -> bool:
    """Is this as whom they came back?"""
    while grave in end.graves:
        grave = end.graves[grave].again
    return grave == life.customer.id


def every_request_is_done(end: End) -> Ways:
    """Who was asked to be erased is, with whoever they were at that time; and was looked for twice."""
    requests = {request.id: request for request in requests_in(end)}
    for event in asked(end):
        request = requests.get(request_id(event))
        if request is None or request.state != "done" or request.look_again_at is not None:
            yield f"request {event.id} is {request.state if request else 'lost'}"
        elif strangers := set(request.customers) - end.graves.keys():
            yield f"request {event.id} is done, and {len(strangers)} of {len(request.customers)} live"
        elif event.customer and event.customer not in end.graves:
            yield f"{event.customer[:6]} was to be erased and is there"
    for customer in end.world.desk.erased - end.graves.keys():
        yield f"staff were told that {customer[:6]} is being erased"


def requests_in(end: End) -> Iterator[Request]:
    return (Request.model_validate_json(item.body) for key, item in end.items.items() if key.pk == "PRIVACY")


def asked(end: End) -> Iterable[PrivacyRequested]:
    """By vendors and by staff."""
    for body in dict.fromkeys(end.world.lanes.sent["privacy"]):
        event = parse_event(body)
        if isinstance(event, PrivacyRequested) and event.source != "perennial/second-look":
            yield event


def no_proposal_names_them(end: End) -> Ways:
    for key, item in end.items.items():
        if key.pk == "PROPOSALS":
            yield from (f"a proposal names {grave[:6]}, who was erased" for grave in end.graves if grave in item.body)


PROMISES = {
    "of the erased only tombstones are left": only_tombstones_are_left,
    "the erased are named nowhere": nobody_is_named_any_more,
    "the erased do not come back by what was": nothing_brings_them_back,
    "every erasure is done": every_request_is_done,
    "nobody is asked about the erased": no_proposal_names_them,
}
