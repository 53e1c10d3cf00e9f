"""What `make bench` makes of what it measured."""

from math import inf
from pathlib import Path

import pytest

from tests.bench.figures import Figure, Section, behind, last_kept, missed, page_of, table


@pytest.mark.parametrize(("value", "verdict"), [(75.0, "wish met"), (75.1, "met"), (150.0, "met"), (150.1, "MISSED")])
def test_a_figure_meets_its_budget_up_to_the_budget_itself(value: float, verdict: str) -> None:
    figure = Figure("decide()", value, "µs", budget=150, wish=75)

    assert figure.verdict == verdict


@pytest.mark.parametrize(("value", "verdict"), [(999.0, "MISSED"), (1_000.0, "met"), (3_000.0, "wish met")])
def test_where_more_is_better_the_budget_is_the_least(value: float, verdict: str) -> None:
    figure = Figure("house", value, "a second", budget=1_000, wish=3_000, more_is_better=True)

    assert figure.verdict == verdict


def test_a_verdict_is_on_the_scaled_time_and_not_on_what_the_clock_said() -> None:
    figure = Figure("import", 340, "ms", budget=350, raw=600)

    assert figure.verdict == "met"


def test_a_figure_without_a_budget_cannot_miss_it() -> None:
    figures = [Figure("reference", 1e9, "µs"), Figure("import", 351, "ms", budget=350)]

    assert missed(figures) == ["import"]


@pytest.mark.parametrize(
    ("ours", "plain", "more_is_better", "ratio"),
    [
        (2.0, 5.0, False, 2.5),
        (5.0, 2.0, False, 0.4),
        (1_000.0, 100.0, True, 10.0),
        (100.0, 1_000.0, True, 0.1),
        (0.0, 7.0, False, inf),
        (0.0, 0.0, False, 1.0),
    ],
)
def test_a_ratio_says_how_many_times_better_ours_is(
    ours: float, plain: float, more_is_better: bool, ratio: float
) -> None:
    figure = Figure("calls", ours, "", more_is_better=more_is_better, plain=plain)

    assert figure.ratio == ratio


def test_what_the_plain_assembly_does_better_is_named_and_what_it_does_as_well_is_not() -> None:
    worse, equal = Figure("write units", 6, "", plain=5.9), Figure("read units", 1, "", plain=1)

    assert behind([worse, equal, Figure("decide()", 1, "µs")]) == ["write units"]


def test_the_page_is_read_back_as_the_last_run(tmp_path: Path) -> None:
    page, figure = tmp_path / "benchmarks.md", Figure("decide()", 12.5, "µs", budget=150, raw=20, plain=30)

    page.write_text(page_of([figure], [], {}, "# Benchmarks\n", {"python": "3.13"}))

    assert last_kept(page) == {"decide()": 12.5}


def test_the_page_tells_sections_as_tables() -> None:
    section = Section("Phases", "By looks.", [("phase", "µs"), ("read", "12")])

    page = page_of([Figure("decide()", 1, "µs")], [section], {}, "# Benchmarks\n", {})

    assert "## Phases\n\nBy looks.\n\n| phase | µs |\n|-------|----|\n| read  | 12 |\n" in page


def test_without_a_page_there_is_no_last_run(tmp_path: Path) -> None:
    assert last_kept(tmp_path / "benchmarks.md") == {}


def test_now_and_raw_and_last_and_plain_stand_side_by_side() -> None:
    figure = Figure("decide()", 12.5, "µs", budget=150, raw=18.75, plain=50)

    *_, row = table([figure], {"decide()": 25.0})

    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert cells == ["decide()", "12.5 µs", "18.8", "25", "≤ 150", "", "met", "50", "4"]


def test_infinitely_better_is_written_so() -> None:
    *_, row = table([Figure("lost messages", 0, "", plain=3)], {})

    assert row.endswith("| 3     | ∞     |")
