"""Public holidays of a country, from the library `holidays`.

It takes 0.2 s to load, and a country's calendar as much again: who asks for no holidays does not load it.
"""

from datetime import date
from functools import lru_cache


@lru_cache(maxsize=512)
def public_holidays(country: str, year: int) -> frozenset[date]:
    """Those of the whole country, not of its parts. Empty for a country that the library does not know."""
    import holidays

    try:
        return frozenset(holidays.country_holidays(country, years=year))
    except NotImplementedError:
        return frozenset()
