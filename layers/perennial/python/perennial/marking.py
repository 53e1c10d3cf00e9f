"""Marks: short keyed hashes that tell whether a word of the profile is the one that is known, and not what it is."""

import hmac
from collections.abc import Iterable, Mapping

from perennial.aws.store import MARK_LENGTH, Told
from perennial.domain.events import Event
from perennial.domain.profile import Profile, weight_of, words_of


class Marking:
    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def said(self, event: Event) -> dict[str, Told]:
        """Of everything that an event says of its person, by field of the profile."""
        weight = weight_of(event)
        return {field: Told(self._mark(field, word), weight) for field, word in words_of(event.data.customer)}

    def of(self, profile: Profile) -> dict[str, Told]:
        words = words_of(profile.person)
        return {field: Told(self._mark(field, word), profile.weight(field)) for field, word in words}

    def _mark(self, field: str, value: str) -> str:
        return hmac.digest(self._secret, f"{field}\x1f{value}".encode(), "sha256").hex()[:MARK_LENGTH]


def is_news(word: Told, known: Told | None) -> bool:
    """Would it change the profile? Most webhooks repeat what they said; and what was said before the last is past."""
    return known is None or (word.mark != known.mark and word.at >= known.at)


def latest(marked: Mapping[str, Told], said: Iterable[Mapping[str, Told]]) -> Mapping[str, Told]:
    """The marks, as late as they were repeated."""
    found = dict(marked)
    for field, word in (each for words in said for each in words.items()):
        found[field] = max(found[field], word, key=lambda told: told.at)
    return found


def profile_of(body: str | None, marked: Mapping[str, Told]) -> Profile:
    """The profile as it was written, with words as late as they were repeated since."""
    if body is None:
        return Profile()
    return Profile.model_validate_json(body).repeated({field: word.at for field, word in marked.items()})
