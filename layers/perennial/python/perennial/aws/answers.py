"""What AWS's answers to a send mean for the outbox."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError

from perennial.channels.provider import OutcomeUnknown, ProviderError, Rejected, Throttled, Unavailable

THROTTLED = frozenset({"TooManyRequestsException", "ThrottlingException", "Throttling"})
REST = timedelta(minutes=2)
REST_OF_A_DAY = timedelta(hours=1)
"""SES counts its daily quota over the last 24 hours: there is more room every now and then."""


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
    if code in rejections:
        return Rejected(" ".join(filter(None, (code, error.response.get("Reason")))))
    return Unavailable(code)


def _throttled(code: str, message: str) -> Throttled:
    """SES says which of its quotas is used up in prose alone."""
    if "daily" in message.lower():
        return Throttled("daily quota", REST_OF_A_DAY)
    return Throttled(code, REST)
