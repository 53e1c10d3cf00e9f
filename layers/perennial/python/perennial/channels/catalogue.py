"""The texts that can be sent, as business people write them: one file a template, with all its languages."""

from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from perennial.domain.actions import Channel
from perennial.domain.values import Model

DEFAULT_LOCALE = "en"
"""For customers whose language has no texts."""
LAYOUT = "layout"
TASKS = "tasks"
"""The two files that are no templates."""

Template = Annotated[str, Field(min_length=1, max_length=10_000)]


class Texts(Model):
    """One template in one language."""

    subject: Template
    body: Template
    sms: Template | None = None


class Layout(Model):
    """What surrounds every message in one language."""

    email: Template
    sms: Template
    coupon: Template
    offers: Mapping[Literal["percent", "amount", "gift", "trial"], Template]
    gifts: Mapping[str, str] = {}
    """What the policy calls a gift or a trial -> what this language calls it."""


class TaskText(Model):
    """What a person is asked to do, in one language."""

    title: Annotated[str, Field(min_length=1, max_length=200)]
    steps: Annotated[tuple[Template, ...], Field(min_length=1)]


class Catalogue(Model):
    layout: Mapping[str, Layout]
    tasks: Mapping[str, Mapping[str, TaskText]]
    templates: Mapping[str, Mapping[str, Texts]]

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if DEFAULT_LOCALE not in self.layout:
            raise ValueError(f"the layout lacks {DEFAULT_LOCALE}, which everybody else's language falls back to")
        for name, texts in {**self.templates, **self.tasks}.items():
            if texts.keys() != self.layout.keys():
                raise ValueError(f"{name} is written in {_list(texts)}, the layout in {_list(self.layout)}")
        for name, texts in self.templates.items():
            if len({each.sms is None for each in texts.values()}) > 1:
                raise ValueError(f"{name} has an SMS in some languages only")
        return self

    @property
    def locales(self) -> tuple[str, ...]:
        return tuple(self.layout)

    @cached_property
    def channels(self) -> Mapping[str, frozenset[Channel]]:
        """Template -> the channels that it has a text for."""
        return {name: _channels(texts[DEFAULT_LOCALE]) for name, texts in self.templates.items()}


def read_catalogue(documents: Mapping[str, Any]) -> Catalogue:
    """The catalogue out of parsed files, by file name. Raises pydantic's `ValidationError` with every mistake."""
    templates = {name: document for name, document in documents.items() if name not in (LAYOUT, TASKS)}
    return Catalogue.model_validate(
        {"layout": documents.get(LAYOUT, {}), "tasks": documents.get(TASKS, {}), "templates": templates}
    )


def _channels(texts: Texts) -> frozenset[Channel]:
    return frozenset({"email", "sms"} if texts.sms else {"email"})


def _list(names: Mapping[str, object]) -> str:
    return ", ".join(names)
