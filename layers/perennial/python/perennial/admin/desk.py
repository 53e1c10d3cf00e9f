"""Answers what staff ask, out of the table; changes the policy and nothing else. Knows no HTTP.

Errors: those of problems.py; and what the table raises, `BadCursor` and `Busy` among it.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from perennial.admin import answers, views
from perennial.admin.directory import places, walk
from perennial.admin.masking import masked
from perennial.admin.problems import Fault, NotFound, Outdated, Unanswerable
from perennial.admin.roles import Role
from perennial.aws import policies
from perennial.aws.clock import Clock
from perennial.aws.policies import Policies
from perennial.aws.quarantine import Quarantine
from perennial.aws.store import Store, content_key, identity_key, profile_key
from perennial.channels.catalogue import Catalogue
from perennial.domain import events as e
from perennial.domain.actions import Task
from perennial.domain.customer import Customer, Label, Stage
from perennial.domain.events import Person
from perennial.domain.explanation import Explanation, explain
from perennial.domain.history import rebuild
from perennial.domain.identity import IdentityKey, key_for, normal_phone
from perennial.domain.journal import Entry
from perennial.domain.judgement import Judgement
from perennial.domain.policy import Policy
from perennial.domain.profile import Profile
from perennial.ingest import Reply
from perennial.policy_document import Known, PolicyRefused, read_policy

JOURNAL = "J#"
DESK = "DESK#"
MOST_TASKS = 100
LONGEST_HISTORY = 5_000
"""Entries that a past moment is worked out from while somebody waits: 0.3 ms each, three times that in Lambda."""
_WITH_TEXTS = (e.TicketData, e.SurveyData, e.ReviewData, e.ReturnData, e.AgentData, e.MessageData)
"""Events in which people wrote something. A cart has a secret link for its text, which is not for staff."""


class Clue(NamedTuple):
    """What a customer is looked up by: kind ("email", "phone" or "order") and value, as somebody typed it."""

    kind: str
    value: str


class Filter(NamedTuple):
    """Which customers to list; None: any."""

    stage: Stage | None = None
    label: Label | None = None
    band: str | None = None
    store: str | None = None


@dataclass(frozen=True)
class Desk:
    store: Store
    policies: Policies
    quarantine: Quarantine
    replay_entry: Callable[[str], Reply | None]
    """`Ingest.replay`."""
    catalogue: Callable[[], Catalogue]
    known: Callable[[], Known]
    """What a policy may refer to."""
    secret: bytes
    """Identity keys are hashed with it."""
    default_store: str
    clock: Clock

    # Finding customers

    def find(self, clue: Clue, store: str | None) -> answers.FoundCustomers:
        """Whoever has this email, phone or order: one customer, seldom two, or none."""
        wanted = _identities(store or self.default_store, clue)
        keys = [identity_key(key.kind, key.hashed(self.secret)) for key in wanted]
        owners = [identity.customer for identity in self.store.identities(keys).values() if identity.customer]
        return answers.FoundCustomers(customers=self._lines(dict.fromkeys(owners)), cursor=None)

    def browse(self, which: Filter, limit: int, cursor: str | None) -> answers.FoundCustomers:
        """Customers in the order of the directory, which is none that means anything."""
        walked = walk(self.store.table, places(which.stage, which.label, which.band), limit, cursor)
        lines = self._lines(dict.fromkeys(walked.customers))  # once, though the index may show old and new place
        fitting = tuple(each for each in lines if which.store in (None, each.store))
        return answers.FoundCustomers(customers=fitting, cursor=walked.cursor)

    def _lines(self, customers: Mapping[str, None]) -> tuple[answers.FoundCustomer, ...]:
        """Who was erased since the index was read is left out."""
        ids, policy, now = list(customers), self.policies.active(), self.clock.now()
        loaded, profiles = self.store.load(ids), self._profiles(ids)
        judged = (Judgement(loaded[each].customer, policy, now) for each in ids if each in loaded)
        return tuple(views.line(judgement, profiles.get(judgement.customer.id, Person())) for judgement in judged)

    # One customer

    def page(self, customer: str, role: Role) -> answers.CustomerPage:
        judgement = Judgement(self._customer(customer), self.policies.active(), self.clock.now())
        person = self._profiles([customer]).get(customer, Person())
        tasks = self._tasks(customer)
        texts = self.catalogue().tasks if tasks else {}
        return views.page(judgement, person if role >= Role.AGENT else masked(person), tasks, texts)

    def timeline(self, customer: str, role: Role, limit: int, cursor: str | None) -> answers.Timeline:
        self._customer(customer)
        page = self.store.table.query(f"C#{customer}", prefix=JOURNAL, newest_first=True, limit=limit, cursor=cursor)
        entries = {item.key.sk.removeprefix(JOURNAL): Entry.model_validate_json(item.body) for item in page.items}
        texts = self._texts(customer, entries) if role >= Role.AGENT else {}
        happened = tuple(views.happening(entry, texts.get(ref, {})) for ref, entry in entries.items())
        return answers.Timeline(entries=happened, cursor=page.cursor)

    def explain(self, customer: str, at: datetime | None) -> Explanation:
        """Why the customer stands where they stand; at a past instant as it was decided then."""
        known, now = self._customer(customer), self.clock.now()
        if at is None:
            return explain(known, self.policies.active(), now)
        if at > now:
            raise Unanswerable("nobody knows yet", [Fault(where="query.at", message="lies in the future")])
        entries = self._journal_until(known, at)
        then = rebuild(Customer(id=known.id, store=known.store), entries, self.policies.version)
        return explain(then, self.policies.version(then.policy), at.astimezone(UTC))

    def _customer(self, customer: str) -> Customer:
        loaded = self.store.load([customer]).get(customer)
        if loaded is None:
            raise NotFound("there is no such customer")
        return loaded.customer

    def _profiles(self, customers: Sequence[str]) -> dict[str, Person]:
        keys = {profile_key(customer): customer for customer in customers}
        found = self.store.table.get(list(keys)) if keys else {}
        return {keys[key]: Profile.model_validate_json(item.body).person for key, item in found.items()}

    def _tasks(self, customer: str) -> tuple[Task, ...]:
        items = self.store.table.query(f"C#{customer}", prefix=DESK, limit=MOST_TASKS).items
        tasks = (Task.model_validate_json(item.body) for item in items)
        return tuple(sorted(tasks, key=lambda task: (task.due_at, task.id)))

    def _texts(self, customer: str, entries: Mapping[str, Entry]) -> dict[str, Mapping[str, str]]:
        """What people wrote, by entry, as far as it has not expired."""
        told = [ref for ref, entry in entries.items() if isinstance(entry.event.data, _WITH_TEXTS)]
        keys = {content_key(customer, ref): ref for ref in told}
        found = self.store.table.get(list(keys)) if keys else {}
        return {keys[key]: json.loads(item.body) for key, item in found.items()}

    def _journal_until(self, customer: Customer, at: datetime) -> list[Entry]:
        """The entries that made the record which was in force at that time."""
        if customer.version > LONGEST_HISTORY:
            raise Unanswerable(f"the history has over {LONGEST_HISTORY:,} entries; only the present can be explained")
        entries = list(self._journal(customer.id))
        last = max((entry.version for entry in entries if entry.decided_at <= at), default=0)
        if not last:
            raise NotFound("the customer was not known yet at that time")
        return [entry for entry in entries if entry.version <= last]

    def _journal(self, customer: str) -> Iterator[Entry]:
        cursor: str | None = None
        while True:
            page = self.store.table.query(f"C#{customer}", prefix=JOURNAL, limit=1000, cursor=cursor)
            yield from (Entry.model_validate_json(item.body) for item in page.items)
            cursor = page.cursor
            if cursor is None:
                return

    # The policy

    def policy(self) -> Policy:
        return self.policies.latest()

    def change_policy(self, text: str, over: int) -> Policy:
        """Make this document the policy, in the place of version `over`."""
        try:
            policy = read_policy(text, over + 1, self.known())
            self.policies.activate(policy, over)
        except PolicyRefused as refused:
            faults = [Fault(where=each.path, message=each.message, line=each.line) for each in refused.mistakes]
            raise Unanswerable("this is no policy; the one in force stays", faults) from refused
        except policies.Outdated as outdated:
            raise Outdated(f"the policy in force is version {outdated.active}: read it again") from outdated
        return policy

    # Quarantine

    def quarantined(self, limit: int, cursor: str | None) -> answers.QuarantinePage:
        page = self.quarantine.list(limit=limit, cursor=cursor)
        return answers.QuarantinePage(entries=tuple(map(views.quarantined, page.entries)), cursor=page.cursor)

    def replay(self, entry: str) -> answers.Replayed:
        """Try an entry again with today's code."""
        reply = self.replay_entry(entry)
        if reply is None:
            raise NotFound("there is no such entry in quarantine, or not any more")
        return answers.Replayed.model_validate(reply.body)


def _identities(store: str, clue: Clue) -> list[IdentityKey]:
    """Every way in which it may have been written down."""
    match clue.kind:
        case "order":
            return [key_for(store, kind, clue.value) for kind in ("order", "order_name")]
        case "phone":
            # in a query "+" is a blank, unless it is written %2B
            typed = normal_phone(clue.value)
            return [key_for(store, "phone", number) for number in dict.fromkeys((typed, f"+{typed.lstrip('+')}"))]
        case _:
            return [key_for(store, clue.kind, clue.value)]
