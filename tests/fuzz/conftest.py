"""One house a file of tests: what they sent in together must have left nothing behind."""

from collections.abc import Iterator

import pytest

from tests.fuzz.running import RunningHouse, started


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHouse]:
    """Running and new."""
    with started(tmp_path_factory.mktemp("fuzz"), played=False) as running:
        yield running


@pytest.fixture(scope="module")
def played_house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHouse]:
    """Running, with the customers of the samples' story in it."""
    with started(tmp_path_factory.mktemp("fuzz"), played=True) as running:
        yield running
