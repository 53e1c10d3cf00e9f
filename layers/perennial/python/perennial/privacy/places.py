"""Where somebody may be named outside of their own items, and how each such place forgets them."""

from collections.abc import Iterator
from typing import Protocol

from perennial.aws.dead_letters import DeadLetters
from perennial.aws.holds import Holds
from perennial.aws.imports import Imports
from perennial.aws.proposals import PARTITION
from perennial.aws.quarantine import Listed, Quarantine
from perennial.aws.table import Delete, Item, Table
from perennial.aws.uploads import Uploads
from perennial.domain.proposal import Proposal
from perennial.privacy.trace import Trace, is_request

PAGE = 100


class Place(Protocol):
    name: str

    def forget(self, trace: Trace) -> int:
        """Remove what names them; returns how much. Asked again, it removes what has come since."""


class AmongProposals:
    """To merge them with somebody: they name nobody, and lead nowhere any more."""

    name = "proposals"

    def __init__(self, table: Table) -> None:
        self._table = table

    def forget(self, trace: Trace) -> int:
        theirs = [item.key for item in self._items() if trace.customers & _pair(item)]
        for key in theirs:
            self._table.write([Delete(key)])
        return len(theirs)

    def _items(self) -> Iterator[Item]:
        cursor: str | None = None
        while True:
            page = self._table.query(PARTITION, limit=PAGE, cursor=cursor)
            yield from page.items
            if (cursor := page.cursor) is None:
                return


def _pair(item: Item) -> set[str]:
    proposal = Proposal.model_validate_json(item.body)
    return {proposal.one, proposal.other}


class AmongHeld:
    """Messages that an emergency stop keeps: nobody is there any more to send them to."""

    name = "held messages"

    def __init__(self, holds: Holds) -> None:
        self._holds = holds

    def forget(self, trace: Trace) -> int:
        theirs = [each for each in self._holds.waiting_anywhere() if each[1].customer in trace.customers]
        for hold, action in theirs:
            self._holds.forget(hold, [action])
        return len(theirs)


class InQuarantine:
    """Every entry of the shop is read: nobody can know beforehand whom something names that was not understood."""

    name = "quarantine"

    def __init__(self, quarantine: Quarantine) -> None:
        self._quarantine = quarantine

    def forget(self, trace: Trace) -> int:
        return sum(self._forgotten(listed, trace) for listed in self._quarantine.every() if listed.store == trace.shop)

    def _forgotten(self, listed: Listed, trace: Trace) -> bool:
        entry = self._quarantine.get(listed.id)
        if entry is None:
            return False
        text = entry.payload.decode(errors="replace")
        if trace.is_theirs(entry.payload, entry.source) or trace.is_their_event(text):
            self._quarantine.delete(entry)
            return True
        if trace.names(entry.payload):
            self._quarantine.rewrite(entry, trace.without_names(entry.payload))
            return True
        return False


class AmongDeadLetters:
    """Of one queue. A request about somebody's data is never removed: it may be of who came back, and is not done yet.

    It goes when it is redriven, and answered.
    """

    def __init__(self, name: str, letters: DeadLetters) -> None:
        self.name = name
        self._letters = letters

    def forget(self, trace: Trace) -> int:
        return self._letters.remove(lambda body: not is_request(body) and trace.is_their_event(body))


class AmongUploads:
    """What an import that is over leaves behind: any file may name them, and none is needed any more.

    Of one that is under way the file is needed, and what it says of them is let go when it is applied. By the second
    look it is over, or within a week the bucket has forgotten it.
    """

    name = "uploads"

    def __init__(self, uploads: Uploads, imports: Imports) -> None:
        self._uploads = uploads
        self._imports = imports

    def forget(self, trace: Trace) -> int:
        left = [each for each in self._uploads.all() if not each.is_report]
        over = {each for each in {upload.import_id for upload in left} if self._is_over(each)}
        gone = [each for each in left if each.import_id in over]
        for each in gone:
            self._uploads.remove(each)
        return len(gone)

    def _is_over(self, import_id: str) -> bool:
        progress = self._imports.progress(import_id)
        return progress is None or progress.state in ("done", "failed", "cancelled")
