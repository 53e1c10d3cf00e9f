"""Signals that fade: a sum of contributions, each halved every half-life, exact in whatever order they arrive.

A float sum depends on the order of its terms. So a contribution `w` at time `t` becomes the integer
round(w * 2^f * 2^30) shifted left by k, where t / half-life = k + f (k whole): integers add in any order. To
read the sum at a time is one multiplication, and nothing has to be written for it to fade.
"""

import math
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

EPOCH = datetime(2020, 1, 1, tzinfo=UTC)
PRECISION = 30
"""Bits after the point: contributions are kept to a billionth."""
HOUR = timedelta(hours=1)
_LARGEST_POWER = 900.0
"""A contribution from years ahead is as good as infinite, and must not overflow."""


class Decayed(NamedTuple):
    """mantissa * 2^exponent, in units of 2^-30 at EPOCH, for a half-life in hours. Odd mantissa, or zero."""

    mantissa: int
    exponent: int
    half_life: int

    @classmethod
    def nothing(cls, half_life: timedelta) -> "Decayed":
        return cls(0, 0, half_life // HOUR)

    def add(self, weight: float, at: datetime, half_life: timedelta) -> "Decayed":
        """One contribution more. When the policy's half-life changed, the past is first read by the new one."""
        if self.half_life != half_life // HOUR:
            return Decayed.nothing(half_life).add(self.value(at), at, half_life).add(weight, at, half_life)
        halvings = (at - EPOCH) / (self.half_life * HOUR)
        whole = math.floor(halvings)
        term = round(weight * 2.0 ** (halvings - whole) * (1 << PRECISION))
        if not self.mantissa:
            return _normal(term, whole, self.half_life)
        low = min(self.exponent, whole)
        return _normal((self.mantissa << (self.exponent - low)) + (term << (whole - low)), low, self.half_life)

    def value(self, at: datetime) -> float:
        """The sum as it has faded by `at`; larger than the contribution itself before the contribution was made."""
        return self.read((at - EPOCH).total_seconds())

    def read(self, t: float) -> float:
        """`value` at `t` seconds after EPOCH."""
        mantissa, exponent, half_life = self
        surplus = max(0, mantissa.bit_length() - 64)
        power = exponent + surplus - PRECISION - t / (half_life * 3600)
        return (mantissa >> surplus) * math.exp2(min(power, _LARGEST_POWER))


def _normal(mantissa: int, exponent: int, half_life: int) -> Decayed:
    if not mantissa:
        return Decayed(0, 0, half_life)
    zeros = (mantissa & -mantissa).bit_length() - 1
    return Decayed(mantissa >> zeros, exponent + zeros, half_life)
