"""The pages behind the links in messages: what they ask, what they take, and what they tell. They need no JavaScript.

To look (GET) changes nothing: mail programs and their guards follow every link. To press a button (POST) does, at
once, without cookie or redirect, as RFC 8058 wants it of a mail program's own button too. A link that is refused and
one whose customer is gone get the same answer.
"""

import hashlib
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any
from urllib.parse import parse_qs

from jinja2 import DictLoader, Template

from perennial.aws.clock import Clock
from perennial.channels.compiled import environment
from perennial.channels.links import (
    PATHS,
    LinkKeys,
    Permit,
    Refused,
    Scope,
    nothing_newer,
    read,
    sign,
    with_newer_keys,
)
from perennial.channels.markup import ink_on
from perennial.channels.render import Brand, locale_for
from perennial.domain.values import Model
from perennial.preferences import TOPICS, Choices, Gone, NotRecorded, Preferences, Topic, Wording, stopped_by

LONGEST_BODY = 10_000
"""Bytes; of a form with a few boxes."""
SCOPES: Mapping[str, Scope] = {path: scope for scope, path in PATHS.items()}
_TOPICS: Mapping[str, Topic] = {"/".join(topic): topic for topic in TOPICS}
_ONE_CLICK = (b"List-Unsubscribe", b"One-Click")
"""What the body holds, as a form or in parts: RFC 8058 leaves that to the mail program."""


class Words(Model):
    """A heading and what stands under it."""

    title: str
    about: str


class Question(Words):
    button: str


class Pieces(Model):
    """The words of one language: infra/pages/<locale>.yaml. {brand}, {address} and {topic} stand for what is known."""

    language: str
    """Its name, in itself."""
    choose: Words
    topics: Mapping[str, Words]
    """By purpose."""
    channels: Mapping[str, str]
    save: str
    nothing: str
    """On the button that ends all of it."""
    always: str
    """What comes even so."""
    saved: str
    partly: str
    """Instead: a box that was ticked is not, because a yes here is not enough or a STOP still holds."""
    more: str
    """On the link to all choices."""
    one_click: Question
    confirm: Question
    stopped: Words
    confirmed: Words
    void: Words
    """The consent was withdrawn since."""
    gone: Words
    later: Words
    reply: str
    """Of a question whose answer was none."""

    @cached_property
    def version(self) -> str:
        """Of the wording: another text, another version."""
        return hashlib.blake2b(self.model_dump_json().encode(), digest_size=4).hexdigest()


@dataclass(frozen=True, slots=True)
class Call:
    """A request for one of the pages."""

    scope: Scope
    is_post: bool
    token: str
    body: bytes = b""
    lang: str | None = None
    """As the link says, or the reader chose."""
    accepts: str | None = None
    """The first language of the reader's browser."""


@dataclass(frozen=True, slots=True)
class Page:
    status: int
    headers: Mapping[str, str]
    html: str


@dataclass(frozen=True, slots=True)
class _Told:
    """What a page shows, before it is written in a language."""

    words: str
    """The field of `Pieces`."""
    status: int = 200
    permit: Permit | None = None
    choices: Choices | None = None
    notes: tuple[str, ...] = ()


def read_call(event: Mapping[str, Any]) -> Call:
    """From what API Gateway hands over (payload format 2.0)."""
    text = event.get("body") or ""
    accepts = event["headers"].get("accept-language", "").partition(",")[0].partition(";")[0].strip()
    return Call(
        scope=SCOPES[event["routeKey"].split("/")[1]],
        is_post=event["requestContext"]["http"]["method"] == "POST",
        token=event["pathParameters"]["token"],
        body=b64decode(text) if event.get("isBase64Encoded") else text.encode(),
        lang=event.get("queryStringParameters", {}).get("lang"),
        accepts=accepts or None,
    )


class Pages:
    def __init__(
        self,
        preferences: Preferences,
        keys: Callable[[], LinkKeys],
        texts: Mapping[str, Pieces],
        layout: str,
        style: str,
        brand: Brand,
        clock: Clock,
        refresh: Callable[[], bool] = nothing_newer,
    ) -> None:
        """texts: by locale; layout: the Jinja template of every page; style: its CSS; refresh: look for newer keys."""
        self._preferences = preferences
        self._keys = keys
        self._refresh = refresh
        self._texts = texts
        self._layout = layout
        self._style = f":root{{--brand:{brand.color};--ink:{ink_on(brand.color)}}}\n{style}"
        self._brand = brand
        self._clock = clock

    def answer(self, call: Call) -> Page:
        """What to show, after what the call asks for is done. Raises what the table raises."""
        try:
            permit = self._permit(call)
            call = replace(call, lang=call.lang or self._preferences.of(permit).locale)
            told = self._done(call, permit) if call.is_post else self._asked(call.scope, permit)
        except (Refused, Gone):
            told = _Told("gone", 404)
        except NotRecorded:
            told = _Told("later", 503)
        return self._page(told, self._locale(call))

    def _permit(self, call: Call) -> Permit:
        """Raises `Refused`."""

        def permitted(keys: LinkKeys) -> Permit:
            return read(call.token, call.scope, keys, self._clock.now())

        return with_newer_keys(permitted, self._keys, self._refresh)

    # What is asked, and done

    def _asked(self, scope: Scope, permit: Permit, status: int = 200) -> _Told:
        notes = ("reply",) if status != 200 else ()
        if scope == "preferences":
            return _Told("choose", status, permit, self._preferences.of(permit), notes)
        return _Told(scope, status, permit, notes=notes)

    def _done(self, call: Call, permit: Permit) -> _Told:
        body = call.body[:LONGEST_BODY]
        if call.scope == "one_click":
            return self._stopped(call, permit, body)
        form = parse_qs(body.decode(errors="replace"))
        if call.scope == "confirm":
            is_held = self._preferences.confirm(permit, self._wording(call, "confirmed by link"))
            return _Told("confirmed" if is_held else "void", permit=permit)
        return self._chosen(call, permit, form)

    def _stopped(self, call: Call, permit: Permit, body: bytes) -> _Told:
        if not all(word in body for word in _ONE_CLICK):
            return self._asked("one_click", permit, 400)
        self._preferences.stop(permit, self._wording(call, "one-click unsubscribe"), stopped_by(permit))
        return _Told("stopped", permit=permit)

    def _chosen(self, call: Call, permit: Permit, form: Mapping[str, list[str]]) -> _Told:
        wanted: frozenset[Topic] = frozenset()
        match form.get("do"), frozenset(form.get("topic", ())):
            case ["nothing"], _:
                self._preferences.stop(permit, self._wording(call, "preference page"))
            case ["save"], ticked if ticked <= _TOPICS.keys():
                wanted = frozenset(_TOPICS[each] for each in ticked)
                self._preferences.choose(permit, wanted, self._wording(call, "preference page"))
            case _:
                return self._asked("preferences", permit, 400)
        choices = self._preferences.of(permit)
        is_as_wanted = all(choices.chosen[topic] for topic in wanted & choices.chosen.keys())
        return _Told("choose", 200, permit, choices, ("saved" if is_as_wanted else "partly",))

    # How it looks

    def _locale(self, call: Call) -> str:
        return locale_for(call.lang or call.accepts, tuple(self._texts))

    def _wording(self, call: Call, method: str) -> Wording:
        locale = self._locale(call)
        return Wording(f"{locale}/{self._texts[locale].version}", method)

    def _page(self, told: _Told, locale: str) -> Page:
        html = self._template.render(self._context(told, locale))
        return Page(told.status, {**_HEADERS, "content-security-policy": self._security}, html)

    def _context(self, told: _Told, locale: str) -> dict[str, Any]:
        texts, permit = self._texts[locale], told.permit
        topic = _topic(permit, texts) if permit else ""
        words = getattr(texts, told.words)
        return {
            "lang": locale,
            "style": self._style,
            "brand": self._brand.name,
            "texts": texts,
            "title": self._filled(words.title, topic=topic),
            "about": self._filled(words.about, topic=topic),
            "button": words.button if isinstance(words, Question) else None,
            "one_click": told.words == "one_click",
            "notes": {note: getattr(texts, note) for note in told.notes},
            "boxes": self._boxes(told.choices, texts) if told.choices else None,
            "more": sign(replace(permit, scope="preferences"), self._keys()) if permit and not told.choices else None,
            "languages": {each: pieces.language for each, pieces in self._texts.items()} if told.choices else {},
        }

    def _boxes(self, choices: Choices, texts: Pieces) -> list[dict[str, Any]]:
        """The topics, each with a box for every channel."""
        found: dict[str, dict[str, Any]] = {}
        for (purpose, channel), is_chosen in choices.chosen.items():
            words = texts.topics[purpose]
            topic = found.setdefault(purpose, {"title": words.title, "about": words.about, "channels": []})
            label = texts.channels[channel].format(address=choices.addresses.get(channel, ""))
            topic["channels"].append({"name": f"{purpose}/{channel}", "label": label.strip(), "checked": is_chosen})
        return list(found.values())

    def _filled(self, text: str, topic: str) -> str:
        return text.format(brand=self._brand.name, topic=topic)

    @cached_property
    def _template(self) -> Template:
        return environment(DictLoader({"page.html": self._layout}), autoescape=True).get_template("page.html")

    @cached_property
    def _security(self) -> str:
        """Nothing but our own style may be shown, nothing run, and the form sent to nobody else."""
        digest = b64encode(hashlib.sha256(self._style.encode()).digest()).decode()
        return (
            f"default-src 'none'; style-src 'sha256-{digest}'; form-action 'self'; base-uri 'none'; "
            "frame-ancestors 'none'"
        )


def _topic(permit: Permit, texts: Pieces) -> str:
    """What the button of a question is about."""
    topics = stopped_by(permit) if permit.scope == "one_click" else ((permit.purpose, permit.channel),)
    return " + ".join(texts.topics[purpose].title for purpose, _ in topics if purpose in texts.topics)


_HEADERS = {
    "content-type": "text/html; charset=utf-8",
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-robots-tag": "noindex, nofollow",
}
"""The address holds the token: nobody is to keep it, or to be told of it."""
