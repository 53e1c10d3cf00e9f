"""What plays give away, coupons and points, and what people and plays may give away without asking."""

from datetime import timedelta
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, Strict, model_validator

from perennial.domain.actions import PoolName
from perennial.domain.values import Amount, Duration, Model

MOST_PERCENT = 100
ShopId = Annotated[str, Field(pattern=r"^[0-9]{1,20}$")]
"""A number that the shop knows something by; always text, for Shopify's exceed 2^53."""
Scope = Annotated[tuple[ShopId, ...], Field(max_length=50)]


def _number(said: str) -> Decimal:
    """The finite number that this says. Raises ValueError."""
    try:
        number = Decimal(said)
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite():
        raise ValueError(f"{said!r} is no number")
    return number


def _worth(kind: str, value: str) -> None:
    try:
        worth = _number(value)
    except ValueError:
        worth = Decimal(0)
    if worth <= 0 or (kind == "percent" and worth > MOST_PERCENT):
        raise ValueError(
            f'a coupon of {kind} is worth a number above 0, written "10"; of percent at most {MOST_PERCENT}'
        )


def _least(said: str) -> str:
    if not 0 < _number(said) < 1_000_000_000:
        raise ValueError('the least that an order comes to is a number above 0, written "50"')
    return said


class GiftOffer(Model):
    kind: Literal["percent", "amount", "gift", "trial"]
    value: Annotated[str, Field(min_length=1, max_length=60)]
    expires: Duration
    pool: PoolName | None = None
    """Imported codes to draw from; without: a code is generated, and made good in the shop where we may do that."""
    minimum: Annotated[str, Field(max_length=20), AfterValidator(_least)] | None = None
    """What the order comes to at the least, in the base currency."""
    products: Scope = ()
    """The shop's ids of the products that it is good for; empty: all."""
    collections: Scope = ()
    """The same by the shop's collections (Shopify) or categories (WooCommerce)."""

    @model_validator(mode="after")
    def _is_worth_something(self) -> Self:
        if self.kind in ("percent", "amount"):
            _worth(self.kind, self.value)
        return self

    @model_validator(mode="after")
    def _is_good_for_what_a_shop_can_tell(self) -> Self:
        if self.products and self.collections:
            raise ValueError("a coupon is good for products or for collections, not for both")
        if self.is_for_some and (self.pool or self.kind not in ("percent", "amount")):
            raise ValueError("only a code of percent or an amount that we make ourselves is for certain products")
        return self

    @property
    def is_for_some(self) -> bool:
        return bool(self.products or self.collections)


class PointsOffer(Model):
    """Loyalty points, given once for each time that the occasion comes about."""

    give: Annotated[int, Strict(), Field(ge=1, le=1_000_000)]
    expires: Annotated[Duration, Field(ge=timedelta(days=1))] | None = None
    """How long after; they lapse with the end of that month. Without: never."""


def plain_points(value: Any) -> Any:
    """`points: 50` as it is meant."""
    return {"give": value} if isinstance(value, int) else value


class Authority(Model):
    """What an agent or a play may grant without asking."""

    refund: Amount
    """In base currency; also the most that a coupon of an amount is worth."""
    coupon_percent: Annotated[int, Field(ge=0, le=100)]
    points: Annotated[int, Strict(), Field(ge=0, le=1_000_000)] = 0
    """Loyalty points: of a play at once, of all agents in a day (UTC) for one customer, given or taken back."""

    def at_most(self, offer: GiftOffer) -> str | None:
        """What of the offer may be granted; None: nothing. Gifts and trials have no number to be measured by."""
        if offer.kind not in ("percent", "amount"):
            return offer.value
        limit = Decimal(self.coupon_percent) if offer.kind == "percent" else self.refund
        if Decimal(offer.value) <= limit:
            return offer.value
        return str(limit) if limit else None
