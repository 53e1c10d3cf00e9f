"""What is known of the person: on each field the word of whom to believe first, and of theirs the latest.

Personal data, in an erasable item of its own. The order of trust, and why: docs/decisions/0013-data-quality.md.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import TypeVar

from pydantic import Field

from perennial.domain.events import Event, Person
from perennial.domain.values import Instant, Model, at_milliseconds, milliseconds

T = TypeVar("T")
FIELDS = (
    "id", "email", "phone", "device", "loyalty", "name", "first_name", "birthday", "locale", "time_zone", "country",
    "address",
)  # fmt: skip

HELP_DESKS = frozenset({"zendesk", "freshdesk", "gorgias", "intercom"})
CARRIERS_AND_PROVIDERS = frozenset(
    {"aftership", "aftership_returns", "17track", "easypost", "ses", "sns", "sms", "twilio"}
)  # fmt: skip
"""What they know of a person, they know from a label or an address that somebody gave them."""
TRUST = {**dict.fromkeys(HELP_DESKS, -1), **dict.fromkeys(CARRIERS_AND_PROVIDERS, -2)}
"""Whom to believe after the shop and the merchant's own systems (0), where customers keep their own account."""
_STEP = 10**14
"""Milliseconds: more than any time that we accept."""


class Profile(Model):
    person: Person = Field(default_factory=Person)
    told_at: Mapping[str, Instant] = Field(default_factory=dict)
    """Field, or "ids.<vendor>" -> when its word was said."""
    trust: Mapping[str, int] = Field(default_factory=dict)
    """Of the same fields, how far their source is to be believed, where that is less than 0."""

    def with_gaps_filled(self, others: Iterable["Profile"]) -> Person:
        """The person, with what others who are the same person told: their heaviest word where there is none here."""
        said: dict[str, tuple[int, Person]] = {}
        for profile in others:
            for field, _ in words_of(profile.person):
                found = profile.weight(field), profile.person
                said[field] = max(said.get(field, found), found, key=lambda each: each[0])
        known = {field for field, _ in words_of(self.person)}
        words = {field: getattr(said[field][1], field) for field in FIELDS if field in said and field not in known}
        ids = {field.removeprefix("ids."): said[field][1] for field in said if field.startswith("ids.")}
        words["ids"] = _sorted({**{vendor: of.ids[vendor] for vendor, of in ids.items()}, **self.person.ids})
        return self.person.model_copy(update=words)

    def told_by(self, events: Iterable[Event]) -> "Profile":
        profile = self
        for event in events:
            profile = profile.told(event.data.customer, event.time, trust_in(event.source))
        return profile

    def weight(self, field: str) -> int:
        """What another word on this field must outweigh."""
        return _weight(self.told_at[field], self.trust.get(field, 0))

    def repeated(self, heaviest: Mapping[str, int]) -> "Profile":
        """With words that were said again since, each with this weight or less: they weigh as much as that."""
        weights = {field: max(self.weight(field), heaviest.get(field, self.weight(field))) for field in self.told_at}
        return self._weighing(self.person, weights)

    def told(self, person: Person, at: datetime, trust: int = 0) -> "Profile":
        """With what a source says of the person at a time. Heavier words win; what is not said stays."""
        said = _weight(at, trust)
        known = {field: (self.weight(field), word) for field, word in words_of(self.person)}
        newer = {field for field, word in words_of(person) if field not in known or (said, word) > known[field]}
        ids = {vendor: ref for vendor, ref in person.ids.items() if f"ids.{vendor}" in newer}
        words: dict[str, object] = {field: getattr(person, field) for field in FIELDS if field in newer}
        words["ids"] = _sorted({**self.person.ids, **ids})
        weights = {**{field: self.weight(field) for field in self.told_at}, **dict.fromkeys(newer, said)}
        return self._weighing(self.person.model_copy(update=words), weights)

    def _weighing(self, person: Person, weights: Mapping[str, int]) -> "Profile":
        parted = {field: divmod(weight, _STEP) for field, weight in _sorted(weights).items()}
        return Profile(
            person=person,
            told_at={field: at_milliseconds(at) for field, (_, at) in parted.items()},
            trust={field: trust for field, (trust, _) in parted.items() if trust},
        )


def trust_in(source: str) -> int:
    """0 for whom to believe first, less for the others."""
    return TRUST.get(source, 0)


def weight_of(event: Event) -> int:
    """How much its words about the person weigh: trust first, then time in milliseconds since 1970."""
    return _weight(event.time, trust_in(event.source))


def _weight(at: datetime, trust: int) -> int:
    return milliseconds(at) + trust * _STEP


def _sorted(words: Mapping[str, T]) -> Mapping[str, T]:
    return dict(sorted(words.items(), key=lambda word: word[0]))


def words_of(person: Person) -> Iterator[tuple[str, str]]:
    """(field, value as text) of everything that is said of the person."""
    for field in FIELDS:
        if (value := getattr(person, field)) is not None:
            yield field, str(value)
    for vendor, vendor_id in person.ids.items():
        yield f"ids.{vendor}", vendor_id
