"""SMS by Twilio's Messages API.

Twilio does not know a request again, so each is made once. What becomes of a message it tells to the same door at
which it is heard (docs/connect/twilio.md), at an address that names the action.
"""

import json
from collections.abc import Callable
from datetime import timedelta
from urllib.parse import urlencode

from urllib3 import PoolManager

from perennial.aws.posts import NoAnswer, NotReached, Reply, post
from perennial.aws.sender_keys import TwilioKey
from perennial.channels.provider import OptedOut, OutcomeUnknown, Rejected, Spent, Throttled, Unavailable
from perennial.channels.render import Message
from perennial.vendor_api import basic

REJECTIONS = frozenset({21211, 21214, 21217, 21408, 21612, 21614, 21617})
"""The message's own fault: a number that cannot be, or that takes no SMS; a text that is too long."""
HAS_SAID_STOP = 21610
"""To Twilio, which takes no more messages for this number."""
SPENT = frozenset({63038, 10001, 20005, 90010})
"""The account has sent what it may within 24 hours, or is not active, as when its money is used up."""
TOO_MANY = 429
REST = timedelta(minutes=2)
SHORTEST_LIFE = timedelta(seconds=1)
LONGEST_LIFE = timedelta(seconds=36_000)
"""The bounds of ValidityPeriod; what still waits with Twilio after that is not sent."""


class Twilio:
    """A `Provider`."""

    def __init__(self, pool: PoolManager, key: Callable[[], TwilioKey | None], door: str) -> None:
        """key: as the secret has it now. door: where webhooks reach us; empty, nobody is told what became of it."""
        self._pool = pool
        self._key = key
        self._door = door.rstrip("/")

    def send(self, message: Message) -> str:
        key = self._key()
        if key is None:
            raise Unavailable("the secret of the senders has no key to Twilio")
        url = f"https://api.twilio.com/2010-04-01/Accounts/{key.account}/Messages.json"
        body = urlencode(self._form(message, key.sender)).encode()
        headers = {
            "content-type": "application/x-www-form-urlencoded",
            "authorization": basic(key.user, key.password),
        }
        try:
            return _understood(post(self._pool, url, body, headers))
        except NotReached as error:
            raise Unavailable(str(error)) from None
        except NoAnswer as error:
            raise OutcomeUnknown(str(error)) from None

    def _form(self, message: Message, sender: str) -> dict[str, str]:
        life = min(max(message.expires_in, SHORTEST_LIFE), LONGEST_LIFE)
        form = {"To": message.to, "Body": message.body, "ValidityPeriod": str(int(life.total_seconds()))}
        form["MessagingServiceSid" if sender.startswith("MG") else "From"] = sender
        if self._door and message.label:
            action = urlencode({"action": message.action_id})
            form["StatusCallback"] = f"{self._door}/webhooks/twilio/{message.label.store}?{action}"
        return form


def _understood(reply: Reply) -> str:
    told = _read(reply)
    if 200 <= reply.status < 300:
        return str(told.get("sid", ""))[:200]
    if reply.status >= 500:
        raise OutcomeUnknown(f"twilio {reply.status}")
    code = told.get("code")
    if code == HAS_SAID_STOP:
        raise OptedOut(f"twilio {code}")
    if code in REJECTIONS:
        raise Rejected(f"twilio {code}")
    if code in SPENT:
        raise Spent(f"twilio {code}")
    if reply.status == TOO_MANY:
        raise Throttled("twilio 429", REST)
    raise Unavailable(f"twilio {reply.status}")


def _read(reply: Reply) -> dict[str, object]:
    """Its status says whether a message was taken; the rest only says more."""
    try:
        told = json.loads(reply.body)
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}
