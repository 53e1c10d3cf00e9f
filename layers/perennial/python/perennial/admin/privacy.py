"""Answers what staff ask about somebody's data: a copy, its erasure, and what was asked so far. Knows no HTTP.

Errors: those of problems.py; and what the table raises, `BadCursor` and `Busy` among it.
"""

from collections.abc import Callable
from dataclasses import dataclass

from perennial.admin import answers
from perennial.admin.problems import NotFound
from perennial.aws.clock import Clock
from perennial.aws.queues import Message, Queue
from perennial.aws.store import Loaded, Store, Tombstone, profile_key
from perennial.domain.events import Person, PrivacyData, PrivacyRequested
from perennial.domain.explanation import explain
from perennial.domain.policy import Policy
from perennial.domain.profile import Profile
from perennial.privacy.erasing import ASKED_BY_STAFF
from perennial.privacy.exporting import Exporting, known_by
from perennial.privacy.requests import Request, Requests, request_id


@dataclass(frozen=True)
class PrivacyDesk:
    store: Store
    requests: Requests
    exporting: Exporting
    queue: Queue
    policy: Callable[[], Policy]
    clock: Clock

    def erase(self, customer: str, by: str) -> answers.Erasure:
        """Ask for the erasure; who is erased already stays so."""
        match self.store.look([customer]).get(customer):
            case None:
                raise NotFound("there is no such customer")
            case Tombstone() as tombstone:
                return answers.Erasure(request=None, erased_at=tombstone.erased_at)
            case Loaded() as loaded:
                event = self._asked(by, loaded.customer.store, "erase", customer)
                return answers.Erasure(request=self._send(event), erased_at=None)

    def export(self, customer: str, cursor: str | None) -> answers.Export:
        """Everything that is kept; requests that waited for it are done with its last page."""
        root = self.store.roots([customer]).get(customer)
        if root is None:
            raise NotFound("there is no such customer")
        one, now = root.customer, self.clock.now()
        customers = (one.id, *one.members)
        held = self.exporting.page(one.store, customers, cursor)
        if held.cursor is None:
            self.requests.answer_exports(customers, now)
        return answers.Export(
            customer=one.id,
            store=one.store,
            members=tuple(one.members),
            exported_at=now,
            known_by=known_by(self._person(one.id)),
            explanation=None if cursor else explain(one, self.policy(), now),
            items=tuple(answers.Held(**each._asdict()) for each in held.items),
            quarantine=tuple(answers.HeldDelivery(**each._asdict()) for each in held.deliveries),
            cursor=held.cursor,
        )

    def asked(self, limit: int, cursor: str | None) -> answers.PrivacyRequests:
        page = self.requests.list(limit, cursor)
        return answers.PrivacyRequests(requests=tuple(map(_shown, page.requests)), cursor=page.cursor)

    def confirm(self, request: str, by: str) -> answers.Erasure:
        """Let a whole shop be erased that waits for it."""
        waiting = {each.id: each for each in self.requests.waiting(self.clock.now()) if each.request == "erase_shop"}
        if request not in waiting:
            raise NotFound("no such request waits for a word")
        sent = self._send(self._asked(by, waiting[request].store, "erase_shop", None))
        self.requests.change(waiting[request], {"state": "done", "done_at": self.clock.now()})
        return answers.Erasure(request=sent, erased_at=None)

    def _asked(self, by: str, shop: str, request: str, customer: str | None) -> PrivacyRequested:
        now = self.clock.now()
        about = customer or shop
        data = PrivacyData.model_validate({"request": request, "request_id": f"{request}:{about}"})
        return PrivacyRequested(
            id=f"{request}:{about}:{now:%Y%m%d%H%M%S%f}",
            source=f"{ASKED_BY_STAFF}{by}",
            store=shop,
            time=now,
            customer=customer,
            data=data,
        )

    def _send(self, event: PrivacyRequested) -> str:
        self.queue.send([Message(event.to_json())])
        return request_id(event)

    def _person(self, customer: str) -> Person:
        found = self.store.table.get([key := profile_key(customer)])
        return Profile.model_validate_json(found[key].body).person if key in found else Person()


def _shown(request: Request) -> answers.PrivacyRequest:
    return answers.PrivacyRequest(**request.model_dump(exclude={"look_again_at"}))
