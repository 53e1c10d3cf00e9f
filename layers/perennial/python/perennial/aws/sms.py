"""SMS by AWS End User Messaging (pinpoint-sms-voice-v2)."""

from datetime import timedelta
from typing import Any

from perennial.aws.answers import understood
from perennial.channels.render import Message

REJECTIONS = frozenset({"ValidationException", "ConflictException"})
"""The message's own fault: a number that cannot be, or one that has opted out with AWS."""
CONTEXT = frozenset({"action", "customer", "store", "play"})
"""Of a label. AWS takes five entries at most, and with less a receipt is still somebody's."""
SHORTEST_LIFE = timedelta(seconds=5)
LONGEST_LIFE = timedelta(hours=72)
"""The bounds of TimeToLive; the longest is also AWS's default, which would deliver in the middle of a later night."""


class Sms:
    """A `Provider`. Its client must not retry: AWS does not know a request again, a second one is a second message."""

    def __init__(self, client: Any, origination_identity: str = "", configuration_set: str = "") -> None:
        self._client = client
        self._fixed: dict[str, Any] = {}
        if origination_identity:
            self._fixed["OriginationIdentity"] = origination_identity
        if configuration_set:
            self._fixed["ConfigurationSetName"] = configuration_set

    def send(self, message: Message) -> str:
        life = min(max(message.expires_in, SHORTEST_LIFE), LONGEST_LIFE)
        with understood(REJECTIONS):
            answer = self._client.send_text_message(
                **self._fixed,
                DestinationPhoneNumber=message.to,
                MessageBody=message.body,
                MessageType="PROMOTIONAL" if message.purpose == "marketing" else "TRANSACTIONAL",
                TimeToLive=int(life.total_seconds()),
                Context={name: value for name, value in message.tags.items() if name in CONTEXT},
            )
        return str(answer["MessageId"])
