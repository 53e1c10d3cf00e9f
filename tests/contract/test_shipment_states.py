"""docs/shipment-states.md is the dictionary that the sources go by, whole and as it is."""

import importlib
import pkgutil
from collections.abc import Mapping
from types import ModuleType

import pytest

from infra.local import shipment_states
from infra.local.shipment_states import DICTIONARY, MEANINGS
from perennial import sources
from perennial.domain.events import ShipmentState


def modules() -> list[ModuleType]:
    found = pkgutil.iter_modules(sources.__path__)
    return [importlib.import_module(f"perennial.sources.{each.name}") for each in found]


def test_the_document_is_what_the_sources_say() -> None:
    written = shipment_states.FILE.read_text(encoding="utf-8")

    assert written == shipment_states.text(), "write it anew: python -m infra.local.shipment_states"


def test_each_state_says_what_it_means_and_is_somebody_s_word() -> None:
    used = {state for words in DICTIONARY for state in words.states.values()}

    assert MEANINGS.keys() == used == set(ShipmentState)


@pytest.mark.parametrize("module", modules(), ids=lambda module: module.__name__.rpartition(".")[2])
def test_every_source_s_words_for_states_are_in_it(module: ModuleType) -> None:
    listed = [words.states for words in DICTIONARY]

    for value in vars(module).values():
        if isinstance(value, Mapping) and any(isinstance(state, ShipmentState) for state in value.values()):
            assert value in listed


def test_no_word_is_both_ignored_and_a_state() -> None:
    for words in DICTIONARY:
        others = [other.states for other in DICTIONARY if other.vendor == words.vendor]
        assert not any(word in states for word in words.ignored for states in others)
