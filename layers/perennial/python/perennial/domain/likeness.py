"""How much speaks for two known customers being one person. Says which kinds agree, and never what they say.

The score orders the desk's work and merges nobody. Its weights are a judgement, not a fit: there are no labelled pairs
of a shop to fit them to (tests/unit/test_identity_pairs.py holds what they are measured by).
"""

import re
import unicodedata
from collections.abc import Callable, Iterable
from typing import NamedTuple

from perennial.domain.events import Person

SHARED = {"vendor": 100, "id": 70, "email": 65, "relay": 60, "phone": 40, "order": 35, "order_name": 20,
          "tracking": 30, "loyalty": 25, "device": 10}  # fmt: skip
"""For a key that both turned out to have, by its kind: the likelier it is one person's, the more."""
ALIKE = {"name": 20, "birthday": 20, "address": 10}
UNLIKE = {"name": 25, "birthday": 40, "address": 0, "id": 10}
"""id: one vendor knows them by two. People make a second account; but two people have two as well."""
LEAST_SCORE = 25
"""Less is not worth a question: a device alone is everybody's in its house."""
_WORD = re.compile(r"[^\W\d_]+")
_PLAIN = re.compile(r"[\W_]+")


class Likeness(NamedTuple):
    score: int
    agree: tuple[str, ...]
    disagree: tuple[str, ...]


def likeness(one: Person, other: Person, shared: Iterable[str]) -> Likeness:
    """shared: kinds of the keys that both have."""
    compared = {name: compare(one, other) for name, compare in _COMPARED.items()}
    agree = tuple(name for name, same in compared.items() if same)
    disagree = tuple(name for name, same in compared.items() if same is False)
    score = sum(SHARED[kind] for kind in shared) + sum(ALIKE.get(name, 0) for name in agree)
    return Likeness(min(100, max(0, score - sum(UNLIKE[name] for name in disagree))), agree, disagree)


def same_name(one: str, other: str) -> bool:
    """Is it one name: accents, order and hyphens aside, as in "Wang Xiaoming", "Xiao-Ming Wang", "XIAOMING WANG"?"""
    first, second = _words(one), _words(other)
    return bool(first) and not _turns(first).isdisjoint(_turns(second))


def _words(name: str) -> list[str]:
    plain = unicodedata.normalize("NFKD", name.casefold())
    return _WORD.findall("".join(letter for letter in plain if not unicodedata.combining(letter)))


def _turns(words: list[str]) -> set[str]:
    """The name with each of its words first, written as one word: family names come first or last."""
    return {"".join((*words[at:], *words[:at])) for at in range(len(words))}


def _names(one: Person, other: Person) -> bool | None:
    return same_name(one.name, other.name) if one.name and other.name else None


def _birthdays(one: Person, other: Person) -> bool | None:
    return one.birthday == other.birthday if one.birthday and other.birthday else None


def _addresses(one: Person, other: Person) -> bool | None:
    if not (one.address and other.address):
        return None
    return _PLAIN.sub("", one.address.casefold()) == _PLAIN.sub("", other.address.casefold())


def _ids(one: Person, other: Person) -> bool | None:
    """False where one vendor knows them by two ids. That it knows both by the same would be a key they share."""
    both = one.ids.keys() & other.ids.keys()
    return False if any(one.ids[vendor] != other.ids[vendor] for vendor in both) else None


_COMPARED: dict[str, Callable[[Person, Person], bool | None]] = {
    "name": _names,
    "birthday": _birthdays,
    "address": _addresses,
    "id": _ids,
}
"""True: the same; False: not the same; None: not both are known."""
