"""Promises of template.yaml: what a linter cannot know, and what would only show in the merchant's account.

Of 17 seeded faults cfn-lint finds one in the SAM file and five in what CloudFormation makes of it; so both are linted,
and the rest is asserted here or seen by tests/integration/test_deployed.py.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

import cfnlint.api
import pytest
from cfnlint.config import ManualArgs

from infra.local import template
from perennial.aws.settings import Settings
from perennial.aws.table import INDEXES, TTL_ATTRIBUTE

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
    for name in ("IdentityKey", "WebhookSecrets"):
        written = template.read()["Resources"][name]
        assert written["DeletionPolicy"] == written["UpdateReplacePolicy"] == "Retain"


@pytest.mark.parametrize("name", WORKING_QUEUES)
def test_each_queue_has_dead_letters_of_its_own_for_two_weeks(name: str) -> None:
    dead = name.removesuffix("Queue") + "DeadLetters"
    [source] = QUEUES[dead]["RedriveAllowPolicy"]["sourceQueueArns"]

    assert WORKING_QUEUES[name]["RedrivePolicy"] == {"deadLetterTargetArn": attribute(dead), "maxReceiveCount": 5}
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


def test_schedules_are_written_as_aws_wants_them() -> None:
    schedules = resources("AWS::Scheduler::Schedule")

    assert [each["ScheduleExpression"] for each in schedules.values()] == ["rate(1 minute)"]
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
    wide = [
        (role, resource)
        for role, statement in statements()
        for resource in listed(statement["Resource"])
        if "*" in (resource if isinstance(resource, str) else str(resource.get("Fn::Sub", "")))
    ]
    actions = [action for _, statement in statements() for action in listed(statement["Action"])]

    assert wide == []
    assert [action for action in actions if "*" in action] == []


def test_no_role_brings_permissions_by_a_managed_policy() -> None:
    assert [name for name, each in resources("AWS::IAM::Role").items() if each.get("ManagedPolicyArns")] == []


def test_only_the_write_path_and_the_senders_write_customers() -> None:
    writes = {"dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem"}
    writers = {
        role
        for role, statement in statements()
        if writes & set(listed(statement["Action"]))
        and "C#*" in statement["Condition"]["ForAllValues:StringLike"]["dynamodb:LeadingKeys"]
    }

    assert writers == {"ApplyRole", "SendEmailRole", "SendSmsRole"}


def test_nobody_scans() -> None:
    assert "dynamodb:Scan" not in {action for _, each in statements() for action in listed(each["Action"])}


def test_queues_are_encrypted_and_refuse_requests_without_tls() -> None:
    [policy] = resources("AWS::SQS::QueuePolicy").values()
    [statement] = policy["PolicyDocument"]["Statement"]

    assert {each["Ref"] for each in policy["Queues"]} == QUEUES.keys()
    assert (statement["Effect"], statement["Action"], statement["Principal"]) == ("Deny", "sqs:*", "*")
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert all(each["SqsManagedSseEnabled"] is True for each in QUEUES.values())


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


def test_all_but_signed_events_needs_a_token() -> None:
    paths = resources("AWS::ApiGatewayV2::Api")["Api"]["Body"]["paths"]
    open_to_all = {path for path, methods in paths.items() for each in methods.values() if "security" not in each}

    assert open_to_all == {"/webhooks/{source}/{store}", "/events/{store}"}
