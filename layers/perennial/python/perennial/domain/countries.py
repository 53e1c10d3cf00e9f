"""Countries as shops, carriers and people write them, to ISO 3166 alpha-2."""

import unicodedata
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Annotated

from pydantic import AfterValidator

from perennial.domain.values import Country

_CODES = """
AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ CA CC
CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR GA GB GD
GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH
KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW
MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC
SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY
UZ VA VC VE VG VI VN VU WF WS XK YE YT ZA ZM ZW
"""
COUNTRIES = frozenset(_CODES.split())
"""ISO 3166-1 alpha-2, and XK, by which shops and carriers write Kosovo."""

ALSO_CALLED: Mapping[str, str] = {
    "uk": "GB", "el": "GR", "usa": "US", "u.s.": "US", "u.s.a.": "US", "united states of america": "US",
    "america": "US", "england": "GB", "scotland": "GB", "wales": "GB", "northern ireland": "GB",
    "great britain": "GB", "holland": "NL", "the netherlands": "NL", "czech republic": "CZ", "korea": "KR",
    "republic of korea": "KR", "korea, republic of": "KR", "russian federation": "RU", "viet nam": "VN",
    "hong kong": "HK", "macau": "MO", "macao": "MO", "burma": "MM", "ivory coast": "CI", "turkey": "TR",
    "uae": "AE", "u.a.e.": "AE", "prc": "CN", "mainland china": "CN", "中国大陆": "CN", "台湾": "TW", "香港": "HK",
    "澳门": "MO", "eire": "IE", "republic of ireland": "IE", "brasil": "BR", "méxico": "MX", "deutschland": "DE",
}  # fmt: skip
"""What people write and no list of names holds."""
LANGUAGES = ("en", "es", "zh", "de", "fr", "pt", "it", "ja", "nl", "ko", "ru", "zh_Hant")
"""In whose words a country is understood, the likeliest first: each is read from CLDR when no other knew the name."""


def assigned(code: str) -> str:
    """The code itself. Raises `ValueError` where no country has it: a rule for "UK" would hold for nobody."""
    if code not in COUNTRIES:
        meant = ALSO_CALLED.get(code.casefold(), "it like MX")
        raise ValueError(f"{code!r} is no country of ISO 3166; write {meant}")
    return code


AssignedCountry = Annotated[Country, AfterValidator(assigned)]
"""Where a person who writes a rule must have meant a country that there is."""


def country_code(text: str | None) -> str | None:
    """ISO 3166 alpha-2 of a code (alpha-2, alpha-3, numeric) or a name. None for what is no country that we know."""
    if text is None:
        return None
    if text in COUNTRIES:
        return text
    name = unicodedata.normalize("NFKC", text).strip()
    if (code := name.upper()) in COUNTRIES:
        return code
    return ALSO_CALLED.get(name.casefold()) or _of_code(code) or _of_name(name.casefold())


def _of_code(code: str) -> str | None:
    """Of the alpha-3 or numeric code of ISO 3166."""
    if len(code) != 3 or not code.isascii() or not code.isalnum():
        return None
    from babel.core import get_global

    found = get_global("territory_aliases").get(code, ())
    return found[0] if len(found) == 1 and found[0] in COUNTRIES else None


def _of_name(name: str) -> str | None:
    if not name or name.isdigit():
        return None
    return next((found for names in _names() if (found := names.get(name))), None)


def _names() -> Iterator[Mapping[str, str]]:
    return (_names_in(language) for language in LANGUAGES)


@cache
def _names_in(language: str) -> Mapping[str, str]:
    """Name in small letters -> code."""
    from babel import Locale

    return {name.casefold(): code for code, name in Locale.parse(language).territories.items() if code in COUNTRIES}
