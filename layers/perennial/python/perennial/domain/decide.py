"""The whole decision: record + event + policy + now -> new record, journal entry, actions, next due time. Pure."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, NamedTuple

from perennial.domain.actions import Action, Task
from perennial.domain.costs import costs
from perennial.domain.customer import Customer
from perennial.domain.events import Event, impersonal
from perennial.domain.fold import Folded, fold, is_of_an_account
from perennial.domain.happenings import happenings
from perennial.domain.journal import Entry, Judged
from perennial.domain.plays import Played, Scene, Stagecraft
from perennial.domain.policy import Policy
from perennial.domain.score import Health
from perennial.domain.settled import Recalled, Settled
from perennial.domain.stage import Rules, Standing
from perennial.domain.summary import summary_of
from perennial.domain.timers import next_change


class Decision(NamedTuple):
    customer: Customer
    entry: Entry
    settled: tuple[Settled, ...]
    """Orders and tickets that left the record, and whose their parcels are."""

    @property
    def actions(self) -> tuple[Action, ...]:
        return self.entry.actions

    @property
    def tasks(self) -> tuple[Task, ...]:
        return self.entry.tasks


def decide(
    customer: Customer,
    event: Event,
    policy: Policy,
    now: datetime,
    recalled: Iterable[Recalled] = (),
    whose: str | None = None,
) -> Decision:
    """What this event, or the time that has come, makes of the customer.

    recalled: the settled orders and tickets that this event is about (`settled.recall`).
    whose: to whom the event was told, where that is somebody who has been merged into this customer.
    """
    event, recalled = impersonal(event), tuple(recalled)
    is_past = whose is not None and is_of_an_account(event)
    folded = Folded(customer.facts, ()) if is_past else fold(customer.facts, event, policy, recalled)
    summary = summary_of(folded.facts)
    health, rules = Health(folded.facts, policy, now, summary), Rules(folded.facts, policy, summary)
    standing = rules.standing(now, health.band)
    scene = Scene(
        customer, folded.facts, summary, standing, health.band, health.score, now, policy, folded.settled, whose
    )
    happened = happenings(customer.facts, folded, recalled, event, summary, policy.by_event, policy.consent)
    played = Stagecraft(scene).run(happened, event)
    due = next_change(health, rules, standing, now, played.waits)
    after = record_of(customer, folded, health, standing, played, now, due, policy)
    if event.history:
        after = after.but({"loaded_at": now})
    charged = () if is_past else costs(customer.facts, folded, recalled, event, policy)
    entry = entry_of(customer, after, event, standing, played, now, customer.id if whose else None)
    entry = entry.but({"costs": charged}) if charged else entry
    return Decision(after, entry, folded.settled)


def record_of(
    before: Customer,
    folded: Folded,
    health: Health,
    standing: Standing,
    played: Played,
    now: datetime,
    due: datetime | None,
    policy: Policy,
) -> Customer:
    changes: dict[str, Any] = {
        "version": before.version + 1,
        "facts": folded.facts,
        "waits": played.waits,
        "fired": played.fired,
        "score": health.score,
        "parts": health.parts,
        "due_at": due,
        "policy": policy.version,
    }
    if before.stage is not standing.stage or before.stage_since is None:
        changes |= {"stage": standing.stage, "stage_since": now}
    if before.label is not standing.label or before.label_since is None:
        changes |= {"label": standing.label, "label_since": now}
    if before.band != health.band or before.band_since is None:
        changes |= {"band": health.band, "band_since": now}
    return before.but(changes)


def entry_of(
    before: Customer,
    after: Customer,
    event: Event,
    standing: Standing,
    played: Played,
    now: datetime,
    record: str | None,
) -> Entry:
    return Entry.made_of(
        version=after.version,
        decided_at=now,
        policy=after.policy,
        event=event,
        before=judged(before),
        after=judged(after),
        parts=after.parts,
        label_rule=standing.label_rule,
        stage_rule=standing.stage_rule,
        outcomes=played.outcomes,
        actions=played.actions,
        tasks=played.tasks,
        grants=played.grants,
        costs=(),
        releases=(),
        due_at=after.due_at,
        record=record,
        kin=None,
        met=(),
    )


def judged(customer: Customer) -> Judged:
    return Judged(customer.stage, customer.label, customer.band, customer.score)
