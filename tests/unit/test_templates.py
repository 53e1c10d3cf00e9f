"""The texts in force: what ships until somebody changes it, one version after the other, none ever lost."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from infra.local.database import Database
from infra.local.sqlite_table import SqliteTable
from perennial.aws.documents import messages
from perennial.aws.table import Busy, Item, Put
from perennial.aws.templates import ACTIVE, ATTEMPTS, LOOKED_AT_FOR, Outdated, Templates
from perennial.channels.catalogue import Catalogue
from tests.engine_lives import MovedClock
from tests.messaging import LOCALES, NOON

HELLO = {locale: {"subject": "Hello", "body": "-"} for locale in LOCALES}
AGAIN = {locale: {"subject": "Hello again", "body": "-"} for locale in LOCALES}


def anything(_: Catalogue) -> None:
    """Finds no fault."""


@dataclass
class Shelf:
    """A table of documents, and the clock of whoever reads it."""

    table: SqliteTable = field(default_factory=lambda: SqliteTable(Database()))
    clock: MovedClock = field(default_factory=lambda: MovedClock(NOON))

    def templates(self) -> Templates:
        """As another execution environment has them."""
        return Templates(self.table, self.clock, messages)


def subject(catalogue: Catalogue, template: str = "welcome") -> str:
    return catalogue.templates[template]["en"].subject


def test_what_ships_is_in_force_until_the_first_change() -> None:
    templates = Shelf().templates()

    assert templates.catalogue().version("welcome") == 0
    assert subject(templates.catalogue()) == messages()["welcome"]["en"]["subject"]


def test_a_change_is_in_force_at_once_where_it_was_made() -> None:
    templates = Shelf().templates()
    before = templates.catalogue()

    assert templates.change("welcome", HELLO, 0, "staff-1", anything) == 1

    assert (subject(templates.catalogue()), templates.catalogue().version("welcome")) == ("Hello", 1)
    assert subject(before) == messages()["welcome"]["en"]["subject"]


def test_others_take_a_change_up_within_a_minute_and_read_nothing_meanwhile() -> None:
    shelf = Shelf()
    sender = shelf.templates()
    seen = sender.catalogue()
    shelf.templates().change("welcome", HELLO, 0, "staff-1", anything)

    shelf.clock.time += LOOKED_AT_FOR
    assert sender.catalogue() is seen
    shelf.clock.time += timedelta(seconds=1)
    assert subject(sender.catalogue()) == "Hello"


def test_the_same_texts_are_the_same_object_so_that_nothing_is_compiled_twice() -> None:
    shelf = Shelf()
    sender = shelf.templates()
    seen = sender.catalogue()

    shelf.clock.time += timedelta(hours=1)

    assert sender.catalogue() is seen


def test_who_asks_for_the_latest_gets_it() -> None:
    shelf = Shelf()
    desk = shelf.templates()
    desk.catalogue()
    shelf.templates().change("welcome", HELLO, 0, "staff-1", anything)

    assert subject(desk.latest()) == "Hello"


def test_a_change_to_what_was_changed_meanwhile_is_refused() -> None:
    shelf = Shelf()
    mine, theirs = shelf.templates(), shelf.templates()
    theirs.change("welcome", HELLO, 0, "staff-2", anything)

    with pytest.raises(Outdated) as refused:
        mine.change("welcome", AGAIN, 0, "staff-1", anything)

    assert refused.value.active == 1
    assert subject(mine.latest()) == "Hello"


def test_a_change_to_what_never_was_in_force_is_refused() -> None:
    with pytest.raises(Outdated):
        Shelf().templates().change("welcome", HELLO, 1, "staff-1", anything)


def test_of_two_changes_at_once_to_one_template_one_holds() -> None:
    shelf = Shelf()
    mine, theirs = shelf.templates(), shelf.templates()

    with pytest.raises(Outdated):
        mine.change("welcome", AGAIN, 0, "me", lambda _: _once(theirs, "welcome"))

    assert subject(mine.latest()) == "Hello"


def test_of_two_changes_at_once_to_two_templates_both_hold_and_are_checked_together() -> None:
    shelf = Shelf()
    mine, theirs = shelf.templates(), shelf.templates()
    checked: list[tuple[int, int]] = []

    def check(catalogue: Catalogue) -> None:
        checked.append((catalogue.version("welcome"), catalogue.version("survey")))
        _once(theirs, "survey")

    mine.change("welcome", AGAIN, 0, "me", check)

    assert checked == [(1, 0), (1, 1)]
    assert (subject(mine.latest()), subject(mine.latest(), "survey")) == ("Hello again", "Hello")


def _once(templates: Templates, name: str) -> None:
    """Somebody else's change, the first time."""
    if templates.latest().version(name) == 0:
        templates.change(name, HELLO, 0, "them", anything)


def test_who_loses_every_race_is_told_to_come_back() -> None:
    shelf = Shelf()
    mine = shelf.templates()
    others = iter(range(1, ATTEMPTS + 1))

    with pytest.raises(Busy):
        mine.change("welcome", HELLO, 0, "me", lambda _: _moved(shelf, next(others)))

    assert mine.latest().version("welcome") == 0


def _moved(shelf: Shelf, changes: int) -> None:
    shelf.table.write([Put(Item(ACTIVE, "{}", {"version": changes}))])


def test_every_version_can_be_read_again_with_who_made_it_and_when() -> None:
    shelf = Shelf()
    shelf.templates().change("welcome", HELLO, 0, "staff-1", anything)
    shelf.templates().change("welcome", AGAIN, 1, "staff-2", anything)
    templates = shelf.templates()

    first, shipped = templates.version("welcome", 1), templates.version("welcome", 0)

    assert first is not None
    assert (first.document, first.by, first.at) == (HELLO, "staff-1", NOON)
    assert shipped is not None
    assert (shipped.document, shipped.by) == (messages()["welcome"], None)
    assert templates.version("welcome", 3) is None
    assert templates.version("nothing", 0) is None


@pytest.mark.parametrize("document", [{"es": HELLO["es"]}, {**HELLO, "en": {"subject": "-"}}, {}])
def test_an_incomplete_document_is_never_written(document: Mapping[str, Any]) -> None:
    shelf = Shelf()

    with pytest.raises(ValidationError):
        shelf.templates().change("welcome", document, 0, "staff-1", anything)

    assert shelf.table.get([ACTIVE]) == {}


def test_a_language_that_a_newer_product_brings_does_not_silence_older_texts() -> None:
    shelf = Shelf()
    shelf.templates().change("welcome", HELLO, 0, "staff-1", anything)
    newer = {name: {**document, "it": document.get("es")} for name, document in messages().items() if name != "tasks"}

    catalogue = Templates(shelf.table, shelf.clock, lambda: {**newer, "tasks": messages()["tasks"]}).catalogue()

    assert "it" in catalogue.locales("survey")
    assert catalogue.locales("welcome") == LOCALES
    assert catalogue.unwritten("layout")["welcome"] == ("it",)


def test_what_is_found_wrong_is_never_written() -> None:
    shelf = Shelf()

    def refuse(_: Catalogue) -> None:
        raise LookupError("wrong")

    with pytest.raises(LookupError):
        shelf.templates().change("welcome", HELLO, 0, "staff-1", refuse)

    assert shelf.table.get([ACTIVE]) == {}


def test_a_new_language_is_written_template_by_template_and_spoken_when_the_layout_has_it() -> None:
    shelf = Shelf()
    templates = shelf.templates()

    for name in sorted(messages(), key=lambda each: each == "layout"):
        document = messages()[name]
        it = {"it": document["es"]} if name != "tasks" else {}
        told = (
            {**document, **it}
            if name != "tasks"
            else {task: {**said, "it": said["es"]} for task, said in document.items()}
        )
        templates.change(name, told, 0, "staff-1", anything)
        assert ("it" in templates.latest().locales("welcome")) == (name == "layout")
