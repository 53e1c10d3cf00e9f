"""What is wrong with a document of texts, told when it is saved and not when somebody waits for the message.

A text may say {{ a name }} and {% if ... %}, and nothing more: no loops, no calls, nothing that takes time or reaches
out.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from itertools import product
from typing import NamedTuple

from jinja2 import TemplateSyntaxError, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from perennial.channels.catalogue import LAYOUT, Catalogue, Source
from perennial.channels.compiled import BrokenTemplate
from perennial.channels.examples import ADDRESS, ORDER, example_action, example_recipient, stranger
from perennial.channels.recipient import Recipient
from perennial.channels.render import Message, Renderer
from perennial.channels.wording import outside_gsm, segments
from perennial.domain.actions import Action
from perennial.domain.offers import GiftOffer
from perennial.domain.policy import OnFestival, Policy

MOST_SEGMENTS = 3
"""What a message may cost, in SMS. More than one is worth a warning."""
STATES = ("customs_hold", "delivery_failed", "delayed")
"""Of a parcel, which a text may say different things about."""

Names = Mapping[str, frozenset[str] | None]
"""Name -> its fields; None for one that is a word itself."""
KNOWN: Names = {
    "customer": frozenset({"first_name", "name"}),
    "brand": frozenset({"name", "address"}),
    "order": frozenset({"name"}),
    "cart": frozenset({"url"}),
    **dict.fromkeys(
        ("shop_url", "confirm_url", "tracking", "carrier", "state", "festival", "variant", "coupon", "purpose")
    ),
}
OF_LAYOUT: Mapping[str, Names] = {
    "coupon": dict.fromkeys(("code", "offer", "expires")),
    "offers": {"value": None},
    "conditions": {"offer": None, "value": None},
    "sms": {**KNOWN, "text": None},
    "choose": {},
}
"""Piece of the layout -> what it may name, where that is not `KNOWN`."""
FILTERS = frozenset({"capitalize", "default", "lower", "title", "trim", "upper"})
TESTS = frozenset({"defined", "none"})
_GRAMMAR = (
    nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.Getattr, nodes.Const, nodes.List, nodes.Tuple,
    nodes.If, nodes.CondExpr, nodes.Compare, nodes.Operand, nodes.And, nodes.Or, nodes.Not, nodes.Concat,
    nodes.Filter, nodes.Test,
)  # fmt: skip
_JINJA = ImmutableSandboxedEnvironment()


class Flaw(NamedTuple):
    path: tuple[str, ...]
    """In the document: ("es", "subject")."""
    message: str


def flaws(name: str, catalogue: Catalogue, renderer: Renderer, policy: Policy, now: datetime) -> list[Flaw]:
    """Everything that is wrong with this document of the catalogue; `renderer` renders that very catalogue."""
    sources = [source for source in catalogue.sources.values() if source.path[0] == name]
    found = [Flaw(source.path[1:], said) for source in sources for said in _misspelt(source)]
    for unwritten, locales in catalogue.unwritten(name).items():
        found.append(Flaw((), f"{unwritten} is not written in {', '.join(locales)}, and the layout is"))
    return found or list(dict.fromkeys(_when_rendered(name, catalogue, renderer, policy, now)))


def warnings(message: Message) -> tuple[str, ...]:
    """What is allowed and yet worth a second look."""
    count = segments(message.body)
    if message.channel != "sms" or count == 1:
        return ()
    odd = "".join(sorted(outside_gsm(message.body)))
    cure = f"; the alphabet of SMS lacks {odd[:20]}" if odd else ""
    return (f"costs {count} SMS: {len(message.body)} characters{cure}",)


# As it is written


def _misspelt(source: Source) -> Iterator[str]:
    try:
        tree = _JINJA.parse(source.text)
    except TemplateSyntaxError as error:
        yield f"is not Jinja, line {error.lineno} of the text: {error.message}"
        return
    known = OF_LAYOUT.get(source.path[2], KNOWN) if source.path[0] == LAYOUT else KNOWN
    yield from dict.fromkeys([*_unwelcome(tree), *_unknown(tree, known)])


def _unwelcome(tree: nodes.Node) -> Iterator[str]:
    for node in _all(tree):
        if not isinstance(node, _GRAMMAR) or (
            isinstance(node, nodes.Getattr) and not isinstance(node.node, nodes.Name)
        ):
            yield f"line {node.lineno} of the text: a text says {{{{ a name }}}} and {{% if ... %}}, and nothing more"
        elif isinstance(node, nodes.Filter) and node.name not in FILTERS:
            yield f"unknown filter {node.name!r}; known are {_list(FILTERS)}"
        elif isinstance(node, nodes.Test) and node.name not in TESTS:
            yield f"unknown test {node.name!r}; known are {_list(TESTS)}"


def _unknown(tree: nodes.Node, known: Names) -> Iterator[str]:
    fields = {id(node.node): node.attr for node in tree.find_all(nodes.Getattr)}
    for node in tree.find_all(nodes.Name):
        if node.name not in known:
            yield f"unknown name {node.name!r}; known are {_list(known) or 'none here'}"
        elif (own := known[node.name]) is None and id(node) in fields:
            yield f"{node.name!r} is a word, and has no {fields[id(node)]!r}"
        elif own is not None and fields.get(id(node)) not in own:
            yield f"{node.name!r} needs one of its fields: {_list(own)}"


def _all(node: nodes.Node) -> Iterator[nodes.Node]:
    yield node
    for child in node.iter_child_nodes():
        yield from _all(child)


def _list(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))


# As it is read


def _when_rendered(
    name: str, catalogue: Catalogue, renderer: Renderer, policy: Policy, now: datetime
) -> Iterator[Flaw]:
    templates = catalogue.templates if name == LAYOUT else [name] if name in catalogue.templates else []
    for template, locale in ((each, locale) for each in templates for locale in catalogue.locales(each)):
        said = _flaws_of(_compositions(template, locale, catalogue, renderer, policy, now))
        yield from (Flaw(path if name != LAYOUT else (), words) for path, words in dict.fromkeys(said))


def _flaws_of(composed: Iterator[tuple[tuple[str, ...], Message | BrokenTemplate]]) -> Iterator[Flaw]:
    for path, message in composed:
        if isinstance(message, BrokenTemplate):
            yield Flaw(path, str(message))
        elif message.channel == "sms" and (count := segments(message.body)) > MOST_SEGMENTS:
            yield Flaw((*path, "sms"), f"costs {count} SMS with all there is to know; {MOST_SEGMENTS} are the most")
        elif message.channel == "email" and not message.subject:
            yield Flaw((*path, "subject"), "is empty where little is known")


def _compositions(
    template: str, locale: str, catalogue: Catalogue, renderer: Renderer, policy: Policy, now: datetime
) -> Iterator[tuple[tuple[str, ...], Message | BrokenTemplate]]:
    """Each channel and country, to somebody of whom all is known and to somebody of whom nothing is."""
    bound = {"minimum": "50", "products": ("1",)}
    offer = GiftOffer.model_validate({"kind": "percent", "value": "10", "expires": "30d", **bound})
    countries = catalogue.templates[template][locale].countries
    said = list(_occasions(template, policy))
    for country, channel, occasion in product((None, *countries), sorted(catalogue.channels[template]), said):
        path = (locale, "countries", country) if country else (locale,)
        full = example_action(template, channel, "marketing", now, offer, **{**ORDER, **occasion})
        yield path, _composed(renderer, full, example_recipient(locale, country, ADDRESS), policy, now)
        bare = example_action(template, channel, "transactional", now)
        yield path, _composed(renderer, bare, stranger(locale, country), policy, now)


def _occasions(template: str, policy: Policy) -> Iterator[Mapping[str, str]]:
    """What a text may be about, where it may say something else about each."""
    yield from ({"state": state} for state in STATES)
    if any(isinstance(play.on, OnFestival) and template in (play.do.email, play.do.sms) for play in policy.plays):
        yield from ({"festival": festival.id} for festival in policy.festivals)


def _composed(
    renderer: Renderer, action: Action, recipient: Recipient, policy: Policy, now: datetime
) -> Message | BrokenTemplate:
    try:
        return renderer.compose(action, recipient, recipient.person.email or "", policy, now)
    except BrokenTemplate as broken:
        return broken
