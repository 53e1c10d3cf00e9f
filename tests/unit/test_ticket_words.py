"""What people wrote is kept without markup and without what it quotes; tags tell what they want."""

from time import process_time

import pytest

from perennial.sources.payloads import LONGEST_TEXT
from perennial.sources.tickets import LONGEST_MARKUP, intent_of, ticket_id, written_in


@pytest.mark.parametrize(
    ("html", "words"),
    [
        ("<p>Where is <b>my</b> parcel?</p>", "Where is my parcel?"),
        ("<p>One</p><div>two<br/>three</div>", "One\ntwo\nthree"),
        ("<ul><li>a</li><li>b</li></ul>", "a\nb"),
        ("Fish &amp; chips&nbsp;&#233;", "Fish & chips é"),
        ("less < more > equal", "less < more > equal"),
        ("I <3 it", "I <3 it"),
        ("  no \t markup \n\n\n at all ", "no markup\nat all"),
        ("a<!-- hidden -->b<!-- and <p>never</p> closed", "ab"),
        ("<![if !mso]>seen<![endif]><?xml version='1.0'?>", "seen"),
        ("<STYLE>p {color: red}</STYLE><script>if (a<b) alert(1)</script><P>Hello", "Hello"),
        ("<title>Mail</title><p>Hello", "Hello"),
        ("", None),
        ("<p> </p><img src='x'>", None),
        (None, None),
    ],
)
def test_markup_goes_and_words_stay(html: str | None, words: str | None) -> None:
    assert written_in(html) == words


def test_earlier_messages_that_are_quoted_are_not_written_again() -> None:
    html = "<div>Still not here</div><blockquote>On Monday: <blockquote>Late!</blockquote> Sorry</blockquote><p>Ana"

    assert written_in(html) == "Still not here\nAna"


def test_a_message_that_is_all_quotation_is_kept() -> None:
    assert written_in("<blockquote>It broke</blockquote>") == "It broke"


def test_what_an_end_tag_ends_twice_is_ended() -> None:
    assert written_in("</script></blockquote><blockquote>old</blockquote>new") == "new"


def test_a_very_long_message_is_cut_and_not_lost() -> None:
    assert written_in("<p>" + "a" * 65_000) == "a" * LONGEST_TEXT


@pytest.mark.parametrize(
    "piece", ["<", "<a ", '<a b="', "</", "<!--", "<![", "<a<", "<script>", "&#", "<blockquote>", "< /"]
)
def test_nobody_can_keep_us_busy_with_a_mail(piece: str) -> None:
    """`html.parser` takes a minute for some of these."""
    before = process_time()

    written_in(piece * (LONGEST_MARKUP // len(piece)))

    assert process_time() - before < 1


def test_the_sharpest_of_a_ticket_s_tags_tells_what_the_customer_wants() -> None:
    assert intent_of(["how_to", "Complaint", "vip"]) == "complaint"
    assert intent_of(["vip"]) is None


def test_two_help_desks_of_one_shop_may_number_alike() -> None:
    assert (ticket_id("zendesk", "7"), ticket_id("gorgias", "7")) == ("zendesk:7", "gorgias:7")
