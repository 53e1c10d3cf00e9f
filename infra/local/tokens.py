"""Bearer tokens of the laptop house: in AWS Cognito or another issuer signs them, here the house's own key."""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

ISSUER = "https://laptop.perennial.example"
AUDIENCE = "perennial"
VALID_FOR = timedelta(days=7)
_HEADER = {"alg": "HS256", "typ": "JWT"}


class Invalid(Exception):
    """The token is not ours, has ended, or is for someone else. Answer 401 and say no more."""


class Signer:
    """Makes and reads JSON Web Tokens with HS256 and one key (RFC 7519, RFC 7515)."""

    def __init__(self, key: str) -> None:
        self._key = key.encode()

    def token(self, claims: Mapping[str, Any], now: datetime) -> str:
        ends = {"iss": ISSUER, "aud": AUDIENCE, "iat": int(now.timestamp()), "exp": int((now + VALID_FOR).timestamp())}
        signed = f"{_packed(_HEADER)}.{_packed({**ends, **claims})}"
        return f"{signed}.{self._signature(signed)}"

    def read(self, token: str, now: datetime) -> dict[str, Any]:
        """The claims. Raises `Invalid`. Only our algorithm is ever tried, whatever the token's header says."""
        signed, _, signature = token.rpartition(".")
        if not hmac.compare_digest(self._signature(signed).encode(), signature.encode()):
            raise Invalid("the signature is not ours")
        claims: dict[str, Any] = json.loads(_unpacked(signed.partition(".")[2]))
        if claims["iss"] != ISSUER or claims["aud"] != AUDIENCE:
            raise Invalid("meant for another house")
        if claims["exp"] <= now.timestamp():
            raise Invalid("has ended")
        return claims

    def read_bearer(self, headers: Mapping[str, str], now: datetime) -> dict[str, Any]:
        """The claims of the token in these headers, by lower-case name. Raises `Invalid`, also when there is none."""
        scheme, _, token = headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            raise Invalid("no bearer token")
        return self.read(token.strip(), now)

    def _signature(self, signed: str) -> str:
        return _text(hmac.new(self._key, signed.encode(), hashlib.sha256).digest())


def _packed(value: Mapping[str, Any]) -> str:
    return _text(json.dumps(value, separators=(",", ":")).encode())


def _unpacked(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
