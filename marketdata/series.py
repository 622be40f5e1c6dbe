"""Series of bars and ticks for the sockets and pages of a web process (D-24, A-10).

    hub = SeriesHub(venue)                       # one per process, in its event loop
    series = await hub.open("SHFE.cu2701", 60_000_000_000)
    rows = await series.rows(series.last_id - 199, series.last_id)
    series.listen(on_row)                        # on_row(row), in the loop, must not block
    ...
    series.unlisten(on_row)
    await hub.close(series)

A series is (symbol, duration); everybody in the process shares one object of it. Ids are
consecutive integers, given once (M-12): id 0 is the row at listing (prices =
pre_settlement, volume 0), so a series of a known symbol is never empty.
"""

from collections.abc import Callable
from typing import Protocol

from marketdata.rows import Row

Listener = Callable[[Row], None]


class Series(Protocol):
    """Rows of one symbol at one duration: history from the tables, the newest live.

    `symbol` is the full symbol, KQ.m@ and KQ.i@ included; `duration_ns` 0 means ticks.
    """

    symbol: str
    duration_ns: int

    @property
    def first_id(self) -> int:
        """The oldest id that is served; charts must not begin below it."""

    @property
    def last_id(self) -> int:
        """The newest id, that of the unfinished bar or of the last tick. Never decreases."""

    async def rows(self, left: int, right: int) -> list[Row]:
        """The rows with left ≤ id ≤ right in order, both ends clipped to what is served.

        At most 10 000 rows a call, the oldest of them then. The last row may be unfinished.
        """

    async def id_at(self, datetime_ns: int) -> int:
        """The last id whose row begins at or before a time; `first_id` when none does."""

    def listen(self, callback: Listener) -> None:
        """Have every further row told: the unfinished bar whenever it changes (under its id,
        at most ten times a second), the finished one, the next one, corrections of older
        ones, every new tick. Called in the event loop; what it raises is logged."""

    def unlisten(self, callback: Listener) -> None:
        """Stop telling a callback; nothing happens when it does not listen."""


class SeriesHub(Protocol):
    """All series of one process: one reader task for live rows, whatever is opened.

    Made as ``SeriesHub(venue)``; starts its reader with the first ``open``.
    """

    venue: str

    async def open(self, symbol: str, duration_ns: int) -> Series:
        """The series, warm; opened again it is the same object, and must be closed as often.

        `duration_ns`: 0 for ticks, whole seconds to 86 400 s, whole days to 28. Raises
        ExchangeError 1007 for an unknown symbol, 9008 for another duration, 9005 while the
        tables or the cache do not answer.
        """

    async def close(self, series: Series) -> None:
        """Give back what one ``open`` took; the last one frees its memory."""

    async def shutdown(self) -> None:
        """End the reader and free everything."""
