"""The customers of a run. Nothing that names them may be found in a record, a journal, a log or a queue's groups."""

from dataclasses import dataclass
from typing import NamedTuple

ZONES = {"DE": "Europe/Berlin", "SG": "Asia/Singapore", "IN": "Asia/Kolkata", "GB": "Europe/London"}
"""Country -> its only zone, as far as people live there."""


@dataclass(frozen=True)
class Persona:
    first: str
    last: str
    country: str
    locale: str
    zone: str | None
    """Known to those who speak the open API; others tell the country only."""
    number: int
    """All their ids are made of it."""

    @property
    def email(self) -> str:
        return f"{self.first}.{self.last}@mail.example".lower()

    @property
    def other_email(self) -> str:
        return f"{self.last}@elsewhere.example".lower()

    @property
    def phone(self) -> str:
        return {"DE": "+491512345", "SG": "+65812345", "IN": "+919812345", "GB": "+447912345"}[
            self.country
        ] + f"{self.number:0{self._digits}}"

    @property
    def street(self) -> str:
        return f"{self.last} Lane {self.number}"

    @property
    def birthday(self) -> str:
        return f"1987-0{1 + self.number % 9}-17"

    @property
    def shopify(self) -> int:
        return 7_705_406_506_930_370_000 + self.number

    @property
    def second_shopify(self) -> int:
        """Of an account that they made once more."""
        return self.shopify + 500

    @property
    def device(self) -> str:
        """Of the browser by which they are known before they say who they are."""
        return f"browser-{self.number}-{self.last[:4].lower()}"

    @property
    def zendesk(self) -> str:
        return f"219000{self.number:02}"

    @property
    def order(self) -> int:
        """Their first order; the next ones follow."""
        return 6_121_873_809_410_000_000 + self.number * 1000

    @property
    def names(self) -> tuple[str, ...]:
        """What must not be found where nobody is to be named."""
        return (
            self.first,
            self.last,
            self.last.lower(),
            self.phone.removeprefix("+"),
            f"1987-0{1 + self.number % 9}",
            str(self.shopify),
            str(self.second_shopify),
            self.device,
            self.zendesk,
        )

    @property
    def _digits(self) -> int:
        """As many as a mobile number has there: others are nobody's, and are not written to."""
        return {"DE": 4, "SG": 2, "IN": 3, "GB": 3}[self.country]


class Named(NamedTuple):
    first: str
    last: str
    country: str
    locale: str
    zone: str | None


_EVERYBODY = (
    Named("Anneliese", "Brueckner", "DE", "de-DE", "Europe/Berlin"),
    Named("Rajeshwari", "Venkataraman", "IN", "en-IN", None),
    Named("Zhihao", "Ouyang", "SG", "zh-Hans", "Asia/Singapore"),
    Named("Gwendolyn", "Ashworth", "GB", "en-GB", "Europe/London"),
    Named("Maximilian", "Dorfschmidt", "DE", "es-ES", None),
    Named("Priyanka", "Chatterjee", "IN", "en", "Asia/Kolkata"),
)
EVERYBODY = tuple(Persona(*each, number=11 + index) for index, each in enumerate(_EVERYBODY))


def owner_of(address: str) -> Persona:
    """Whose email or phone it is."""
    return next(each for each in EVERYBODY if address in (each.email, each.other_email, each.phone))
