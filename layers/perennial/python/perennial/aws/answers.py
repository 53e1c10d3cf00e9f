"""What AWS's answers to a send mean for the outbox."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError

from perennial.channels.provider import OptedOut, OutcomeUnknown, ProviderError, Rejected, Spent, Throttled, Unavailable

THROTTLED = frozenset({"TooManyRequestsException", "ThrottlingException", "Throttling"})
HAS_SAID_STOP = "DESTINATION_PHONE_NUMBER_OPTED_OUT"
"""To AWS, which answers a STOP itself and tells nobody, unless the account manages its opt-outs."""
REST = timedelta(minutes=2)
SPENT = frozenset({"LimitExceededException", "ServiceQuotaExceededException"})
"""What the account may send or spend is used up: SES's, and that of SMS, where it is the money of a month."""


@contextmanager
def understood(rejections: frozenset[str]) -> Iterator[None]:
    """Turns what botocore raises into a `ProviderError`; `rejections` are the codes that are the message's own fault.

    The causes are left behind, because AWS's prose quotes addresses.
    """
    try:
        yield
    except ClientError as error:
        raise _meaning(error, rejections) from None
    except HTTPClientError as error:  # the request was under way
        raise OutcomeUnknown(type(error).__name__) from None
    except BotoCoreError as error:  # no connection, no credentials: there was no request
        raise Unavailable(type(error).__name__) from None


def _meaning(error: ClientError, rejections: frozenset[str]) -> ProviderError:
    code = error.response["Error"]["Code"]
    if error.response["ResponseMetadata"]["HTTPStatusCode"] >= 500:
        return OutcomeUnknown(code)
    if code in THROTTLED:
        return _throttled(code, error.response["Error"].get("Message", ""))
    if code in SPENT:
        return Spent(_with(code, error.response.get("Reason")))
    if code in rejections:
        return _rejected(code, error.response.get("Reason"))
    return Unavailable(code)


def _rejected(code: str, reason: str | None) -> Rejected:
    return OptedOut(code) if reason == HAS_SAID_STOP else Rejected(_with(code, reason))


def _with(code: str, reason: str | None) -> str:
    return " ".join(filter(None, (code, reason)))


def _throttled(code: str, message: str) -> Throttled:
    """SES says in prose alone which of its quotas is used up: that of a second, or that of the last 24 hours."""
    if "daily" in message.lower():
        return Spent("daily quota")
    return Throttled(code, REST)
