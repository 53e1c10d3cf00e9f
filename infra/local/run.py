"""`make run`: a stack, the samples played through it, and what came of them on the screen."""

import signal
import threading
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta

from infra.local import report
from infra.local.findings import Findings
from infra.local.house import House
from infra.local.http import PortTaken
from infra.local.player import Running, play, surprises
from infra.local.state import State

PORT = 8787
PORTS_TRIED = 20
NIGHT = timedelta(hours=24)
"""The longest that a message waits for a morning."""


def on_laptop(state: State, port: int | None, once: bool) -> int:
    """Starts the house, plays the samples if it is new, and stays up; 1 when something did not go as expected.

    Raises `InUse` and `PortTaken`.
    """
    print("Starting the house from template.yaml", flush=True)
    with opened(state, port) as house:
        problems = _story(house)
        _say_how_to_reach(house)
        if not once:
            _wait_for_interrupt()
        return _verdict(problems)


def in_ministack(once: bool) -> int:
    """The same story on the template as deployed in an embedded AWS, whose clock is the real one."""
    from infra.local.deployed import deployed  # ministack's virtual environment is made for those who ask for it

    print("Starting ministack and deploying template.yaml (about ten seconds)", flush=True)
    with deployed() as running:
        problems = played(running)
        findings = Findings.of(running.table)
        _show(findings)
        print(f"API    {running.stack.api}\nTOKEN  {running.stack.token}\n", flush=True)
        if not once:
            _wait_for_interrupt()
        return _verdict(problems + surprises(running, findings))


def opened(state: State, port: int | None) -> House:
    """The house on this port; without one on the usual port, or on the next that is free."""
    if port is not None:
        return House(state, port)
    for usual in range(PORT, PORT + PORTS_TRIED):
        with suppress(PortTaken):
            return House(state, usual)
    return House(state, port=0)


def _story(house: House) -> list[str]:
    """What went otherwise than expected."""
    if house.state.history is not None:
        print(f"{house.state.folder} has a past ({house.state.history}): the samples are not played again.\n")
        _show(Findings.of(house.table))
        return []
    problems = played(house)
    _skip_the_night(house)
    findings = Findings.of(house.table)
    _show(findings)
    house.state.history = "the samples"
    return problems + surprises(house, findings)


def played(running: Running) -> list[str]:
    print("Playing the samples of events/ through the public endpoints", flush=True)
    return play(running)


def _skip_the_night(house: House) -> None:
    """So that a new user sees mail: moves the clock over the night that messages wait for, if they do."""
    soon = [morning for morning in Findings.of(house.table).mornings if morning <= house.now() + NIGHT]
    if soon:
        print(
            f"It is night where {len(soon)} messages go to; moving the clock to {max(soon):%Y-%m-%d %H:%M} UTC",
            flush=True,
        )
        list(house.travel(max(soon)))


def _show(findings: Findings) -> None:
    print(f"\n{report.customers_table(findings)}\n\n{report.actions_table(findings)}\n")
    print(f"Left undone: {report.counted({f'{play} ({why})': n for (play, why), n in findings.dropped().items()})}\n")


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
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    try:
        ended.wait()
    except KeyboardInterrupt:
        print()


def _verdict(problems: Sequence[str]) -> int:
    for problem in problems:
        print(f"NOT AS EXPECTED: {problem}")
    return 1 if problems else 0
