"""The newest rows of a series, kept while it is open."""

import logging
from bisect import bisect_right
from collections.abc import Callable, Iterable

from marketdata.rows import BarRow, Row

Listener = Callable[[Row], None]
MAX_ROWS = 10_000
"""Rows of one call."""
_log = logging.getLogger(__name__)


class Tail:
    """Consecutive rows up to the newest, at most `kept` of them."""

    def __init__(self, kept: int) -> None:
        self.kept = kept
        self.rows: list[Row] = []

    @property
    def first_id(self) -> int:
        """The oldest id kept; 0 when there is none."""
        return self.rows[0].id if self.rows else 0

    @property
    def last_id(self) -> int:
        return self.rows[-1].id if self.rows else -1

    def put(self, row: Row) -> bool:
        """Take a row; False when it is older than what is known under its id, or leaves a gap."""
        if not self.rows or row.id == self.last_id + 1:
            self.rows.append(row)
            if len(self.rows) >= 2 * self.kept:
                del self.rows[: -self.kept]
            return True
        place = row.id - self.first_id
        if place >= len(self.rows):
            return False
        if place < 0:
            return True
        if _age(row) < _age(self.rows[place]):
            return False
        self.rows[place] = row
        return True

    def replace(self, rows: Iterable[Row]) -> None:
        """Begin anew with these, of which the consecutive newest are kept."""
        by_id: dict[int, Row] = {}
        for row in rows:
            known = by_id.get(row.id)
            if known is None or _age(row) >= _age(known):
                by_id[row.id] = row
        found: list[Row] = []
        for number in sorted(by_id, reverse=True):
            if found and found[-1].id != number + 1:
                break
            found.append(by_id[number])
        self.rows = found[: self.kept][::-1]

    def between(self, left: int, right: int) -> list[Row]:
        """Rows with left ≤ id ≤ right, as far as they are kept."""
        first = self.first_id
        return self.rows[max(0, left - first) : max(0, right - first + 1)]

    def id_at(self, datetime_ns: int) -> int | None:
        """The last kept id that begins at or before a time; None when none does."""
        place = bisect_right(self.rows, datetime_ns, key=lambda row: row.datetime_ns)
        return self.rows[place - 1].id if place else None


def _age(row: Row) -> tuple[int, bool]:
    return row.seq, isinstance(row, BarRow) and row.is_finished


class Listeners:
    """Callbacks of a series; one that raises ends nobody."""

    def __init__(self) -> None:
        self._all: list[Listener] = []

    def add(self, callback: Listener) -> None:
        self._all.append(callback)

    def remove(self, callback: Listener) -> None:
        if callback in self._all:
            self._all.remove(callback)

    def tell(self, row: Row) -> None:
        for callback in tuple(self._all):
            try:
                callback(row)
            except Exception:  # noqa: BLE001  told in the log; the others must hear the row
                _log.exception("a listener of a series failed")
