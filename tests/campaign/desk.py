"""What staff ask of the admin API about people: who is whom, and that somebody be erased. They ask until it is done."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from tests.campaign.circumstances import Circumstances
from tests.campaign.erasures import Wish
from tests.campaign.families import Said
from tests.campaign.web import FAILED, Answer, Asked, Web

CLAIMS = {"sub": "staff-7", "cognito:groups": "[admin]"}
PATIENCE = 60.0
"""Seconds until staff try again what was answered with an error, or not answered."""
TRIES = 6
"""After these they leave it, and come back to it in the end."""

Then = Callable[[Any], None]
"""What they do with what they were told."""


@dataclass(frozen=True)
class Task:
    """One request, and what comes after it."""

    name: str
    asked: Asked
    then: Then
    tries: int = 0


def nothing_more(_told: Any) -> None:
    """It was the last request of its deed."""


class Desk:
    def __init__(self, circumstances: Circumstances, web: Web) -> None:
        self._c = circumstances
        self._web = web
        self._left: list[Task] = []
        """What nobody was told of to be done, however often they asked."""
        self._count = 0
        self.erased: set[str] = set()
        """Customers of whom staff were told that they are being erased."""

    def does(self, step: Said | Wish) -> None:
        """Answer a proposal, merge two, take somebody out of whom they were merged into, or erase somebody."""
        match step.deed:
            case "accept proposal" | "reject proposal":
                verb = step.deed.partition(" ")[0]
                self._get("/proposals", "limit=1", lambda told: self._answer(verb, told))
            case "merge by hand":
                one, other = step.about.split(" ")
                self.find(one, lambda first: self.find(other, lambda second: self._merge(first, second)))
            case "part":
                self.find(step.about, self._part)
            case "erase":
                self.find(step.about, self._erase)

    def finish(self) -> None:
        """Do what was given up."""
        left, self._left = self._left, []
        for task in left:
            self._try(replace(task, tries=0))

    # Deeds

    def find(self, email: str, then: Callable[[str], None]) -> None:
        """Whoever has this address, if anybody does."""
        query = f"email={email.replace('+', '%2B').replace('@', '%40')}"

        def found(told: Any) -> None:
            for each in told["customers"][:1]:
                then(each["id"])

        self._get("/customers", query, found)

    def _answer(self, verb: str, told: Any) -> None:
        for each in told["proposals"]:
            self._post(f"/proposals/{{id}}/{verb}", each["id"])

    def _merge(self, one: str, other: str) -> None:
        self._post("/customers/{id}/merge", one, {"other": other})

    def _part(self, customer: str) -> None:
        """The one of its members whose id comes first."""

        def take_out(told: Any) -> None:
            for member in told["members"][:1]:
                self._post("/customers/{id}/part", told["id"], {"other": member})

        self._ask(Asked("admin", "GET", "/customers/{id}", {"id": customer}, claims=CLAIMS), take_out)

    def _erase(self, customer: str) -> None:
        asked = Asked("admin", "POST", "/customers/{id}/erase", {"id": customer}, claims=CLAIMS)
        self._ask(asked, lambda _told: self.erased.add(customer))

    # Requests

    def _get(self, path: str, query: str, then: Then) -> None:
        self._ask(Asked("admin", "GET", path, query=query, claims=CLAIMS), then)

    def _post(self, path: str, about: str, word: Any = None) -> None:
        body = json.dumps(word).encode() if word else b""
        headers = {"content-type": "application/json"} if word else {}
        self._ask(Asked("admin", "POST", path, {"id": about}, body=body, headers=headers, claims=CLAIMS), nothing_more)

    def _ask(self, asked: Asked, then: Then) -> None:
        self._count += 1
        verb = asked.path.rpartition("/")[2]
        self._try(Task(f"admin/people/{verb}-{self._count}", asked, then))

    def _try(self, task: Task) -> None:
        self._web.ask(f"{task.name}.{task.tries}", task.asked, lambda answer: self._answered(task, answer))

    def _answered(self, task: Task, answer: Answer) -> None:
        """A refusal is an answer: what they wanted is done already, or there is nobody to do it to."""
        if answer.is_heard and answer.status not in FAILED:
            if answer.status < 300:
                task.then(json.loads(answer.body))
        elif task.tries < TRIES:
            again = replace(task, tries=task.tries + 1)
            self._c.agenda.after(PATIENCE, lambda: self._try(again))
        else:
            self._left.append(task)
