"""Vendors at work: they sign, post, hear the answer or do not, and post again until they are told that all is well."""

import json
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from infra.local.signing import PUBLIC_URL, signed
from tests.campaign.broken import Broken
from tests.campaign.circumstances import Circumstances
from tests.campaign.functions import Fleet, Handler
from tests.campaign.turns import Result, Turns
from tests.campaign.vendors import SOURCES, STORE, Post, secret_of
from tests.campaign.weather import Length

AGAIN_AFTER = (60, 300, 1800, 7200, 21_600, 86_400)
"""Seconds until a vendor tries again; after the last try it waits to be asked."""
AT_ONCE = 50
LATE = Length(0.15, (0.5, 60), (60, 7200), (7200, 200_000))
FORGED = -1


@dataclass
class Told:
    """What became of one delivery."""

    post: Post
    is_accepted: bool = False
    """Once answered 200, whether the vendor heard it or not."""
    is_heard: bool = False
    tries: int = 0
    arrivals: dict[datetime, bool] = field(default_factory=dict)
    """Hour in which it arrived, by the clock of who took it -> was it answered 200?"""


@dataclass
class SecretBook:
    """Who signs by which secret; every version of the book that ever lay in Secrets Manager, the newest last."""

    versions: dict[str, list[int]] = field(default_factory=lambda: {source: [0] for source in SOURCES})
    books: list[dict[str, Sequence[str]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._write()

    def rotate(self, source: str) -> None:
        """A new secret in front of the old one."""
        self.versions[source] = [self.versions[source][0] + 1, self.versions[source][0]]
        self._write()

    def retire(self, source: str) -> None:
        """Take the old secret away."""
        self.versions[source] = self.versions[source][:1]
        self._write()

    def secret(self, post: Post) -> str:
        """The one that this post is signed with now."""
        known = self.versions[post.source]
        return secret_of(post.source, {"own": known[0], "previous": known[-1], "forged": FORGED}[post.voice])

    def _write(self) -> None:
        every = self.versions.items()
        self.books.append({f"{source}/{STORE}": [secret_of(source, each) for each in known] for source, known in every})


class Posts:
    def __init__(self, circumstances: Circumstances, turns: Turns, fleet: Fleet, handler: Handler) -> None:
        self._c = circumstances
        self._turns = turns
        self._fleet = fleet
        self._handler = handler
        self.secrets = SecretBook()
        self.told: dict[str, Told] = {}
        """By the post's name."""

    def send(self, post: Post) -> None:
        """Post it: now or later, once or twice."""
        told = self.told.setdefault(post.name, Told(post))
        late = self._c.lasts(f"{post.name} late", LATE, "webhook: late") or 0.0
        if late:
            self._note(post, f"comes {late:.0f} s late")
        self._c.agenda.after(late, lambda: self._try(told))
        if self._c.happens(f"{post.name} twice", "post again", "webhook: posted twice"):
            self._note(post, "is posted twice")
            self._c.agenda.after(late + 0.1, lambda: self._try(told))

    def send_again(self) -> int:
        """Whatever authentic post was not heard to be accepted is posted once more; returns how many."""
        waiting = [told for told in self.told.values() if told.post.is_authentic and not told.is_heard]
        for told in waiting:
            self._try(told)
        return len(waiting)

    def _note(self, post: Post, what: str) -> None:
        self._c.said(post.source, lambda: f"{post.name} {what}")

    def _try(self, told: Told) -> None:
        environment = self._fleet.take("webhooks", AT_ONCE)
        assert environment is not None, "webhooks take as many at once as there ever are"
        told.tries += 1
        name, request = f"webhook/{told.post.name}.{told.tries}", self._request(told.post)

        def done(result: Result) -> None:
            self._fleet.give_back(environment, crashed=result.crashed)
            self._answered(name, told, result)

        self._turns.start(name, environment, lambda: self._handler(request), done)

    def _request(self, post: Post) -> dict[str, Any]:
        """As API Gateway hands it over. Each try is signed anew."""
        headers = signed(post.source, post.body, post.headers, self.secrets.secret(post), self._c.agenda.now)
        is_form = "form" in headers["content-type"]
        return {
            "requestContext": {"domainName": urlsplit(PUBLIC_URL).netloc},
            "rawPath": f"/webhooks/{post.source}/{STORE}",
            "pathParameters": {"store": STORE} if post.source == "open" else {"source": post.source, "store": STORE},
            "headers": {name.lower(): value for name, value in headers.items()},
            "body": b64encode(post.body).decode() if is_form else post.body.decode(),
            "isBase64Encoded": is_form,
        }

    def _answered(self, name: str, told: Told, result: Result) -> None:
        status, body = _answer(result)
        self._c.said(name, lambda: f"answers {status} {body}")
        if result.clock:
            hour = result.clock.replace(minute=0, second=0, microsecond=0)
            told.arrivals[hour] = told.arrivals.get(hour, False) or status == 200
        if status == 200:
            self._accepted(name, told)
        elif told.post.is_authentic and status not in (401, 500, 502):
            raise Broken("what is authentic is taken", f"{told.post.name} was answered {status}")
        elif not told.post.is_authentic:
            self._c.faults["webhook: forged"] += 1
        if told.post.is_authentic and not told.is_heard and told.tries <= len(AGAIN_AFTER):
            self._c.faults["webhook: tried again"] += 1
            self._c.agenda.after(AGAIN_AFTER[told.tries - 1], lambda: self._try_unless_heard(told))

    def _try_unless_heard(self, told: Told) -> None:
        if not told.is_heard:
            self._try(told)

    def _accepted(self, name: str, told: Told) -> None:
        if not told.post.is_authentic:
            raise Broken("only the authentic is let in", f"{told.post.name} was answered 200")
        told.is_accepted = True
        if self._c.happens(f"{name} answer", "post", "webhook: answer lost"):
            self._note(told.post, "is not told that it was accepted: ANSWER LOST")
        else:
            told.is_heard = True


def _answer(result: Result) -> tuple[int, Mapping[str, Any]]:
    if result.crashed:
        return 502, {}
    if result.error:
        return 500, {}
    return result.value["statusCode"], json.loads(result.value["body"])
