"""The texts that can be sent, as business people write them: one document a template, with all its languages."""

import re
from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Any, Literal, NamedTuple, Self

from pydantic import Field, model_validator

from perennial.domain.actions import Channel
from perennial.domain.countries import AssignedCountry
from perennial.domain.values import Model

DEFAULT_LOCALE = "en"
"""For customers whose language has no texts."""
LAYOUT = "layout"
TASKS = "tasks"
"""The two documents that are no templates."""

Template = Annotated[str, Field(min_length=1, max_length=10_000)]
Piece = Literal["subject", "body", "sms"]
_COUPON = re.compile(r"\{\{[^}]*\bcoupon\b")


class Otherwise(Model):
    """What one country hears in other words; what is left out it hears like everybody who reads that language."""

    subject: Template | None = None
    body: Template | None = None
    sms: Template | None = None


class Texts(Model):
    """One template in one language."""

    subject: Template
    body: Template
    sms: Template | None = None
    countries: Mapping[AssignedCountry, Otherwise] = {}

    @model_validator(mode="after")
    def _sms_everywhere_or_nowhere(self) -> Self:
        if self.sms is None and any(each.sms for each in self.countries.values()):
            raise ValueError("a country has an SMS that the language itself lacks")
        return self


class Layout(Model):
    """What surrounds every message in one language."""

    greeting: Template
    closing: Template
    """The brand's name follows on a line of its own."""
    because: Mapping[Literal["service", "marketing"], Template]
    """Why they get it; what is transactional needs no reason."""
    choose: Template
    """What the link to the preference page is called."""
    reply: Template
    """How to stop marketing where there is no such page."""
    sms: Template
    coupon: Template
    offers: Mapping[Literal["percent", "amount", "gift", "trial"], Template]
    conditions: Mapping[Literal["minimum", "some"], Template] = {}
    """What an offer is bound to: a least amount, some products. A layout that was saved long ago has none."""
    gifts: Mapping[str, str] = {}
    """What the policy calls a gift or a trial -> what this language calls it."""


class TaskText(Model):
    """What a person is asked to do, in one language."""

    title: Annotated[str, Field(min_length=1, max_length=200)]
    steps: Annotated[tuple[Template, ...], Field(min_length=1)]


class Source(NamedTuple):
    """One text as it is written, and where: ("thank_you", "es", "countries", "MX", "subject")."""

    path: tuple[str, ...]
    text: str

    @property
    def name(self) -> str:
        return "/".join(self.path)


class Catalogue(Model):
    layout: Mapping[str, Layout]
    tasks: Mapping[str, Mapping[str, TaskText]]
    templates: Mapping[str, Mapping[str, Texts]]
    versions: Mapping[str, int] = {}
    """Document -> its version, where it is not the shipped one."""

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if DEFAULT_LOCALE not in self.layout:
            raise ValueError(f"the layout lacks {DEFAULT_LOCALE}, which everybody else's language falls back to")
        for name, texts in {**self.templates, **self.tasks}.items():
            if DEFAULT_LOCALE not in texts:
                raise ValueError(f"{name} lacks {DEFAULT_LOCALE}, which everybody else's language falls back to")
        for name, texts in self.templates.items():
            if len({each.sms is None for each in texts.values()}) > 1:
                raise ValueError(f"{name} has an SMS in some languages only")
        return self

    def locales(self, template: str) -> tuple[str, ...]:
        """Those that a message of it can be in.

        A language that the layout lacks is being prepared. One that the template lacks came with a newer product than
        this version of the template: it is said in English until it is written.
        """
        texts = self.templates.get(template, self.layout)
        return tuple(locale for locale in self.layout if locale in texts)

    def unwritten(self, document: str) -> Mapping[str, tuple[str, ...]]:
        """Template or task -> the languages of the layout that it lacks, as far as the document is to blame."""
        wanted: Mapping[str, Mapping[str, object]] = {**self.templates, **self.tasks}
        if document != LAYOUT:
            wanted = self.tasks if document == TASKS else {document: self.templates.get(document, {})}
        lacking = {name: tuple(each for each in self.layout if each not in texts) for name, texts in wanted.items()}
        return {name: locales for name, locales in lacking.items() if locales}

    @cached_property
    def channels(self) -> Mapping[str, frozenset[Channel]]:
        """Template -> the channels that it has a text for."""
        return {name: _channels(texts[DEFAULT_LOCALE]) for name, texts in self.templates.items()}

    @property
    def sources(self) -> Mapping[str, Source]:
        """Every text of templates and layout by its name, `welcome/en/subject` for one."""
        documents = {**self.templates, LAYOUT: self.layout}
        found = [each for name, locales in documents.items() for each in _sources((name,), dict(locales))]
        return {each.name: each for each in found}

    def hides_coupon(self, template: str, piece: Piece) -> tuple[str, ...]:
        """The languages in which this piece of the template says nothing of a coupon."""
        texts = self.templates.get(template, {})
        return tuple(locale for locale, each in texts.items() if not _COUPON.search(getattr(each, piece) or ""))

    def wording(self, template: str, locale: str, country: str | None, piece: Piece) -> str:
        """The name of a source: of the country's own words, where it has some."""
        texts = self.templates.get(template, {}).get(locale)
        own = texts.countries.get(country or "") if texts else None
        if own is None or getattr(own, piece) is None:
            return f"{template}/{locale}/{piece}"
        return f"{template}/{locale}/countries/{country}/{piece}"

    def version(self, document: str) -> int:
        return self.versions.get(document, 0)


def read_catalogue(documents: Mapping[str, Any], versions: Mapping[str, int] | None = None) -> Catalogue:
    """The catalogue out of documents by their names. Raises pydantic's `ValidationError` with every mistake."""
    templates = {name: document for name, document in documents.items() if name not in (LAYOUT, TASKS)}
    return Catalogue.model_validate(
        {
            "layout": documents.get(LAYOUT, {}),
            "tasks": documents.get(TASKS, {}),
            "templates": templates,
            "versions": versions or {},
        }
    )


def _sources(path: tuple[str, ...], written: Any) -> list[Source]:
    match written:
        case str():
            return [Source(path, written)]
        case Mapping():
            return [each for name, part in written.items() for each in _sources((*path, str(name)), part)]
        case Model():
            return _sources(path, {name: getattr(written, name) for name in type(written).model_fields})
        case _:
            return []


def _channels(texts: Texts) -> frozenset[Channel]:
    return frozenset({"email", "sms"} if texts.sms else {"email"})
