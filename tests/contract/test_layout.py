"""The HTML that runs is what email.mjml compiles to."""

import pytest

from infra.local import layout


def test_the_compiled_layout_is_what_its_source_says() -> None:
    assert layout.COMPILED.read_text(encoding="utf-8") == layout.text(), "compile it anew: make layout"


def test_a_misspelt_part_of_the_layout_is_not_compiled_away() -> None:
    source = layout.SOURCE.read_text(encoding="utf-8")

    with pytest.raises(ValueError, match="MJML knows no <mj-buton>"):
        layout.text(source.replace("<mj-button", "<mj-buton").replace("</mj-button", "</mj-buton"))


def test_the_layout_brings_nothing_from_elsewhere() -> None:
    html = layout.COMPILED.read_text(encoding="utf-8")

    assert "http://www.w3.org" in html
    assert not [mark for mark in ("<script", "@import", "<link", "url(", "https://") if mark in html]
