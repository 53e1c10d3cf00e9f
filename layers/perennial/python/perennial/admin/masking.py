"""What those see who may know that a customer is, and not who: enough to recognise, too little to contact."""

from perennial.domain.events import Person

HIDDEN = "***"
MOST_INITIALS = 3
LEAST_DIGITS = 9
"""A shorter number is hidden as a whole: what six known digits leave out could be guessed."""


def masked(person: Person) -> Person:
    """The person with initials for names, ends of address and number, and neither ids, birthday nor home."""
    return Person(
        email=person.email and _email(person.email),
        phone=person.phone and _phone(person.phone),
        name=person.name and _initials(person.name),
        first_name=person.first_name and _initials(person.first_name),
        locale=person.locale,
        time_zone=person.time_zone,
        country=person.country,
    )


def _email(email: str) -> str:
    """ana@example.com -> a***@e***.com"""
    local, _, domain = email.strip().rpartition("@")
    host, dot, top = domain.rpartition(".")
    return f"{local[:1]}{HIDDEN}@{host[:1]}{HIDDEN}{dot}{top}" if local and host else HIDDEN


def _phone(phone: str) -> str:
    """+86 138 1234 5678 -> +86*****678"""
    plain = "".join(character for character in phone if character.isdigit() or character == "+")
    return f"{plain[:3]}*****{plain[-3:]}" if len(plain) >= LEAST_DIGITS else HIDDEN


def _initials(name: str) -> str:
    """Jia Wei Sun -> J. W. S."""
    return " ".join(f"{word[0].upper()}." for word in name.split()[:MOST_INITIALS]) or HIDDEN
