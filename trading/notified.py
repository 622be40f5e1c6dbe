"""Which notifications the projector keeps, for whom, and how many (W-11).

Robots' and market makers' accounts make most events and read no notifications: nothing is kept
for them. What one account or the venue may fill a second of log time with is bounded, and
what is left out is told. Both follow from the events alone, so a rebuild keeps the same.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import date, timedelta
from typing import Any

import msgspec

from trading.engine import messages as m
from trading.notifications import (
    LEFT_OUT_PLACE,
    NOTIFYING,
    PLACES,
    Notification,
    notifications_of,
)

ACCOUNT_A_SECOND = 100
"""Notifications of one account that a second of log time may keep."""
VENUE_A_SECOND = 2_000
"""Those of all accounts together."""
KEPT_DAYS = 30
"""Calendar days that notifications stay."""
LEFT_OUT = "left_out"
_SECOND_NS = 1_000_000_000
_encode = msgspec.json.Encoder().encode
_PLACES: dict[str, Callable[[list[Any]], tuple[str, ...]]] = {
    "OrderAccepted": lambda event: (event[5][1],),
    "OrderModified": lambda event: (event[5][1],),
    "OrderRejected": lambda event: (event[5][1],),
    "OrderCancelled": lambda event: (event[5][1],),
    "CancelRejected": lambda event: (event[6],),
    "Traded": lambda event: (event[11][0][1], event[12][0][1]),
    "FundsMoved": lambda event: (event[6],),
    "AccountChanged": lambda event: (event[5][0],),
    "AccountSettled": lambda event: (event[7],),
    "RiskAlert": lambda event: (event[5],),
    "MarginCall": lambda event: (event[5],),
    "LiquidationChanged": lambda event: (event[6],),
    "ConditionalChanged": lambda event: (event[5][1],),
}
_FOR_NOBODY = frozenset({"OrderCarried", "PositionRemargined"})  # figures alone


def oldest_kept(trading_day: int) -> int:
    """The first trading day (yyyymmdd) whose notifications stay on this one."""
    day = date(trading_day // 10_000, trading_day // 100 % 100, trading_day % 100)
    return int(f"{day - timedelta(days=KEPT_DAYS):%Y%m%d}")


class Notified:
    """Keeps whose accounts are people's; gives the rows of an event.

    ``last`` are the newest rows that were kept, newest first, as (account, notice, time_ns), so
    that a restart within a second of log time goes on counting.
    """

    def __init__(self, owners: dict[str, str], last: Iterable[tuple[str, str, int]] = ()) -> None:
        self.owners = owners
        self._second = -1
        self._venue_count = 0
        self._counts: dict[str, int] = {}
        self._told: set[str] = set()
        self._go_on(last)

    def _go_on(self, last: Iterable[tuple[str, str, int]]) -> None:
        for account_id, notice, time_ns in last:
            second = time_ns // _SECOND_NS
            if self._second < 0:
                self._second = second
            if second != self._second:
                return
            if notice == LEFT_OUT:
                self._told.add(account_id)
            elif account_id:
                self._count(account_id)

    def _count(self, account_id: str) -> None:
        self._counts[account_id] = self._counts.get(account_id, 0) + 1
        self._venue_count += 1

    def of(self, event: list[Any]) -> Iterator[tuple[Notification, str]]:
        """(notification, user id) of what an event tells people; user "" is everybody."""
        kind = event[1]
        if kind not in NOTIFYING or kind in _FOR_NOBODY:
            return
        if kind == "AccountChanged":
            self._note_owner(m.AccountRow(*event[5]))
        accounts = _PLACES.get(kind)
        owners = self.owners
        if accounts is not None and not any(account in owners for account in accounts(event)):
            return
        for one in notifications_of(event):
            if one.is_kept and (not one.account_id or one.account_id in owners):
                yield from self._counted(one)

    def _note_owner(self, row: m.AccountRow) -> None:
        if row.is_robot or row.is_market_maker:
            self.owners.pop(row.account_id, None)
        else:
            self.owners[row.account_id] = row.user_id

    def _counted(self, one: Notification) -> Iterator[tuple[Notification, str]]:
        """The notification, a notice in the place of the first that is too many, or nothing."""
        account_id = one.account_id
        if not account_id:
            yield one, ""
            return
        second = one.time_ns // _SECOND_NS
        if second != self._second:
            self._second, self._venue_count = second, 0
            self._counts.clear()
            self._told.clear()
        user_id = self.owners[account_id]
        if self._counts.get(account_id, 0) < ACCOUNT_A_SECOND and self._venue_count < VENUE_A_SECOND:
            self._count(account_id)
            yield one, user_id
        elif account_id not in self._told:
            self._told.add(account_id)
            place = LEFT_OUT_PLACE if one.place < PLACES // 2 else LEFT_OUT_PLACE - 1
            payload = {"notice": LEFT_OUT, "second": second}
            yield Notification("system_notice", account_id, one.seq, place, one.time_ns, payload), user_id

    def row(self, base: int, number: int, trading_day: int, one: Notification, user_id: str) -> list[Any]:
        """The columns of `projection_tables.NOTIFICATION`."""
        return [
            base + one.position, number, trading_day, user_id, one.account_id, one.kind,
            _encode(one.payload).decode(), one.time_ns,
        ]  # fmt: skip
