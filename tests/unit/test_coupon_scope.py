"""What a coupon is bound to: said in the message, and sensible when it is saved."""

from typing import Any

import pytest
from pydantic import ValidationError

from perennial.aws.documents import messages
from perennial.channels.catalogue import read_catalogue
from perennial.channels.checking import flaws
from perennial.channels.compiled import BrokenTemplate
from perennial.channels.render import Renderer
from perennial.domain.offers import GiftOffer
from perennial.policy_document import PolicyRefused, policy_yaml, read_policy
from tests.builders import Life, a_play, placed, what_policies_may_name, with_plays
from tests.messaging import BRAND, LOCALES, NOON, a_coupon, a_person, a_policy, a_recipient, a_renderer, an_action

BOUND = {"minimum": "50", "products": ("1",)}


def told(locale: str = "en", renderer: Renderer | None = None, **coupon: Any) -> str:
    """What the message says of the offer, on one line."""
    action = an_action(template="apology", coupon=a_coupon(**coupon))
    recipient = a_recipient(a_person(locale=locale))
    return (renderer or a_renderer()).compose(action, recipient, "to", a_policy(), NOON).body.replace("\xa0", " ")


@pytest.mark.parametrize(
    ("locale", "least", "some"),
    [
        ("en", "10% off on orders from $50.00", "10% off selected products"),
        ("zh-Hans", "立减 10%（订单满 US$50.00 可用）", "立减 10%（限指定商品）"),
        ("es", "un 10 % de descuento en pedidos desde 50,00 US$", "un 10 % de descuento en productos seleccionados"),
        ("pt", "10% de desconto em compras a partir de US$ 50,00", "10% de desconto em produtos selecionados"),
        ("de", "10 % Rabatt ab einem Bestellwert von 50,00 $", "10 % Rabatt auf ausgewählte Artikel"),
        ("fr", "une remise de 10 % dès 50,00 $US d’achat", "une remise de 10 % sur une sélection d’articles"),
        ("ja", "10%割引（$50.00以上のご注文で利用可）", "10%割引（対象商品のみ）"),
    ],
)
def test_a_message_says_what_its_coupon_is_bound_to(locale: str, least: str, some: str) -> None:
    assert least in told(locale, minimum="50")
    assert some in told(locale, products=("1",))
    assert some in told(locale, collections=("1",))
    assert least not in told(locale)


def test_both_conditions_are_said_together() -> None:
    assert "10% off selected products on orders from $50.00.\n" in told(**BOUND)


def test_a_layout_without_these_words_promises_nothing_that_is_not_so() -> None:
    layout = {locale: {**words, "conditions": {}} for locale, words in messages()["layout"].items()}
    catalogue = read_catalogue({**messages(), "layout": layout})
    renderer = Renderer(lambda: catalogue, BRAND, b"key")

    assert "10% off.\n" in told(renderer=renderer)
    with pytest.raises(BrokenTemplate, match="conditions/minimum"):
        told(renderer=renderer, minimum="50")
    assert {flaw.message.partition(":")[0] for flaw in flaws("layout", catalogue, renderer, a_policy(), NOON)} == {
        f"layout/{locale}/conditions/some" for locale in LOCALES
    }


# When it is saved


@pytest.mark.parametrize(
    ("scope", "said"),
    [
        ({"minimum": "0"}, "above 0"),
        ({"minimum": "-5"}, "above 0"),
        ({"minimum": "fifty"}, "no number"),
        ({"minimum": "NaN"}, "no number"),
        ({"minimum": "Infinity"}, "no number"),
        ({"minimum": "1e9"}, "above 0"),
        ({"products": ["gid://shopify/Product/1"]}, "match pattern"),
        ({"products": [1]}, "valid string"),
        ({"products": [str(number) for number in range(51)]}, "at most 50"),
        ({"products": ["1"], "collections": ["2"]}, "not for both"),
        ({"products": ["1"], "pool": "spring"}, "that we make ourselves"),
        ({"collections": ["1"], "kind": "gift", "value": "a pen"}, "that we make ourselves"),
    ],
)
def test_a_scope_that_makes_no_sense_is_refused(scope: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        GiftOffer.model_validate({"kind": "percent", "value": "10", "expires": "3d", **scope})


def test_a_gift_and_an_imported_code_may_want_a_least_amount() -> None:
    for others in ({"kind": "gift", "value": "a pen"}, {"pool": "spring"}):
        GiftOffer.model_validate({"kind": "percent", "value": "10", "expires": "3d", "minimum": "50", **others})


def test_the_mistake_is_told_with_its_line_and_a_scope_survives_writing_and_reading() -> None:
    coupon = {"kind": "percent", "value": "10", "expires": "3d", "minimum": "50", "products": ["1"]}
    policy = with_plays(a_play(on="order.placed", do={"email": "apology", "coupon": coupon}))
    text = policy_yaml(policy)

    assert read_policy(text, 2, what_policies_may_name()).plays[0].do == policy.plays[0].do
    with pytest.raises(PolicyRefused) as refused:
        read_policy(text.replace("minimum: '50'", "minimum: none"), 2, what_policies_may_name())
    (mistake,) = refused.value.mistakes
    assert mistake.path == "plays.0.do.coupon.minimum"
    assert text.splitlines()[mistake.line - 1].strip().startswith("minimum")


def test_what_a_play_promises_is_what_its_message_carries() -> None:
    coupon = {"kind": "percent", "value": "10", "expires": "3d", "minimum": "50", "collections": ["7"]}
    life = Life(with_plays(a_play(on="order.placed", do={"email": "apology", "coupon": coupon})))

    (action,) = life.hears(placed()).entry.actions

    assert action.coupon
    assert (action.coupon.minimum, action.coupon.collections, action.coupon.products) == ("50", ("7",), ())
