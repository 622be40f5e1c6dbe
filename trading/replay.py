"""The whole log again from its first command: same events, same hashes (A-2, A-23)."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from exchange_site.streams import Keys, Link, stream_id
from trading import archive
from trading.codec import decode_events, encode_events
from trading.engine.hashing import full_hash, trading_hash
from trading.engine.state import State
from trading.entries import Applier, Entry
from trading.recovery import (
    EventsDiffer,
    Recovery,
    compare_one_by_one,
    read_commands,
    read_ends,
    read_quarantine,
)
from trading.snapshots import SUFFIX, Snapshots, read_snapshot


@dataclass
class Report:
    """What a replay found; `snapshots` are those whose hash was met on the way."""

    commands: int = 0
    event_seq: int = 0
    command_id: str = "0-0"
    trading_hash: str = ""
    full_hash: str = ""
    snapshots: list[str] = field(default_factory=list)

    def finish(self, state: State) -> "Report":
        self.event_seq, self.command_id = state.event_seq, state.last_stream_id
        self.trading_hash, self.full_hash = trading_hash(state), full_hash(state)
        return self


class Replay:
    """Replays archive, then stream, and compares every event and every snapshot it passes."""

    def __init__(self, venue: str, snapshots: Snapshots, start: State | None = None) -> None:
        """``start``: the state to begin at; without it the log's first command."""
        self.keys = Keys(venue)
        self.report = Report()
        self._applier = Applier(start or State())
        self._published = self.state.event_seq
        self._checks = self._snapshot_hashes(snapshots)

    @property
    def state(self) -> State:
        return self._applier.state

    def _snapshot_hashes(self, snapshots: Snapshots) -> dict[str, str]:
        """Command id → full hash of the snapshots kept."""
        headers = [read_snapshot(path).header for path in snapshots.paths()]
        return {header["command_id"]: header["full_hash"] for header in headers}

    def run(self) -> Report:
        """Raise EventsDiffer at the first event or hash that is another; BadRecord,
        ImpossibleState."""
        for path in archive.segments(self.keys.venue):
            self._play_segment(archive.read_records(path))
        self._play_stream()
        return self.report.finish(self.state)

    def _play_segment(self, records: Iterator[archive.Record]) -> None:
        commands: list[Entry] = []
        quarantined: dict[str, str] = {}
        stored: list[list[Any]] = []
        for record in records:
            if record.kind == "C":
                if stream_id(record.payload[0]) > stream_id(self.state.last_stream_id):
                    commands.append(record.entry())
            elif record.kind == "Q":
                quarantined[record.payload[0]] = record.payload[1]
            else:
                stored.append(record.payload)
        self._applier.quarantined = quarantined
        self._apply(commands)
        for last_seq, _, data in stored:
            self._compare(last_seq, data)

    def _play_stream(self) -> None:
        link = Link()
        try:
            ends = read_ends(link, self.keys)
            self._applier.quarantined = read_quarantine(link, self.keys)
            after = self.state.last_stream_id
            for entries in read_commands(link, self.keys, after, ends.commands):
                self._apply(entries)
            events_link = Link()
            answer = [[b"", []]]
            while answer and self._published < ends.events:
                answer = events_link.call(
                    "XRANGE", self.keys.events, f"{self._published + 1}-0", f"{ends.events}-0",
                    "COUNT", 200,
                )  # fmt: skip
                for raw_id, fields in answer:
                    self._compare(stream_id(raw_id)[0], fields[fields.index(b"e") + 1])
            events_link.close()
        finally:
            link.close()

    def _apply(self, entries: list[Entry]) -> None:
        """Apply, stopping at each snapshot's command to compare hashes."""
        start = 0
        for n, (raw_id, _) in enumerate(entries):
            text = raw_id.decode("ascii")
            if text in self._checks:
                self._applier.apply_entries(entries[start : n + 1])
                start = n + 1
                self._check_hash(text)
        self._applier.apply_entries(entries[start:])
        self.report.commands += len(entries)

    def _check_hash(self, command_id: str) -> None:
        found, expected = full_hash(self.state), self._checks[command_id]
        if found != expected:
            raise EventsDiffer(f"state after {command_id} has hash {found}, the snapshot {expected}")
        self.report.snapshots.append(command_id)

    def _compare(self, last_seq: int, data: bytes) -> None:
        """The next produced events against a stored entry; what is before the start is passed over."""
        if last_seq <= self._published:
            return
        events = self._applier.events
        if not events or last_seq > events[-1][0]:
            raise EventsDiffer(f"event {last_seq} is stored, replay ends at {self.state.event_seq}")
        count = last_seq - self._published
        if encode_events(events[:count]) != data:
            compare_one_by_one(events[:count], decode_events(data))
        del events[:count]
        self._applier.marks.clear()
        self._published = last_seq


def replay_day(venue: str, snapshots: Snapshots) -> Report:
    """Replay from the newest settled snapshot, on the first day from the log's beginning."""
    folder = snapshots.settled_folder
    settled = sorted(folder.glob(f"*{SUFFIX}")) if folder is not None and folder.is_dir() else []
    start = read_snapshot(settled[-1]).state if settled else None
    return Replay(venue, snapshots, start).run()


def state_at_end(venue: str, snapshots: Snapshots, report_bad: Callable[..., None]) -> State:
    """Newest good snapshot and the commands after it, compared with the stream; read only."""
    keys = Keys(venue)
    found = snapshots.newest(report_bad)
    link = Link()
    try:
        ends = read_ends(link, keys)
        quarantined = read_quarantine(link, keys)
    finally:
        link.close()
    recovery = Recovery(keys, found.state if found else State(), quarantined, ends.events)
    try:
        recovery.run(until=ends.commands)
    finally:
        recovery.close()
    return recovery.state
