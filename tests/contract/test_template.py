"""Promises of template.yaml: what a linter cannot know, and what would only show in the merchant's account.

Of 17 seeded faults cfn-lint finds one in the SAM file and five in what CloudFormation makes of it; so both are linted,
and the rest is asserted here or seen by tests/integration/test_deployed.py.
"""

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import cfnlint.api
import pytest
from cfnlint.config import ManualArgs

from infra.local import template
from perennial.aws.settings import Settings
from perennial.aws.table import INDEXES, TTL_ATTRIBUTE
from perennial.channels import redirects
from perennial.channels.announcing import USED_UP
from perennial.channels.links import PATHS
from perennial.channels.provider import Spent
from perennial.notifying import DELIVERIES, Delivery, wait_after
from perennial.watch import Seen

REGION = "eu-west-1"
NOT_OURS = {"POWERTOOLS_SERVICE_NAME"}
"""Read by Powertools, not by Settings."""
RESERVED_BY_LAMBDA = re.compile(r"(AWS_|_LAMBDA_|LAMBDA_)")
RATE = re.compile(r"rate\((1 (minute|hour|day)|(?!1 |0)\d+ (minutes|hours|days))\)")
"""AWS refuses rate(1 minutes) and rate(5 minute), when it deploys and no sooner."""


def resources(kind: str) -> dict[str, Any]:
    """Properties of all resources of this type, as CloudFormation gets them, by logical id."""
    every = template.translated(REGION)["Resources"]
    return {name: each["Properties"] for name, each in every.items() if each["Type"] == kind}


def attribute(resource: str, name: str = "Arn") -> dict[str, list[str]]:
    return {"Fn::GetAtt": [resource, name]}


FUNCTIONS = resources("AWS::Lambda::Function")
QUEUES = resources("AWS::SQS::Queue")
MAPPINGS = resources("AWS::Lambda::EventSourceMapping")
WORKING_QUEUES = {name: each for name, each in QUEUES.items() if not name.endswith("DeadLetters")}


def table() -> Any:
    return resources("AWS::DynamoDB::Table")["CustomersTable"]


def statements() -> Iterator[tuple[str, dict[str, Any]]]:
    """(role, statement), for all policies of all roles, the conditional ones included."""
    for role, properties in resources("AWS::IAM::Role").items():
        for policy in properties["Policies"]:
            for statement in policy["PolicyDocument"]["Statement"]:
                yield role, statement["Fn::If"][1] if "Fn::If" in statement else statement


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def mistakes(text: str) -> list[str]:
    found = cfnlint.api.lint(text, config=ManualArgs(regions=[REGION]))
    return [f"{each.rule.id} line {each.linenumber}: {each.message}" for each in found]


def test_the_template_as_written_is_clean() -> None:
    assert mistakes(template.FILE.read_text(encoding="utf-8")) == []


def test_what_cloudformation_makes_of_it_is_clean() -> None:
    assert mistakes(json.dumps(template.translated(REGION), indent=1)) == []


def test_the_linter_sees_the_translated_template() -> None:
    broken = json.loads(json.dumps(template.translated(REGION)))
    broken["Resources"]["CustomersTable"]["Properties"]["KeySchema"][0]["AttributeName"] = "nobody"

    assert mistakes(json.dumps(broken)) != []


# ---------------------------------------------------------------- the code and the template say the same


def test_the_environment_is_exactly_the_settings() -> None:
    for properties in FUNCTIONS.values():
        assert properties["Environment"]["Variables"].keys() - NOT_OURS == Settings.model_fields.keys()


def test_no_variable_has_a_name_that_lambda_keeps_for_itself() -> None:
    names = {name for each in FUNCTIONS.values() for name in each["Environment"]["Variables"]}

    assert [name for name in names if RESERVED_BY_LAMBDA.match(name)] == []


def test_the_indexes_are_those_of_the_store() -> None:
    found = {
        index["IndexName"]: tuple(each["AttributeName"] for each in index["KeySchema"])
        for index in table()["GlobalSecondaryIndexes"]
    }

    assert found == INDEXES
    assert all(each["Projection"] == {"ProjectionType": "KEYS_ONLY"} for each in table()["GlobalSecondaryIndexes"])


def test_the_table_forgets_by_the_attribute_that_the_store_writes() -> None:
    assert table()["TimeToLiveSpecification"] == {"AttributeName": TTL_ATTRIBUTE, "Enabled": True}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_handler_is_where_the_template_says(name: str) -> None:
    folder = template.ROOT / template.read()["Resources"][name]["Properties"]["CodeUri"]
    module, function = FUNCTIONS[name]["Handler"].split(".")

    assert f"def {function}(" in (folder / f"{module}.py").read_text(encoding="utf-8")


def test_every_function_in_the_repository_is_deployed() -> None:
    written = template.read()
    deployed = {properties[where] for _, properties, where in template.made_from(written)}
    folders = {f"functions/{each.parent.name}" for each in template.ROOT.glob("functions/*/app.py")}

    assert folders <= deployed


# ---------------------------------------------------------------- nothing is lost


def test_the_table_can_be_brought_back() -> None:
    written = template.read()["Resources"]["CustomersTable"]

    assert written["DeletionPolicy"] == written["UpdateReplacePolicy"] == "Retain"
    assert table()["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert table()["DeletionProtectionEnabled"] == {"Fn::If": ["Protected", True, False]}
    assert template.read()["Parameters"]["Protect"]["Default"] == "true"


def test_the_identity_key_outlives_the_stack() -> None:
    for name in ("IdentityKey", "LinksKey", "WebhookSecrets", "ApiKeys", "SenderKeys"):
        written = template.read()["Resources"][name]
        assert written["DeletionPolicy"] == written["UpdateReplacePolicy"] == "Retain"


@pytest.mark.parametrize("name", WORKING_QUEUES)
def test_each_queue_has_dead_letters_of_its_own_for_two_weeks(name: str) -> None:
    dead = name.removesuffix("Queue") + "DeadLetters"
    [source] = QUEUES[dead]["RedriveAllowPolicy"]["sourceQueueArns"]

    deliveries = DELIVERIES if name == "NoticesQueue" else 5
    given_up = {"deadLetterTargetArn": attribute(dead), "maxReceiveCount": deliveries}
    assert WORKING_QUEUES[name]["RedrivePolicy"] == given_up
    assert QUEUES[dead]["MessageRetentionPeriod"] == 14 * 24 * 3600
    assert source["Fn::Sub"].endswith(":" + WORKING_QUEUES[name]["QueueName"]["Fn::Sub"])


def test_each_queue_has_one_reader_that_says_which_messages_failed() -> None:
    read = [each["EventSourceArn"]["Fn::GetAtt"][0] for each in MAPPINGS.values()]

    assert sorted(read) == sorted(WORKING_QUEUES)
    assert all(each["FunctionResponseTypes"] == ["ReportBatchItemFailures"] for each in MAPPINGS.values())


@pytest.mark.parametrize("mapping", MAPPINGS.values(), ids=MAPPINGS)
def test_a_message_in_work_is_not_handed_out_twice(mapping: Any) -> None:
    queue = QUEUES[mapping["EventSourceArn"]["Fn::GetAtt"][0]]
    reader = FUNCTIONS[mapping["FunctionName"]["Ref"]]

    assert queue["VisibilityTimeout"] >= 6 * reader["Timeout"]


def test_who_is_erased_is_looked_for_in_all_dead_letters() -> None:
    """But in those of schedules and of imports' steps, whose messages name nobody."""
    schedules = resources("AWS::Scheduler::Schedule").values()
    of_schedules = {each["Target"]["DeadLetterConfig"]["Arn"]["Fn::GetAtt"][0] for each in schedules}
    dead = {name for name in QUEUES if name.endswith("DeadLetters")} - of_schedules
    dead -= {"UploadsDeadLetters", "PartsDeadLetters"}
    names = FUNCTIONS["Privacy"]["Environment"]["Variables"]["DEAD_LETTERS"]
    allowed = {
        resource["Fn::GetAtt"][0]
        for role, statement in statements()
        if role == "PrivacyRole" and "sqs:ChangeMessageVisibility" in statement["Action"]
        for resource in statement["Resource"]
    }

    assert {each["Fn::GetAtt"][0] for each in names["Fn::Join"][1]} == dead == allowed
    assert {each["Fn::GetAtt"][1] for each in names["Fn::Join"][1]} == {"QueueName"}


def test_schedules_are_written_as_aws_wants_them() -> None:
    schedules = resources("AWS::Scheduler::Schedule")

    assert sorted(each["ScheduleExpression"] for each in schedules.values()) == [
        "rate(1 minute)",
        "rate(10 minutes)",
        "rate(15 minutes)",
    ]
    assert all(RATE.fullmatch(each["ScheduleExpression"]) for each in schedules.values())
    assert all("DeadLetterConfig" in each["Target"] for each in schedules.values())


@pytest.mark.parametrize("wrong", ["rate(1 minutes)", "rate(5 minute)", "rate(0 minutes)", "rate(1minute)"])
def test_a_rate_that_aws_refuses_is_refused_here(wrong: str) -> None:
    assert RATE.fullmatch(wrong) is None


@pytest.mark.parametrize("name", QUEUES)
def test_somebody_hears_of_dead_letters_and_of_queues_that_stand_still(name: str) -> None:
    watched = {
        (each["MetricName"], dimension["Value"]["Fn::GetAtt"][0])
        for each in resources("AWS::CloudWatch::Alarm").values()
        for dimension in each.get("Dimensions", [])
        if "Fn::GetAtt" in dimension["Value"]
    }
    metric = "ApproximateNumberOfMessagesVisible" if name.endswith("DeadLetters") else "ApproximateAgeOfOldestMessage"

    assert (metric, name) in watched


def test_every_alarm_reaches_the_topic() -> None:
    assert all(each["AlarmActions"] == [{"Ref": "AlarmTopic"}] for each in resources("AWS::CloudWatch::Alarm").values())


# ---------------------------------------------------------------- nothing is leaked, and each may do just its own


def test_no_role_may_touch_everything() -> None:
    written = (
        (role, resource if isinstance(resource, str) else str(resource.get("Fn::Sub", "")))
        for role, statement in statements()
        for resource in listed(statement["Resource"])
    )
    wide = [(role, each) for role, each in written if "*" in each.removeprefix("${ImportsBucket.Arn}/").rstrip("/*")]
    actions = [action for _, statement in statements() for action in listed(statement["Action"])]

    assert wide == []
    assert [action for action in actions if "*" in action] == []


def test_no_role_brings_permissions_by_a_managed_policy() -> None:
    assert [name for name, each in resources("AWS::IAM::Role").items() if each.get("ManagedPolicyArns")] == []


def test_only_the_write_path_and_the_senders_write_customers() -> None:
    """And who erases them: decision 11."""
    writes = {"dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem"}
    writers = {
        role
        for role, statement in statements()
        if writes & set(listed(statement["Action"]))
        and "C#*" in statement["Condition"]["ForAllValues:StringLike"]["dynamodb:LeadingKeys"]
    }

    assert writers == {"ApplyRole", "PreferencesRole", "SendEmailRole", "SendSmsRole", "PrivacyRole"}


@pytest.mark.parametrize(
    ("action", "keys", "roles"),
    [
        ("dynamodb:PutItem", "HELD#*", {"SendEmailRole", "SendSmsRole"}),
        ("dynamodb:DeleteItem", "HELD#*", {"AdminApiRole", "PrivacyRole", "SendEmailRole", "SendSmsRole"}),
        ("dynamodb:PutItem", "ASKED#*", {"AdminApiRole"}),
        ("dynamodb:UpdateItem", "ASKED#*", {"AdminApiRole"}),
        ("dynamodb:GetItem", "ASKED#*", {"AdminApiRole"}),
        ("dynamodb:PutItem", "HOLDS", {"AdminApiRole", "WatchRole"}),
        ("dynamodb:PutItem", "POLICY", {"AdminApiRole", "WatchRole"}),
        ("dynamodb:UpdateItem", "C#*", {"ApplyRole"}),
        ("dynamodb:DeleteItem", "C#*", {"PrivacyRole"}),
        ("dynamodb:UpdateItem", "WARM_UP#*", {"SendEmailRole"}),
    ],
)
def test_senders_let_wait_and_staff_stop_and_empty(action: str, keys: str, roles: set[str]) -> None:
    allowed = {
        role
        for role, statement in statements()
        if action in listed(statement["Action"])
        and keys in statement["Condition"]["ForAllValues:StringLike"]["dynamodb:LeadingKeys"]
    }

    assert allowed == roles


def test_the_public_door_cannot_read_the_keys_to_shops() -> None:
    readers = {role for role, statement in statements() if attribute("ApiKeys", "Id") in listed(statement["Resource"])}

    assert readers == {"FetchRole", "ReconcileRole"}


def test_who_tells_the_merchant_s_own_systems_reads_no_table() -> None:
    """A receiver that wants to know more asks the admin API, with a token of its own."""
    allowed = {action for role, each in statements() if role == "NotifyRole" for action in listed(each["Action"])}
    secrets = {role for role, each in statements() if attribute("SenderKeys", "Id") in listed(each["Resource"])}

    assert {action.split(":")[0] for action in allowed} == {"logs", "sqs", "secretsmanager"}
    assert secrets == {"SendEmailRole", "SendSmsRole", "NotifyRole", "AdminApiRole"}


def test_no_template_can_lead_webhooks_into_a_network_of_its_own() -> None:
    """WEBHOOK_URL is the laptop's, and its code is in infra/local."""
    assert "WEBHOOK_URL" not in template.FILE.read_text(encoding="utf-8")
    assert "WEBHOOK_URL" not in Settings.model_fields


def test_somebody_hears_when_a_notice_is_not_taken_for_an_hour() -> None:
    """By what the function logs, for a queue's age leaves out what was given out three times and more."""
    logged = (template.ROOT / "functions/notify/app.py").read_text(encoding="utf-8")
    counted = resources("AWS::Logs::MetricFilter")["NoticesRefused"]
    alarm = resources("AWS::CloudWatch::Alarm")["NoticesRefusedAlarm"]
    waits = [wait_after(Delivery("n", "r", number)) for number in range(1, alarm["Threshold"] + 1)]

    assert counted["FilterPattern"] == '{ $.message = "notices failed" }'
    assert '"notices failed"' in logged
    assert "append_keys(delivery=number)" in logged
    assert counted["MetricTransformations"][0]["MetricValue"] == "$.delivery"
    assert alarm["ComparisonOperator"] == "GreaterThanThreshold"
    assert timedelta(hours=1) <= sum(waits, timedelta(0)) <= timedelta(minutes=90)


@pytest.mark.parametrize(("channel", "logs"), [("Email", "SendEmailLogs"), ("Sms", "SendSmsLogs")])
def test_somebody_hears_once_when_a_provider_s_account_is_used_up(channel: str, logs: str) -> None:
    """The alarm lasts as long as messages come again, and is told when it begins."""
    counted = resources("AWS::Logs::MetricFilter")[f"{channel}AccountUsedUp"]
    alarm = resources("AWS::CloudWatch::Alarm")[f"{channel}AccountUsedUpAlarm"]
    [transformation] = counted["MetricTransformations"]
    longest_wait = 2 * Spent.REST

    assert (counted["LogGroupName"], counted["FilterPattern"]) == ({"Ref": logs}, f'{{ $.message = "{USED_UP}" }}')
    assert (transformation["MetricName"], transformation["MetricValue"]) == (alarm["MetricName"], "1")
    assert (alarm["DatapointsToAlarm"], alarm["Threshold"], alarm["TreatMissingData"]) == (1, 0, "notBreaching")
    assert timedelta(seconds=alarm["Period"] * (alarm["EvaluationPeriods"] - 1)) >= longest_wait


def test_what_is_repaired_is_counted_from_what_the_function_logs() -> None:
    counted = resources("AWS::Logs::MetricFilter")["EventsRepaired"]
    [transformation] = counted["MetricTransformations"]

    assert (counted["LogGroupName"], transformation["MetricValue"]) == ({"Ref": "ReconcileLogs"}, "$.repaired")
    watched = [each for each in resources("AWS::CloudWatch::Alarm").values() if each["Namespace"] == "Perennial"]
    assert transformation["MetricName"] in [each["MetricName"] for each in watched]


def test_what_the_watch_sees_is_counted_from_what_it_logs() -> None:
    logged = {
        transformation["MetricValue"].removeprefix("$.")
        for filter_ in resources("AWS::Logs::MetricFilter").values()
        for transformation in filter_["MetricTransformations"]
        if filter_["LogGroupName"] == {"Ref": "WatchLogs"}
    }
    watched = {each["MetricName"] for each in resources("AWS::CloudWatch::Alarm").values()}

    assert logged == Seen.__annotations__.keys() - {"silent", "second_looks"}
    needs_people = {
        "QuarantinedEntries",
        "SilentSources",
        "PrivacyRequestsWaiting",
        "LowCouponPools",
        "MarketingStopped",
    }
    assert needs_people <= watched


def test_nobody_scans() -> None:
    assert "dynamodb:Scan" not in {action for _, each in statements() for action in listed(each["Action"])}


def test_queues_are_encrypted_and_refuse_requests_without_tls() -> None:
    """A queue has one policy: a second would take the place of the first."""
    policies = resources("AWS::SQS::QueuePolicy").values()

    assert sorted(each["Ref"] for policy in policies for each in policy["Queues"]) == sorted(QUEUES)
    for policy in policies:
        statement = policy["PolicyDocument"]["Statement"][0]
        assert (statement["Effect"], statement["Action"], statement["Principal"]) == ("Deny", "sqs:*", "*")
        assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert all(each["SqsManagedSseEnabled"] is True for each in QUEUES.values())


def test_only_the_rule_on_shopify_s_bus_writes_to_its_queue_which_is_all_that_stands_for_a_signature() -> None:
    written = template.translated(REGION)["Resources"]
    policy = written["PartnerBusPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    condition, allowed, nothing = policy[1]["Fn::If"]

    assert (len(policy), condition, nothing) == (2, "HearsShopifyBus", {"Ref": "AWS::NoValue"})
    assert allowed["Principal"] == {"Service": "events.amazonaws.com"}
    assert allowed["Condition"] == {"ArnEquals": {"aws:SourceArn": attribute("ShopifyDeliveries")}}
    assert {written[name]["Condition"] for name in ("ShopifyBus", "ShopifyDeliveries")} == {"HearsShopifyBus"}
    assert written["ShopifyDeliveries"]["Properties"]["EventBusName"] == {"Ref": "ShopifyBus"}
    [target] = written["ShopifyDeliveries"]["Properties"]["Targets"]
    assert target["Arn"] == attribute("PartnerBusQueue")
    assert target["DeadLetterConfig"] == {"Arn": attribute("PartnerBusDeadLetters")}


def test_only_ses_and_aws_sms_of_this_account_write_to_the_topic_and_only_the_topic_to_its_queue() -> None:
    """All that stands for a signature of what they tell."""
    [publishing] = resources("AWS::SNS::TopicPolicy")["ReceiptsTopicPolicy"]["PolicyDocument"]["Statement"]
    _, sending = resources("AWS::SQS::QueuePolicy")["ReceiptsPolicy"]["PolicyDocument"]["Statement"]

    assert publishing["Principal"] == {"Service": ["ses.amazonaws.com", "sms-voice.amazonaws.com"]}
    assert publishing["Condition"] == {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}
    assert (sending["Effect"], sending["Principal"]) == ("Allow", {"Service": "sns.amazonaws.com"})
    assert sending["Condition"] == {"ArnEquals": {"aws:SourceArn": {"Ref": "ReceiptsTopic"}}}


def test_what_becomes_of_each_email_is_told_and_reading_only_where_the_merchant_wants_it() -> None:
    [told] = resources("AWS::SES::ConfigurationSetEventDestination").values()
    kinds = told["EventDestination"]["MatchingEventTypes"]
    conditional = {kind["Fn::If"][1]: kind["Fn::If"][0] for kind in kinds if isinstance(kind, dict)}

    always = {"send", "delivery", "bounce", "complaint", "reject", "renderingFailure", "deliveryDelay", "subscription"}
    assert {kind for kind in kinds if isinstance(kind, str)} == always
    assert conditional == {"open": "TracksReading"}  # clicks are heard by our own redirects
    assert template.read()["Parameters"]["TrackReading"]["Default"] == "false"


@pytest.mark.parametrize("name", FUNCTIONS)
def test_each_function_writes_only_its_own_log_and_forgets_after_a_month(name: str) -> None:
    logs = FUNCTIONS[name]["LoggingConfig"]["LogGroup"]["Ref"]
    role = FUNCTIONS[name]["Role"]["Fn::GetAtt"][0]
    allowed = [
        group
        for owner, statement in statements()
        if owner == role and "logs:PutLogEvents" in statement["Action"]
        for group in listed(statement["Resource"])
    ]

    assert logs == name + "Logs"
    assert resources("AWS::Logs::LogGroup")[logs]["RetentionInDays"] == 30
    assert attribute(logs) in allowed


def test_the_access_log_names_nobody() -> None:
    [stage] = resources("AWS::ApiGatewayV2::Stage").values()
    format_ = stage["AccessLogSettings"]["Format"]

    assert json.loads(format_).keys() >= {"request", "route", "status"}
    assert not re.search(r"\$context\.(path|identity|requestOverride|authorizer\.claims)", format_)


def test_the_api_is_throttled() -> None:
    [stage] = resources("AWS::ApiGatewayV2::Stage").values()

    assert {"ThrottlingBurstLimit", "ThrottlingRateLimit"} <= stage["DefaultRouteSettings"].keys()


def test_all_but_signed_events_and_signed_links_needs_a_token() -> None:
    paths = resources("AWS::ApiGatewayV2::Api")["Api"]["Body"]["paths"]
    open_to_all = {path for path, methods in paths.items() for each in methods.values() if "security" not in each}

    events = {"/webhooks/{source}/{store}", "/events/{store}"}
    assert open_to_all == events | {f"/{path}/{{token}}" for path in (*PATHS.values(), redirects.PATH)}
