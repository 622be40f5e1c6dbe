"""What the matching worker counts, in plain numbers and once a batch (O-30)."""

import time
from collections import Counter, deque
from collections.abc import Iterable
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from exchange_site.metrics.meter import Histogram, Sample

if TYPE_CHECKING:
    from trading.worker import Worker

CODE_AT = {"CommandRejected": 6, "OrderRejected": 6, "CancelRejected": 8}
"""Place of the code in events that refuse."""
_kind_of = itemgetter(1)


class WorkerFigures:
    """Counters of one worker; written by its loop alone."""

    def __init__(self) -> None:
        self.commands = 0
        self.away = 0
        self.kinds: Counter[str] = Counter()
        self.codes: Counter[int] = Counter()
        self.match = Histogram()
        self.publish = Histogram()
        self._sent: deque[tuple[int, float]] = deque()

    def applied(self, events: list[list[Any]], commands: int, seconds: float) -> None:
        """A batch has been through the core."""
        if not commands:
            return
        self.commands += commands
        self.match.observe(seconds / commands, commands)
        kinds = Counter(map(_kind_of, events))
        self.kinds += kinds
        if not kinds.keys().isdisjoint(CODE_AT):
            self.codes.update(event[CODE_AT[event[1]]] for event in events if event[1] in CODE_AT)

    def sent(self, last_seq: int) -> None:
        """A batch's events are on their way to the log."""
        self._sent.append((last_seq, time.perf_counter()))

    def published(self, last_seq: int) -> None:
        """Events up to this one are in the log."""
        now = time.perf_counter()
        while self._sent and self._sent[0][0] <= last_seq:
            self.publish.observe(now - self._sent.popleft()[1])


def samples(worker: "Worker") -> Iterable[Sample]:
    """The worker's figures for its endpoint."""
    figures = worker.figures
    yield "exchange_commands_total", {}, figures.commands
    yield "exchange_orders_total", {}, figures.kinds["OrderAccepted"]
    yield "exchange_trades_total", {}, figures.kinds["Traded"]
    yield "exchange_events_total", {}, sum(tuple(figures.kinds.values()))
    for code, count in tuple(figures.codes.items()):
        yield "exchange_rejects_total", {"code": str(code)}, count
    yield "exchange_match_seconds", {}, figures.match
    yield "exchange_publish_seconds", {}, figures.publish
    yield "exchange_log_reconnects_total", {}, figures.away
    yield "exchange_bad_snapshots", {}, worker.house.bad_snapshots
    yield "exchange_clock_behind_seconds", {}, worker.clock.behind_ms(worker.state) / 1_000
