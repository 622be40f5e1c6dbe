"""Phases by log time, tried minute by minute from the session table (T-20 … T-24)."""

from datetime import UTC, date, datetime, timedelta

from tests.engine.reference.model import Instrument
from tests.engine.reference.orders import Orders
from trading.engine.messages import (
    ClockMode,
    EndReason,
    InstrumentStatus,
    Phase,
    TimeCondition,
)

MINUTE_NS = 60 * 10**9


def to_date(day: int) -> date:
    return date(day // 10_000, day // 100 % 100, day % 100)


def midnight_ns(day: int) -> int:
    """00:00 Shanghai in ns UTC."""
    moment = datetime.combine(to_date(day), datetime.min.time(), UTC) - timedelta(hours=8)
    return int(moment.timestamp()) * 10**9


def has_night(previous: int, day: int) -> bool:
    """Only a weekend may lie between the evening and the trading day (T-20)."""
    gap = (to_date(day) - to_date(previous)).days
    between = [to_date(previous) + timedelta(days=n) for n in range(1, gap)]
    return all(free.weekday() >= 5 for free in between)


class Clock(Orders):
    mode = int(ClockMode.REAL)
    settlement_minute = 930

    def sections(self, template: str) -> list[tuple[int, int, int, int]]:
        """(start_ns, end_ns, phase, part) of the current day; part 1 is the night."""
        rows = self.templates[template]
        if rows == [[0, int(Phase.CONTINUOUS), 0, 1440]]:
            end = midnight_ns(self.day) + self.settlement_minute * MINUTE_NS
            return [(0, end, int(Phase.CONTINUOUS), 0)]
        if any(row[0] for row in rows) and not has_night(self.previous_day, self.day):
            auction = [row for row in self.templates.get("day", []) if row[1] != Phase.CONTINUOUS]
            rows = auction + [row for row in rows if not row[0]]
        found = []
        for night, phase, start, end in rows:
            base = midnight_ns(self.previous_day if night else self.day)
            found.append((base + start * MINUTE_NS, base + end * MINUTE_NS, phase, night))
        return found

    def phase_at(self, template: str, time_ns: int) -> int:
        """The section that holds now; between two of one part BREAK, else CLOSED."""
        sections = self.sections(template)
        for start, end, phase, _ in sections:
            if start <= time_ns < end:
                return phase
        for part in (0, 1):
            before = any(end <= time_ns for _, end, _, night in sections if night == part)
            after = any(start > time_ns for start, _, _, night in sections if night == part)
            if before and after:
                return int(Phase.BREAK)
        return int(Phase.CLOSED)

    def advance(self, time_ns: int) -> None:
        """Carry out each boundary up to a time, in order (T-24)."""
        if time_ns <= self.time_ns:
            return
        edges = {
            edge for name in self.templates for section in self.sections(name)
            for edge in section[:2] if self.time_ns < edge <= time_ns
        }  # fmt: skip
        while True:
            breakers = [
                item.breaker_until_ns for item in self.instruments.values()
                if 0 < item.breaker_until_ns <= time_ns
            ]  # fmt: skip
            due = [*breakers, *edges]
            if not due:
                break
            self.time_ns = max(min(due), self.time_ns)
            if min(due) in breakers:
                self.end_breaker(min(due))
            else:
                edges.remove(min(due))
                self.follow_table()
        self.time_ns = time_ns

    def end_breaker(self, until_ns: int) -> None:
        """The instrument's own auction is over; it goes back to its template's phase."""
        ended = [item for item in self.instruments.values() if item.breaker_until_ns == until_ns]
        instrument = min(ended, key=lambda item: item.symbol)
        instrument.breaker_until_ns = instrument.breaker_price = 0
        if instrument.status == InstrumentStatus.TRADING:
            self.uncross(instrument)
        self.end_by_condition(instrument, TimeCondition.GFA, EndReason.AUCTION_END)
        self.set_phase(instrument, self.phases.get(instrument.row.session_template, 0))

    def follow_table(self) -> None:
        if self.halted or self.run is not None:
            return
        for name in self.templates:
            self.enter_phase(name, self.phase_at(name, self.time_ns))

    def enter_phase(self, template: str, phase: int) -> None:
        if self.phases.get(template, 0) == phase:
            return
        self.phases[template] = phase
        self.emit("PhaseChanged", template, phase, self.day, "")
        for instrument in self.instruments.values():
            if instrument.row.session_template == template:
                self.enter_instrument(instrument, phase)

    def enter_instrument(self, instrument: Instrument, phase: int) -> None:
        """An auction trades when it ends; nothing stays crossed in continuous trading."""
        before, instrument.phase = instrument.phase, phase
        if before == phase:
            return
        in_section = before == Phase.CONTINUOUS or instrument.breaker_until_ns > 0
        if instrument.breaker_until_ns:
            instrument.breaker_until_ns = instrument.breaker_price = 0
        trades = instrument.status == InstrumentStatus.TRADING
        if trades and (before == Phase.AUCTION_ORDER or phase == Phase.CONTINUOUS):
            self.uncross(instrument)
        if before == Phase.AUCTION_ORDER:
            self.end_by_condition(instrument, TimeCondition.GFA, EndReason.AUCTION_END)
        if in_section:
            self.end_by_condition(instrument, TimeCondition.GFS, EndReason.SECTION_END)

    def close_venue(self) -> None:
        for name in self.templates:
            self.enter_phase(name, int(Phase.CLOSED))
