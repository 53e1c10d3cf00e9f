"""docs/shipment-states.md: which word of which carrier becomes which state, written from the sources themselves."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from infra.local.template import ROOT
from perennial.domain.events import ShipmentState
from perennial.sources import aftership, easypost, seventeentrack, shopify

FILE = ROOT / "docs" / "shipment-states.md"
S = ShipmentState

MEANINGS: Mapping[ShipmentState, str] = {
    S.LABEL_CREATED: "The carrier knows of the parcel and does not have it yet.",
    S.IN_TRANSIT: "On its way. Handing over to customs is a step of each parcel that crosses a border, and no hold.",
    S.CUSTOMS_HOLD: "Customs wants something: papers, duties, a look inside.",
    S.CUSTOMS_CLEARED: "Customs has let it go.",
    S.OUT_FOR_DELIVERY: "On the van.",
    S.READY_FOR_PICKUP: "Waiting where the customer can fetch it.",
    S.DELIVERED: "The customer has it, or somebody for them.",
    S.DELIVERY_FAILED: "Tried, or tried and refused: nobody there, a wrong address, not wanted, not fetched.",
    S.DELAYED: "Later than it should be, and still on its way: weather, a late flight, a wrong turn.",
    S.EXCEPTION: "Something else went wrong that a person should look at.",
    S.RETURNED: "On its way back to the shop, or there.",
    S.LOST: "Nobody will deliver it: lost, destroyed, thrown away.",
}
HEAD = """# Shipment states

Carriers and trackers each have words of their own for where a parcel is. Here they all become one of twelve states, by
which plays, scores and messages go. This file is written by `python -m infra.local.shipment_states` from the sources
themselves; a test holds the two together.

A word that stands below a more general one of the same tracker says more than it, and a new one of that kind means what
the general one says, until it is added. A general word that is not listed is never guessed: the delivery waits in
quarantine, with that reason, and is replayed when the word is known. (Of a Shopify fulfillment the rest is read all the
same: its `shipment_status` is one field of many.)
"""


class Words(NamedTuple):
    vendor: str
    field: str
    states: Mapping[str, ShipmentState]
    ignored: Mapping[str, str]
    """Word -> why it is no news of the parcel."""


DICTIONARY: tuple[Words, ...] = (
    Words("17TRACK", "latest_status.status", seventeentrack.STATUSES, seventeentrack.IGNORED),
    Words("17TRACK", "latest_status.sub_status", seventeentrack.SUBSTATUSES, {}),
    Words("AfterShip", "msg.tag", aftership.TAGS, {aftership.PENDING: "the carrier has not seen the parcel yet"}),
    Words("AfterShip", "msg.subtag", aftership.SUBTAGS, {}),
    Words("EasyPost", "result.status", easypost.STATUSES, easypost.IGNORED),
    Words("EasyPost", f"result.status_detail (of {', '.join(sorted(easypost.OPEN))})", easypost.DETAILS, {}),
    Words("Shopify", "status of a fulfillment event, shipment_status", shopify.PARCEL_STATES, {}),
)


def text() -> str:
    return "\n".join((HEAD, *_meanings(), *(line for words in DICTIONARY for line in _section(words))))


def _meanings() -> Iterator[str]:
    yield from ("| state | means |", "|---|---|")
    yield from (f"| `{state}` | {MEANINGS[state]} |" for state in ShipmentState)
    yield ""


def _section(words: Words) -> Iterator[str]:
    yield from (f"## {words.vendor}: `{words.field}`", "", "| word | state |", "|---|---|")
    yield from (f"| `{word}` | `{state}` |" for word, state in words.states.items())
    yield from (f"| `{word}` | ignored: {why} |" for word, why in words.ignored.items())
    yield ""


def write(file: Path = FILE) -> None:
    file.write_text(text(), encoding="utf-8")
    print(f"{file} is as the code says")


if __name__ == "__main__":
    write()
