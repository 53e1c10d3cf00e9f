"""One word says it all, however it is written; more than one word is for people to read."""

import json

import pytest

from perennial.domain.events import ConsentChanged, MessageReplied
from perennial.domain.keywords import HELP, STOP, meaning
from perennial.sources import open_events
from tests.builders import NOON


@pytest.mark.parametrize("word", sorted(frozenset().union(*STOP.values())))
def test_every_word_for_stop_is_one_in_capitals_too(word: str):
    assert meaning(word) == meaning(word.upper()) == "stop"


@pytest.mark.parametrize(
    "required",
    ["ARRET", "CANCEL", "END", "OPT-OUT", "OPTOUT", "QUIT", "REMOVE", "STOP", "TD", "UNSUBSCRIBE", "STOPALL", "REVOKE"],
)
def test_what_carriers_require_is_understood(required: str):
    assert meaning(required) == "stop"


@pytest.mark.parametrize(
    "written", [" Stop. ", "“STOP”", "ＳＴＯＰ", "stop!!!", "\nstop\r\n", "Opt  Out", "¡Baja!", "「停止」"]
)
def test_case_width_spaces_and_marks_do_not_matter(written: str):
    assert meaning(written) == "stop"


@pytest.mark.parametrize(
    "text",
    ["please don't stop", "stop by on Friday?", "yes", "", None, "STOP sending to my wife", "s t o p", "the end"],
)
def test_more_than_the_word_is_not_the_word(text: str | None):
    assert meaning(text) is None


@pytest.mark.parametrize("word", sorted(frozenset().union(*HELP.values())))
def test_help_is_asked_for_in_every_language(word: str):
    assert meaning(f" {word.upper()}?") == "help"


@pytest.mark.parametrize("word", ["START", "unstop"])
def test_start_is_understood(word: str):
    assert meaning(word) == "start"


def replies(text: str, channel: str = "sms") -> tuple[object, ...]:
    said = {"customer": {"id": "mia"}, "action": "a-1", "channel": channel, "text": text}
    event = {"specversion": "1.0", "id": "r-1", "source": "chat", "type": "message.replied", "data": said}

    return open_events.translate({}, json.dumps(event).encode(), "demo", NOON)


@pytest.mark.parametrize(("text", "granted"), [("ARRÊT", False), ("Start", True)])
@pytest.mark.parametrize("channel", ["sms", "email"])
def test_a_reply_of_that_word_changes_both_purposes_of_its_channel_and_is_no_sign_of_life(
    text: str, granted: bool, channel: str
):
    found = replies(text, channel)

    assert all(isinstance(each, ConsentChanged) for each in found)
    said = [each.data for each in found if isinstance(each, ConsentChanged)]
    assert [(each.purpose, each.channel, each.granted) for each in said] == [
        ("marketing", channel, granted),
        ("service", channel, granted),
    ]
    assert {each.confirmed for each in said} == {granted}


def test_the_same_reply_told_again_is_the_same_choice():
    assert replies("stop") == replies("stop")


def test_a_reply_that_asks_for_help_is_marked_and_others_are_only_read():
    [asked], [other] = replies("Hilfe"), replies("could you help me?")

    assert isinstance(asked, MessageReplied)
    assert isinstance(other, MessageReplied)
    assert (asked.data.keyword, other.data.keyword) == ("help", None)
