"""Customers who text back: by one provider of SMS, by the other, by a messenger; or to a provider that tells nobody.

Words are written as people write them, in their languages. What they mean is said here and not asked of the product.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from perennial.channels.render import Message
from tests.campaign import vendors
from tests.campaign.circumstances import Circumstances
from tests.campaign.people import EVERYBODY, owner_of
from tests.campaign.posts import Posts
from tests.campaign.tellings import Tellings
from tests.campaign.weather import Odds

Way = Literal["AWS", "Twilio", "messenger", "nobody"]

WORDS: Mapping[str, Sequence[str]] = {
    "STOP": ("STOP", " stop. ", "Ｓｔｏｐ", "¡BAJA!", "退订", "Arrêt", "abmelden", "“parar”", "Stop all"),
    "START": ("START", "Start ", "unstop!", "Resume"),
    "HELP": ("Ayuda", "帮助", "hilfe?", " aide "),
    "thanks": ("thanks", "please don't stop", "START it tomorrow", "yes", ""),
}
"""Meaning -> how people write it. The cries for help are none of those that Twilio answers itself."""
WAYS: Sequence[Way] = (*("AWS",) * 5, *("Twilio",) * 6, *("messenger",) * 3, *("nobody",) * 2)
OURS = "+10000000000"
SHARE = 0.15
"""Of people who have told the provider STOP before the shop ever wrote to them."""


@dataclass(frozen=True)
class Texted:
    """Somebody's answer to a message."""

    word: str
    """What they mean: a key of `WORDS`."""
    way: Way
    persona: str
    channel: str
    at: datetime
    name: str
    """Of the post, where it is one."""


@dataclass
class Texts:
    circumstances: Circumstances
    tellings: Tellings
    posts: Posts
    texted: list[Texted] = field(default_factory=list)
    on_the_list: set[str] = field(default_factory=set)
    """Numbers for which the provider takes nothing: it was told STOP, long ago or since, and told nobody."""

    def __post_init__(self) -> None:
        odds = Odds({"told STOP": SHARE})
        self.on_the_list |= {who.phone for who in EVERYBODY if self.circumstances.chance.of(f"{who.phone} list", odds)}

    def answer(self, message: Message, word: str) -> None:
        """By a way that hangs on the message, in words that hang on how many there were."""
        way = WAYS[int(message.action_id[3], 16)] if message.channel == "sms" else "messenger"
        said = WORDS[word][len(self.texted) % len(WORDS[word])]
        name = hashlib.blake2b(f"{len(self.texted)} {message.action_id}".encode(), digest_size=8).hexdigest()
        who, now = owner_of(message.to), self.circumstances.agenda.now
        self.texted.append(Texted(word, way, who.email, message.channel, now, f"SM{name}"))
        self.circumstances.faults[f"reader: texts {word}"] += 1
        match way:
            case "AWS":
                self.tellings.answered(message, said)
            case "Twilio":
                self.posts.send(self._by_twilio(message, said, word, f"SM{name}"))
            case "messenger":
                event = vendors.event(
                    "message.replied", who, action=message.action_id, channel=message.channel, text=said
                )
                self.posts.send(vendors.open_api(f"SM{name}", now, who, event))
            case "nobody":
                self._keep(message, word)

    def forge(self, message: Message) -> None:
        """Somebody else says STOP in their name."""
        post = self._by_twilio(message, "STOP", "STOP", f"SMf{message.action_id[:10]}", voice="forged")
        self.posts.send(post)

    def is_on_the_list(self, message: Message) -> bool:
        return message.channel == "sms" and message.to in self.on_the_list

    def _by_twilio(
        self, message: Message, said: str, word: str, name: str, voice: vendors.Voice = "own"
    ) -> vendors.Post:
        """Where Advanced Opt-Out is on, Twilio says how it understood the word, whatever it is."""
        form = {"MessageSid": name, "SmsStatus": "received", "From": message.to, "To": OURS, "Body": said}
        if word in ("STOP", "START") and int(name[-1], 16) % 3 == 0:
            form |= {"OptOutType": word, "Body": "genug davon"}
        return vendors.twilio(name, self.circumstances.agenda.now, owner_of(message.to), form, voice)

    def _keep(self, message: Message, word: str) -> None:
        if word == "STOP":
            self.on_the_list.add(message.to)
        elif word == "START":
            self.on_the_list.discard(message.to)
