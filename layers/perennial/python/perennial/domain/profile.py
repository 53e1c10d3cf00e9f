"""What is known of the person: the latest word on each field. Personal data, in an erasable item of its own."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import TypeVar

from pydantic import Field

from perennial.domain.events import Event, Person
from perennial.domain.values import Instant, Model

T = TypeVar("T")
FIELDS = ("id", "email", "phone", "name", "first_name", "birthday", "locale", "time_zone", "country", "address")


class Profile(Model):
    person: Person = Field(default_factory=Person)
    told_at: Mapping[str, Instant] = Field(default_factory=dict)
    """Field, or "ids.<vendor>" -> when its word was said."""

    def told_by(self, events: Iterable[Event]) -> "Profile":
        profile = self
        for event in events:
            profile = profile.told(event.data.customer, event.time)
        return profile

    def repeated(self, latest: Mapping[str, datetime]) -> "Profile":
        """With words that were said again since, each at this time or before: they are as late as that."""
        told_at = {field: max(at, latest.get(field, at)) for field, at in self.told_at.items()}
        return self.model_copy(update={"told_at": told_at})

    def told(self, person: Person, at: datetime) -> "Profile":
        """With what a source says of the person at a time. Later words win; what is not said stays."""
        known = {field: (self.told_at[field], word) for field, word in words_of(self.person)}
        newer = {field for field, word in words_of(person) if field not in known or (at, word) > known[field]}
        ids = {vendor: ref for vendor, ref in person.ids.items() if f"ids.{vendor}" in newer}
        words: dict[str, object] = {field: getattr(person, field) for field in FIELDS if field in newer}
        words["ids"] = _sorted({**self.person.ids, **ids})
        told_at = _sorted({**self.told_at, **dict.fromkeys(newer, at)})
        return Profile(person=self.person.model_copy(update=words), told_at=told_at)


def _sorted(words: Mapping[str, T]) -> Mapping[str, T]:
    return dict(sorted(words.items(), key=lambda word: word[0]))


def words_of(person: Person) -> Iterator[tuple[str, str]]:
    """(field, value as text) of everything that is said of the person."""
    for field in FIELDS:
        if (value := getattr(person, field)) is not None:
            yield field, str(value)
    for vendor, vendor_id in person.ids.items():
        yield f"ids.{vendor}", vendor_id
