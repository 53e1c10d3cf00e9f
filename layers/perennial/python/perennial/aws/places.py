"""How many marketing emails left on one day, while the domain is warmed up (domain/warm_up.py).

    pk              sk             what                                       attributes
    WARM_UP#<day>   PLACES         places taken on that day                   taken, expires
    WARM_UP#<day>   BACK#<taker>   that who took a place has given it back    expires

One item and no shards: DynamoDB takes a thousand writes a second to one item, which is more emails in a minute than any
warm-up has in a day. So the limit is exact, and reached to the last place. A place that is taken and not used (its
sender died, an answer of the table was lost) is lost for that day: the limit errs on the side of fewer. For the same
reason a place comes back once for each who took it: a lone write whose answer is lost is repeated by the SDK, and two
would come back for one.
"""

from datetime import UTC, date, datetime, time, timedelta

from perennial.aws.table import TTL_ATTRIBUTE, Absent, Below, Item, Key, Put, Refused, Table, Update

KEPT_FOR = timedelta(days=30)


class Places:
    def __init__(self, table: Table) -> None:
        self._table = table

    def take(self, day: date, quota: int) -> bool:
        """One more of that day; False where all are taken. Raises `Busy`: come again."""
        condition = Below("taken", quota)
        try:
            self._table.write([Update(_key(day), set=_expiry(day), add={"taken": 1}, conditions=(condition,))])
        except Refused:
            return False
        return True

    def give_back(self, day: date, taker: str) -> None:
        """What took it did not leave. Once for each taker, however often it is said."""
        said = Item(Key(_key(day).pk, f"BACK#{taker}"), attributes=_expiry(day))
        try:
            self._table.write([Put(said, (Absent(),)), Update(_key(day), add={"taken": -1})])
        except Refused:
            return  # it is back already


def _key(day: date) -> Key:
    return Key(f"WARM_UP#{day.isoformat()}", "PLACES")


def _expiry(day: date) -> dict[str, str | int]:
    begins = datetime.combine(day, time(), UTC)
    return {TTL_ATTRIBUTE: int((begins + KEPT_FOR).timestamp())}
