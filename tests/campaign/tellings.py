"""What SES and AWS SMS tell of our messages, and what customers text back: through SNS onto a queue of ours."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from perennial.aws.queues import Message as QueueMessage
from perennial.channels.render import Message
from tests.campaign.circumstances import Circumstances
from tests.campaign.people import owner_of
from tests.campaign.vendors import Post, stamp

TOPIC = "arn:aws:sns:eu-west-1:123456789012:receipts"
QUEUE = "receipts"
EMAIL: Mapping[str, tuple[str, str, Mapping[str, Any]]] = {
    "sent": ("Send", "send", {}),
    "delivered": ("Delivery", "delivery", {}),
    "opened": ("Open", "open", {}),
    "clicked": ("Click", "click", {}),
    "bounced": ("Bounce", "bounce", {"bounceType": "Permanent", "bounceSubType": "General"}),
    "complained": ("Complaint", "complaint", {"complaintFeedbackType": "abuse"}),
}
"""What became of an email -> SES's word for it, where it tells more, and what."""
SMS = {"sent": "TEXT_SENT", "delivered": "TEXT_DELIVERED", "bounced": "TEXT_INVALID"}


@dataclass
class Tellings:
    circumstances: Circumstances
    carry: Callable[[str, Sequence[QueueMessage]], None]
    told: list[Post] = field(default_factory=list)
    """Each once, however often it was carried."""

    def tell(self, message: Message, outcome: str) -> None:
        """What became of a message, by who carried it; nothing where they do not tell that."""
        if message.channel == "email":
            self._publish(message, self._of_email(message, outcome))
        elif outcome in SMS:
            self._publish(message, self._of_sms(message, SMS[outcome]))

    def answered(self, message: Message, text: str) -> None:
        """Somebody texts back."""
        said = {"originationNumber": message.to, "destinationNumber": "+10000000000", "messageBody": text}
        previous = {"previousPublishedMessageId": f"m-{message.action_id[:12]}"}
        name = hashlib.blake2b(f"{len(self.told)} {message.action_id}".encode(), digest_size=8).hexdigest()
        self._publish(message, {**said, **previous, "inboundMessageId": name, "messageKeyword": "KEYWORD"})

    def _of_email(self, message: Message, outcome: str) -> dict[str, Any]:
        word, place, more = EMAIL[outcome]
        now = stamp(self.circumstances.agenda.now)
        tags = {name: [value] for name, value in message.tags.items()}
        mail = {"messageId": f"m-{message.action_id[:12]}", "timestamp": now, "destination": [message.to], "tags": tags}
        to = [{"emailAddress": message.to}]
        recipients = {"bouncedRecipients": to} if outcome == "bounced" else {"complainedRecipients": to}
        return {"eventType": word, "mail": mail, place: {**more, **recipients, "timestamp": now}}

    def _of_sms(self, message: Message, word: str) -> dict[str, Any]:
        return {
            "eventType": word,
            "eventTimestamp": int(self.circumstances.agenda.now.timestamp() * 1000),
            "isFinal": word != "TEXT_SENT",
            "messageId": f"m-{message.action_id[:12]}",
            "destinationPhoneNumber": message.to,
            "context": dict(message.tags),
        }

    def _publish(self, message: Message, content: Mapping[str, Any]) -> None:
        now, name = self.circumstances.agenda.now, f"sns-{len(self.told)}"
        envelope = {
            "Type": "Notification",
            "MessageId": name,
            "TopicArn": TOPIC,
            "Message": json.dumps(content),
            "Timestamp": stamp(now),
        }
        body = json.dumps(envelope)
        self.told.append(Post(name, now, "sns", body.encode(), owner_of(message.to).email))
        self.carry(QUEUE, [QueueMessage(body)])
