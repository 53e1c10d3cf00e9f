"""Asking SNS: certificates are kept, nothing is followed elsewhere, and an SNS that is down is not a forger."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.error import HTTPError, URLError

import pytest

from perennial.aws import sns
from perennial.aws.sns import AmazonSns


class Server(HTTPServer):
    """Answers /<status> with that status; counts."""

    asked = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Answers(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.asked += 1
        self.send_response(int(self.path.split("/")[1]))
        self.send_header("location", f"{self.server.url}/200/elsewhere")
        self.end_headers()
        self.wfile.write(b"pem" * 100_000 if self.path.endswith("large") else b"pem")

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(("127.0.0.1", 0), Answers) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_a_certificate_is_fetched_once(server: Server) -> None:
    asking = AmazonSns()

    assert [asking.certificate(f"{server.url}/200/a.pem") for _ in range(3)] == [b"pem"] * 3
    assert server.asked == 1


def test_only_so_many_are_kept(server: Server) -> None:
    asking = AmazonSns()

    for number in range(sns.MOST_CERTIFICATES + 1):
        asking.certificate(f"{server.url}/200/{number}.pem")
    asking.certificate(f"{server.url}/200/0.pem")

    assert server.asked == sns.MOST_CERTIFICATES + 2


@pytest.mark.parametrize("status", [302, 307, 400, 403, 404])
def test_where_there_is_none_there_is_none_and_nobody_is_sent_elsewhere(server: Server, status: int) -> None:
    assert AmazonSns().certificate(f"{server.url}/{status}/a.pem") is None
    assert server.asked == 1


def test_an_sns_that_is_down_says_nothing_of_who_signed(server: Server) -> None:
    with pytest.raises(HTTPError):
        AmazonSns().certificate(f"{server.url}/503/a.pem")
    with pytest.raises(URLError):
        AmazonSns().certificate("http://127.0.0.1:1/a.pem")


def test_a_certificate_of_great_size_is_cut(server: Server) -> None:
    assert len(AmazonSns().certificate(f"{server.url}/200/large") or b"") == sns.LARGEST_ANSWER


def test_a_topic_that_cannot_be_confirmed_is_tried_again(server: Server) -> None:
    AmazonSns().confirm(f"{server.url}/200/")

    for refused in (302, 403, 500):
        with pytest.raises(HTTPError):
            AmazonSns().confirm(f"{server.url}/{refused}/")
