"""Every message of the default playbook as people see it, in docs/messages: python -m infra.local.gallery

A sheet a template: its email in every language, and country that has words of its own, at the width of a phone and on a
desktop, and its SMS; one of them in the dark. Then the pages behind their links.
"""

import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import NamedTuple

from babel import Locale

from infra.local.browser import Browser, NoBrowser
from infra.local.ministack import PARAMETERS
from infra.local.page_gallery import CALLS, html
from infra.local.template import ROOT
from perennial.aws.documents import default_policy, messages
from perennial.channels.catalogue import Catalogue, read_catalogue
from perennial.channels.checking import STATES
from perennial.channels.examples import ADDRESS, ORDER, example_action, example_recipient
from perennial.channels.render import Brand, Message, Renderer
from perennial.channels.wording import segments
from perennial.domain.actions import Action, Channel
from perennial.domain.policy import OnFestival, Play, Policy
from perennial.policy_document import shipped_policy

FOLDER = ROOT / "docs" / "messages"
PHONE, DESKTOP, GAP = 375, 700, 16
"""CSS pixels: a phone's page, a window on a desk, and what lies between two."""
DESKTOP_SCALE = 0.5
NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)
OURS = "https://hooks.example.com"
"""Where the API would be."""
BRAND = Brand(PARAMETERS["BrandName"], PARAMETERS["BrandAddress"], PARAMETERS["ShopUrl"], color="#0f5c4d")


class _Links:
    """Where the links would lead."""

    def preferences(self, action: Action, locale: str) -> str:
        return f"{OURS}/preferences/example"

    def one_click(self, action: Action) -> str:
        return f"{OURS}/u/example"

    def confirm(self, action: Action, locale: str) -> str:
        return f"{OURS}/confirm/example"


class Scene(NamedTuple):
    """One thing to say by one play: some templates say different things by the state of a parcel."""

    play: Play
    template: str
    channel: Channel
    about: tuple[str, str] | None = None
    """What it says something else about, and which: ("state", "customs_hold")."""

    @property
    def name(self) -> str:
        parts = (self.template, self.about and self.about[1], "sms" if self.channel == "sms" else None)
        return "-".join(each.replace("_", "-") for each in parts if each)


def scenes(policy: Policy, catalogue: Catalogue) -> Iterator[Scene]:
    """What the playbook can say; and by SMS also what it could, had a play asked for it."""
    for play in policy.plays:
        for template in dict.fromkeys(filter(None, (play.do.email, play.do.sms))):
            for channel in sorted(catalogue.channels[template]):
                yield from (Scene(play, template, channel, about) for about in _occasions(play, template, policy))


def _occasions(play: Play, template: str, policy: Policy) -> list[tuple[str, str] | None]:
    if isinstance(play.on, OnFestival):
        return [("festival", each.id) for each in policy.festivals if play.on.means(each)]
    return [("state", each) for each in STATES] if template == "delay_notice" else [None]


class Reader(NamedTuple):
    """Somebody who reads a language, where it has words of its own for their country."""

    locale: str
    country: str | None = None

    @property
    def title(self) -> str:
        own = Locale.parse(self.locale.replace("-", "_"))
        return (
            f"{own.english_name}, {Locale('en').territories[self.country]}" if self.country else str(own.english_name)
        )


def readers(scene: Scene, catalogue: Catalogue) -> Iterator[Reader]:
    for locale in catalogue.locales(scene.template):
        yield Reader(locale)
        own = catalogue.templates[scene.template][locale].countries if scene.channel == "email" else ()
        yield from (Reader(locale, country) for country in own)


def said(scene: Scene, reader: Reader, renderer: Renderer, policy: Policy) -> Message:
    play, about = scene.play, dict([scene.about] if scene.about else [])
    offer = play.do.coupon
    action = example_action(scene.template, scene.channel, play.purpose, NOW, offer, **{**ORDER, **about})
    recipient = example_recipient(*reader, cart_url=ADDRESS)
    return renderer.compose(action, recipient, recipient.person.email or "", policy, NOW)


# Sheets: pages of our own, on which messages lie side by side


def sheet(pages: Mapping[str, str], width: int) -> str:
    """Pages by their titles, each in a frame as wide as the window it is read in."""
    frames = "".join(
        f"<figure><figcaption>{escape(title)}</figcaption>"
        f'<iframe scrolling="no" srcdoc="{escape(page)}"></iframe></figure>'
        for title, page in pages.items()
    )
    return (
        "<!doctype html><meta charset=utf-8><style>"
        f"body{{margin:0;padding:{GAP}px;gap:{GAP}px;background:#8b8f94}}"
        "body{display:flex;flex-wrap:wrap;align-items:flex-start}"
        f"figure{{margin:0;width:{width}px}} iframe{{border:0;width:{width}px;height:10px;display:block}}"
        "figcaption{font:600 15px sans-serif;color:#fff;padding:0 0 8px}</style>"
        f"{frames}"
    )


def bubble(message: Message) -> str:
    """An SMS as a phone shows it."""
    count = segments(message.body)
    cost = f"{len(message.body)} characters, {count} SMS"
    return (
        f'<!doctype html><html lang="{message.locale}"><meta charset=utf-8>'
        '<body style="margin:0;padding:20px;background:#fff">'
        '<div style="background:#e9e9eb;border-radius:18px;padding:12px 16px;font:17px/1.4 sans-serif;'
        f'max-width:290px;overflow-wrap:anywhere">{escape(message.body)}</div>'
        f'<div style="font:12px sans-serif;color:#777;padding:8px 4px 0">{cost}</div>'
    )


def width_of(count: int, width: int) -> int:
    return count * (width + GAP) + GAP


class Gallery:
    def __init__(self, browser: Browser, folder: Path, policy: Policy, catalogue: Catalogue) -> None:
        self._browser = browser
        self._folder = folder
        self._policy = policy
        self._catalogue = catalogue
        self._renderer = Renderer(lambda: catalogue, BRAND, b"gallery", _Links())

    def make(self, scene: Scene) -> list[Path]:
        """The pictures of one scene, in every language."""
        told = self._told(scene)
        if scene.channel == "sms":
            return [self._put(scene.name, {title: bubble(each) for title, each in told.items()}, PHONE, 1.0)]
        pages = {f"{title}: {each.subject}": each.html for title, each in told.items()}
        return [
            self._put(scene.name, pages, PHONE, 1.0),
            self._put(f"{scene.name}-desktop", pages, DESKTOP, DESKTOP_SCALE),
        ]

    def dark(self, scene: Scene) -> Path:
        told = {title: each.html for title, each in self._told(scene).items()}
        return self._put(f"{scene.name}-dark", told, PHONE, 1.0, dark=True)

    def page(self, name: str) -> Path:
        """One of the pages behind links, in every language."""
        pages = html(name, BRAND)
        return self._put(name, {Reader(locale).title: pages[locale] for locale in self._catalogue.layout}, PHONE, 1.0)

    def _told(self, scene: Scene) -> dict[str, Message]:
        """By what its reader is called; a country's own words where they are others."""
        told: dict[str, Message] = {}
        seen: set[tuple[str, str, str]] = set()
        for reader in readers(scene, self._catalogue):
            message = said(scene, reader, self._renderer, self._policy)
            words = (reader.locale, message.subject, message.body)
            if words not in seen:
                told[reader.title] = message
            seen.add(words)
        return told

    def _put(self, name: str, pages: Mapping[str, str], width: int, scale: float, *, dark: bool = False) -> Path:
        across = 4 if len(pages) > 4 else len(pages)
        taken = self._browser.picture(
            sheet(pages, width), width_of(across, width), scale, scheme="dark" if dark else "light"
        )
        file = self._folder / f"{name}.webp"
        file.write_bytes(taken)
        return file


# The index


def index(scenes: list[Scene], dark: Path) -> str:
    sections = "\n".join(_section(scene) for scene in scenes)
    pages = "".join(f"![{name}]({name}.webp)\n\n" for name in CALLS).removesuffix("\n")
    return f"""# What customers see

Every message of the default playbook in every language, as a browser shows it: emails at the width of a phone
({PHONE} px) and on a desktop, SMS as bubbles with what they cost. `make gallery` makes these pictures anew. The words
are in `infra/messages`; [Messages](../messages.md) tells how they are written. Those of the pages are in `infra/pages`.

{sections}
## The pages behind the links

{pages}
## In the dark

![at night]({dark.name})
"""


def _section(scene: Scene) -> str:
    about = f" ({scene.about[1].replace('_', ' ')})" if scene.about else ""
    title = f"## {scene.play.id}{about}: {'SMS' if scene.channel == 'sms' else 'email'} `{scene.template}`"
    pictures = [f"![{scene.name}]({scene.name}.webp)"]
    if scene.channel == "email":
        pictures.append(f"[on a desktop]({scene.name}-desktop.webp)")
    return "\n\n".join([title, *pictures]) + "\n"


def write(folder: Path = FOLDER) -> None:
    """All pictures and their index, in the place of those that are there. Raises `NoBrowser`."""
    catalogue, policy = read_catalogue(messages()), shipped_policy(default_policy(), 1)
    every = list(scenes(policy, catalogue))
    folder.mkdir(parents=True, exist_ok=True)
    with Browser() as browser:
        gallery = Gallery(browser, folder, policy, catalogue)
        made = {file for scene in every for file in gallery.make(scene)} | {gallery.page(name) for name in CALLS}
        dark = gallery.dark(next(scene for scene in every if scene.template == "winback_declining"))
    for old in set(folder.glob("*.webp")) - made - {dark}:
        old.unlink()
    (folder / "README.md").write_text(index(every, dark), encoding="utf-8")
    size = sum(file.stat().st_size for file in folder.iterdir())
    print(f"{folder}: {len(made) + 1} pictures, {size / 1e6:.1f} MB")


if __name__ == "__main__":
    try:
        write()
    except NoBrowser as none:
        sys.exit(str(none))
