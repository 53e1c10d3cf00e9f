"""The way out to a merchant's own systems: never into a network behind the internet, and always to an end."""

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from perennial.aws import outside
from perennial.aws.outside import Inside, Outside, is_outside, target_of
from perennial.aws.posts import NoAnswer, NotReached

NAME = "desk.example.com"
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"

INSIDE = [
    "127.0.0.1", "127.255.255.254", "0.0.0.0",  # noqa: S104  -- nothing is bound to it
    "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1",
    "169.254.169.254", "169.254.170.2", "100.64.0.1", "100.127.255.254", "192.0.0.170", "192.0.2.1", "198.18.0.1",
    "198.51.100.7", "203.0.113.9", "224.0.0.1", "224.0.1.1", "239.255.255.250", "240.0.0.1", "255.255.255.255",
    "::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "fec0::1", "ff02::1", "ff0e::1",
    "::ffff:127.0.0.1", "::ffff:8.8.8.8", "::ffff:169.254.169.254", "::127.0.0.1", "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "2002:7f00:1::", "2002:a9fe:a9fe::1", "2001::1", "2001:db8::1", "100::1",
]  # fmt: skip
OUTSIDE = ["8.8.8.8", "1.1.1.1", "52.94.236.248", "2606:4700:4700::1111", "2a00:1450:4001::5"]


@pytest.mark.parametrize("address", INSIDE)
def test_an_address_that_is_not_the_internet_s_is_never_called(address: str) -> None:
    assert not is_outside(address)


@pytest.mark.parametrize("address", OUTSIDE)
def test_an_address_of_the_internet_may_be_called(address: str) -> None:
    assert is_outside(address)


def answers(*addresses: str) -> Callable[..., Sequence[tuple[Any, ...]]]:
    def lookup(host: str, port: int, **_: Any) -> Sequence[tuple[Any, ...]]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port)) for each in addresses]

    return lookup


@pytest.fixture
def nobody_connects(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    tried: list[Any] = []

    def refuse(address: Any, **_: Any) -> socket.socket:
        tried.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr(outside.socket, "create_connection", refuse)
    return tried


@pytest.mark.parametrize("address", INSIDE)
def test_a_name_that_leads_inside_is_not_connected_to(address: str, nobody_connects: list[Any]) -> None:
    with pytest.raises(Inside):
        Outside(ssl.create_default_context(), answers(address)).post(f"https://{NAME}/", b"", {})

    assert nobody_connects == []


def test_one_address_inside_among_others_is_enough_to_refuse_the_name(nobody_connects: list[Any]) -> None:
    with pytest.raises(Inside):
        Outside(ssl.create_default_context(), answers("8.8.8.8", "10.0.0.1")).post(f"https://{NAME}/", b"", {})

    assert nobody_connects == []


def test_the_connection_is_made_to_the_addresses_that_were_looked_at_and_the_name_is_not_looked_up_again(
    nobody_connects: list[Any],
) -> None:
    looked_up: list[str] = []

    def rebinding(host: str, port: int, **more: Any) -> Sequence[tuple[Any, ...]]:
        looked_up.append(host)
        found = ("8.8.8.8", "1.1.1.1", "9.9.9.9") if len(looked_up) == 1 else ("127.0.0.1",)
        return answers(*found)(host, port)

    with pytest.raises(NotReached):
        Outside(ssl.create_default_context(), rebinding).post(f"https://{NAME}:8443/", b"", {})

    assert looked_up == [NAME]
    assert nobody_connects == [("8.8.8.8", 8443), ("1.1.1.1", 8443)]


@pytest.mark.parametrize("error", [socket.gaierror("no such name"), UnicodeError("label too long"), TimeoutError()])
def test_a_name_that_nobody_knows_is_not_reached(error: Exception) -> None:
    def lookup(*_: Any, **__: Any) -> Sequence[tuple[Any, ...]]:
        raise error

    with pytest.raises(NotReached):
        Outside(ssl.create_default_context(), lookup).post(f"https://{NAME}/", b"", {})


def test_an_address_is_taken_apart_as_it_was_looked_at() -> None:
    assert target_of("https://desk.example.com/in?a=b") == ("desk.example.com", 443, "/in?a=b")
    assert target_of("https://desk.example.com:8443") == ("desk.example.com", 8443, "/")
    assert target_of("https://desk.example.com:8443").authority == "desk.example.com:8443"
    assert target_of("https://DESK.example.com/").authority == "desk.example.com"


# Over a real connection


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of `NAME`, by itself; with its key in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(datetime.now(UTC) - timedelta(days=1))
        .not_valid_after(datetime.now(UTC) + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    encoding, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    secret = key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, plain)
    file = tmp_path_factory.mktemp("tls") / "desk.pem"
    file.write_bytes(secret + made.public_bytes(encoding))
    return file


Speaks = Callable[[ssl.SSLSocket], None]


@contextmanager
def serving(certificate: Path, speaks: Speaks) -> Iterator[int]:
    """A server on loopback that says what `speaks` says, once a connection; gives its port."""
    trust = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    trust.load_cert_chain(certificate)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]

        def serve() -> None:
            with suppress(OSError):
                while True:
                    plain, _ = listening.accept()
                    with suppress(OSError), trust.wrap_socket(plain, server_side=True) as secured:
                        speaks(secured)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield port
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            thread.join(5)


def read_request(connection: ssl.SSLSocket) -> bytes:
    read = b""
    while b"\r\n\r\n" not in read:
        read += connection.recv(4096)
    head, _, body = read.partition(b"\r\n\r\n")
    length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    while len(body) < length:
        body += connection.recv(4096)
    return head + b"\r\n\r\n" + body


def says(answer: bytes, heard: list[bytes] | None = None) -> Speaks:
    def speak(connection: ssl.SSLSocket) -> None:
        request = read_request(connection)
        if heard is not None:
            heard.append(request)
        connection.sendall(answer)

    return speak


def way(certificate: Path, *addresses: str) -> Outside:
    """One that believes this certificate, and may call this machine."""
    trust = ssl.create_default_context(cafile=str(certificate))
    return Outside(trust, answers(*(addresses or ("127.0.0.1",))), may_be=lambda address: True)


def believing_the_world() -> Outside:
    """One that may call this machine, and believes those whom everybody believes."""
    return Outside(ssl.create_default_context(), answers("127.0.0.1"), may_be=lambda address: True)


def test_what_is_posted_arrives_under_the_name_and_over_tls(certificate: Path) -> None:
    heard: list[bytes] = []
    with serving(certificate, says(OK, heard)) as port:
        reply = way(certificate).post(f"https://{NAME}:{port}/in?a=b", b'{"a":1}', {"webhook-id": "n-1"})

    assert reply.status == 200
    head, body = heard[0].split(b"\r\n\r\n")
    assert head.startswith(b"POST /in?a=b HTTP/1.1\r\n")
    assert f"host: {NAME}:{port}".encode() in head.lower()
    assert b"webhook-id: n-1" in head
    assert body == b'{"a":1}'


def test_another_s_certificate_ends_the_call_before_a_word_is_said(certificate: Path) -> None:
    heard: list[bytes] = []
    with serving(certificate, says(OK, heard)) as port:
        with pytest.raises(NotReached):
            way(certificate).post(f"https://evil.example.com:{port}/", b"{}", {})
        with pytest.raises(NotReached):
            believing_the_world().post(f"https://{NAME}:{port}/", b"{}", {})

    assert heard == []


def test_a_redirect_is_an_answer_and_is_not_followed(certificate: Path) -> None:
    heard: list[bytes] = []
    moved = b"HTTP/1.1 307 Temporary Redirect\r\nlocation: https://desk.example.com/other\r\ncontent-length: 0\r\n\r\n"
    with serving(certificate, says(moved, heard)) as port:
        assert way(certificate).post(f"https://{NAME}:{port}/", b"{}", {}).status == 307

    assert len(heard) == 1


def test_a_second_address_is_tried_where_the_first_is_not_reached(certificate: Path) -> None:
    with serving(certificate, says(OK)) as port:
        assert way(certificate, "127.0.0.2", "127.0.0.1").post(f"https://{NAME}:{port}/", b"{}", {}).status == 200


def test_whoever_may_have_heard_it_is_not_told_again_at_once_by_another_address(certificate: Path) -> None:
    heard: list[bytes] = []
    with serving(certificate, says(b"", heard)) as port, pytest.raises(NoAnswer):
        way(certificate, "127.0.0.1", "127.0.0.2").post(f"https://{NAME}:{port}/", b"{}", {})

    assert len(heard) == 1


@pytest.mark.parametrize("answer", [b"", b"HTTP", b"what?\r\n\r\n", OK[:17] + b"x: y\r\n" * 200 + b"\r\n"])
def test_half_an_answer_is_none(answer: bytes, certificate: Path) -> None:
    with serving(certificate, says(answer)) as port, pytest.raises(NoAnswer):
        way(certificate).post(f"https://{NAME}:{port}/", b"{}", {})


def test_time_that_is_asked_for_is_told(certificate: Path) -> None:
    busy = b"HTTP/1.1 429 Too Many Requests\r\nretry-after: 600\r\ncontent-length: 0\r\n\r\n"
    with serving(certificate, says(busy)) as port:
        reply = way(certificate).post(f"https://{NAME}:{port}/", b"{}", {})

    assert (reply.status, reply.retry_after) == (429, "600")


def endless(first: bytes, piece: bytes, pause: float) -> Speaks:
    def speak(connection: ssl.SSLSocket) -> None:
        read_request(connection)
        connection.sendall(first)
        end = time.monotonic() + 20
        while time.monotonic() < end:
            connection.sendall(piece)
            time.sleep(pause)

    return speak


def test_a_body_without_end_is_not_read(certificate: Path) -> None:
    began = time.monotonic()
    with serving(certificate, endless(b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 65536, 0)) as port:
        assert way(certificate).post(f"https://{NAME}:{port}/", b"{}", {}).status == 200

    assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    ("first", "piece"),
    [
        (b"HTTP/1.", b"1"),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    ],
)
def test_an_answer_that_drips_has_an_end(
    first: bytes, piece: bytes, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outside, "WHOLE_CALL", 0.5)
    began = time.monotonic()
    with serving(certificate, endless(first, piece, 0.05)) as port, pytest.raises(NoAnswer):
        way(certificate).post(f"https://{NAME}:{port}/", b"{}", {})

    assert time.monotonic() - began < 5


def test_a_head_that_drips_has_an_end_and_its_status_counts(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outside, "WHOLE_CALL", 0.5)
    began = time.monotonic()
    with serving(certificate, endless(b"HTTP/1.1 200 OK\r\nx: ", b"y", 0.05)) as port:
        assert way(certificate).post(f"https://{NAME}:{port}/", b"{}", {}).status == 200

    assert time.monotonic() - began < 5


def test_a_handshake_that_never_ends_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outside, "WHOLE_CALL", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"https://{NAME}:{silent.getsockname()[1]}/"
        with pytest.raises(NotReached):
            believing_the_world().post(url, b"{}", {})
