"""What plain words become on a page: paragraphs, steps, buttons, vouchers; and what may never be a link."""

import pytest

from perennial.channels.markup import (
    Button,
    Paragraph,
    Part,
    Run,
    Steps,
    Voucher,
    addresses,
    ink_on,
    parts,
    web_address,
)

SHOP = "https://shop.example/new?a=1"


def a_paragraph(*lines: str) -> Paragraph:
    return Paragraph(tuple((Run(line),) for line in lines))


def test_a_blank_line_ends_a_paragraph_and_a_line_break_stays() -> None:
    assert parts("one\ntwo\n\nthree", links=()) == (a_paragraph("one", "two"), a_paragraph("three"))


@pytest.mark.parametrize(
    ("text", "label"),
    [
        (f"See what is new: {SHOP}", "See what is new"),
        (f"点这里接着选：{SHOP}", "点这里接着选"),
        (f"Voir\xa0: {SHOP}", "Voir"),
    ],
)
def test_a_line_that_leads_somewhere_is_a_button(text: str, label: str) -> None:
    assert parts(text, links={SHOP}) == (Button(label, SHOP),)


def test_numbered_lines_are_steps() -> None:
    assert parts("1. Unpack.\n2. Try.", links=()) == (Steps(((Run("Unpack."),), (Run("Try."),))),)


def test_one_number_makes_no_list() -> None:
    assert parts("1. place", links=()) == (a_paragraph("1. place"),)


def test_an_address_within_a_sentence_is_a_link_without_its_full_stop() -> None:
    line = (Run("Go to "), Run(SHOP, SHOP), Run(". Now."))

    assert parts(f"Go to {SHOP}. Now.", links={SHOP}) == (Paragraph((line,)),)


@pytest.mark.parametrize(
    "text",
    ["Order: https://evil.example/x", "Your order https://evil.example is here", "Pay: javascript:alert(1)"],
)
def test_an_address_that_a_stranger_brought_stays_a_word(text: str) -> None:
    (part,) = parts(text, links={SHOP})

    assert part == a_paragraph(text)


def test_a_coupon_is_told_apart_from_the_words_around_it() -> None:
    told = "Your code: ABC\nGood for 10% off."
    found: tuple[Part, ...] = parts(f"Take this:\n\n{told}", links=(), coupon=told, code="ABC")

    assert found == (a_paragraph("Take this:"), Voucher("Your code:", "ABC", ("Good for 10% off.",)))


def test_words_after_the_code_are_not_lost() -> None:
    assert parts("Use ABC today", links=(), coupon="Use ABC today", code="ABC") == (Voucher("Use", "ABC", ("today",)),)


@pytest.mark.parametrize(
    "address", ["https://shop.example", "http://shop.example/a?b=c&d=%20#e", " https://shop.example "]
)
def test_a_browser_may_be_sent_to_the_web(address: str) -> None:
    assert web_address(address) == address.strip()


@pytest.mark.parametrize(
    "address",
    [
        "javascript:alert(1)",
        "JavaScript://shop.example/%0aalert(1)",
        "data:text/html,<script>alert(1)</script>",
        "ftp://shop.example",
        "//shop.example",
        "https://",
        "https:///path",
        "https://shop.example/\nBcc: all@example.com",
        'https://shop.example/"onclick="x',
        "https://shop.example/<b>",
        "https://[shop",
        "https://shop.example/\u202egpj",
        "https://shop.example/" + "x" * 2_000,
        "",
        None,
    ],
)
def test_a_browser_is_sent_nowhere_else(address: str | None) -> None:
    assert web_address(address) is None


def test_the_addresses_of_an_author_are_found() -> None:
    assert addresses(f"See {SHOP}, or {{{{ shop_url }}}} (https://help.example).") == {SHOP, "https://help.example"}


@pytest.mark.parametrize(
    ("color", "ink"),
    [
        ("#000000", "#ffffff"),
        ("#ffffff", "#000000"),
        ("#1f2937", "#ffffff"),
        ("#ffd400", "#000000"),
        ("#0f5c4d", "#ffffff"),
    ],
)
def test_a_button_can_be_read_on_any_color(color: str, ink: str) -> None:
    assert ink_on(color) == ink
