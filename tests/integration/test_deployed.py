"""template.yaml, unmodified, deployed into ministack with roles enforced: what only a deployed stack can show.

A wrong handler, a missing permission, variable, route or `ReportBatchItemFailures`: each makes one of these red, and no
linter sees it. ministack does not know `dynamodb:LeadingKeys`; that clause is held by tests/contract/test_template.py.
"""

import io
import json
import time
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from infra.local import ministack, state
from infra.local.blueprint import Blueprint
from infra.local.bouncing import bounce, received
from infra.local.client import Client, Refused
from infra.local.ministack import Deployed
from infra.local.signing import signed
from perennial.aws.table import TTL_ATTRIBUTE
from perennial.channels.links import Permit, read_keys, sign
from perennial.channels.returns import MarkedReturns
from perennial.domain.label import Label
from perennial.domain.permission import QuietHours, opens_at, zones_of

FUNCTIONS = Blueprint(ministack.PARAMETERS).functions
PATIENCE = 60
"""Seconds within which something must have happened."""
PROBE = """
import boto3, botocore.exceptions
def handler(asked, context):
    try:
        getattr(boto3.client(asked["service"]), asked["operation"])(**asked["arguments"])
    except botocore.exceptions.ClientError as error:
        return error.response["Error"]["Code"]
    return "done"
"""
"""A function that makes one call, with a role of the template, and tells what became of it."""


@pytest.fixture(scope="module")
def stack() -> Iterator[Deployed]:
    with ministack.running() as aws:
        yield ministack.deploy(aws)


@pytest.fixture(scope="module")
def keys(stack: Deployed) -> state.Keys:
    keys = state.Keys.fresh()
    ministack.put_webhook_secrets(stack, {f"{source}/{state.STORE}": list(of) for source, of in keys.webhooks.items()})
    return keys


def client_of(stack: Deployed, token: str) -> Client:
    return Client(state.Stack(stack.api, token, {}, mail=""))


def eventually(look: Callable[[], Any], wanted: Callable[[Any], bool] = bool) -> Any:
    """The first look that shows what is wanted, or the last one there was patience for."""
    deadline = time.monotonic() + PATIENCE
    while not wanted(seen := look()) and time.monotonic() < deadline:
        time.sleep(0.2)
    return seen


def tries(stack: Deployed, role: str, service: str, operation: str, **arguments: Any) -> str:
    """What becomes of a call that is made by a function with this role: "done", or AWS's error code."""
    functions, code = stack.aws.client("lambda"), io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("probe.py", PROBE)
    name = f"probe-{time.monotonic_ns()}"
    functions.create_function(
        FunctionName=name,
        Role=stack.aws.client("iam").get_role(RoleName=stack.resources[role])["Role"]["Arn"],
        Runtime="python3.13",
        Handler="probe.handler",
        Code={"ZipFile": code.getvalue()},
    )
    asked = {"service": service, "operation": operation, "arguments": arguments}
    answer = functions.invoke(FunctionName=name, Payload=json.dumps(asked))
    functions.delete_function(FunctionName=name)
    return str(json.loads(answer["Payload"].read()))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function_starts(stack: Deployed, name: str) -> None:
    """Its handler and its layers are where they should be. That it likes an empty event is not asked."""
    answer = stack.aws.client("lambda").invoke(FunctionName=stack.resources[name], Payload=b"{}")

    assert "Worker init failed" not in answer["Payload"].read().decode()


def test_the_table_forgets_what_has_expired(stack: Deployed) -> None:
    described = stack.aws.client("dynamodb").describe_time_to_live(TableName=stack.outputs["TableName"])

    assert described["TimeToLiveDescription"]["AttributeName"] == TTL_ATTRIBUTE


def test_without_a_token_nothing_is_told(stack: Deployed) -> None:
    with pytest.raises(Refused, match="401"):
        client_of(stack, token="").get("/policy")


def test_a_token_of_somebody_else_opens_nothing(stack: Deployed) -> None:
    header, claims, _ = ministack.token(stack).split(".")

    with pytest.raises(Refused, match="401"):
        client_of(stack, token=f"{header}.{claims}.c2lnbmVkIGJ5IG5vYm9keQ").get("/policy")


def test_staff_read_the_policy(stack: Deployed) -> None:
    assert client_of(stack, ministack.token(stack)).get("/policy")


def test_an_order_posted_by_many_at_once_becomes_one_customer_who_is_thanked_once(
    stack: Deployed, keys: state.Keys
) -> None:
    now = datetime.now(UTC)
    stack.aws.client("sesv2").create_email_identity(EmailIdentity=ministack.PARAMETERS["EmailIdentity"])
    order = {
        "id": 9_007_199_254_740_993,
        "name": "#77",
        "created_at": now.isoformat(),
        "updated_at": now.isoformat(),
        "total_price": "99.00",
        "currency": "USD",
        "financial_status": "pending",
        "customer": {"id": 9_007_199_254_740_995, "email": "deployed@example.com"},
        "shipping_address": {"country_code": by_day(now)},
    }
    body, topic = json.dumps(order).encode(), {"X-Shopify-Topic": "orders/create", "X-Shopify-Event-Id": "e-77"}
    client = client_of(stack, ministack.token(stack))

    def post(_: int) -> int:
        signature = signed("shopify", body, topic, keys.webhooks["shopify"][0], now)
        return client.post("/webhooks/shopify/demo", body, signature).status

    with ThreadPoolExecutor(8) as senders:
        answers = set(senders.map(post, range(20)))

    assert answers == {200}
    (found,) = eventually(lambda: client.get("/customers", email="deployed@example.com")["customers"])
    timeline = eventually(
        lambda: client.get(f"/customers/{found['id']}/timeline")["entries"], lambda told: len(told) > 1
    )
    assert sorted(entry["type"] for entry in timeline) == ["message.sent", "order.placed"]
    assert client.get(f"/customers/{found['id']}")["stage"] == "onboarding"


def by_day(now: datetime) -> str:
    """A country where messages may leave at this hour."""
    hours = QuietHours()
    return next(
        country
        for country in ("GB", "JP", "NZ", "IN", "CO")
        if opens_at(now, zones_of(None, country, "UTC"), hours) == now
        and opens_at(later := now + timedelta(minutes=5), zones_of(None, country, "UTC"), hours) == later
    )


def test_an_unsigned_delivery_is_refused(stack: Deployed, keys: state.Keys) -> None:
    assert client_of(stack, token="").post("/webhooks/shopify/demo", b"{}", {}).status == 401


@pytest.mark.parametrize(
    ("role", "wanted"),
    [("WebhooksRole", "AccessDenied"), ("SweepRole", "AccessDenied"), ("ApplyRole", "done"), ("SendSmsRole", "done")],
)
def test_only_who_must_reads_customers(stack: Deployed, role: str, wanted: str) -> None:
    key = {"pk": {"S": "C#1"}, "sk": {"S": "RECORD"}}

    became = tries(stack, role, "dynamodb", "get_item", TableName=stack.outputs["TableName"], Key=key)

    assert became.removesuffix("Exception") == wanted


@pytest.mark.parametrize(
    ("role", "wanted"), [("SweepRole", "AccessDenied"), ("AdminApiRole", "done"), ("ApplyRole", "done")]
)
def test_only_the_write_path_and_who_ends_a_stop_ask_for_emails(stack: Deployed, role: str, wanted: str) -> None:
    became = tries(stack, role, "sqs", "send_message", QueueUrl=stack.outputs["EmailQueueUrl"], MessageBody="{}")

    assert became.removesuffix("Exception") == wanted


@pytest.mark.parametrize(
    ("role", "secret", "wanted"),
    [
        ("WebhooksRole", "WebhookSecretsId", "done"),
        ("WebhooksRole", "IdentityKeyId", "AccessDenied"),
        ("WebhooksRole", "LinksKeyId", "done"),
        ("ReceiptsRole", "LinksKeyId", "done"),
        ("ReceiptsRole", "WebhookSecretsId", "AccessDenied"),
        ("ApplyRole", "WebhookSecretsId", "AccessDenied"),
        ("ApplyRole", "IdentityKeyId", "done"),
        ("SendEmailRole", "IdentityKeyId", "done"),
        ("SendSmsRole", "IdentityKeyId", "done"),
        ("SendEmailRole", "WebhookSecretsId", "AccessDenied"),
        ("SendEmailRole", "LinksKeyId", "done"),
        ("PreferencesRole", "LinksKeyId", "done"),
        ("PreferencesRole", "WebhookSecretsId", "AccessDenied"),
        ("AdminApiRole", "LinksKeyId", "AccessDenied"),
        ("NotifyRole", "SenderKeysId", "done"),
        ("NotifyRole", "IdentityKeyId", "AccessDenied"),
        ("ApplyRole", "SenderKeysId", "AccessDenied"),
    ],
)
def test_each_reads_only_its_own_secret(stack: Deployed, role: str, secret: str, wanted: str) -> None:
    became = tries(stack, role, "secretsmanager", "get_secret_value", SecretId=stack.outputs[secret])

    assert became.removesuffix("Exception") == wanted


def test_a_press_on_the_link_of_a_mail_is_in_the_record_when_it_is_answered(stack: Deployed, keys: state.Keys) -> None:
    client, now = client_of(stack, ministack.token(stack)), datetime.now(UTC)
    said = {"customer": {"email": "una@example.com"}, "channel": "email", "granted": True}
    event = {"specversion": "1.0", "id": "c-1", "source": "form", "type": "consent.changed", "data": said}
    body = json.dumps(event).encode()
    client.post("/events/demo", body, signed("open", body, {}, keys.webhooks["open"][0], now))
    [found] = eventually(lambda: client.get("/customers", email="una@example.com")["customers"])
    secret = stack.aws.client("secretsmanager").get_secret_value(SecretId=stack.outputs["LinksKeyId"])["SecretString"]
    permit = Permit("one_click", state.STORE, found["id"], "email", "marketing", now)

    link = f"/u/{sign(permit, read_keys(secret))}"
    answer = client.post(link, b"List-Unsubscribe=One-Click", {"content-type": "application/x-www-form-urlencoded"})

    assert answer.status == 200, answer.body
    [word] = client.get(f"/customers/{found['id']}")["consent"]
    assert (word["purpose"], word["channel"], word["granted"]) == ("marketing", "email", False)
    assert client.post(link[:-4], b"List-Unsubscribe=One-Click", {}).status == 404


def test_a_mail_that_ses_received_ends_the_address_that_it_came_back_from(stack: Deployed, keys: state.Keys) -> None:
    client, now = client_of(stack, ministack.token(stack)), datetime.now(UTC)
    said = {"customer": {"email": "ben@example.com"}, "product": "mirror"}
    body = json.dumps({"specversion": "1.0", "id": "v-1", "source": "shop", "type": "product.viewed", "data": said})
    client.post("/events/demo", body.encode(), signed("open", body.encode(), {}, keys.webhooks["open"][0], now))
    [found] = eventually(lambda: client.get("/customers", email="ben@example.com")["customers"])
    secret = stack.aws.client("secretsmanager").get_secret_value(SecretId=stack.outputs["LinksKeyId"])["SecretString"]
    label = Label(action="0a" * 16, customer=found["id"], store=state.STORE)
    back = MarkedReturns("bounces.example", lambda: read_keys(secret)).of(label)
    assert back is not None

    told = received(bounce(back, "ben@example.com", now))
    stack.aws.client("sns").publish(TopicArn=stack.outputs["ReceiptsTopicArn"], Message=told)

    assert eventually(lambda: client.get(f"/customers/{found['id']}")["suppressed"]) == {"email": "bounced"}


def test_a_task_is_told_to_nobody_where_nobody_wants_to_be_told(stack: Deployed, keys: state.Keys) -> None:
    sqs, client, now = stack.aws.client("sqs"), client_of(stack, ministack.token(stack)), datetime.now(UTC)
    said = {"customer": {"email": "ned@example.com"}, "ticket": {"id": "7", "intent": "dispute"}}
    body = json.dumps({"specversion": "1.0", "id": "d-1", "source": "desk", "type": "ticket.opened", "data": said})

    client.post("/events/demo", body.encode(), signed("open", body.encode(), {}, keys.webhooks["open"][0], now))

    [found] = eventually(lambda: client.get("/customers", email="ned@example.com")["customers"])
    assert [task["task"] for task in client.get(f"/customers/{found['id']}")["tasks"]] == ["dispute"]
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    queues = [stack.outputs[f"{name}Url"] for name in ("TicketsQueue", "NoticesQueue", "NoticesDeadLetters")]

    def waiting() -> int:
        told = (sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"] for url in queues)
        return sum(int(count) for each in told for count in each.values())

    assert eventually(waiting, lambda count: count == 0) == 0


def test_whoever_tells_others_may_let_a_notice_wait_and_put_it_nowhere_else(stack: Deployed) -> None:
    notices, orders = stack.outputs["NoticesQueueUrl"], stack.outputs["OrdersQueueUrl"]
    hide = {"ReceiptHandle": "nobody's", "VisibilityTimeout": 30}

    became = tries(stack, "NotifyRole", "sqs", "change_message_visibility", QueueUrl=notices, **hide)
    elsewhere = tries(stack, "NotifyRole", "sqs", "send_message", QueueUrl=orders, MessageBody="{}")

    assert not became.startswith("AccessDenied")
    assert elsewhere.startswith("AccessDenied")


def test_poison_fails_alone_and_ends_among_the_dead_letters(stack: Deployed) -> None:
    sqs, outputs = stack.aws.client("sqs"), stack.outputs
    sqs.set_queue_attributes(QueueUrl=outputs["TicketsQueueUrl"], Attributes={"VisibilityTimeout": "1"})

    sqs.send_message(QueueUrl=outputs["TicketsQueueUrl"], MessageBody="no event at all")

    [dead] = eventually(lambda: sqs.receive_message(QueueUrl=outputs["TicketsDeadLettersUrl"]).get("Messages", []))
    assert dead["Body"] == "no event at all"


def test_an_upload_becomes_customers(stack: Deployed) -> None:
    client = client_of(stack, ministack.token(stack))
    begun = client.ask("/imports", {"file": "customers.csv", "mapping": "woocommerce-customers"})
    rows = b"Email,Name,Sign up\nwanda@example.com,Wanda Import,2024-02-03\n,Nobody,2024-02-03\n"

    where = {"Bucket": stack.resources["ImportsBucket"], "Key": f"uploads/{begun['id']}"}
    stack.aws.client("s3").put_object(**where, Body=rows)

    stands = eventually(lambda: client.get(f"/imports/{begun['id']}"), lambda seen: seen["state"] == "done")
    assert (stands["accepted"], stands["skipped"], stands["events"]) == (1, 1, 1)
    [found] = eventually(lambda: client.get("/customers", email="wanda@example.com")["customers"])
    assert found["label"] == "prospect"
    [row] = client.get(f"/imports/{begun['id']}/report")["rows"]
    assert (row["line"], row["outcome"]) == (3, "skipped")
