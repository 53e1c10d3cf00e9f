"""The texts of one catalogue, compiled: from a text's name and what it may name to words.

A text is Jinja in a sandbox. Its values are data: they are never read as a template, and a name that is not known is an
error and not a gap.
"""

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from jinja2 import BaseLoader, DictLoader, FunctionLoader, StrictUndefined, TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from perennial.aws.documents import email_layout
from perennial.channels.catalogue import Catalogue
from perennial.channels.markup import addresses
from perennial.channels.wording import tidy

EMAIL = "email.html"


class BrokenTemplate(Exception):
    """A text cannot be rendered: mend it, then redrive the dead letters. Nothing was sent."""


class Compiled:
    """Compiled when first used, and kept as long as this is."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self._texts = {name: source.text for name, source in catalogue.sources.items()}
        self._plain = environment(DictLoader(self._texts), autoescape=False)

    @cached_property
    def _page(self) -> ImmutableSandboxedEnvironment:
        return environment(FunctionLoader(lambda name: email_layout() if name == EMAIL else None), autoescape=True)

    def words(self, name: str, context: Mapping[str, Any]) -> str:
        """The text of this name, tidied. Raises `BrokenTemplate`."""
        return tidy(_rendered(self._plain, name, context))

    def html(self, context: Mapping[str, Any]) -> str:
        """The page of an email, in which every value is escaped. Raises `BrokenTemplate`."""
        return _rendered(self._page, EMAIL, context)

    def addresses(self, name: str) -> frozenset[str]:
        """The web addresses that the author of this text wrote into it."""
        return addresses(self._texts.get(name, ""))


def environment(loader: BaseLoader, *, autoescape: bool) -> ImmutableSandboxedEnvironment:
    return ImmutableSandboxedEnvironment(
        loader=loader,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=autoescape,
    )


def _rendered(jinja: ImmutableSandboxedEnvironment, name: str, context: Mapping[str, Any]) -> str:
    try:
        return jinja.get_template(name).render(context)
    except TemplateError as error:
        raise BrokenTemplate(f"{name}: {type(error).__name__}: {error.message}") from error
