"""A pool of connections that keeps what is posted, and answers what it was told to."""

import json
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qsl

from urllib3 import PoolManager


@dataclass
class Posted:
    url: str
    body: bytes
    headers: dict[str, str]

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode()))


@dataclass
class Wire:
    """Answers in turn, the last one for ever: (status, document), perhaps with headers, or an error to raise."""

    answers: list[tuple[int, Any] | tuple[int, Any, dict[str, str]] | Exception]
    posted: list[Posted] = field(default_factory=list)

    def request(self, method: str, url: str, *, body: bytes, headers: dict[str, str], **options: Any) -> Any:
        assert (method, options["retries"], options["redirect"]) == ("POST", False, False)
        self.posted.append(Posted(url, body, headers))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        status, document, *headed = answer
        headers = headed[0] if headed else {}
        content = document if isinstance(document, bytes) else json.dumps(document).encode()
        return SimpleNamespace(status=status, headers=headers, read=lambda most: content[:most], close=lambda: None)

    @property
    def pool(self) -> PoolManager:
        return self  # type: ignore[return-value]
