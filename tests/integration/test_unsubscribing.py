"""From a message in a mail program to no more messages: the house, a real mail server, and a plain POST.

The mail server is aiosmtpd on loopback; the links are those of the mail that it received.
"""

import json
import re
import socket
from collections.abc import Iterator
from datetime import timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import ProxyHandler, Request, build_opener

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from infra.local.client import Client
from infra.local.house import House
from infra.local.signing import signed
from infra.local.state import State
from perennial.domain.values import iso

FORM = "application/x-www-form-urlencoded"
NAME = "Mia\r\nBcc: everybody@example.com"
"""Of a customer who would like to write our headers."""


class Postbox:
    """What the mail server received."""

    def __init__(self) -> None:
        self.mails: list[bytes] = []

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 -- its name
        self.mails.append(bytes(envelope.content or b""))
        return "250 taken"

    def latest(self) -> EmailMessage:
        mail = message_from_bytes(self.mails[-1], policy=policy.default)
        assert isinstance(mail, EmailMessage)
        return mail


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def postbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[Postbox]:
    box = Postbox()
    port = free_port()
    controller = Controller(box, hostname="127.0.0.1", port=port)
    controller.start()
    monkeypatch.setenv("SMTP_URL", f"smtp://127.0.0.1:{port}")
    yield box
    controller.stop()


@pytest.fixture
def house(postbox: Postbox, tmp_path: Path) -> Iterator[House]:
    with House(State(tmp_path / "house")) as running:
        running.begin_at(running.now().replace(hour=12, minute=0))
        yield running


def tells(house: House, number: int, kind: str, **data: object) -> None:
    """An open event of Mia's, who agreed to whatever she is sent."""
    said = {
        "specversion": "1.0",
        "id": f"e-{number}",
        "source": "shop",
        "type": kind,
        "time": iso(house.now()),
        "data": {"customer": {"id": "mia", "email": "mia@example.com", "time_zone": "UTC", "first_name": NAME}, **data},
    }
    body, wall = json.dumps(said).encode(), house.wall()
    answer = Client(house.stack).post(
        "/events/demo", body, signed("open", body, {}, house.stack.secrets["open"][0], wall)
    )
    assert answer.status == 200, answer.body
    house.wait_until_quiet()


def asks(link: str, body: bytes | None = None, kind: str = FORM) -> tuple[int, str]:
    """A browser's or a mail program's request; nothing is followed, no cookie is kept."""
    asked = Request(link, data=body, headers={"content-type": kind} if body else {})
    try:
        with build_opener(ProxyHandler({})).open(asked, timeout=30) as answer:
            assert answer.geturl() == link
            return answer.status, answer.read().decode()
    except HTTPError as refusal:
        return refusal.code, refusal.read().decode()


def a_cart_is_left(house: House, number: int) -> None:
    """After four hours it asks for marketing."""
    tells(house, number, "cart.abandoned", cart={"id": f"k-{number}"})
    house.arrive_at(house.now() + timedelta(hours=5))
    house.wait_until_quiet()


def link_of(mail: EmailMessage) -> str:
    return str(mail["List-Unsubscribe"]).strip("<>")


def test_mail_has_what_a_mail_program_needs_to_show_its_button_and_one_post_is_enough(house: House, postbox: Postbox):
    tells(house, 1, "consent.changed", channel="email", granted=True)
    a_cart_is_left(house, 2)
    mail = postbox.latest()

    # each once, in one line of ASCII, so that DKIM can sign over it; and none that a name brought with it
    head = postbox.mails[-1].split(b"\r\n\r\n")[0]
    for name in (b"List-Unsubscribe", b"List-Unsubscribe-Post"):
        assert len(re.findall(rb"(?m)^" + name + rb": [^\r\n]+\r\n(?! )", head + b"\r\n")) == 1
    assert head.isascii()
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert re.fullmatch(r"<http://127\.0\.0\.1:\d+/u/[\w.-]+>", mail["List-Unsubscribe"])
    assert mail["Bcc"] is None

    status, page = asks(link_of(mail))
    assert status == 200
    assert "<button>" in page
    assert marketing_by_email(house)

    status, _ = asks(link_of(mail), b"List-Unsubscribe=One-Click")
    assert status == 200
    assert not marketing_by_email(house)

    before = len(postbox.mails)
    a_cart_is_left(house, 3)
    assert len(postbox.mails) == before


@pytest.mark.parametrize("unsubscribes", [True, False])
def test_who_unsubscribes_while_a_message_waits_does_not_get_it(house: House, postbox: Postbox, unsubscribes: bool):
    tells(house, 1, "consent.changed", channel="email", granted=True)
    a_cart_is_left(house, 2)
    link, before = link_of(postbox.latest()), len(postbox.mails)
    house.arrive_at(house.now() + timedelta(days=8))
    tells(house, 3, "cart.abandoned", cart={"id": "k-3"})

    if unsubscribes:
        asks(link, b"List-Unsubscribe=One-Click")
    house.arrive_at(house.now() + timedelta(days=2))
    house.wait_until_quiet()

    assert len(postbox.mails) - before == (0 if unsubscribes else 1)


def test_a_mail_program_may_post_in_parts(house: House, postbox: Postbox):
    tells(house, 1, "customer.signed_up")
    parts = b'--b\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--b--\r\n'

    status, _ = asks(link_of(postbox.latest()), parts, "multipart/form-data; boundary=b")

    assert status == 200
    assert not by_email(house, "service")


def test_the_link_in_the_text_leads_to_a_page_that_takes_a_choice(house: House, postbox: Postbox):
    tells(house, 1, "customer.signed_up")
    text = postbox.latest().get_body(("plain",))
    assert text is not None
    [link] = re.findall(r"http://127\.0\.0\.1:\d+/preferences/\S+", text.get_content())

    assert asks(link)[0] == 200
    assert asks(link, b"topic=marketing%2Femail&do=save")[0] == 200

    assert marketing_by_email(house)
    assert not by_email(house, "service")


def test_a_link_of_another_house_is_nobody_s_here(house: House, postbox: Postbox):
    tells(house, 1, "customer.signed_up")
    link = urlsplit(link_of(postbox.latest()))
    forged = link._replace(path=link.path[:-4] + "AAAA").geturl()

    assert asks(forged)[0] == asks(forged, b"List-Unsubscribe=One-Click")[0] == 404
    assert by_email(house, "service")


def marketing_by_email(house: House) -> bool:
    return by_email(house, "marketing")


def by_email(house: House, purpose: str) -> bool:
    """Whether it is allowed, as staff sees it."""
    [found] = Client(house.stack).get("/customers", email="mia@example.com")["customers"]
    said = Client(house.stack).get(f"/customers/{found['id']}")["consent"]
    words = {f"{each['purpose']}/{each['channel']}": each["granted"] for each in said}
    return bool(words.get(f"{purpose}/email", purpose == "service"))
