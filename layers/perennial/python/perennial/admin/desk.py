"""Answers what staff ask, out of the table; changes the policy and nothing else. Knows no HTTP.

Errors: those of problems.py; and what the table raises, `BadCursor` and `Busy` among it.
"""

import json
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from perennial.admin import answers, views
from perennial.admin.directory import places, walk
from perennial.admin.masking import masked
from perennial.admin.problems import Fault, NotFound, Outdated, Unanswerable
from perennial.admin.roles import Role
from perennial.admin.story import JOURNAL, story
from perennial.admin.tables import table
from perennial.aws import policies
from perennial.aws.clock import Clock
from perennial.aws.policies import Policies
from perennial.aws.store import Store, content_key, identity_key, profile_key
from perennial.aws.table import Key
from perennial.channels.catalogue import Catalogue, Piece
from perennial.domain import events as e
from perennial.domain.actions import Task
from perennial.domain.contacts import normal_phone
from perennial.domain.customer import Customer, Label, Stage
from perennial.domain.events import Person
from perennial.domain.explanation import Explanation, explain
from perennial.domain.history import Journals, rebuild, related
from perennial.domain.identity import IdentityKey, key_for
from perennial.domain.journal import Entry
from perennial.domain.judgement import Judgement
from perennial.domain.policy import Policy
from perennial.marking import profile_of
from perennial.policy_document import Known, PolicyRefused, read_policy, warnings

DESK = "DESK#"
LISTED = (
    "id", "store", "stage", "label", "band", "score", "orders", "value", "last_order_at", "points", "country", "name",
    "email", "due_at",
)  # fmt: skip
"""Columns of a list, as `answers.FoundCustomer` names them."""
MOST_TASKS = 100
LONGEST_HISTORY = 5_000
"""Entries that a past moment is worked out from while somebody waits: 0.3 ms each, three times that in Lambda."""
_WITH_TEXTS = (e.TicketData, e.SurveyData, e.ReviewData, e.ReturnData, e.AgentData, e.MessageData, e.PointsData)
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
        return answers.FoundCustomers(customers=self.lines(self.store.since_erased(owners)), cursor=None)

    def browse(self, which: Filter, limit: int, cursor: str | None) -> answers.FoundCustomers:
        """Customers in the order of the directory, which is none that means anything."""
        walked = walk(self.store.table, places(which.stage, which.label, which.band), limit, cursor)
        lines = self.lines(dict.fromkeys(walked.customers))  # once, though the index may show old and new place
        fitting = tuple(each for each in lines if which.store in (None, each.store))
        return answers.FoundCustomers(customers=fitting, cursor=walked.cursor)

    def lines(self, customers: Mapping[str, None]) -> tuple[answers.FoundCustomer, ...]:
        """Who was erased since the index was read is left out; for who was merged stands the customer they are now."""
        policy, now = self.policies.active(), self.clock.now()
        found = {root.customer.id: root.customer for root in self.store.roots(customers).values()}
        people = self._people(found.values())
        judged = (Judgement(customer, policy, now) for customer in found.values())
        return tuple(views.line(judgement, people[judgement.customer.id]) for judgement in judged)

    def listed(self, which: Filter, limit: int, cursor: str | None) -> tuple[str, str | None]:
        """`browse` as a table for people, and the cursor of what follows."""
        found = self.browse(which, limit, cursor)
        base = self.policies.active().currencies.base
        rows = ([getattr(each, name) for name in LISTED] + [base] for each in found.customers)
        return table((*LISTED, "currency"), rows), found.cursor

    # One customer

    def page(self, customer: str, role: Role) -> answers.CustomerPage:
        judgement = Judgement(self._customer(customer), self.policies.active(), self.clock.now())
        person = self._people([judgement.customer])[judgement.customer.id]
        tasks = self._tasks(judgement.customer)
        texts = self.catalogue().tasks if tasks else {}
        return views.page(judgement, person if role >= Role.AGENT else masked(person), tasks, texts)

    def timeline(self, customer: str, role: Role, limit: int, cursor: str | None) -> answers.Timeline:
        known = self._customer(customer)
        page = story(self.store.table, [known.id, *known.members], limit, cursor)
        entries = {item.key: Entry.model_validate_json(item.body) for item in page.items}
        texts = self._texts(entries) if role >= Role.AGENT else {}
        happened = tuple(
            views.happening(entry, texts.get(key, {}), key.pk.removeprefix("C#")) for key, entry in entries.items()
        )
        return answers.Timeline(entries=happened, cursor=page.cursor)

    def explain(self, customer: str, at: datetime | None) -> Explanation:
        """Why the customer stands where they stand; at a past instant as it was decided then."""
        known, now = self._customer(customer), self.clock.now()
        if at is None:
            return explain(known, self.policies.active(), now)
        if at > now:
            raise Unanswerable("nobody knows yet", [Fault(where="query.at", message="lies in the future")])
        entries, others = self._journals_until(known, at)
        then = rebuild(Customer(id=known.id, store=known.store), entries, self.policies.version, others)
        return explain(then, self.policies.version(then.policy), at.astimezone(UTC))

    def _customer(self, customer: str) -> Customer:
        """Of who was merged: whoever they are now."""
        loaded = self.store.roots([customer]).get(customer)
        if loaded is None:
            raise NotFound("there is no such customer")
        return loaded.customer

    def _people(self, customers: Collection[Customer]) -> dict[str, Person]:
        """What is known of each, with what those told who were merged into them."""
        keys = {each: profile_key(each) for known in customers for each in (known.id, *known.members)}
        found = self.store.table.get(list(keys.values())) if keys else {}
        profiles = {each: profile_of(found[key].body if key in found else None, {}) for each, key in keys.items()}
        return {
            known.id: profiles[known.id].with_gaps_filled(profiles[each] for each in known.members)
            for known in customers
        }

    def _tasks(self, customer: Customer) -> tuple[Task, ...]:
        everyone = (customer.id, *customer.members)
        found = (self.store.table.query(f"C#{each}", prefix=DESK, limit=MOST_TASKS) for each in everyone)
        tasks = (Task.model_validate_json(item.body) for page in found for item in page.items)
        return tuple(sorted(tasks, key=lambda task: (task.due_at, task.id)))

    def _texts(self, entries: Mapping[Key, Entry]) -> dict[Key, Mapping[str, str]]:
        """What people wrote, by entry, as far as it has not expired."""
        told = [key for key, entry in entries.items() if isinstance(entry.event.data, _WITH_TEXTS)]
        keys = {content_key(key.pk.removeprefix("C#"), key.sk.removeprefix(JOURNAL)): key for key in told}
        found = self.store.table.get(list(keys)) if keys else {}
        return {keys[key]: json.loads(item.body) for key, item in found.items()}

    def _journals_until(self, customer: Customer, at: datetime) -> tuple[list[Entry], Journals]:
        """The entries that made the record which was in force then, and the journals of whoever had part in it."""
        if customer.version > LONGEST_HISTORY:
            raise Unanswerable(f"the history has over {LONGEST_HISTORY:,} entries; only the present can be explained")
        journals = self._journals(customer.id)
        own = (entry for each, entries in journals.items() for entry in entries if _made(customer.id, each, entry))
        last = max((entry.version for entry in own if entry.decided_at <= at), default=0)
        if not last:
            raise NotFound("the customer was not known yet at that time")
        until = {
            each: [entry for entry in entries if not _made(customer.id, each, entry) or entry.version <= last]
            for each, entries in journals.items()
        }
        return until.pop(customer.id), until

    def _journals(self, customer: str) -> Journals:
        """This one's, and those of all who were ever merged with them."""
        journals: dict[str, list[Entry]] = {}
        unread = {customer}
        while unread:
            journals |= {each: list(self.store.journal(each)) for each in unread}
            unread = {other for entries in journals.values() for other in related(entries)} - journals.keys()
        return journals

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

    def warnings(self, policy: Policy) -> tuple[str, ...]:
        return (*warnings(policy, self.clock.now().date()), *_hidden_coupons(policy, self.catalogue()))


def _hidden_coupons(policy: Policy, catalogue: Catalogue) -> Iterator[str]:
    """Plays whose coupon would be drawn, made good in the shop, and seen by nobody."""
    for play in policy.plays:
        pieces: tuple[tuple[Piece, str | None], ...] = (("body", play.do.email), ("sms", play.do.sms))
        for piece, template in pieces if play.do.coupon else ():
            if template and (locales := catalogue.hides_coupon(template, piece)):
                where = f"{template!r} hides in {', '.join(locales)}"
                yield f"play {play.id!r} gives a coupon that {where}: say {{{{ coupon }}}}"


def _made(record: str, whose: str, entry: Entry) -> bool:
    """Did this entry, of somebody's journal, make a version of that record?"""
    return (entry.record or whose) == record


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
