"""Shows, changes and tries the texts that are sent. Knows no HTTP.

Errors: those of problems.py; and what the table raises, `Busy` among it.
"""

import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from email.utils import parseaddr
from typing import Any, Literal

import yaml
from pydantic import ValidationError

from perennial.admin import answers
from perennial.admin.problems import Fault, Forbidden, NotFound, Outdated, Unanswerable, Unavailable
from perennial.aws import templates as stored
from perennial.aws.clock import Clock
from perennial.aws.policies import Policies
from perennial.aws.store import Store, identity_key
from perennial.aws.templates import Change, Document, Templates
from perennial.channels.catalogue import LAYOUT, TASKS, Catalogue
from perennial.channels.checking import Flaw, flaws, warnings
from perennial.channels.compiled import BrokenTemplate
from perennial.channels.examples import ADDRESS, ORDER, example_action, example_recipient
from perennial.channels.ledger import Ledger
from perennial.channels.provider import OutcomeUnknown, Provider, Rejected
from perennial.channels.provider import Unavailable as ProviderUnavailable
from perennial.channels.recipient import Recipient, e164
from perennial.channels.render import Message, Renderer
from perennial.channels.wording import segments
from perennial.domain.actions import Action, Channel
from perennial.domain.identity import key_for
from perennial.domain.offers import GiftOffer
from perennial.domain.policy import Policy
from perennial.policy_document import PlainYaml, PolicyRefused, line_of, mistakes_of, read_yaml

LARGEST = 100_000
"""Bytes of a document: it is one item of the table."""
MARK = "[Test] "
NOWHERE = "an email goes to an address of yours; an SMS, which `channel` says, to a number like +34612345678"
NOT_OF_STAFF = "a test goes to you, or to an address of the sender's domain or a number that no customer has"
TESTED_WITHIN = timedelta(hours=1)
"""A test that comes later has nobody who waits for it. It comes at any hour: who asked for it is awake."""
_TEN_PERCENT = GiftOffer.model_validate({"kind": "percent", "value": "10", "expires": "30d"})

Path = tuple[str | int, ...]


class _Flawed(Exception):
    """The document could be stored and not be sent."""

    def __init__(self, found: list[Flaw]) -> None:
        super().__init__(f"{len(found)} flaws")
        self.found = found


@dataclass(frozen=True)
class TemplateDesk:
    templates: Templates
    policies: Policies
    renderer: Callable[[Callable[[], Catalogue]], Renderer]
    """One that speaks for the brand, with the texts of another catalogue."""
    provider: Callable[[Channel], Provider]
    ledger: Ledger
    store: Store
    secret: bytes
    """Identity keys are hashed with it."""
    default_store: str
    sender: str
    """From whom emails come; its domain is the merchant's own."""
    clock: Clock

    def list(self) -> answers.Templates:
        catalogue, policy = self.templates.latest(), self.policies.active()
        names = sorted([*catalogue.templates, LAYOUT, TASKS])
        return answers.Templates(templates=tuple(_line(name, catalogue, policy) for name in names))

    def read(self, name: str, version: int | None) -> Change:
        """The document in force, or one of its versions."""
        active = self.templates.latest().version(name)
        found = self.templates.version(name, active if version is None else version)
        if found is None:
            raise NotFound("there is no such template, or no such version of it")
        return found

    def change(self, name: str, text: str, over: int, by: str) -> answers.TemplateChanged:
        """Put the document of this text in force, in the place of version `over`."""
        document, lines = _read(text)
        return self._change(name, document, over, by, lines)

    def revert(self, name: str, version: int, over: int, by: str) -> answers.TemplateChanged:
        """Put an earlier version in force again, as a new one."""
        return self._change(name, self.read(name, version).document, over, by, {})

    def preview(self, name: str, asked: answers.AskedPreview) -> answers.Preview:
        """A message as it would leave, to a customer or to somebody who does not exist."""
        message = self._composed(name, asked, asked.document, self._recipient(asked, asked.customer))
        return answers.Preview(
            locale=message.locale,
            version=message.template_version,
            subject=message.subject,
            text=message.body,
            html=message.html,
            segments=segments(message.body) if message.channel == "sms" else None,
            warnings=warnings(message),
        )

    def test(self, name: str, asked: answers.AskedTest, own: str | None) -> answers.TemplateTested:
        """Send it to staff, marked as a test. No claim, no cap, no record: it is no customer's.

        own: the caller's address on that channel, where their token says one.
        """
        to = asked.to or own
        if not to or not _can_reach(asked.channel, to):
            raise Unanswerable(NOWHERE)
        if not self._is_of_staff(asked.channel, to, own):
            raise Forbidden(NOT_OF_STAFF)
        message = self._composed(name, asked, None, self._recipient(asked, None))
        marked = replace(
            _marked(message), to=to, label=None, one_click=None, expires_in=TESTED_WITHIN, action_id=_own_id()
        )
        return answers.TemplateTested(locale=message.locale, provider_id=self._sent(marked))

    # Changing

    def _change(
        self, name: str, document: Document, over: int, by: str, lines: Mapping[Path, int]
    ) -> answers.TemplateChanged:
        try:
            version = self.templates.change(name, document, over, by, lambda catalogue: self._check(name, catalogue))
        except stored.Outdated as outdated:
            raise Outdated(f"the template in force is version {outdated.active}: read it again") from outdated
        except ValidationError as error:
            within = (name,) if name in (LAYOUT, TASKS) else ("templates", name)
            mistakes = mistakes_of(error, lines, within)
            raise _refused(
                [Fault(where=each.path, message=each.message, line=each.line) for each in mistakes]
            ) from None
        except _Flawed as flawed:
            raise _refused([_fault(flaw, lines) for flaw in flawed.found]) from None
        return answers.TemplateChanged(version=version, warnings=tuple(self._warnings(name)))

    def _check(self, name: str, catalogue: Catalogue) -> None:
        """Raises `_Flawed`."""
        policy = self.policies.active()
        found = flaws(name, catalogue, self.renderer(lambda: catalogue), policy, self.clock.now())
        if found := [*found, *_missed_by_plays(catalogue, policy)]:
            raise _Flawed(found)

    def _warnings(self, name: str) -> Iterator[str]:
        """Of a template that is in force now, in each language with all there is to know."""
        catalogue = self.templates.latest()
        if "sms" not in catalogue.channels.get(name, ()):
            return
        for locale in catalogue.locales(name):
            asked = answers.Reading(channel="sms", locale=locale)
            message = self._composed(name, asked, None, self._recipient(asked, None))
            yield from (f"{locale}: {each}" for each in warnings(message))

    # Showing

    def _recipient(self, asked: answers.Reading, customer: str | None) -> Recipient:
        if customer is None:
            return example_recipient(asked.locale or "en", asked.country, ADDRESS)
        found = self.ledger.recipient(_action("", asked, self.policies.active(), self.clock, customer))
        if found is None:
            raise NotFound("there is no such customer")
        person = found.person.but({"locale": asked.locale}) if asked.locale else found.person
        return replace(found, person=person.but({"country": asked.country}) if asked.country else person)

    def _composed(
        self, name: str, asked: answers.Reading, draft: Mapping[str, Any] | None, recipient: Recipient
    ) -> Message:
        policy, catalogue = self.policies.active(), self._catalogue(name, draft)
        if asked.channel not in catalogue.channels.get(name, ()):
            raise NotFound("there is no such template, or it has no text for this channel")
        action = _action(name, asked, policy, self.clock)
        to = recipient.address(asked.channel) or ""
        try:
            return self.renderer(lambda: catalogue).compose(action, recipient, to, policy, self.clock.now())
        except BrokenTemplate as broken:
            raise Unanswerable("it cannot be rendered", [Fault(where=name, message=str(broken))]) from broken

    def _catalogue(self, name: str, draft: Mapping[str, Any] | None) -> Catalogue:
        """With the draft in its place."""
        catalogue = self.templates.latest()
        if draft is None:
            return catalogue
        try:
            candidate = self.templates.candidate(name, draft)
            self._check(name, candidate)
        except ValidationError as error:
            mistakes = mistakes_of(error, {}, ("templates", name))
            raise _refused(
                [Fault(where=f"body.document.{each.path}", message=each.message) for each in mistakes]
            ) from None
        except _Flawed as flawed:
            raise _refused([_fault(flaw, {}) for flaw in flawed.found]) from None
        return candidate

    # Trying

    def _is_of_staff(self, channel: Channel, to: str, own: str | None) -> bool:
        if own is not None and to.casefold() == own.casefold():
            return True
        if channel == "sms":
            return not self._is_a_customers("phone", to)
        domain = parseaddr(self.sender)[1].rpartition("@")[2].casefold()
        return to.casefold().endswith(f"@{domain}") and not self._is_a_customers("email", to)

    def _is_a_customers(self, kind: Literal["email", "phone"], address: str) -> bool:
        key = key_for(self.default_store, kind, address)
        found = self.store.identities([identity_key(key.kind, key.hashed(self.secret))])
        return any(each.customer for each in found.values())

    def _sent(self, message: Message) -> str:
        try:
            return self.provider(message.channel).send(message)
        except Rejected as rejected:
            raise Unanswerable(f"the provider refused it: {rejected.reason}") from rejected
        except ProviderUnavailable as unavailable:
            raise Unavailable("the provider takes nothing now; try again in a moment") from unavailable
        except OutcomeUnknown as unknown:
            raise Unavailable("nobody can say whether it was sent; look whether it came first") from unknown


def _own_id() -> str:
    """Another for each test: a mail program shows mails of one Message-ID once."""
    return f"test-{secrets.token_hex(8)}"


def _can_reach(channel: Channel, to: str) -> bool:
    return "@" in to if channel == "email" else e164(to, None) == to


def _marked(message: Message) -> Message:
    """So that nobody takes it for one of theirs."""
    if message.channel == "sms":
        return replace(message, body=MARK + message.body)
    return replace(message, subject=MARK + message.subject)


def _line(name: str, catalogue: Catalogue, policy: Policy) -> answers.TemplateLine:
    texts: Mapping[str, object] = catalogue.templates.get(name) or catalogue.layout
    return answers.TemplateLine(
        name=name,
        kind="layout" if name == LAYOUT else "tasks" if name == TASKS else "template",
        version=catalogue.version(name),
        channels=tuple(sorted(catalogue.channels.get(name, ()))),
        locales=tuple(texts),
        plays=tuple(play.id for play in policy.plays if name in (play.do.email, play.do.sms)),
    )


def _action(name: str, asked: answers.Reading, policy: Policy, clock: Clock, customer: str | None = None) -> Action:
    offers = (play.do.coupon for play in policy.plays if name in (play.do.email, play.do.sms))
    offer = next((each for each in offers if each), _TEN_PERCENT)
    subject = {**ORDER, **({"state": asked.state} if asked.state else {})}
    action = example_action(name, asked.channel, asked.purpose, clock.now(), offer, **subject)
    return action.model_copy(update={"customer": customer}) if customer else action


def _missed_by_plays(catalogue: Catalogue, policy: Policy) -> Iterator[Flaw]:
    for play in policy.plays:
        for channel, template in (("email", play.do.email), ("sms", play.do.sms)):
            if template and channel not in catalogue.channels.get(template, ()):
                yield Flaw((), f"play {play.id!r} sends {template!r} by {channel}, and there would be no text for that")
        if play.do.task and play.do.task not in catalogue.tasks:
            yield Flaw((), f"play {play.id!r} asks for task {play.do.task!r}, and there would be no words for that")


# Documents as people write them


class _Writer(yaml.SafeDumper):
    """Texts of several lines as they are read, and quotes only where `PlainYaml` needs them."""

    yaml_implicit_resolvers = PlainYaml.yaml_implicit_resolvers


def _literal(writer: _Writer, text: str) -> yaml.Node:
    return writer.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Writer.add_representer(str, _literal)


def template_yaml(document: Document) -> str:
    """The document as people edit it; comments are not kept."""
    return yaml.dump(dict(document), Dumper=_Writer, allow_unicode=True, sort_keys=False, width=10_000)


def _read(text: str) -> tuple[Document, Mapping[Path, int]]:
    if len(text.encode(errors="surrogatepass")) > LARGEST:
        raise _refused([Fault(where="", message=f"is larger than {LARGEST // 1000} kB", line=1)])
    try:
        data, lines, doubled = read_yaml(text)
    except PolicyRefused as refused:
        raise _refused([Fault(where="", message=each.message, line=each.line) for each in refused.mistakes]) from None
    if doubled:
        raise _refused([Fault(where=each.path, message=each.message, line=each.line) for each in doubled])
    if not isinstance(data, dict):
        raise _refused([Fault(where="", message="a template is a mapping of languages: en, es, ...", line=1)])
    return data, lines


def _fault(flaw: Flaw, lines: Mapping[Path, int]) -> Fault:
    return Fault(where=".".join(flaw.path), message=flaw.message, line=line_of(flaw.path, lines) if lines else None)


def _refused(faults: list[Fault]) -> Unanswerable:
    return Unanswerable("this cannot be sent; the text in force stays", sorted(faults, key=lambda each: each.line or 0))
