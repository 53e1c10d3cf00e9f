"""Records and journal entries as the admin API shows them."""

from collections.abc import Mapping
from typing import Any

from perennial.admin import answers
from perennial.admin.masking import masked
from perennial.aws.quarantine import KEPT_FOR, Listed
from perennial.channels.catalogue import TaskText
from perennial.domain.actions import Action, Task
from perennial.domain.consent import is_topic_confirmed
from perennial.domain.customer import Consent, Customer, Facts, Order, Ticket
from perennial.domain.events import Event, Person
from perennial.domain.explanation import points_of
from perennial.domain.journal import Entry, Judged
from perennial.domain.judgement import Judgement
from perennial.domain.points import account
from perennial.domain.summary import is_activated, value_of

_OF_THE_RECORD = (
    "id", "store", "version", "stage", "stage_since", "label", "label_since", "band", "band_since", "due_at",
)  # fmt: skip
Texts = Mapping[str, Mapping[str, TaskText]]
"""Task -> language -> what to do."""


def line(judgement: Judgement, person: Person) -> answers.FoundCustomer:
    customer, shown = judgement.customer, masked(person)
    country = customer.facts.about.get("country")
    return answers.FoundCustomer(
        id=customer.id,
        store=customer.store,
        stage=customer.stage,
        label=customer.label,
        band=customer.band,
        score=points(judgement.health.score),
        due_at=customer.due_at,
        country=country and country.value,
        orders=judgement.summary.purchases,
        value=value_of(customer.facts),
        last_order_at=judgement.summary.moments.get("last_order"),
        points=account(customer.facts.points, judgement.at).balance,
        name=shown.name,
        email=shown.email,
    )


def page(judgement: Judgement, profile: Person, tasks: tuple[Task, ...], texts: Texts) -> answers.CustomerPage:
    customer = judgement.customer
    return answers.CustomerPage(
        **{name: getattr(customer, name) for name in _OF_THE_RECORD},
        score=points(judgement.health.score),
        parts=tuple(
            answers.Part(name=part.name, value=part.value, points=part.points / 100) for part in judgement.health.parts
        ),
        waits=tuple(
            answers.Wait(play=wait.play, about=wait.about, due=wait.due, held=wait.held) for wait in customer.waits
        ),
        script=judgement.script(customer.stage),
        authority=judgement.policy.authority[customer.stage],
        tasks=tuple(_task(task, texts) for task in tasks),
        business=_business(judgement),
        points=points_of(judgement),
        consent=_consent(customer),
        suppressed={channel: known.value for channel, known in customer.facts.suppressed.items()},
        profile=profile,
        members=tuple(customer.members),
    )


def happening(entry: Entry, texts: Mapping[str, str], told_to: str) -> answers.Happening:
    event = entry.event
    return answers.Happening(
        at=event.time,
        decided_at=entry.decided_at,
        type=event.type,
        source=event.source,
        event=event.id,
        data=_told(event),
        texts=texts,
        policy=entry.policy,
        before=_standing(entry.before),
        after=_standing(entry.after),
        outcomes=tuple(answers.Outcome(**outcome.model_dump()) for outcome in entry.outcomes),
        messages=tuple(map(_message, entry.actions)),
        tasks=tuple(task.task for task in entry.tasks),
        points=sum(grant.points for grant in entry.grants),
        costs=entry.costs,
        due_at=entry.due_at,
        told_to=told_to,
    )


def quarantined(entry: Listed) -> answers.QuarantineEntry:
    return answers.QuarantineEntry(
        id=entry.id,
        source=entry.source,
        store=entry.store,
        received_at=entry.received_at,
        reason=entry.reason,
        expires_on=(entry.received_at + KEPT_FOR).date(),
        is_stray=entry.is_stray,
    )


def points(hundredths: int | None) -> float | None:
    return None if hundredths is None else hundredths / 100


def _task(task: Task, texts: Texts) -> answers.DeskTask:
    """A task whose text left the catalogue is shown without one."""
    return answers.DeskTask(
        id=task.id,
        play=task.play,
        task=task.task,
        decided_at=task.decided_at,
        due_at=task.due_at,
        subject=task.subject,
        texts=texts.get(task.task, {}),
    )


def _business(judgement: Judgement) -> answers.Business:
    facts, moments = judgement.customer.facts, judgement.summary.moments
    known = sorted(facts.orders.values(), key=lambda order: (order.placed_at, order.id), reverse=True)
    tickets = sorted(facts.tickets.values(), key=lambda ticket: (ticket.started_at, ticket.id), reverse=True)
    return answers.Business(
        orders=judgement.summary.purchases,
        value=value_of(judgement.customer.facts),
        currency=judgement.policy.currencies.base,
        tickets=facts.totals.tickets + len(tickets),
        open_tickets=sum(ticket.is_open for ticket in tickets),
        activated=is_activated(facts),
        first_order_at=moments.get("first_order"),
        last_order_at=moments.get("last_order"),
        last_contact_at=moments.get("last_contact"),
        recent_orders=tuple(map(_order, [*known, *facts.strays.values()])),
        recent_tickets=tuple(map(_ticket, tickets)),
    )


def _order(order: Order) -> answers.Order:
    return answers.Order(
        id=order.id,
        name=order.name,
        state=_state(order),
        placed_at=order.placed_at,
        promised_at=order.promised_at,
        delivered_at=order.delivered_at,
        activated_at=order.activated_at,
        total=order.terms.total if order.terms else None,
        value=order.value,
        parcels={tracking: parcel.state for tracking, parcel in order.parcels.items()},
    )


def _state(order: Order) -> Any:
    """The furthest that the order has come."""
    if not order.is_known:
        return "unknown"
    states = ("cancelled", "returned", "delivered", "shipped", "paid")
    return next((state for state in states if getattr(order, f"{state}_at")), "placed")


def _ticket(ticket: Ticket) -> answers.Ticket:
    return answers.Ticket(
        id=ticket.id,
        is_open=ticket.is_open,
        opened_at=ticket.started_at,
        resolved_at=ticket.resolved_at,
        channel=ticket.channel,
        intent=ticket.intent,
    )


def _consent(customer: Customer) -> tuple[answers.Consent, ...]:
    return tuple(_word(topic, said, customer.facts) for topic, said in customer.facts.consent.items())


def _word(topic: str, said: Consent, facts: Facts) -> answers.Consent:
    purpose, _, channel = topic.partition("/")
    confirmed = said.granted and is_topic_confirmed(facts, topic)
    return answers.Consent(purpose=purpose, channel=channel, granted=said.granted, confirmed=confirmed, since=said.at)


def _told(event: Event) -> Mapping[str, Any]:
    """Its data without the person; and what was cleaned of the person's words when it came in, by field and kind."""
    told: dict[str, Any] = event.data.model_dump(mode="json", exclude={"customer"}, exclude_defaults=True)
    cleaned = event.data.customer.cleaned
    return {**told, "cleaned": list(cleaned)} if cleaned else told


def _standing(judged: Judged) -> answers.Standing:
    return answers.Standing(stage=judged.stage, label=judged.label, band=judged.band, score=points(judged.score))


def _message(action: Action) -> answers.Message:
    return answers.Message(
        id=action.id,
        play=action.play,
        channel=action.channel,
        template=action.template,
        purpose=action.purpose,
        not_after=action.not_after,
        coupon=action.coupon,
    )
