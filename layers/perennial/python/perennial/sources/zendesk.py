"""Zendesk: signed over timestamp and raw body; ticket events tell of tickets, user events tie a requester to an e-mail.

A ticket names its requester by id only; `user.created` and `user.identity_created` say whose e-mail or phone that is,
and so make the requester the shop's customer. Event types are written "zen:event-type:ticket.created" and, for some,
with a slash before the name: both are read.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from perennial.domain.events import (
    CustomerData,
    CustomerUpdated,
    Event,
    Person,
    SurveyAnswered,
    SurveyData,
    TicketData,
    TicketFacts,
    TicketOpened,
    TicketReopened,
    TicketReplied,
    TicketResolved,
)
from perennial.domain.values import Id
from perennial.sources import Forged, Headers, Ignored, NotUnderstood, whole
from perennial.sources.payloads import (
    LONGEST_SHORT_TEXT,
    LONGEST_TEXT,
    Delivery,
    Many,
    Maybe,
    Payload,
    Text,
    Time,
    cut,
    understanding,
)
from perennial.sources.signatures import hmac_sha256_base64, require_fresh, require_signature
from perennial.sources.tickets import By, intent_of, ticket_id

Events = tuple[Event, ...]

HEADERS: frozenset[str] = frozenset()
MEDIA_TYPES: frozenset[str] = frozenset()

SYSTEM = "-1"
"""The actor of Zendesk's own triggers, automations and bots."""
SOLVED = frozenset({"SOLVED", "CLOSED"})
STAFF = frozenset({"agent", "admin"})
SCORES: Mapping[str, float] = {"GOOD": 5, "BAD": 1} | {str(stars): float(stars) for stars in range(1, 6)}
"""What a customer answered -> CSAT's 1 to 5. The older survey knows two answers, the newer one has five."""
UNANSWERED = frozenset({"OFFERED", "UNOFFERED"})

IGNORED = frozenset(
    {
        "ticket.agent_assignment_changed",
        "ticket.attachment_linked_to_comment",
        "ticket.attachment_redacted_from_comment",
        "ticket.brand_changed",
        "ticket.comment_made_private",
        "ticket.comment_redacted",
        "ticket.csat_requested",
        "ticket.custom_field_changed",
        "ticket.custom_status_changed",
        "ticket.description_changed",
        "ticket.email_ccs_changed",
        "ticket.external_id_changed",
        "ticket.followers_changed",
        "ticket.form_changed",
        "ticket.group_assignment_changed",
        "ticket.next_sla_breach_changed",
        "ticket.ola_policy_changed",
        "ticket.organization_changed",
        "ticket.priority_changed",
        "ticket.problem_link_changed",
        "ticket.schedule_changed",
        "ticket.sla_policy_changed",
        "ticket.subject_changed",
        "ticket.submitter_changed",
        "ticket.tags_changed",
        "ticket.task_due_at_changed",
        "ticket.type_changed",
        "ticket.merged",  # the merged ticket is closed, and that is told by its status
        "ticket.marked_as_spam",  # and deleted, which is told too
        "ticket.permanently_deleted",  # after it was deleted
        "user.active_changed",
        "user.alias_changed",
        "user.custom_field_changed",
        "user.custom_role_changed",
        "user.default_group_changed",
        "user.details_changed",
        "user.external_id_changed",
        "user.group_membership_created",
        "user.group_membership_deleted",
        "user.identity_deleted",
        "user.last_login_changed",
        "user.name_changed",
        "user.notes_changed",
        "user.only_private_comments_changed",
        "user.organization_membership_created",
        "user.organization_membership_deleted",
        "user.password_changed",
        "user.photo_changed",
        "user.role_changed",
        "user.suspended_changed",
        "user.tags_changed",
        "user.time_zone_changed",
    }
)
"""What the help desk does within itself: nothing the customer did, wrote or waits for."""


class Envelope(Payload):
    id: Id
    type: str
    time: Time = None


class Via(Payload):
    channel: Text = None


class Ticket(Payload):
    id: Id
    requester_id: Id
    actor_id: Id | None = None
    subject: Text = None
    description: Text = None
    status: Text = None
    is_public: bool | None = None
    created_at: Time = None
    tags: Many[str] = ()
    via: Maybe[Via] = None


class Author(Payload):
    id: Id | None = None
    is_staff: bool | None = None


class Comment(Payload):
    id: Id
    body: Text = None
    is_public: bool | None = None
    author: Maybe[Author] = None


class TicketEvent(Payload):
    detail: Ticket


class CommentChange(Payload):
    comment: Comment


class CommentAdded(TicketEvent):
    event: CommentChange


class Change(Payload):
    previous: Text = None
    current: Text = None


class StatusChanged(TicketEvent):
    event: Maybe[Change] = None


class Identity(Payload):
    type: Text = None
    value: Text = None


class User(Payload):
    id: Id
    email: Text = None
    name: Text = None
    role: Text = None


class UserChange(Payload):
    identity: Maybe[Identity] = None
    user: Maybe[User] = None
    """Of a merger: the other one."""


class UserEvent(Payload):
    detail: User
    event: Maybe[UserChange] = None


class Satisfaction(Payload):
    score: Id | None = None
    comment: Text = None


class Rating(Payload):
    satisfaction_score: Satisfaction


class Rated(TicketEvent):
    event: Rating


def verify(headers: Headers, body: bytes, secrets: Sequence[str], moments: Sequence[datetime], /) -> None:
    stamp = headers.get("x-zendesk-webhook-signature-timestamp", "")
    signed = stamp.encode("ascii", "replace") + body
    given = headers.get("x-zendesk-webhook-signature")
    require_signature([given], (hmac_sha256_base64(secret, signed) for secret in secrets))
    require_fresh(_signed_at(stamp), moments)


def _signed_at(stamp: str) -> datetime:
    try:
        time = datetime.fromisoformat(stamp)
    except ValueError:
        raise Forged("the signed timestamp is no time") from None
    if time.tzinfo is None:
        raise Forged("the signed timestamp has no time zone")
    return time


split = whole


@understanding
def translate(_headers: Headers, body: bytes, store: str, received_at: datetime, /) -> Events:
    envelope = Envelope.model_validate_json(body)
    kind = envelope.type.removeprefix("zen:event-type").lstrip(":/")
    if kind in IGNORED:
        raise Ignored(f"{kind}: the help desk's own housekeeping")
    if kind not in TYPES:
        raise NotUnderstood("type: no event type that Perennial reads")
    return TYPES[kind](Delivery("zendesk", envelope.id, store, envelope.time or received_at, body))


def _opened(delivery: Delivery) -> Events:
    """The description is what the customer wrote, unless an agent opened the ticket or wrote it as a note."""
    ticket = TicketEvent.model_validate_json(delivery.body).detail
    text = ticket.description if ticket.is_public is not False else None
    return (delivery.event(TicketOpened, None, _ticket(ticket, _actor(ticket, ticket.actor_id), text)),)


def _replied(delivery: Delivery) -> Events:
    told = CommentAdded.model_validate_json(delivery.body)
    ticket, comment = told.detail, told.event.comment
    author = comment.author or Author()
    if comment.is_public is False:
        raise Ignored("an internal note: the customer does not see it")
    by = _actor(ticket, author.id or ticket.actor_id)
    if by == "agent" and author.is_staff is False:
        raise Ignored("somebody in copy wrote: neither the customer nor one of us")
    return (delivery.event(TicketReplied, None, _ticket(ticket, by, comment.body)),)


def _status_changed(delivery: Delivery) -> Events:
    told = StatusChanged.model_validate_json(delivery.body)
    change = told.event or Change()
    was, is_now = (change.previous or "").upper(), (change.current or told.detail.status or "").upper()
    if (was in SOLVED) == (is_now in SOLVED):
        raise Ignored("the ticket is as open, or as solved, as before")
    facts = _ticket(told.detail, _actor(told.detail, told.detail.actor_id))
    if is_now in SOLVED:
        return (delivery.event(TicketResolved, None, facts),)
    return (delivery.event(TicketReopened, None, facts),)


def _deleted(delivery: Delivery) -> Events:
    """A deleted ticket waits for nobody any more; that no person solved it is told by "bot"."""
    ticket = TicketEvent.model_validate_json(delivery.body).detail
    return (delivery.event(TicketResolved, None, _ticket(ticket, "bot")),)


def _undeleted(delivery: Delivery) -> Events:
    ticket = TicketEvent.model_validate_json(delivery.body).detail
    if (ticket.status or "").upper() in SOLVED:
        raise Ignored("a ticket came back that is solved")
    return (delivery.event(TicketReopened, None, _ticket(ticket, "bot")),)


def _rated(delivery: Delivery) -> Events:
    told = Rated.model_validate_json(delivery.body)
    answer = told.event.satisfaction_score
    said = (answer.score or "").upper().partition("_")[0]  # GOOD_WITH_COMMENT
    if said in UNANSWERED:
        raise Ignored("the survey was offered, and not answered")
    if said not in SCORES:
        raise NotUnderstood(f"event.satisfaction_score.score: one of {', '.join(SCORES)}")
    person, text = Person(ids={"zendesk": told.detail.requester_id}), cut(answer.comment, LONGEST_TEXT)
    about = ticket_id("zendesk", told.detail.id)
    data = SurveyData(customer=person, survey="csat", score=SCORES[said], ticket=about, text=text)
    return (delivery.event(SurveyAnswered, None, data),)


def _ticket(ticket: Ticket, by: By, text: str | None = None) -> TicketData:
    facts = TicketFacts(
        id=ticket_id("zendesk", ticket.id),
        opened_at=ticket.created_at,
        channel=cut(ticket.via.channel, 40) if ticket.via else None,
        by=by,
        intent=intent_of(ticket.tags),
        subject=cut(ticket.subject, LONGEST_SHORT_TEXT),
        text=cut(text, LONGEST_TEXT),
    )
    return TicketData(customer=Person(ids={"zendesk": ticket.requester_id}), ticket=facts)


def _actor(ticket: Ticket, actor: str | None) -> By:
    if actor == SYSTEM:
        return "bot"
    return "customer" if actor == ticket.requester_id else "agent"


def _user(delivery: Delivery) -> Events:
    """Who a requester is, by e-mail or phone."""
    told = UserEvent.model_validate_json(delivery.body)
    user = told.detail
    if user.role in STAFF:
        raise Ignored("one of the merchant's own people")
    email, phone = _told_identity(told, "email") or user.email, _told_identity(told, "phone_number")
    if email is None and phone is None:
        raise Ignored("a user without e-mail and phone: nothing to tie the requester to")
    person = Person(ids={"zendesk": user.id}, email=email, phone=phone, name=cut(user.name, LONGEST_SHORT_TEXT))
    return (delivery.event(CustomerUpdated, None, CustomerData(customer=person)),)


def _told_identity(told: UserEvent, kind: str) -> str | None:
    identity = told.event.identity if told.event else None
    return identity.value if identity and identity.type == kind else None


def _merged(delivery: Delivery) -> Events:
    """An agent has found two users to be one person, and Zendesk has made them one."""
    told = UserEvent.model_validate_json(delivery.body)
    other = told.event.user if told.event else None
    if other is None or other.id == told.detail.id:
        raise NotUnderstood("event.user.id: two users were merged, and not told which")
    person = Person(ids={"zendesk": told.detail.id}, former={"zendesk": other.id}, email=told.detail.email)
    return (delivery.event(CustomerUpdated, None, CustomerData(customer=person)),)


def _user_deleted(_delivery: Delivery) -> Events:
    """A help desk's user is not the shop's customer, who may have orders under way."""
    raise NotUnderstood(
        "a user was deleted in Zendesk, which deletes nobody here: if the person asked to be forgotten, "
        "erase the customer here too, and then delete this entry"
    )


TYPES: Mapping[str, Callable[[Delivery], Events]] = {
    "ticket.created": _opened,
    "ticket.comment_added": _replied,
    "ticket.status_changed": _status_changed,
    "ticket.csat_received": _rated,
    "ticket.soft_deleted": _deleted,
    "ticket.undeleted": _undeleted,
    "user.created": _user,
    "user.identity_created": _user,
    "user.identity_changed": _user,
    "user.merged": _merged,
    "user.deleted": _user_deleted,
}
