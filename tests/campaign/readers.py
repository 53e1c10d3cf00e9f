"""Customers who read what they got: they, or their mail programs, follow links; press, twice, late; or forge them."""

import base64
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal
from urllib.parse import urlencode

from infra.local.time_machine import whole_minute
from perennial.aws.store import record_key, record_of
from perennial.aws.table import Table
from perennial.channels.render import Message
from perennial.domain.consent import is_confirmed
from perennial.domain.customer import Facts
from tests.campaign.broken import Broken
from tests.campaign.circumstances import Circumstances
from tests.campaign.functions import SETTINGS
from tests.campaign.keys import Keys
from tests.campaign.texts import Texts
from tests.campaign.watch import SKEW, Topic, Watch
from tests.campaign.web import FAILED, Answer, Asked, Web

Page = Literal["preferences", "u", "confirm"]
DELAYS = (0.05, 0.5, 2.0, 8.0, 4000.0, 200_000.0, 35 * 86_400.0, 400 * 86_400.0)
"""Seconds from a message until its reader does something about it. The last ones are too late for some links."""
TOPICS: tuple[Topic, ...] = (("marketing", "email"), ("marketing", "sms"), ("service", "email"), ("service", "sms"))
LATEST: Mapping[Page, timedelta | None] = {
    "preferences": timedelta(days=366),
    "u": None,
    "confirm": timedelta(days=30),
}
"""How long after what it is about each kind of link works, as docs/consent.md has it."""
MADE_UP = "1.bm90aGluZw.bm90aGluZw"
"""A link that nobody ever signed."""
COUNTED_FOR = timedelta(days=90)
"""How long after its message a click tells something about it."""
_LINK = re.compile(rf"{re.escape(SETTINGS.LINKS_URL)}/(preferences|u|confirm|r)/([A-Za-z0-9._-]+)")
_FORM = {"content-type": "application/x-www-form-urlencoded"}
_ONE_CLICK = b"List-Unsubscribe=One-Click"


@dataclass(frozen=True)
class Permit:
    """What a link says, as anybody can read it."""

    token: str
    customer: str
    at: datetime

    @classmethod
    def of(cls, token: str) -> "Permit":
        said = token.split(".")[1]
        _, _, customer, _, _, at = json.loads(base64.urlsafe_b64decode(said + "=" * (-len(said) % 4)))
        return cls(token, customer, datetime.fromtimestamp(at / 1000, UTC))


@dataclass(frozen=True)
class Letter:
    """A message in its reader's hands."""

    message: Message
    links: Mapping[Page, str]
    """Token by page."""
    buttons: tuple[str, ...]
    """Tokens of what leads over us."""

    @classmethod
    def of(cls, message: Message) -> "Letter":
        found = _LINK.findall(f"{message.body} {message.html} {message.one_click or ''}")
        links: dict[Page, str] = {page: token for page, token in found if page != "r"}
        return cls(message, links, tuple(dict.fromkeys(token for page, token in found if page == "r")))


@dataclass(frozen=True)
class Pressed:
    """A button on one of our pages, pressed by whoever may."""

    page: Page
    permit: Permit
    wanted: Mapping[Topic, bool]
    """What they said of each topic that they said something of."""
    is_by_box: bool
    """Of each topic alone, by a box; else of all of them, by one button."""
    at: datetime

    def is_said_by(self, topic: Topic, granted: bool, at: datetime) -> bool:
        """Is this what an event of that time tells of it?"""
        if self.wanted.get(topic) is not granted:
            return False
        return at == self.permit.at if self.page == "confirm" else at >= self.at - SKEW


@dataclass
class Clicked:
    """A button of an email that was followed, whatever came of it."""

    message: Message
    at: datetime
    is_counted: bool
    """Told to the house: its queue has taken it."""


@dataclass
class Readers:
    circumstances: Circumstances
    web: Web
    watch: Watch
    table: Table
    """As it is, without any weather."""
    texts: Texts
    keys: Keys
    pressed: list[Pressed] = field(default_factory=list)
    """All of them, whatever they were answered."""
    clicked: list[Clicked] = field(default_factory=list)
    _asked: int = 0

    def got(self, message: Message) -> None:
        """It lies in its reader's box."""
        letter = Letter.of(message)
        name = f"reader {message.action_id}"
        place = "asked to confirm" if "confirm" in letter.links else f"read {message.channel}"
        for number in (1, 2):
            deed = self.circumstances.happens(f"{name} {number}", place)
            if deed:
                self._soon(f"{name} {number}", lambda deed=deed: self._do(str(deed), letter))  # type: ignore[misc]

    def _soon(self, name: str, do: Callable[[], None]) -> None:
        """Soon or late: what is late is done on the minute, so that it is over when the run is."""
        place = self.circumstances.chance.of(f"{name} at", lambda number: int(number * len(DELAYS)) + 0.0) or 0.0
        seconds, now = DELAYS[int(place)], self.circumstances.agenda.now
        at = now + timedelta(seconds=seconds)
        self.circumstances.agenda.at(at if seconds < 60 else whole_minute(at) + timedelta(seconds=5), do)

    def _do(self, deed: str, letter: Letter) -> None:
        for done in self._deeds(deed, letter):
            self.circumstances.faults[f"reader: {done}"] += 1

    def _deeds(self, deed: str, letter: Letter) -> Iterator[str]:
        """Does it, as far as the letter has what it takes; yields what was done."""
        message, links = letter.message, letter.links
        match deed:
            case "follows every link":
                for page, token in links.items():
                    self._look(page, token)
                for token in letter.buttons:
                    self._look_ahead(token)
                yield deed
            case "one click" if "u" in links:
                stopped = {
                    ("marketing", "email"): False,
                    **({("service", "email"): False} if _is_service(message) else {}),
                }
                yield from self._press("u", links["u"], _ONE_CLICK, stopped)
            case "chooses nothing" if "preferences" in links:
                form = urlencode({"do": "nothing"}).encode()
                yield from self._press("preferences", links["preferences"], form, dict.fromkeys(TOPICS, False))
            case "chooses" if "preferences" in links:
                yield from self._choose(links["preferences"], int(message.action_id[1], 16))
            case "confirms" if "confirm" in links:
                yield from self._press("confirm", links["confirm"], b"", {("marketing", "email"): True})
            case "clicks" if letter.buttons:
                for token in letter.buttons:
                    self._click(message, token)
                yield deed
            case "forges":
                self._forge(letter)
                yield deed
            case "STOP" | "START" | "HELP" | "thanks":
                self.texts.answer(message, deed)

    # To look

    def _look(self, page: Page, token: str) -> None:
        """Mail programs and their guards follow every link. Whatever that wrote would be found in the end."""

        judge = self._in_its_time(page, token)

        def shown(answer: Answer) -> None:
            judge(_require(answer, 200, 404))

        self._ask(f"{page} looked at", "preferences", "GET", page, token, shown)

    def _look_ahead(self, token: str) -> None:
        judge = self._under_its_key(token)

        def only_led(answer: Answer) -> None:
            judge(_require(answer, 302, 404))

        self._ask("button looked at", "redirect", "HEAD", "r", token, only_led)
        self._ask("button fetched", "redirect", "GET", "r", token, only_led, headers={"sec-purpose": "prefetch"})

    def knock(self) -> None:
        """A stranger tries a link of their own making: who answers has looked at the keys."""
        for function, page in (("preferences", "u"), ("redirect", "r")):
            self._ask("made up", function, "GET", page, MADE_UP, _is_refused)

    # To press

    def _choose(self, token: str, bits: int) -> Iterator[str]:
        ticked = {topic: bool(bits >> index & 1) for index, topic in enumerate(TOPICS)}
        topics = [("topic", "/".join(topic)) for topic, wanted in ticked.items() if wanted]
        yield from self._press("preferences", token, urlencode([("do", "save"), *topics]).encode(), ticked)

    def _press(self, page: Page, token: str, body: bytes, wanted: Mapping[Topic, bool]) -> Iterator[str]:
        name = f"{page} pressed"
        self._press_once(page, token, body, wanted)
        yield name
        if self.circumstances.happens(f"{token[-12:]} {len(self.pressed)}", "press again"):
            self._press_once(page, token, body, wanted)
            yield "presses twice"

    def _press_once(self, page: Page, token: str, body: bytes, wanted: Mapping[Topic, bool]) -> None:
        pressed = Pressed(page, Permit.of(token), wanted, b"do=save" in body, self.circumstances.agenda.now)
        self.pressed.append(pressed)
        headers = _FORM if body else {}
        ended, judge = self._ended(pressed), self._in_its_time(page, token)

        def answered(answer: Answer) -> None:
            judge(status := _require(answer, 200, 404))
            if status == 200:
                self._is_written(pressed, ended)

        self._ask(f"{page} pressed", "preferences", "POST", page, token, answered, body=body, headers=headers)

    def _ended(self, pressed: Pressed) -> frozenset[Topic]:
        """What this must end. A box is only written down where it was changed: where it was ticked by any rule."""
        said_no = frozenset(topic for topic, granted in pressed.wanted.items() if not granted)
        if not pressed.is_by_box:
            return said_no
        facts = self._facts(pressed.permit.customer)
        return frozenset(topic for topic in said_no if facts and is_confirmed(facts, *topic))  # type: ignore[arg-type]

    def _is_written(self, pressed: Pressed, ended: frozenset[Topic]) -> None:
        """What they were told to be saved is in the record, unless they said something else since."""
        latest, now = LATEST[pressed.page], self.circumstances.agenda.now
        if latest is not None and now > pressed.permit.at + latest + SKEW:
            raise Broken("old links do nothing", f"{pressed.page} of {pressed.permit.at} was taken")
        facts = self._facts(pressed.permit.customer)
        for topic in ended:
            word = facts.consent.get("/".join(topic)) if facts else None
            if word is None or (word.granted and word.at < pressed.at - SKEW):
                raise Broken("a choice counts when it is answered", f"{'/'.join(topic)} was not ended")
            self.watch.chosen[pressed.permit.customer, topic] = (pressed.at, now)

    def _facts(self, customer: str) -> Facts | None:
        """What is known of them now."""
        record = record_of(self.table.get([record_key(customer)]).get(record_key(customer)))
        while record and record.merged_into:
            record = record_of(self.table.get([record_key(record.merged_into)]).get(record_key(record.merged_into)))
        return record.facts if record else None

    # Buttons

    def _click(self, message: Message, token: str) -> None:
        clicked = Clicked(message, self.circumstances.agenda.now, is_counted=False)
        self.clicked.append(clicked)

        judge = self._under_its_key(token)

        def led(answer: Answer) -> None:
            judge(status := _require(answer, 302, 404))
            if status != 302:
                if answer.faults and all(_is_of_the_queue(fault) for fault in answer.faults):
                    raise Broken("who clicks comes to the page", f"they got {answer.status} for {answer.faults}")
                return
            if answer.headers["location"] not in message.body and answer.headers["location"] != SETTINGS.SHOP_URL:
                raise Broken("links lead where their message pointed", f"{message.template} led elsewhere")
            is_young = message.label and message.label.at and clicked.at < message.label.at + COUNTED_FOR - SKEW
            clicked.is_counted = bool(is_young) and not any(map(_is_of_the_queue, answer.faults))

        self._ask("button clicked", "redirect", "GET", "r", token, led)

    # Who holds a good link

    def _under_its_key(self, token: str) -> Callable[[int], None]:
        """Judges an answer to whoever follows this link now, by the key that it was signed with."""
        asked_at = self.circumstances.agenda.now

        def judge(status: int) -> None:
            if status not in FAILED:
                self.keys.judge(token, asked_at, is_taken=status != 404)

        return judge

    def _in_its_time(self, page: Page, token: str) -> Callable[[int], None]:
        """The same of a page, which old links and those of whoever is gone do not open."""
        judge, permit = self._under_its_key(token), Permit.of(token)
        was_there = self._is_there(permit.customer)

        def judge_page(status: int) -> None:
            latest, now = LATEST[page], self.circumstances.agenda.now
            is_old = latest is not None and now > permit.at + latest - SKEW
            if status != 404 or not (is_old or not was_there or not self._is_there(permit.customer)):
                judge(status)

        return judge_page

    def _is_there(self, customer: str) -> bool:
        facts = self._facts(customer)
        return facts is not None and facts.deleted_at is None

    # To forge

    def _forge(self, letter: Letter) -> None:
        if letter.message.channel == "sms":
            self.texts.forge(letter.message)
        for page, token in letter.links.items():
            for number, forged in enumerate(_forged(token)):
                self._ask(f"{page} forged", "preferences", ("GET", "POST")[number % 2], page, forged, _is_refused,
                          body=_ONE_CLICK, headers=_FORM)  # fmt: skip
            for other in ("preferences", "u", "confirm"):
                if other != page:
                    self._ask(f"{page} as {other}", "preferences", "POST", other, token, _is_refused,
                              body=b"do=nothing", headers=_FORM)  # fmt: skip
        for token in letter.buttons:
            for forged in _forged(token):
                self._ask("button forged", "redirect", "GET", "r", forged, _is_refused)

    # The way there

    def _ask(
        self,
        name: str,
        function: str,
        method: str,
        page: str,
        token: str,
        done: Callable[[Answer], None],
        *,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self._asked += 1
        asked = Asked(function, method, f"/{page}/{{token}}", {"token": token}, body=body, headers=headers or {})
        self.web.ask(f"reader/{name}-{self._asked}", asked, done)


def _is_service(message: Message) -> bool:
    return message.purpose == "service"


def _is_of_the_queue(fault: str) -> bool:
    return fault.startswith("send: ") and "crash" not in fault


def _require(answer: Answer, *statuses: int) -> int:
    """The status; what we failed at is nobody's fault but the weather's, and nothing was promised."""
    if answer.status not in (*FAILED, *statuses):
        raise Broken("readers are answered", f"with {answer.status}")
    return answer.status


def _is_refused(answer: Answer) -> None:
    if answer.status not in (*FAILED, 404):
        raise Broken("the forged is refused", f"it was answered {answer.status}")


def _forged(token: str) -> Iterator[str]:
    """Somebody else's, with the signature of this one; and this one's, with another signature."""
    key, said, signature = token.split(".")
    fields: Any = json.loads(base64.urlsafe_b64decode(said + "=" * (-len(said) % 4)))
    fields[0] = "https://elsewhere.example/" if fields[0].startswith("http") else "preferences"
    other = base64.urlsafe_b64encode(json.dumps([*fields[:2], "c0", *fields[3:]]).encode()).decode().rstrip("=")
    yield f"{key}.{other}.{signature}"
    yield f"0{key}.{said}.{signature}"
    yield f"{key}.{said}.{signature[:-2]}{'AA' if signature[-2:] != 'AA' else 'BB'}"
