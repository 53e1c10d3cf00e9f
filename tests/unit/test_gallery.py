"""The gallery shows everything that the default playbook can say, and its pictures are in the repository."""

import re
from pathlib import Path

import pytest

from infra.local import gallery, page_gallery
from infra.local.browser import Browser, NoBrowser
from perennial.channels.render import Renderer
from perennial.channels.wording import segments
from tests.messaging import LOCALES, the_catalogue, the_policy

SCENES = list(gallery.scenes(the_policy(), the_catalogue()))


def test_every_play_that_says_something_is_shown_in_every_channel_that_it_has_words_for() -> None:
    said = {(play.id, name) for play in the_policy().plays for name in (play.do.email, play.do.sms) if name}

    assert {(scene.play.id, scene.template) for scene in SCENES} == said
    assert {scene.about[1] for scene in SCENES if scene.about} >= {each.id for each in the_policy().festivals}
    assert {(scene.template, scene.channel) for scene in SCENES} == {
        (template, channel) for template, channels in the_catalogue().channels.items() for channel in channels
    }


def test_every_template_that_ships_is_sent_by_a_play() -> None:
    assert {scene.template for scene in SCENES} == the_catalogue().templates.keys()


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.name)
def test_its_pictures_are_there(scene: gallery.Scene) -> None:
    names = [scene.name] if scene.channel == "sms" else [scene.name, f"{scene.name}-desktop"]

    assert all((gallery.FOLDER / f"{name}.webp").read_bytes()[8:12] == b"WEBP" for name in names), "make gallery"


@pytest.mark.parametrize("name", page_gallery.CALLS)
def test_the_pages_behind_the_links_are_shown_too(name: str) -> None:
    pages = page_gallery.html(name, gallery.BRAND)

    assert set(pages) == set(LOCALES)
    assert all(f'<html lang="{locale}">' in page for locale, page in pages.items())
    assert (gallery.FOLDER / f"{name}.webp").read_bytes()[8:12] == b"WEBP", "make gallery"


def test_each_page_is_shown_once() -> None:
    shown = {re.search("<h1>(.*)</h1>", page_gallery.html(name, gallery.BRAND)["en"]) for name in page_gallery.CALLS}

    assert len({found[1] for found in shown if found}) == len(page_gallery.CALLS)


def test_the_index_is_what_the_playbook_says() -> None:
    dark = Path("winback-declining-dark.webp")

    assert (gallery.FOLDER / "README.md").read_text(encoding="utf-8") == gallery.index(SCENES, dark), "make gallery"


def test_a_clone_is_not_burdened_with_pictures() -> None:
    assert sum(file.stat().st_size for file in gallery.FOLDER.iterdir()) < 6_000_000


def test_what_is_shown_is_said_in_every_language_to_somebody_of_whom_all_is_known() -> None:
    renderer = Renderer(the_catalogue, gallery.BRAND, b"key", gallery._Links())

    for scene in SCENES:
        shown = list(gallery.readers(scene, the_catalogue()))
        assert {each.locale for each in shown} == set(LOCALES)
        for reader in shown:
            message = gallery.said(scene, reader, renderer, the_policy())
            assert message.locale == reader.locale
            assert message.channel == "email" or f"{segments(message.body)} SMS" in gallery.bubble(message)


def test_words_of_a_message_never_run_in_the_gallery() -> None:
    assert "<b>" not in gallery.sheet({"<b>": "<b>"}, 375)


@pytest.mark.parametrize("named", [None, "/nowhere/chromium"])
def test_without_a_browser_it_is_said_how_to_get_one(monkeypatch: pytest.MonkeyPatch, named: str | None) -> None:
    monkeypatch.setenv("PATH", "")
    if named:
        monkeypatch.setenv("CHROMIUM", named)
    else:
        monkeypatch.delenv("CHROMIUM", raising=False)

    with pytest.raises(NoBrowser, match="apt install chromium"):
        Browser()
