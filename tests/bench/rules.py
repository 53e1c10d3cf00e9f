"""The policy that decisions are measured under."""

from itertools import cycle, islice

from perennial.aws.documents import default_policy
from perennial.domain.policy import Play, Policy
from perennial.policy_document import policy_json, shipped_policy


def shipped() -> Policy:
    return shipped_policy(default_policy(), 1)


def with_plays(count: int) -> Policy:
    """The default policy, and as many variants of its plays as it takes, each with a condition of its own."""
    policy = shipped()
    more = islice(enumerate(cycle(policy.plays)), count - len(policy.plays))
    plays = (*policy.plays, *(_variant(play, number) for number, play in more))
    return Policy.model_validate_json(policy_json(policy.model_copy(update={"plays": plays})))


def _variant(play: Play, number: int) -> Play:
    condition = f"({play.if_ or 'true'}) && customer.orders >= {1 + number % 4}"
    return Play.model_validate_json(
        play.model_copy(update={"id": f"{play.id}-{number}", "if_": condition}).model_dump_json(
            by_alias=True, exclude_defaults=True
        )
    )
