"""Countries as shops and people write them."""

import subprocess
import sys

import pytest
from babel import Locale

from perennial.domain.countries import ALSO_CALLED, COUNTRIES, LANGUAGES, country_code


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("ES", "ES"), ("es", "ES"), (" mx ", "MX"), ("ESP", "ES"), ("gbr", "GB"), ("724", "ES"), ("UK", "GB"),
        ("EL", "GR"), ("USA", "US"), ("Spain", "ES"), ("españa", "ES"), ("西班牙", "ES"), ("Deutschland", "DE"),
        ("États-Unis", "US"), ("United States", "US"), ("Great Britain", "GB"), ("Hong Kong", "HK"), ("中国", "CN"),
        ("Русский", None), ("Россия", "RU"), ("日本", "JP"), ("Ｓｐａｉｎ", "ES"), ("Turkey", "TR"), ("Türkiye", "TR"),
        ("Kosovo", "XK"), ("ZZ", None), ("EU", None), ("XX", None), ("", None), ("Atlantis", None), (None, None),
        ("999", None), ("SUN", None), ("Europe", None),
    ],
)  # fmt: skip
def test_a_country_is_its_code_however_it_is_written(written: str | None, code: str | None) -> None:
    assert country_code(written) == code


def test_every_country_has_a_name_and_is_found_by_it() -> None:
    names = Locale("en").territories

    assert {code for code in COUNTRIES if country_code(names[code]) != code} == set()


def test_other_names_lead_to_countries() -> None:
    assert set(ALSO_CALLED.values()) <= COUNTRIES
    assert all(name == name.casefold() for name in ALSO_CALLED)


def test_every_language_is_one_that_the_library_knows() -> None:
    assert all(Locale.parse(language).territories for language in LANGUAGES)


def test_a_plain_code_needs_no_library() -> None:
    program = "import sys; from perennial.domain.countries import country_code as c; c('ES'), c('mx'), c('UK')"
    paths = {"PYTHONPATH": ":".join(path for path in sys.path if path)}
    checked = f"{program}; assert 'babel' not in sys.modules"

    subprocess.run([sys.executable, "-c", checked], check=True, env=paths)
