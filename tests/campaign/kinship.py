"""What must hold in the end for people who were taken for one another, and told apart again.

Promises as those of `reckoning.py`; the others ask here who belongs to whom.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain

from perennial.aws.table import Key
from perennial.domain.customer import Customer
from perennial.domain.decide import Decision
from perennial.domain.events import CustomerMerged, CustomerUnmerged, Event, parse_event
from perennial.domain.fold import is_of_an_account
from perennial.domain.identity import IdentityKey, identity_keys
from perennial.domain.proposal import Proposal, proposal_id
from tests.campaign.end import End, Life, Ways

SAYS_WHO_IS_WHOM = ("perennial/matching", "perennial/desk")
"""Sources of merges and their undoing."""
ALWAYS_ASKED_ABOUT = frozenset({"vendor", "id", "email"})
"""Kinds of evidence that weigh enough whatever else is known of two who are one."""


# Who belongs to whom


def events_of(end: End, life: Life) -> list[Event]:
    """The distinct events of all who are this person; what is told of an account counts where it is the survivor's."""
    own = life.customer.id
    told = [(each, entry.event) for each in life.people for entry in end.journals.get(each, {}).values()]
    return [event for each, event in told if each == own or not is_of_an_account(event)]


def shelved(life: Life, kind: str) -> str:
    """How the keys of this life's orders or tickets begin: since it was last merged or parted they are on a shelf."""
    return f"{kind}@{life.customer.shelf}#" if life.customer.shelf else f"{kind}#"


def since_shelved(decisions: Sequence[Decision]) -> Iterable[Decision]:
    """Those since the last merge or parting, which puts all that has left the record on a shelf of its own."""
    turns = [at for at, decision in enumerate(decisions) if decision.entry.kin]
    return decisions[turns[-1] :] if turns else decisions


# Promises


def no_family_has_two_heads(end: End) -> Ways:
    """Who was merged leads to one survivor, who names them, and nobody else does."""
    lives = {life.customer.id: life.customer for life in end.lives}
    named: dict[str, str] = {}
    for customer in lives.values():
        for member, into in customer.members.items():
            if named.setdefault(member, customer.id) != customer.id:
                yield f"{member[:6]} belongs to two"
            if member not in lives or lives[member].merged_into != into:
                yield f"{member[:6]} is no pointer to {into[:6]}, as {customer.id[:6]} says"
    for customer in lives.values():
        is_member = customer.id in named
        if is_member is not (customer.merged_into is not None):
            yield f"{customer.id[:6]} is {'' if is_member else 'not '}named by anybody, and its record says otherwise"
        elif is_member and (customer.members or _top(lives, customer.id) != named[customer.id]):
            yield f"{customer.id[:6]} names others itself, or leads to another than who names it"


def _top(lives: Mapping[str, Customer], customer: str) -> str | None:
    """Where the pointers lead; None where they go round, or to nobody."""
    passed: set[str] = set()
    while customer in lives and (into := lives[customer].merged_into):
        if into in passed:
            return None
        passed.add(customer := into)
    return customer if customer in lives else None


def the_merged_decide_nothing(end: End) -> Ways:
    """Between the merge and its undoing nothing is decided on a record that is a pointer."""
    for life in end.lives:
        is_gone = False
        for entry in life.entries:
            role = entry.kin.role if entry.kin else None
            if is_gone and role != "came_from":
                yield f"version {entry.version} of {life.customer.id[:6]} was decided while they were somebody else"
            is_gone = role == "went_to"
        if is_gone != (life.customer.merged_into is not None):
            yield f"the journal of {life.customer.id[:6]} does not say whose they are"


def every_word_is_heard(end: End) -> Ways:
    """Each merge and each undoing that was sent is in two journals, or had nothing to do any more."""
    kept: dict[tuple[str, str], list[str]] = {}
    for customer, journal in end.journals.items():
        for entry in journal.values():
            kept.setdefault((entry.event.source, entry.event.id), []).append(customer)
    for event in words_said(end):
        found = kept.get((event.source, event.id), [])
        if len(found) not in (0, 2) and not _is_erased(end, event):
            yield f"{event.type} {event.id} is in {len(found)} journals"
        if not found and not _had_nothing_to_do(end, event):
            yield f"{event.type} {event.id} was not heard"


def words_said(end: End) -> Iterator[CustomerMerged | CustomerUnmerged]:
    for body in dict.fromkeys(end.world.lanes.sent["orders"]):
        if any(f'"source":"{source}"' in body for source in SAYS_WHO_IS_WHOM):
            event = parse_event(body)
            if isinstance(event, CustomerMerged | CustomerUnmerged):
                yield event


def _is_erased(end: End, event: CustomerMerged | CustomerUnmerged) -> bool:
    return not end.graves.keys().isdisjoint((str(event.customer), event.data.other))


def _had_nothing_to_do(end: End, event: CustomerMerged | CustomerUnmerged) -> bool:
    """They were one, or two, already; or one of them is no more. Seen by what other words about them were heard."""
    if _is_erased(end, event):
        return True
    life = end.life(str(event.customer))
    if life is None:
        return False
    others = end.related(life)
    return event.data.other in others or isinstance(event, CustomerUnmerged)


def who_shares_a_key_has_met(end: End) -> Ways:
    """An event that bears another one's key is found out: they are proposed, or one, or were it when it came."""
    for life in end.lives:
        related = end.related(life)
        met = {each.other for entry in end.journals[life.customer.id].values() for each in entry.met}
        for event, _ in end.own(life):
            for key in strong(identity_keys(event)):
                owner = end.owner(key)
                if owner and owner not in {*met, *related} and owner not in end.graves:
                    yield f"{life.customer.id[:6]} shares {key.kind} with {owner[:6]}, and nobody noticed"


def strong(keys: Iterable[IdentityKey]) -> list[IdentityKey]:
    return [key for key in keys if key.kind in ("id", "email", "phone")]


def who_has_met_is_asked_about(end: End) -> Ways:
    """Whoever has met is one person, or was; or somebody is asked, or has answered."""
    for life in end.lives:
        related = end.related(life)
        for met in chain.from_iterable(entry.met for entry in end.journals[life.customer.id].values()):
            weighs = not ALWAYS_ASKED_ABOUT.isdisjoint(met.kinds) and end.are_one_person(met.customer, met.other)
            is_settled = met.other in related or {met.customer, met.other} & end.graves.keys()
            if weighs and not is_settled and not _proposals(end, met.customer, met.other):
                yield f"{met.customer[:6]} and {met.other[:6]} have met ({met.kinds}), and nobody is asked"


def _proposals(end: End, one: str, other: str) -> list[Proposal]:
    keys = (Key("PROPOSALS", f"{state}#{proposal_id(one, other)}") for state in ("OPEN", "CLOSED"))
    return [Proposal.model_validate_json(end.items[key].body) for key in keys if key in end.items]


def an_accepted_proposal_is_a_merge(end: End) -> Ways:
    """The answer is no use without the merge that it asks for."""
    said = {(event.customer, event.data.other) for event in words_said(end)}
    for key, item in end.items.items():
        if key.pk == "PROPOSALS" and key.sk.startswith("CLOSED#"):
            proposal = Proposal.model_validate_json(item.body)
            if proposal.state in ("accepted", "merged") and (proposal.one, proposal.other) not in said:
                yield f"{proposal.id} was {proposal.state}, and nobody was told"


def the_strongest_key_is_theirs(end: End) -> Ways:
    """Whatever was told to a customer is found by its strongest key, and by that it is theirs."""
    for life in end.lives:
        for event, _ in end.own(life):
            keys = identity_keys(event)
            owner = end.owner(keys[0]) if keys else None
            if owner and owner != life.customer.id and owner not in end.graves:
                yield f"{event.type} {event.id} of {life.customer.id[:6]} is by its {keys[0].kind} {owner[:6]}'s"


def nobody_waits_for_another(end: End) -> Ways:
    """What waits on a record is its people's: whoever has left has taken theirs along."""
    for life in end.lives:
        strangers = {wait.of for wait in life.customer.waits} - {None, *life.people}
        if strangers:
            yield f"{life.customer.id[:6]} waits for {len(strangers)} who are somebody else"


PROMISES = {
    "no family has two heads": no_family_has_two_heads,
    "the merged decide nothing": the_merged_decide_nothing,
    "who is whom is heard": every_word_is_heard,
    "who shares a key has met": who_shares_a_key_has_met,
    "who has met is asked about": who_has_met_is_asked_about,
    "an accepted proposal is a merge": an_accepted_proposal_is_a_merge,
    "the strongest key decides": the_strongest_key_is_theirs,
    "nobody waits for another": nobody_waits_for_another,
}
