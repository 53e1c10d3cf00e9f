"""What is known of the person: the latest word on each field. Personal data, in an erasable item of its own."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

from perennial.domain.events import Event, Person
from perennial.domain.values import Instant, Model

FIELDS = ("id", "email", "phone", "name", "first_name", "birthday", "locale", "time_zone", "country", "address")


class Profile(Model):
    person: Person = Person()
    told_at: Mapping[str, Instant] = {}
    """Field -> when its word was said."""

    def told_by(self, events: Iterable[Event]) -> "Profile":
        profile = self
        for event in events:
            profile = profile.told(event.data.customer, event.time)
        return profile

    def told(self, person: Person, at: datetime) -> "Profile":
        """With what a source says of the person at a time. Later words win; what is not said stays."""
        words: dict[str, object] = {"ids": {**self.person.ids, **person.ids}}
        times = dict(self.told_at)
        for field in FIELDS:
            value, before = getattr(person, field), getattr(self.person, field)
            if value is not None and (before is None or (at, str(value)) > (times[field], str(before))):
                words[field], times[field] = value, at
        return Profile(person=self.person.model_copy(update=words), told_at=times)


def words_of(person: Person) -> Iterator[tuple[str, str]]:
    """(field, value as text) of everything that is said of the person."""
    for field in FIELDS:
        if (value := getattr(person, field)) is not None:
            yield field, str(value)
    for vendor, vendor_id in person.ids.items():
        yield f"ids.{vendor}", vendor_id
