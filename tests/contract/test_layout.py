"""The HTML that runs is what email.mjml compiles to."""

from infra.local import layout


def test_the_compiled_layout_is_what_its_source_says() -> None:
    assert layout.COMPILED.read_text(encoding="utf-8") == layout.text(), "compile it anew: make layout"


def test_the_layout_brings_nothing_from_elsewhere() -> None:
    html = layout.COMPILED.read_text(encoding="utf-8")

    assert "http://www.w3.org" in html
    assert not [mark for mark in ("<script", "@import", "<link", "url(", "https://") if mark in html]
