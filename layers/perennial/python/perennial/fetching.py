"""What a vendor only named is asked for, and what it answers is read like a delivery.

A hook of BigCommerce says "order 250 has changed" and no more. Fetched twice it does no harm: events are named after
the order and its last change. What cannot be fetched for good is put into quarantine as the hook that it was, with the
reason, to be replayed when a person has mended it; what may come right by itself is left to the queue.
"""

import hashlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Protocol

from pydantic_core import from_json

from perennial.domain.values import Id, Model
from perennial.sources import FETCHED
from perennial.vendor_api import Answer, Api, Denied, NotFound, Unavailable

if TYPE_CHECKING:
    from perennial.ingest import Ingest


class Fetch(Model):
    """A message on the queue of fetches. Holds no personal data but what the hook holds: ids."""

    source: str
    store: str
    kind: str
    id: Id
    hook: str
    """What named it, as it came."""

    @property
    def group(self) -> str:
        """Whose turn it is, for fair queues: one order that changes all the time delays no other."""
        return hashlib.sha256(f"{self.store}\x1f{self.kind}\x1f{self.id}".encode()).hexdigest()[:32]


class Fetched(Protocol):
    """What this module asks of a vendor's module in `sources`."""

    def path(self, kind: str, name: str, /) -> str:
        """Where the thing is."""

    def also(self, kind: str, name: str, thing: bytes, /) -> Mapping[str, str]:
        """What else must be asked for, once it is there: member of the document -> path."""

    def document(self, kind: str, thing: bytes, rest: Mapping[str, bytes], /) -> bytes:
        """All of it as one body, which `translate` reads."""


class Fetcher:
    def __init__(
        self, vendors: Mapping[str, Fetched], api_of: Callable[[str, str], Api | None], ingest: "Ingest"
    ) -> None:
        """`api_of(source, store)` is None where the merchant gave no key."""
        self._vendors = vendors
        self._api_of = api_of
        self._ingest = ingest

    def fetch(self, asked: Fetch) -> None:
        """Ask, translate, store. Raises `Unavailable`, and what queue and table raise: then ask again later."""
        api = self._api_of(asked.source, asked.store)
        if api is None:
            self._put_aside(asked, "there is no API key for this store; add it (docs/connect) and replay")
            return
        try:
            document = self._document(api, asked)
        except NotFound:
            self._put_aside(asked, f"the shop has no such {asked.kind}: it was deleted, or is another shop's")
        except Denied as why:
            self._put_aside(asked, f"the shop refuses our API key ({why}); correct it and replay")
        else:
            headers = {FETCHED: asked.kind}
            reading = self._ingest.understood(asked.source, asked.store, headers, [document])
            self._ingest.keep(asked.source, asked.store, headers, reading)

    def _document(self, api: Api, asked: Fetch) -> bytes:
        vendor = self._vendors[asked.source]
        thing = _json(api.get(vendor.path(asked.kind, asked.id)))
        also = vendor.also(asked.kind, asked.id, thing)
        rest = {name: _json(api.get(path)) for name, path in also.items()}
        return vendor.document(asked.kind, thing, rest)

    def _put_aside(self, asked: Fetch, reason: str) -> None:
        told = f"{asked.kind} {asked.id} could not be fetched: {reason}"
        self._ingest.put_aside(asked.source, asked.store, {}, asked.hook.encode(), told)


def _json(answer: Answer) -> bytes:
    """The body, empty where a vendor answers "nothing" so. A page of a shop that is being mended is no answer."""
    try:
        from_json(answer.body or b"null")
    except ValueError:
        raise Unavailable("the answer is no JSON") from None
    return answer.body
