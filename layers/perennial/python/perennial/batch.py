"""A batch of a lane: SQS records as events, and failures by position as what the queue must deliver again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from perennial.domain.events import Event, parse_event


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a message is to be delivered again. Holds no personal data: a validation error would quote its input."""

    message: str
    type: str
    reason: str


@dataclass(frozen=True, slots=True)
class Batch:
    events: tuple[Event, ...]
    messages: tuple[str, ...]
    """The message id of each event."""
    unreadable: tuple[Failure, ...]

    def failures(self, errors: Mapping[int, Exception]) -> tuple[Failure, ...]:
        """Everything that must come again: what could not be read, and what could not be applied."""
        return self.unreadable + tuple(
            Failure(self.messages[position], self.events[position].type, _told(error))
            for position, error in sorted(errors.items())
        )


def read_batch(records: Sequence[Mapping[str, Any]]) -> Batch:
    """A message is one event; or several of one customer, a line each, which fail and come again together."""
    events: list[Event] = []
    messages: list[str] = []
    unreadable: list[Failure] = []
    for record in records:
        try:
            read = [parse_event(line) for line in record["body"].split("\n")]
            events += read
            messages += [record["messageId"]] * len(read)
        except ValidationError as error:
            unreadable.append(Failure(record["messageId"], "unreadable", _told(error)))
    return Batch(tuple(events), tuple(messages), tuple(unreadable))


def _told(error: Exception) -> str:
    """The kind of error, and where pydantic raised it, its kinds of mistakes: even a field's name may be a person's."""
    if isinstance(error, ValidationError):
        kinds = {each["type"] for each in error.errors(include_input=False, include_url=False, include_context=False)}
        return f"{error.error_count()} fields do not fit: {', '.join(sorted(kinds))}"
    return type(error).__name__
