"""The usual parts, put together as a good team would in a day: what the engine is measured against.

Powertools' batch and idempotency around the handler, one message at a time; boto3's resource API; a customer item with
an attribute for each field, read, changed, and written back on its version; a history item with the event as it came; a
message for each action. The shop's customer id is the key, and what other vendors know instead (an email, an order, a
parcel) is looked up in a table of links. What is due is looked for at night, by a scan of the customers.

The decision is the engine's own, so that nothing but the assembly is compared. What the engine does beside it leaves
out: customers whom the shop does not know, keeping what names a person apart from all that is to stay, and an index of
what is due. Tracer stays out too: it would add 330 ms to a cold start.
"""

import json
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.idempotency import (
    DynamoDBPersistenceLayer,
    IdempotencyConfig,
    idempotent_function,
)
from boto3.dynamodb.conditions import Attr

from perennial.aws.clock import Clock
from perennial.domain.actions import Action
from perennial.domain.customer import Customer
from perennial.domain.decide import decide
from perennial.domain.events import Event, Person, parse_event
from perennial.domain.identity import identity_keys
from perennial.domain.journal import Entry, entry_key
from perennial.domain.policy import Policy
from perennial.domain.values import Model

REMEMBERED = 14 * 24 * 3600
"""Seconds for which an event is known to be done: as long as a message may wait among the dead letters."""
UNMOVED = "attribute_not_exists(id) OR version = :read"
SHOP = "shopify"
LINKED_BY = {"customer.signed_up": "email", "order.placed": "order", "order.shipped": "tracking"}
"""Event type -> what it says for the first time that others will name the customer by."""
logger = Logger(service="lifecycle")


class Names(NamedTuple):
    """Of the resources."""

    customers: str
    history: str
    links: str
    idempotency: str
    email_queue_url: str
    sms_queue_url: str


class Unknown(Exception):
    """Nobody knows yet whose this event is; it is to come again."""


class Plain:
    def __init__(self, session: boto3.Session, names: Names, policy: Policy, clock: Clock) -> None:
        dynamodb = session.resource("dynamodb")
        self._customers = dynamodb.Table(names.customers)
        self._history = dynamodb.Table(names.history)
        self._links = dynamodb.Table(names.links)
        self._sqs = session.client("sqs")
        self._queues = {"email": names.email_queue_url, "sms": names.sms_queue_url}
        self._policy = policy
        self._clock = clock
        self._processor = BatchProcessor(event_type=EventType.SQS)
        self._idempotency = IdempotencyConfig(expires_after_seconds=REMEMBERED)
        store = DynamoDBPersistenceLayer(names.idempotency, boto3_client=session.client("dynamodb"))
        once = idempotent_function(
            data_keyword_argument="key", persistence_store=store, config=self._idempotency, key_prefix="apply"
        )
        self._apply_once = once(self._apply)
        self.handler = logger.inject_lambda_context(self._handler)
        """As Lambda calls it, with a batch of SQS records; answers which of them are to come again."""

    def sweep(self, now: datetime) -> Iterator[str]:
        """At night: the customers whose time has come."""
        wanted: dict[str, Any] = {"FilterExpression": Attr("due_at").lte(now.isoformat())}
        while True:
            page = self._customers.scan(**wanted)
            yield from (item["id"] for item in page["Items"])
            if "LastEvaluatedKey" not in page:
                return
            wanted["ExclusiveStartKey"] = page["LastEvaluatedKey"]

    def read(self, customer: str) -> tuple[Customer | None, dict[str, Any]]:
        """The record, and what is known of the person."""
        found = self._customers.get_item(Key={"id": customer}, ConsistentRead=True).get("Item")
        return (Customer.model_validate(found["record"]), found["person"]) if found else (None, {})

    def _handler(self, event: dict[str, Any], context: Any) -> Any:
        self._idempotency.register_lambda_context(context)
        return process_partial_response(event, self._record, self._processor, context)

    def _record(self, record: SQSRecord) -> None:
        event = parse_event(record.body)
        self._apply_once(event=event, key=f"{event.source}#{event.id}")

    def _apply(self, event: Event, key: str) -> None:
        """`key` is what Powertools locks."""
        customer = self._customer_of(event)
        read, person = self.read(customer)
        before = read or Customer(id=customer, store=event.store)
        decision = decide(before, event, self._policy, self._clock.now())
        self._write(before, decision.customer, person | _said(event.data.customer))
        self._history.put_item(Item=_history_item(decision.entry, event, customer))
        self._link(event, customer)
        for action in decision.actions:
            self._send(action)

    def _customer_of(self, event: Event) -> str:
        if known := event.customer or event.data.customer.ids.get(SHOP):
            return known
        for link in _links(event).values():
            if found := self._links.get_item(Key={"id": link}).get("Item"):
                return str(found["customer"])
        raise Unknown(event.type)

    def _link(self, event: Event, customer: str) -> None:
        if link := _links(event).get(LINKED_BY.get(event.type, "")):
            self._links.put_item(Item={"id": link, "customer": customer})

    def _write(self, before: Customer, after: Customer, person: dict[str, Any]) -> None:
        item = {"id": after.id, "version": after.version, "record": _attributes(after), "person": person}
        if after.due_at:
            item["due_at"] = after.due_at.isoformat()
        self._customers.put_item(
            Item=item, ConditionExpression=UNMOVED, ExpressionAttributeValues={":read": before.version}
        )

    def _send(self, action: Action) -> None:
        body = action.model_dump_json(exclude_defaults=True)
        self._sqs.send_message(QueueUrl=self._queues[action.channel], MessageBody=body)


def _links(event: Event) -> dict[str, str]:
    """By what else than the shop's id the event names its customer: kind -> the id of the item that links it."""
    return {key.kind: f"{key.kind}#{key.value}" for key in identity_keys(event) if key.kind in LINKED_BY.values()}


def _history_item(entry: Entry, event: Event, customer: str) -> dict[str, Any]:
    """What was decided, and the event as it came, with what the customer is called and wrote."""
    return {"pk": customer, "sk": entry_key(event), **_attributes(entry.but({"event": event}))}


def _attributes(model: Model) -> dict[str, Any]:
    """A map as DynamoDB takes it: no floats."""
    attributes: dict[str, Any] = json.loads(model.model_dump_json(exclude_defaults=True), parse_float=Decimal)
    return attributes


def _said(person: Person) -> dict[str, Any]:
    return person.model_dump(mode="json", exclude_defaults=True)
