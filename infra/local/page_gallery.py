"""The pages behind the links in messages, as their readers find them: what the gallery takes pictures of."""

from collections.abc import Callable, Iterable, Mapping
from typing import cast

from perennial.aws import documents
from perennial.aws.clock import SystemClock
from perennial.channels.links import LinkKeys, Permit, Scope, sign
from perennial.channels.render import Brand
from perennial.pages import Call, Pages, Pieces
from perennial.preferences import TOPICS, Choices, Preferences, Topic, Wording

KEYS: LinkKeys = {"1": b"a key that signs nothing but examples"}
CLOCK = SystemClock()
ONE_CLICK = b"List-Unsubscribe=One-Click"


class _Somebody:
    """Who has chosen all there is, and does whatever is asked of them."""

    def of(self, permit: Permit) -> Choices:
        return Choices(dict.fromkeys(TOPICS, True), {"email": "o***@e***.com", "sms": "+44*****132"}, None)

    def stop(self, permit: Permit, wording: Wording, topics: Iterable[Topic] = TOPICS) -> None:
        """Nothing is to be stopped."""

    def confirm(self, permit: Permit, wording: Wording) -> bool:
        return True


def _link(scope: Scope) -> str:
    return sign(Permit(scope, "example", "example", "email", "marketing", CLOCK.now()), KEYS)


CALLS: Mapping[str, Callable[[str], Call]] = {
    "page-choices": lambda locale: Call("preferences", False, _link("preferences"), lang=locale),
    "page-unsubscribe": lambda locale: Call("one_click", False, _link("one_click"), lang=locale),
    "page-unsubscribed": lambda locale: Call("one_click", True, _link("one_click"), ONE_CLICK, locale),
    "page-confirm": lambda locale: Call("confirm", False, _link("confirm"), lang=locale),
    "page-confirmed": lambda locale: Call("confirm", True, _link("confirm"), lang=locale),
    "page-no-longer": lambda locale: Call("preferences", False, "forged", lang=locale),
}
"""What a picture shows, and how its reader came there, by their language."""


def html(name: str, brand: Brand) -> dict[str, str]:
    """One of `CALLS` in every language: locale -> page."""
    texts = {locale: Pieces.model_validate(each) for locale, each in documents.pages().items()}
    somebody = cast(Preferences, _Somebody())
    pages = Pages(somebody, lambda: KEYS, texts, documents.page_layout(), documents.page_style(), brand, CLOCK)
    return {locale: pages.answer(CALLS[name](locale)).html for locale in texts}
