"""What hangs together by template.yaml: routes, queues, schedules and the functions behind them; said nowhere twice.

What is read here is plain CloudFormation, as AWS makes it of the template. Physical names do not exist on a laptop:
a resource's name is its logical id.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

from infra.local import template

_RATE = re.compile(r"rate\((\d+) (minute|hour|day)s?\)")

Resource = Mapping[str, Any]


class NotUnderstood(Exception):
    """The template says something that the laptop house has no twin for. Names the resource; teach it here."""


@dataclass(frozen=True)
class Function:
    """Code in a folder of the repository, and the environment it is given."""

    name: str
    folder: Path
    handler: str
    """"app.handler": module and function."""
    timeout: timedelta
    environment: Mapping[str, str]


@dataclass(frozen=True)
class Route:
    method: str
    path: str
    """With its parameters in braces: "/customers/{id}"."""
    function: str
    authorized: bool
    """Only with a valid token."""


@dataclass(frozen=True)
class Lane:
    """A queue and the function that reads it."""

    queue: str
    function: str
    batch_size: int
    reports_failures: bool
    """The function names the messages that failed; otherwise one failure fails the batch."""


@dataclass(frozen=True)
class QueueShape:
    visibility: timedelta
    max_receives: int | None
    """After as many a message goes to the dead letters; None where it stays for ever."""
    dead_letters: str | None


@dataclass(frozen=True)
class Schedule:
    name: str
    function: str
    every: timedelta


@dataclass(frozen=True)
class Subscription:
    """A queue that hears a topic."""

    topic: str
    queue: str
    is_raw: bool
    """The message alone, without SNS's envelope."""


class Blueprint:
    """The template, read for what triggers what. Raises `NotUnderstood` where it says what no twin can do."""

    def __init__(self, parameters: Mapping[str, str]) -> None:
        document = template.translated()
        defaults = {name: each.get("Default") for name, each in document["Parameters"].items()}
        self._parameters = {**defaults, **parameters}
        self._resources: Mapping[str, Resource] = document["Resources"]
        self._conditions: Mapping[str, Any] = document["Conditions"]
        written = template.made_from(template.read())
        self._folders = {name: template.ROOT / properties[where] for name, properties, where in written}

    @cached_property
    def functions(self) -> dict[str, Function]:
        return {name: self._function(name, each) for name, each in self._of("AWS::Lambda::Function")}

    @cached_property
    def routes(self) -> tuple[Route, ...]:
        return tuple(
            Route(method.upper(), path, _function_behind(operation), bool(operation.get("security")))
            for _, api in self._of("AWS::ApiGatewayV2::Api")
            for path, operations in api["Body"]["paths"].items()
            for method, operation in operations.items()
        )

    @cached_property
    def lanes(self) -> tuple[Lane, ...]:
        return tuple(
            Lane(
                queue=_resource_of(each["EventSourceArn"]),
                function=_resource_of(each["FunctionName"]),
                batch_size=self.resolve(each.get("BatchSize", 10)),
                reports_failures="ReportBatchItemFailures" in each.get("FunctionResponseTypes", ()),
            )
            for _, each in self._of("AWS::Lambda::EventSourceMapping")
            if self._is_queue(_resource_of(each["EventSourceArn"]))
        )

    @cached_property
    def queues(self) -> dict[str, QueueShape]:
        return {name: self._queue(each) for name, each in self._of("AWS::SQS::Queue")}

    @cached_property
    def schedules(self) -> tuple[Schedule, ...]:
        return tuple(
            Schedule(name, _resource_of(each["Target"]["Arn"]), _period(name, each["ScheduleExpression"]))
            for name, each in self._of("AWS::Scheduler::Schedule")
        )

    @cached_property
    def subscriptions(self) -> tuple[Subscription, ...]:
        """Of queues; nobody on a laptop reads alarms by email."""
        return tuple(
            Subscription(
                _resource_of(each["TopicArn"]), _resource_of(each["Endpoint"]), bool(each.get("RawMessageDelivery"))
            )
            for _, each in self._of("AWS::SNS::Subscription")
            if each["Protocol"] == "sqs"
        )

    def resolve(self, value: Any) -> Any:
        """What a value is on a laptop: parameters by their value, resources by their logical id."""
        match value:
            case {"Ref": name}:
                return self._parameters.get(name, name)
            case {"Fn::GetAtt": [name, attribute]}:
                return f"{name}.{attribute}"
            case {"Fn::Join": [between, parts]}:
                return between.join(str(self.resolve(part)) for part in parts)
            case {"Fn::If": [condition, then, otherwise]}:
                return self.resolve(then if self._holds({"Condition": condition}) else otherwise)
            case dict():
                raise NotUnderstood(f"cannot resolve {', '.join(value)} on a laptop; see infra/local/blueprint.py")
            case _:
                return value

    def _of(self, kind: str) -> Iterator[tuple[str, Resource]]:
        return ((name, each["Properties"]) for name, each in self._resources.items() if each["Type"] == kind)

    def _holds(self, condition: Any) -> bool:
        match condition:
            case {"Condition": name}:
                return self._holds(self._conditions[name])
            case {"Fn::Equals": [one, other]}:
                return bool(self.resolve(one) == self.resolve(other))
            case {"Fn::Not": [inner]}:
                return not self._holds(inner)
            case _:
                raise NotUnderstood(f"cannot tell whether {condition} holds; see infra/local/blueprint.py")

    def _is_queue(self, name: str) -> bool:
        return bool(self._resources[name]["Type"] == "AWS::SQS::Queue")

    def _function(self, name: str, properties: Resource) -> Function:
        variables = properties.get("Environment", {}).get("Variables", {})
        return Function(
            name=name,
            folder=self._folders[name],
            handler=properties["Handler"],
            timeout=timedelta(seconds=self.resolve(properties.get("Timeout", 3))),
            environment={key: str(self.resolve(value)) for key, value in variables.items()},
        )

    def _queue(self, properties: Resource) -> QueueShape:
        redrive = properties.get("RedrivePolicy")
        return QueueShape(
            visibility=timedelta(seconds=self.resolve(properties.get("VisibilityTimeout", 30))),
            max_receives=redrive and redrive["maxReceiveCount"],
            dead_letters=redrive and _resource_of(redrive["deadLetterTargetArn"]),
        )


def _resource_of(reference: Any) -> str:
    match reference:
        case {"Ref": str(name)} | {"Fn::GetAtt": [str(name), _]}:
            return name
        case _:
            raise NotUnderstood(f"{reference} is no resource of this template; see infra/local/blueprint.py")


def _function_behind(operation: Mapping[str, Any]) -> str:
    uri = operation["x-amazon-apigateway-integration"]["uri"]["Fn::Sub"]
    found = re.search(r"functions/\$\{(\w+)\.Arn\}/invocations", uri)
    if found is None:
        raise NotUnderstood(f"{uri} is no function of this template; see infra/local/blueprint.py")
    return found[1]


def _period(name: str, expression: str) -> timedelta:
    found = _RATE.fullmatch(expression)
    if found is None:
        raise NotUnderstood(f"{name}: {expression} is no rate; see infra/local/blueprint.py")
    return int(found[1]) * timedelta(**{found[2] + "s": 1})
