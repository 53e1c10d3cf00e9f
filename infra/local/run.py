"""`make run`: a stack, the samples played through it, and what came of them on the screen."""

import signal
import threading
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta

from infra.local import report
from infra.local.deployed import deployed
from infra.local.findings import Findings
from infra.local.house import House
from infra.local.http import PortTaken
from infra.local.player import LONG_AGO, happens_at, play, surprises
from infra.local.samples import samples
from infra.local.state import State

PORT = 8787
PORTS_TRIED = 20
A_DAY = timedelta(days=1)


def on_laptop(state: State, port: int | None, once: bool) -> int:
    """Starts the house, plays the samples if it is new, and stays up; 1 when something did not go as expected.

    Raises `InUse` and `PortTaken`.
    """
    print("Starting the house from template.yaml", flush=True)
    with opened(state, port) as house:
        problems = _story(house)
        _say_what_was_told(house)
        _say_how_to_reach(house)
        if not once:
            _wait_for_interrupt()
        return _verdict(problems)


def in_ministack(once: bool) -> int:
    """The same story on the template as deployed in an embedded AWS, whose clock is the real one."""
    print("Starting ministack and deploying template.yaml (about ten seconds)", flush=True)
    with deployed() as running:
        print("Playing the samples of events/ through the public endpoints", flush=True)
        problems = play(running, list(samples(running.now())))
        findings = Findings.of(running.table)
        _show(findings)
        print(f"API    {running.stack.api}\nTOKEN  {running.stack.token}\n", flush=True)
        if not once:
            _wait_for_interrupt()
        return _verdict(problems + surprises(running, findings, "ministack"))


def opened(state: State, port: int | None) -> House:
    """The house on this port; without one on the usual port, or on the next that is free."""
    if port is not None:
        return House(state, port)
    for usual in range(PORT, PORT + PORTS_TRIED):
        with suppress(PortTaken):
            return House(state, usual)
    return House(state, port=0)


def _story(house: House) -> list[str]:
    """What went otherwise than expected. The clock goes along with the story, from its beginning to the present."""
    if house.state.history is not None:
        print(f"{house.state.folder} has a past ({house.state.history}): the samples are not played again.\n")
        _show(Findings.of(house.table))
        return []
    print("Playing the samples of events/ through the public endpoints, at the times they tell of", flush=True)
    end = last_noon(house.wall())
    story = sorted(samples(end), key=happens_at)
    house.begin_at(next(at for at in map(happens_at, story) if at > LONG_AGO))
    problems = play(house, story)
    house.arrive_at(end + A_DAY)
    problems += [*surprises(house, Findings.of(house.table), "laptop"), *dict.fromkeys(house.permissions.denied)]
    house.arrive_at(house.wall())
    house.begin_at(house.wall())
    _show(Findings.of(house.table))
    house.state.history = "the samples"
    return problems


def last_noon(now: datetime) -> datetime:
    """The last noon in UTC that is a day ago at least: played to there, the story is the same at any hour."""
    return (now - A_DAY - timedelta(hours=12)).replace(hour=12, minute=0, second=0, microsecond=0)


def _show(findings: Findings) -> None:
    print(f"\n{report.customers_table(findings)}\n\n{report.actions_table(findings)}\n")
    print(f"Left undone: {report.counted({f'{play} ({why})': n for (play, why), n in findings.dropped().items()})}\n")


def _say_what_was_told(house: House) -> None:
    print(f"Told by webhook: {report.counted(house.receiver.counts())} ({house.receiver.file})\n")


def _say_how_to_reach(house: House) -> None:
    stack = house.stack
    someone = next((customer.id for customer in Findings.of(house.table).customers), "ID")
    print(f"Mail is in {stack.mail}; keys and secrets are in {house.state.folder}/stack.json\n")
    print(f"TOKEN={stack.token}")
    for path in ("/customers?stage=onboarding", f"/customers/{someone}", f"/customers/{someone}/explain"):
        print(f'curl -H "Authorization: Bearer $TOKEN" "{stack.api}{path}"')
    print(flush=True)


def _wait_for_interrupt() -> None:
    print("Up until Ctrl-C. In another terminal: make clock BY=3d", flush=True)
    ended = threading.Event()
    for ending in (signal.SIGINT, signal.SIGTERM):  # also where a shell started us in the background, deaf to SIGINT
        signal.signal(ending, lambda *_: ended.set())
    ended.wait()
    print()


def _verdict(problems: Sequence[str]) -> int:
    for problem in problems:
        print(f"NOT AS EXPECTED: {problem}")
    return 1 if problems else 0
