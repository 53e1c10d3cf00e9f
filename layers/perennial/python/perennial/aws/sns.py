"""Asking Amazon SNS for what its messages are verified with, and confirming its topics."""

from contextlib import closing
from urllib.error import HTTPError
from urllib.request import HTTPRedirectHandler, OpenerDirector, build_opener

TIMEOUT = 3.0
"""Seconds. Whoever posted the message waits."""
LARGEST_ANSWER = 64 * 1024
MOST_CERTIFICATES = 16
"""SNS has one a region, and a new one each year."""
_SERVER_ERRORS = 500


class AmazonSns:
    """As `sources.sns.Sns`. Which addresses may be asked, is decided there; here nobody is followed anywhere else."""

    def __init__(self) -> None:
        self._opener = _opener()
        self._certificates: dict[str, bytes] = {}

    def certificate(self, url: str) -> bytes | None:
        """Kept for as long as this process lives: an address of SNS's stands for one certificate for good."""
        if url not in self._certificates:
            found = self._fetched(url)
            if found is None:
                return None
            if len(self._certificates) >= MOST_CERTIFICATES:
                self._certificates.clear()
            self._certificates[url] = found
        return self._certificates[url]

    def confirm(self, url: str) -> None:
        self._open(url)

    def _fetched(self, url: str) -> bytes | None:
        try:
            return self._open(url)
        except HTTPError as answer:
            if answer.code >= _SERVER_ERRORS:
                raise
            return None

    def _open(self, url: str) -> bytes:
        with closing(self._opener.open(url, timeout=TIMEOUT)) as answer:
            content: bytes = answer.read(LARGEST_ANSWER)
        return content


class _Nowhere(HTTPRedirectHandler):
    """An answer that sends us elsewhere is none."""

    def redirect_request(self, *_: object) -> None:
        return None


def _opener() -> OpenerDirector:
    return build_opener(_Nowhere)
