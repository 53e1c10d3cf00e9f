"""One SQLite file for the house's table and queues: one connection, one thread at a time, durable through kill -9."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

LOCK_SECONDS = 30.0
"""How long to wait for another process that is writing to the file."""
CHECKPOINT_PAGES = 10_000
"""The log is folded into the file, with an fsync, every 40 MB; at SQLite's own 4 MB a third of the time goes there."""
NOBODY_ELSE = nullcontext()


class Database:
    """Transactions on one file, or in memory.

    All threads share one connection behind a lock: a transaction takes some 60 µs, and two connections of one process
    would wait for each other in SQLite's own steps of milliseconds. Other processes may open the file beside it.
    """

    def __init__(self, path: str | Path = ":memory:", turn: AbstractContextManager[object] = NOBODY_ELSE) -> None:
        """`turn` is held while writing: SQLite's own way to wait for another process is to sleep and look again."""
        self._lock = threading.Lock()
        self._turn = turn
        self._connection = sqlite3.connect(path, timeout=LOCK_SECONDS, isolation_level=None, check_same_thread=False)
        self._connection.execute("PRAGMA journal_mode = WAL")
        # Survives the death of the process at any instant; the last commits may go with the power.
        self._connection.execute("PRAGMA synchronous = NORMAL")
        self._connection.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")

    def create(self, *statements: str) -> None:
        """Run these `CREATE ... IF NOT EXISTS` statements."""
        with self.writing() as connection:
            for statement in statements:
                connection.execute(statement)

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            yield self._connection

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction that sees what it will change: committed at the end, rolled back by any exception."""
        with self._lock, self._turn:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def close(self) -> None:
        with self._lock:
            self._connection.close()
