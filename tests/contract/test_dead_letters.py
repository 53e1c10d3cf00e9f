"""Promises of dead letters, kept alike by SQS (moto) and by the twin on SQLite: who is meant goes, all others stay."""

from collections.abc import Iterator, Mapping
from typing import Any
from unittest.mock import patch

import pytest

from infra.local.database import Database
from infra.local.sqlite_queues import Manners, SqliteDeadLetters, SqliteQueues
from perennial.aws import dead_letters
from perennial.aws.dead_letters import DeadLetters, SqsDeadLetters
from perennial.aws.queues import Message
from tests.builders import NOON

BODIES = [f'{{"number": {number}}}' for number in range(25)]


class OnSqlite:
    def __init__(self) -> None:
        self._queues = SqliteQueues(Database(), lambda: NOON, {"lane": Manners(max_receives=1)})
        self.letters: DeadLetters = SqliteDeadLetters(self._queues, "lane")

    def bury(self, bodies: list[str]) -> None:
        self._queues.send("lane", map(Message, bodies))
        while received := self._queues.receive("lane"):
            for message in received:
                self._queues.release(message.receipt)

    def left(self) -> list[str]:
        return [letter.body for letter in self._queues.dead("lane")]


class InMoto:
    def __init__(self, client: Any) -> None:
        self.client = client
        self.url: str = client.create_queue(QueueName="dead-letters")["QueueUrl"]
        self.letters: DeadLetters = SqsDeadLetters(client, self.url)

    def bury(self, bodies: list[str]) -> None:
        for body in bodies:
            self.client.send_message(QueueUrl=self.url, MessageBody=body)

    def left(self) -> list[str]:
        """As somebody sees them who redrives them now."""
        seen: list[str] = []
        while messages := self._receive():
            seen += (message["Body"] for message in messages)
        return seen

    def _receive(self) -> list[Mapping[str, str]]:
        reply = self.client.receive_message(QueueUrl=self.url, MaxNumberOfMessages=10)
        return list(reply.get("Messages", ()))


@pytest.fixture(params=["sqlite", "moto"])
def grave(request: pytest.FixtureRequest) -> Iterator[OnSqlite | InMoto]:
    if request.param == "sqlite":
        yield OnSqlite()
        return
    yield InMoto(request.getfixturevalue("of_moto")["sqs"])


def test_who_is_meant_goes_and_all_others_stay_where_they_are(grave: OnSqlite | InMoto) -> None:
    grave.bury(BODIES)

    removed = grave.letters.remove(lambda body: body in BODIES[::5])

    assert removed == 5
    assert sorted(grave.left()) == sorted(set(BODIES) - set(BODIES[::5]))


def test_where_nobody_is_meant_nothing_happens(grave: OnSqlite | InMoto) -> None:
    grave.bury(BODIES[:3])

    assert grave.letters.remove(lambda _: False) == 0
    assert grave.letters.remove(lambda _: False) == 0
    assert sorted(grave.left()) == BODIES[:3]


def test_where_there_are_none_nothing_happens(grave: OnSqlite | InMoto) -> None:
    assert grave.letters.remove(lambda _: True) == 0


def test_who_is_interrupted_hides_no_letter_from_who_redrives_them(of_moto: Mapping[str, Any]) -> None:
    grave = InMoto(of_moto["sqs"])
    grave.bury(BODIES[:3])
    seen: list[str] = []

    def dies(body: str) -> bool:
        seen.append(body)
        if len(seen) == 3:
            raise RuntimeError("the table is out of reach")
        return False

    with pytest.raises(RuntimeError):
        grave.letters.remove(dies)

    assert sorted(grave.left()) == BODIES[:3]


def test_no_more_letters_are_held_than_sqs_gives_away(of_moto: Mapping[str, Any]) -> None:
    grave = InMoto(of_moto["sqs"])
    grave.bury(BODIES)

    with patch.object(dead_letters, "MOST", 10):
        grave.letters.remove(lambda _: False)

    assert len(grave.left()) == 25
