"""What `make bench` makes of what it measured."""

from pathlib import Path

import pytest

from tests.bench.figures import Figure, last_kept, missed, page_of, table


@pytest.mark.parametrize(("value", "verdict"), [(75.0, "wish met"), (75.1, "met"), (150.0, "met"), (150.1, "MISSED")])
def test_a_figure_meets_its_budget_up_to_the_budget_itself(value: float, verdict: str) -> None:
    figure = Figure("decide()", value, "µs", budget=150, wish=75)

    assert figure.verdict == verdict


@pytest.mark.parametrize(("value", "verdict"), [(999.0, "MISSED"), (1_000.0, "met"), (3_000.0, "wish met")])
def test_where_more_is_better_the_budget_is_the_least(value: float, verdict: str) -> None:
    figure = Figure("house", value, "a second", budget=1_000, wish=3_000, more_is_better=True)

    assert figure.verdict == verdict


def test_a_figure_without_a_budget_cannot_miss_it() -> None:
    figures = [Figure("reference", 1e9, "µs"), Figure("import", 351, "ms", budget=350)]

    assert missed(figures) == ["import"]


def test_the_page_is_read_back_as_the_last_run(tmp_path: Path) -> None:
    page = tmp_path / "benchmarks.md"

    page.write_text(page_of([Figure("decide()", 12.5, "µs", budget=150)], {}, "# Benchmarks\n", {"python": "3.13"}))

    assert last_kept(page) == {"decide()": 12.5}


def test_without_a_page_there_is_no_last_run(tmp_path: Path) -> None:
    assert last_kept(tmp_path / "benchmarks.md") == {}


def test_now_and_last_stand_side_by_side() -> None:
    *_, row = table([Figure("decide()", 12.5, "µs", budget=150)], {"decide()": 25.0})

    assert [cell.strip() for cell in row.strip("|").split("|")] == ["decide()", "12.5 µs", "25", "≤ 150", "", "met"]
