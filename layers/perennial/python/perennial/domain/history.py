"""The past run again: a journal, in the order in which it was decided, gives the same decisions and the same record.

Who was merged with others has a past in several journals, for each tells what was told to its own keys. Entries that
were decided on somebody else's record name it (`Entry.record`); what happened before a merge or its undoing was decided
before it, to the millisecond (`Customer.together_since`), so that every cut through such a past is sharp.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from perennial.domain.customer import Customer, Facts
from perennial.domain.decide import Decision, decide, judged
from perennial.domain.events import TimerData, TimerDue
from perennial.domain.fold import fold, is_of_an_account
from perennial.domain.journal import Entry, Kin, Outcome
from perennial.domain.merging import gone, joined, shelf_of
from perennial.domain.policy import Policy
from perennial.domain.settled import Ref, Settled, among, has_left, recall, ref_of
from perennial.domain.values import TICK

Policies = Callable[[int], Policy]
"""The policy of a version, or whatever is to stand for it."""
Journals = Mapping[str, Sequence[Entry]]
"""Customer -> the entries of their journal, in any order."""
NO_JOURNALS: Journals = {}
MISSED = "came due while they were taken for somebody else"
SOURCE = "perennial/history"


class Lived(NamedTuple):
    """One entry, and in whose journal it is."""

    whose: str
    entry: Entry


class Past(NamedTuple):
    """A record as some entries make it, with the orders and tickets that have left it."""

    customer: Customer
    settled: Mapping[Ref, Settled]


class Relived(NamedTuple):
    past: Past
    last: Entry | None
    """The last decision."""
    missed: tuple[Outcome, ...]
    """What would have been asked for, and was not: the time for it is past."""


def replay(
    unknown: Customer, entries: Iterable[Entry], policies: Policies, others: Journals = NO_JOURNALS
) -> Iterator[Decision]:
    """Each decision again, by the policy of its time, or by whatever `policies` gives for that version.

    unknown: the customer before the first entry, who has an id and a store and nothing else; others: the journals of
    all who have ever been merged with this one (`related`). Sends nothing and writes nothing: who only looks at what
    comes out has run the past without a trace.
    """
    return _Replay({**others, unknown.id: tuple(entries)}, policies).decisions(unknown)


def rebuild(
    unknown: Customer, entries: Iterable[Entry], policies: Policies, others: Journals = NO_JOURNALS
) -> Customer:
    """The record that these entries made, to the last byte."""
    customer = unknown
    for decision in replay(unknown, entries, policies, others):
        customer = decision.customer
    return customer


def related(entries: Iterable[Entry]) -> set[str]:
    """Who else's journal is needed to run this one again."""
    kin = [entry.kin for entry in entries if entry.kin]
    return {each.other for each in kin} | {member for each in kin for member in each.members}


def in_order(journals: Journals, of: Iterable[str], before: datetime | None = None) -> list[Lived]:
    """What was told to these, as it was decided."""
    lived = (Lived(whose, entry) for whose in of for entry in journals.get(whose, ()))
    past = (each for each in lived if before is None or each.entry.decided_at < before)
    return sorted(past, key=_order)


def _order(lived: Lived) -> tuple[datetime, int, str]:
    return lived.entry.decided_at, lived.entry.version, lived.whose


def refold(root: str, lived: Iterable[Lived], policies: Policies) -> tuple[Facts, dict[Ref, Settled]]:
    """The facts of these events, and the orders and tickets that have left them; in whatever order they come.

    root: who survives; what tells of an account, and not of the person, counts where it is theirs.
    """
    facts, settled = Facts(), dict[Ref, Settled]()
    for whose, entry in lived:
        if whose != root and is_of_an_account(entry.event):
            continue
        folded = fold(facts, entry.event, policies(entry.policy), recall(facts, entry.event, among(settled)))
        settled |= {ref_of(each): each for each in folded.settled}
        facts = folded.facts
    return facts, {ref: each for ref, each in settled.items() if has_left(facts, each)}


def relive(
    unknown: Customer,
    members: Mapping[str, str],
    journals: Journals,
    policies: Policies,
    shared: str,
    before: datetime,
    until: datetime,
) -> Relived:
    """The record as if this customer had met nobody but their own `members` (as `Customer.members`).

    What was decided before the first merge is decided again. From then on what came due for the others is left out, and
    what would have come due here is lived through at its own instant, `until` included. Nothing of it is emitted.
    shared: whose record it was that they leave, or that somebody leaves.
    """
    life = _Life(unknown, members, journals, policies, before)
    for lived in in_order(journals, [unknown.id, *members], before):
        life.hears(lived)
    life.passes(unknown.id, until)
    everyone = {shared, unknown.id, *members}
    told = set(_asked(lived.entry for lived in in_order(journals, journals, before) if _is_of(lived, shared, everyone)))
    missed = (each for each in life.asked if each not in told)
    outcomes = tuple(Outcome(play=play, about=about, did="dropped", reason=MISSED) for play, about in missed)
    return Relived(life.pasts[unknown.id], life.last.get(unknown.id), outcomes)


def _asked(entries: Iterable[Entry]) -> Iterator[tuple[str, str]]:
    """Play and occasion of everything that was asked for."""
    for entry in entries:
        yield from ((each.play, each.about) for each in entry.outcomes if each.did in ("sent", "task", "points"))


def _is_of(lived: Lived, shared: str, everyone: Collection[str]) -> bool:
    """Was it told to one of these, or decided on the record that they shared?"""
    return lived.whose in everyone or lived.entry.record == shared


def apart(merged: Customer, left: Customer, kin: Kin, relived: Relived, entry: Entry) -> tuple[Past, Entry]:
    """One of two who are two again, and the entry that says so in their journal.

    merged: the record that they shared; left: what was in this one's place; entry: of the undoing, for its event, time
    and policy.
    """
    lived, last = relived.past.customer, relived.last
    customer = lived.but(
        {
            "version": left.version + 1,
            "members": kin.members,
            "together_since": entry.decided_at,
            "shelf": shelf_of(entry.event, merged, left),
        }
    )
    told = {
        "version": customer.version,
        "before": judged(merged),
        "after": judged(customer),
        "parts": customer.parts,
        "label_rule": last.label_rule if last else 0,
        "stage_rule": last.stage_rule if last else 0,
        "outcomes": relived.missed,
        "due_at": customer.due_at,
        "kin": kin,
    }
    return Past(customer, relived.past.settled), entry.but(told)


def until_when(merged: Customer, now: datetime) -> datetime:
    """Until when a shared record has lived: what is due and was not looked at yet will come due for those apart."""
    due = merged.due_at
    return due - TICK if due is not None and due <= now else now


# Replaying


def _decided_on(record: str, journals: Journals, before: datetime | None) -> list[Lived]:
    """The entries that made this record, in the order of its versions."""
    lived = (Lived(whose, entry) for whose, entries in journals.items() for entry in entries)
    mine = (each for each in lived if (each.entry.record or each.whose) == record)
    past = (each for each in mine if before is None or each.entry.decided_at < before)
    return sorted(past, key=lambda each: each.entry.version)


def _again(customer: Customer, settled: Mapping[Ref, Settled], lived: Lived, policies: Policies) -> Decision:
    whose, entry = lived
    recalled = recall(customer.facts, entry.event, among(settled))
    told_to = None if whose == customer.id else whose
    return decide(customer, entry.event, policies(entry.policy), entry.decided_at, recalled, told_to)


class _Replay:
    """Runs journals again, those of others as far as a merge or its undoing asks for them, and each of these once."""

    def __init__(self, journals: Journals, policies: Policies) -> None:
        self._journals = journals
        self._policies = policies
        self._others: dict[tuple[str, datetime], Customer] = {}

    def decisions(self, unknown: Customer, before: datetime | None = None) -> Iterator[Decision]:
        customer, settled = unknown, dict[Ref, Settled]()
        for lived in _decided_on(unknown.id, self._journals, before):
            decision = self._decision(customer, settled, lived)
            if lived.entry.kin:
                settled.clear()  # all of it is in the decision
            settled |= {ref_of(each): each for each in decision.settled}
            customer = decision.customer
            yield decision

    def _decision(self, customer: Customer, settled: Mapping[Ref, Settled], lived: Lived) -> Decision:
        if lived.entry.kin is None:
            return _again(customer, settled, lived, self._policies)
        past, entry = self._turned(customer, lived.entry, lived.entry.kin)
        return Decision(past.customer, entry, tuple(past.settled.values()))

    def _turned(self, customer: Customer, entry: Entry, kin: Kin) -> tuple[Past, Entry]:
        """What a merge or its undoing made of this customer."""
        at, journals, policies = entry.decided_at, self._journals, self._policies
        match kin.role:
            case "took_in":
                other = self._other(kin.other, customer.store, at)
                both = [customer.id, *customer.members, other.id, *other.members]
                facts, settled = refold(customer.id, in_order(journals, both, at), policies)
                done = joined(customer, other, facts, entry.event, policies(entry.policy), at)
                return Past(done.record, settled), done.entry
            case "went_to":
                return Past(gone(customer, kin.other), {}), entry.but({"before": judged(customer)})
            case "let_go":
                merged, left = customer, customer
            case "came_from":
                merged, left = self._other(kin.other, customer.store, at), customer
        unknown = Customer(id=customer.id, store=customer.store)
        relived = relive(unknown, kin.members, journals, policies, merged.id, at, kin.lived_until or at)
        return apart(merged, left, kin, relived, entry)

    def _other(self, customer: str, store: str, at: datetime) -> Customer:
        """Another one's record just before an instant."""
        if (customer, at) not in self._others:
            known = Customer(id=customer, store=store)
            for decision in self.decisions(known, at):
                known = decision.customer
            self._others[customer, at] = known
        return self._others[customer, at]


# Reliving


class _Life:
    """Some customers' lives side by side, joined when they were, and untouched by anybody else."""

    def __init__(
        self, unknown: Customer, members: Mapping[str, str], journals: Journals, policies: Policies, before: datetime
    ) -> None:
        everyone = [unknown.id, *members]
        self.pasts = {each: Past(Customer(id=each, store=unknown.store), {}) for each in everyone}
        self.last: dict[str, Entry] = {}
        """By customer: the last decision."""
        self.asked: list[tuple[str, str]] = []
        """Since the first merge: play and occasion."""
        self._policies = policies
        self._policy = 0
        self._home = {each: each for each in everyone}
        self._lived: dict[str, list[Lived]] = {each: [] for each in everyone}
        self._touched: set[str] = set()
        self._joins = {(each, _last_merge(journals[each], before)): into for each, into in members.items()}

    def hears(self, lived: Lived) -> None:
        whose, entry = lived
        home = self._home[whose]
        self._policy = max(self._policy, entry.policy)
        if entry.kin:
            self._touched.add(home)
            if into := self._joins.get((whose, entry.version)):
                self._join(self._home[into], home, entry)
        elif home not in self._touched:
            self._decide(home, lived)
        elif not isinstance(entry.event, TimerDue):
            self.passes(home, entry.decided_at)
            self._decide(home, lived)

    def passes(self, home: str, until: datetime) -> None:
        """Whatever comes due until then is decided when it does."""
        while home in self._touched and (due := self.pasts[home].customer.due_at) and due <= until:
            timer = TimerDue(id="lived", source=SOURCE, store="perennial", time=due, data=TimerData(armed=SOURCE))
            self._made(home, decide(self.pasts[home].customer, timer, self._policies(self._policy), due))

    def _decide(self, home: str, lived: Lived) -> None:
        past = self.pasts[home]
        self._lived[home].append(lived)
        self._made(home, _again(past.customer, past.settled, lived, self._policies))

    def _made(self, home: str, decision: Decision) -> None:
        settled = {**self.pasts[home].settled, **{ref_of(each): each for each in decision.settled}}
        self.pasts[home] = Past(decision.customer, settled)
        self.last[home] = decision.entry
        if home in self._touched:
            self.asked += _asked([decision.entry])

    def _join(self, into: str, home: str, entry: Entry) -> None:
        at = entry.decided_at
        for each in (into, home):
            self._touched.add(each)
            self.passes(each, at)
        self._lived[into] = sorted([*self._lived[into], *self._lived[home]], key=_order)
        facts, settled = refold(into, self._lived[into], self._policies)
        one, other = self.pasts[into].customer, self.pasts[home].customer
        done = joined(one, other, facts, entry.event, self._policies(entry.policy), at)
        self.pasts[into], self.last[into] = Past(done.record, settled), done.entry
        self._home |= {each: into for each, at_home in self._home.items() if at_home == home}


def _last_merge(entries: Iterable[Entry], before: datetime) -> int:
    """The version with which somebody became a member of whom they belong to."""
    merges = (each for each in entries if each.kin and each.kin.role == "went_to" and each.decided_at < before)
    return max(each.version for each in merges)
