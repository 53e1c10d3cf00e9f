"""What a customer has agreed to, by the rules of where they live. See also tests/properties/test_withdrawal.py."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from perennial.domain.actions import Channel, Purpose
from perennial.domain.consent import NO_CONSENT, NOT_CONFIRMED, WITHDRAWN, ConsentRules, missing_consent
from perennial.domain.customer import Facts, Totals
from perennial.domain.events import Event
from tests.builders import an_event, folded, placed

NOON = datetime(2026, 6, 15, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
EU, US = {"countries": ["DE", "ES"]}, {"countries": ["US"]}


def rules(**said: Any) -> ConsentRules:
    return ConsentRules.model_validate(said)


def said(granted: bool, hours: int = 0, channel: str = "email", **more: Any) -> Event:
    return an_event("consent.changed", NOON + hours * HOUR, channel=channel, granted=granted, **more)


def living_in(country: str | None, *events: Event) -> Facts:
    person = {"id": "mia", "country": country}
    return folded([an_event("customer.updated", NOON, customer=person), *events])


def missing(facts: Facts, by: ConsentRules, purpose: Purpose = "marketing", channel: Channel = "email") -> str | None:
    return missing_consent(facts, purpose, channel, by)


# By where they live


def test_a_region_has_rules_of_its_own_and_all_others_the_general_one():
    by = rules(regions=[{**US, "marketing": "opt_out"}])

    assert missing(living_in("US"), by) is None
    assert missing(living_in("FR"), by) == NO_CONSENT


def test_of_whom_nobody_knows_where_they_live_the_strictest_rule_holds():
    by = rules(marketing="opt_out", regions=[{**EU, "marketing": "opt_in"}, {**US, "marketing": "opt_out"}])

    assert missing(living_in(None), by) == NO_CONSENT
    assert missing(living_in("US"), by) is None


def test_a_region_may_be_laxer_than_the_rest_and_strangers_are_none_of_it():
    assert missing(living_in(None), rules(regions=[{**US, "marketing": "none"}])) == NO_CONSENT


def test_each_channel_may_have_its_own_rule():
    by = rules(regions=[{**US, "marketing": {"email": "opt_out", "sms": "opt_in"}}])

    assert missing(living_in("US"), by, channel="email") is None
    assert missing(living_in("US"), by, channel="sms") == NO_CONSENT


def test_what_a_region_leaves_out_is_as_everywhere():
    by = rules(service="opt_in", regions=[{**US, "marketing": "opt_out"}])

    assert missing(living_in("US"), by, "service") == NO_CONSENT


def test_what_an_order_needs_is_asked_nowhere():
    by = rules(regions=[{**EU, "service": "opt_in", "marketing": "confirmed_opt_in"}])

    assert missing(living_in("DE", said(False)), by, "transactional") is None


def test_a_country_is_in_one_region():
    with pytest.raises(ValidationError, match="a country is in one region: DE"):
        rules(regions=[EU, {"countries": ["DE"]}])


@pytest.mark.parametrize("wrong", ["soft", {"email": "opt_in"}, 7])
def test_a_rule_that_is_none_is_refused(wrong: Any):
    with pytest.raises(ValidationError):
        rules(marketing=wrong)


def test_rules_are_read_back_as_they_were_stored():
    by = rules(marketing={"email": "opt_in", "sms": "confirmed_opt_in"}, regions=[{**EU, "service": "opt_in"}])

    assert ConsentRules.model_validate_json(by.model_dump_json(exclude_defaults=True)) == by


# Soft opt-in


SOFT = rules(marketing="soft_opt_in")


def test_whoever_has_bought_is_written_to_until_they_object_and_a_stranger_once_they_agree():
    assert missing(folded([placed()]), SOFT) is None
    assert missing(folded([placed(), said(False)]), SOFT) == WITHDRAWN
    assert missing(Facts(), SOFT) == NO_CONSENT
    assert missing(folded([said(True)]), SOFT) is None


def test_a_purchase_that_left_the_record_is_one_still():
    assert missing(Facts(totals=Totals(orders=3, purchases=1)), SOFT) is None


def test_an_order_that_was_cancelled_makes_nobody_a_customer():
    cancelled = an_event("order.cancelled", NOON + HOUR, order={"id": "o-1"})

    assert missing(folded([placed(), cancelled]), SOFT) == NO_CONSENT


# Double opt-in


DOUBLE = rules(marketing="confirmed_opt_in")


def test_a_consent_is_pending_until_it_is_confirmed():
    assert missing(folded([said(True)]), DOUBLE) == NOT_CONFIRMED
    assert missing(folded([said(True), said(True, confirmed=True)]), DOUBLE) is None
    assert missing(Facts(), DOUBLE) == NO_CONSENT


def test_a_box_ticked_again_needs_no_second_confirmation():
    assert missing(folded([said(True, confirmed=True), said(True, 1)]), DOUBLE) is None


def test_after_a_withdrawal_a_confirmation_from_before_counts_no_more():
    again = [said(True, confirmed=True), said(False, 1), said(True, 2)]

    assert missing(folded(again), DOUBLE) == NOT_CONFIRMED
    assert missing(folded(reversed(again)), DOUBLE) == NOT_CONFIRMED


def test_at_the_same_moment_the_withdrawal_holds():
    assert missing(folded([said(True, confirmed=True), said(False), said(True, 1)]), DOUBLE) == NOT_CONFIRMED


# How far a no reaches


def test_a_no_is_good_for_its_channel_unless_the_policy_takes_it_for_all():
    facts = folded([said(True), said(True, channel="sms"), said(False, 1, channel="sms")])

    assert missing(facts, rules()) is None
    assert missing(facts, rules(no_means="every channel")) == WITHDRAWN


def test_a_no_for_all_channels_ends_what_needed_no_yes_too():
    facts = folded([placed(), said(False, channel="sms")])

    assert missing(facts, rules(marketing="soft_opt_in", no_means="every channel")) == WITHDRAWN


def test_a_no_for_all_channels_is_of_its_purpose_and_until_the_next_yes():
    by, no = rules(no_means="every channel"), said(False, 1, channel="sms")

    assert missing(folded([no]), by, "service") is None
    assert missing(folded([no, said(True, 2)]), by) is None
