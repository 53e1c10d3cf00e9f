"""What a customer has agreed to, and what the law of where they live asks for before they are written to.

Rules are the policy's, by region; facts know only what was said, when, and whether it was said from the very address.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import BeforeValidator, Field, PlainSerializer, model_validator

from perennial.domain.actions import Channel, Purpose
from perennial.domain.countries import AssignedCountry
from perennial.domain.customer import Facts
from perennial.domain.values import Model

NO_CONSENT = "no consent"
NOT_CONFIRMED = "consent not confirmed"
WITHDRAWN = "consent withdrawn"

ConsentRule = Literal["none", "opt_out", "soft_opt_in", "opt_in", "confirmed_opt_in"]
"""none: needs no consent; opt_out: until the customer objects; soft_opt_in: as opt_out for whoever has bought, as
opt_in for all others; opt_in: once the customer has agreed; confirmed_opt_in: once they have said so again from the
address itself (double opt-in). From the laxest to the strictest."""
_STRICTNESS: Mapping[ConsentRule, int] = {rule: rank for rank, rule in enumerate(get_args(ConsentRule))}


class ByChannel(Model):
    """One rule for each channel; written as one word where they are the same."""

    email: ConsentRule
    sms: ConsentRule


def _on_both(said: Any) -> Any:
    return {"email": said, "sms": said} if isinstance(said, str) else said


def _in_short(rules: ByChannel) -> ConsentRule | dict[str, ConsentRule]:
    return rules.email if rules.email == rules.sms else {"email": rules.email, "sms": rules.sms}


PurposeRule = Annotated[ByChannel, BeforeValidator(_on_both), PlainSerializer(_in_short, when_used="json")]


def _always(rule: ConsentRule) -> ByChannel:
    return ByChannel(email=rule, sms=rule)


class Region(Model):
    """Countries whose law wants something else of us than the rest of the world's."""

    countries: Annotated[frozenset[AssignedCountry], Field(min_length=1), PlainSerializer(sorted, when_used="json")]
    service: PurposeRule | None = None
    """None: as everywhere."""
    marketing: PurposeRule | None = None


class ConsentRules(Model):
    transactional: PurposeRule = _always("none")
    service: PurposeRule = _always("opt_out")
    marketing: PurposeRule = _always("opt_in")
    regions: tuple[Region, ...] = ()
    no_means: Literal["that channel", "every channel"] = "that channel"
    """How far a withdrawal reaches: "every channel" lets one STOP by SMS end that purpose's emails too (revoke all)."""

    @model_validator(mode="after")
    def _each_country_once(self) -> Self:
        listed = [country for region in self.regions for country in sorted(region.countries)]
        if twice := sorted({country for country in listed if listed.count(country) > 1}):
            raise ValueError(f"a country is in one region: {', '.join(twice)}")
        return self

    def of(self, purpose: Purpose, channel: Channel, country: str | None) -> ConsentRule:
        """The rule for somebody who lives there; of whom nobody knows where, the strictest of all."""
        everywhere = _rule(getattr(self, purpose), channel)
        if purpose == "transactional":
            return everywhere
        here = {code: _rule(getattr(each, purpose) or getattr(self, purpose), channel)
                for each in self.regions for code in each.countries}  # fmt: skip
        if country is None:
            return max((everywhere, *here.values()), key=_STRICTNESS.__getitem__)
        return here.get(country, everywhere)


def _rule(rules: ByChannel, channel: Channel) -> ConsentRule:
    rule: ConsentRule = getattr(rules, channel)
    return rule


def missing_consent(facts: Facts, purpose: Purpose, channel: Channel, rules: ConsentRules) -> str | None:
    """Why what was said does not allow it; None where it does."""
    rule = rules.of(purpose, channel, _home(facts))
    if rule == "none":
        return None
    if _is_withdrawn(facts, purpose, channel, rules):
        return WITHDRAWN
    if rule == "opt_out" or (rule == "soft_opt_in" and _has_bought(facts)):
        return None
    if f"{purpose}/{channel}" not in facts.consent:
        return NO_CONSENT
    return NOT_CONFIRMED if rule == "confirmed_opt_in" and not is_confirmed(facts, purpose, channel) else None


def is_confirmed(facts: Facts, purpose: Purpose, channel: Channel) -> bool:
    """Said from the address itself, and not withdrawn since."""
    return is_topic_confirmed(facts, f"{purpose}/{channel}")


def is_topic_confirmed(facts: Facts, topic: str) -> bool:
    """The same of a topic as facts write it: "marketing/email"."""
    confirmed, withdrawn = facts.confirmed.get(topic), facts.withdrawn.get(topic)
    return confirmed is not None and (withdrawn is None or confirmed > withdrawn)


def needs_confirmation(facts: Facts, purpose: Purpose, channel: Channel, rules: ConsentRules) -> bool:
    """Was it agreed to where only what is confirmed counts?"""
    return missing_consent(facts, purpose, channel, rules) == NOT_CONFIRMED


def _is_withdrawn(facts: Facts, purpose: Purpose, channel: Channel, rules: ConsentRules) -> bool:
    word = facts.consent.get(f"{purpose}/{channel}")
    if word and not word.granted:
        return True
    return rules.no_means == "every channel" and _last_no(facts, purpose) > (word.at if word else _NEVER)


_NEVER = datetime.fromisoformat("1970-01-01T00:00:00+00:00")


def _last_no(facts: Facts, purpose: Purpose) -> datetime:
    """When any channel of this purpose was last withdrawn and left so."""
    words = (word for key, word in facts.consent.items() if key.startswith(f"{purpose}/"))
    return max((word.at for word in words if not word.granted), default=_NEVER)


def _home(facts: Facts) -> str | None:
    country = facts.about.get("country")
    return country.value if country else None


def _has_bought(facts: Facts) -> bool:
    """A customer of ours, to whom the law of many countries lets us write of the like of what they bought."""
    return facts.totals.purchases > 0 or any(order.counts for order in facts.orders.values())
