"""Mails that come back, as servers write them."""

from perennial.channels.returns import Return
from perennial.domain.return_path import mark
from tests.builders import NOON

KEYS = {"1": b"the key of marks"}
ACTION, CUSTOMER = "0123456789abcdef" * 2, "c" + "0f" * 12
EMAIL = "mia@example.com"


def a_return(customer: str = CUSTOMER, action: str = ACTION, store: str = "demo", key: bytes = KEYS["1"]) -> Return:
    made = mark(action, customer, store, key)
    assert made is not None
    return Return(made, f"{made}@bounces.shop.example", store)


def a_fate(action: str = "failed", status: str = "5.1.1", **fields: str) -> str:
    """What a report says of one recipient."""
    told = {"Final-Recipient": f"rfc822; {EMAIL}", "Action": action, "Status": status}
    named = {name.replace("_", "-").title(): value for name, value in fields.items()}
    return "".join(f"{name}: {value}\r\n" for name, value in {**told, **named}.items() if value)


def a_report(*fates: str, back: Return | None = None, **head: str) -> bytes:
    """A delivery status notification that tells these fates, one that failed for good if none is given."""
    blocks = "\r\n".join(["Reporting-MTA: dns; mx.example\r\n", *(fates or (a_fate(),))])
    return a_multipart("delivery-status", blocks, back, **head)


def a_complaint(feedback: str = "abuse", back: Return | None = None, **head: str) -> bytes:
    told = f"Feedback-Type: {feedback}\r\nUser-Agent: Provider/1\r\nVersion: 1\r\n"
    return a_multipart("feedback-report", told, back, To="complaints@shop.example", **head)


def a_multipart(kind: str, fields: str, back: Return | None = None, **head: str) -> bytes:
    back = back or a_return()
    quoted = "".join(f"{name}: {value}\r\n" for name, value in back.headers.items())
    parts = [
        ("text/plain; charset=utf-8", f"Your mail to {EMAIL} came back.\r\n"),
        (f"message/{kind}", fields),
        ("text/rfc822-headers", f"From: hello@shop.example\r\n{quoted}"),
    ]
    body = "".join(f"--b\r\nContent-Type: {type_}\r\n\r\n{text}\r\n" for type_, text in parts)
    return a_mail(f"{body}--b--\r\n", back, Content_Type=f'multipart/report; report-type={kind}; boundary="b"', **head)


def a_mail(text: str = "Hello\r\n", back: Return | None = None, **head: str) -> bytes:
    """To the address that ours came from, at noon, unless the head says otherwise; an empty header is left out."""
    usual = {
        "From": "MAILER-DAEMON@mx.example",
        "To": (back or a_return()).address,
        "Date": f"{NOON:%a, %d %b %Y %T %z}",
    }
    named = {name.replace("_", "-"): value for name, value in head.items()}
    told = "".join(f"{name}: {value}\r\n" for name, value in {**usual, **named}.items() if value)
    return f"{told}\r\n{text}".encode()
