"""The customer's own rhythm of buying: the modified BG/NBD model (MBG/NBD).

Batislam, Denizel and Filiztekin, "Empirical validation and comparison of models for customer base analysis",
International Journal of Research in Marketing 24 (2007): while alive a customer buys as a Poisson process whose
rate is gamma(r, alpha) among customers; after each purchase, the first one included, the customer leaves with a
probability that is beta(a, b). Because the first purchase counts too, whoever bought once can have left: plain
BG/NBD says P(alive) = 1 for them whatever the silence, and ranks worse than chance.
"""

from functools import lru_cache
from math import exp, log
from typing import Annotated

from pydantic import Field

from perennial.domain.values import Model

_SERIES_TOLERANCE = 1e-8
_SERIES_TERMS = 500
_HOLE = 1e-4
"""At a = 1 the formula divides nothing by nothing; the limit exists, and this near to it both errors are as small."""
_HOPELESS = 700.0
"""exp of more would overflow; the chance of being alive is nothing by then."""
Positive = Annotated[float, Field(gt=0, le=1e6)]


class Rhythm(Model):
    """Parameters of the model; times in days. Fitted to the shop, or the documented defaults."""

    r: Positive
    alpha: Positive
    a: Positive
    b: Positive

    def p_alive(self, repeats: int, last: float, age: float) -> float:
        """Chance that the customer has not left.

        repeats: purchases after the first; last: days from the first purchase to the last; age: days from the
        first purchase to now.
        """
        silence = (self.r + repeats) * log((self.alpha + age) / (self.alpha + last))
        return 1 / (1 + self.a / (self.b + repeats) * exp(min(silence, _HOPELESS)))

    def expected_purchases(self, repeats: int, last: float, age: float, horizon: float) -> float:
        """Expected number of purchases in the next `horizon` days, never below zero."""
        a_less_one = self.a - 1 if abs(self.a - 1) > _HOLE else _HOLE
        stay = self.a + self.b + repeats
        z = horizon / (self.alpha + age + horizon)
        # The paper's 2F1(r+x, b+x+1; a+b+x; z) after Euler's transformation: the same, in half as many terms.
        unspent: float = (1 - z) ** a_less_one * _sum(_series(self.a + self.b - self.r, a_less_one, stay), z)
        return max(0.0, stay / a_less_one * (1 - unspent) * self.p_alive(repeats, last, age))


@lru_cache(maxsize=64)
def _series(a: float, b: float, c: float) -> tuple[float, ...]:
    """Coefficients of Gauss's hypergeometric series. A shop needs one for each number of purchases, at any time."""
    coefficients = [1.0]
    for n in range(_SERIES_TERMS):
        coefficients.append(coefficients[-1] * (a + n) * (b + n) / ((c + n) * (n + 1)))
    return tuple(coefficients)


def _sum(series: tuple[float, ...], z: float) -> float:
    """Of a power series, as far as its terms are worth adding; 0 <= z < 1."""
    total, power = 0.0, 1.0
    for coefficient in series:
        term = coefficient * power
        total += term
        if -_SERIES_TOLERANCE < term < _SERIES_TOLERANCE:
            break
        power *= z
    return total
