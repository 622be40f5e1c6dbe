"""From the newest good snapshot to the log's end: replayed, compared, never guessed (A-6, A-14)."""

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from exchange_site.streams import Keys, Link, stream_id
from trading.codec import decode_events, encode_events
from trading.engine.apply import upgrade
from trading.engine.state import ENGINE_VERSION, State
from trading.entries import Applier, Entry, EventEntry

READ_COMMANDS = 2_000
READ_EVENTS = 100


class CannotStart(Exception):
    """Why this worker does not start; nothing was changed."""


class LogBehind(CannotStart):
    """The log has lost what a snapshot or reader has already seen (A-6)."""


class EventsDiffer(CannotStart):
    """Replaying a command gave other events than those published (A-2)."""


@dataclass
class LogEnds:
    """How far the log reaches, and what its readers have seen of it."""

    commands: str
    events: int
    trimmed: bool
    cursors: dict[str, str] = field(default_factory=dict)
    status: dict[str, str] = field(default_factory=dict)


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _pairs(flat: list[Any]) -> dict[str, Any]:
    return {_text(name): value for name, value in zip(flat[::2], flat[1::2], strict=True)}


def read_ends(link: Link, keys: Keys) -> LogEnds:
    """Look at both streams, the cursors and the last worker's status."""
    command_info = _stream_info(link, keys.commands)
    event_info = _stream_info(link, keys.events)
    cursors = _pairs(link.call("HGETALL", keys.cursors))
    status = _pairs(link.call("HGETALL", keys.status))
    return LogEnds(
        commands=_text(command_info.get("last-generated-id", "0-0")),
        events=stream_id(_text(event_info.get("last-generated-id", "0-0")))[0],
        trimmed=command_info.get("entries-added", 0) > command_info.get("length", 0),
        cursors={name: _text(value) for name, value in cursors.items()},
        status={name: _text(value) for name, value in status.items()},
    )


def _stream_info(link: Link, key: str) -> dict[str, Any]:
    if not link.call("EXISTS", key):
        return {}
    return _pairs(link.call("XINFO", "STREAM", key))


def read_quarantine(link: Link, keys: Keys) -> dict[str, str]:
    """Stream ids of commands to skip, with the reason (A-23a)."""
    return {name: _text(reason) for name, reason in _pairs(link.call("HGETALL", keys.quarantine)).items()}


def check_ends(state: State, ends: LogEnds) -> None:
    """Raise LogBehind or CannotStart when the log cannot continue this state."""
    if stream_id(ends.commands) < stream_id(state.last_stream_id):
        raise LogBehind(f"the command log ends at {ends.commands}, the snapshot is at {state.last_stream_id}")
    if ends.events < state.event_seq:
        raise LogBehind(f"the event log ends at {ends.events}, the snapshot is at {state.event_seq}")
    for name, value in ends.cursors.items():
        is_command = name.startswith(("snapshot:", "archive:commands"))
        end = stream_id(ends.commands) if is_command else (ends.events, 0)
        if stream_id(value) > end:
            kind = "command" if is_command else "event"
            raise LogBehind(f"reader {name} is at {value}, the {kind} log ends at {end[0]}-{end[1]}")
    if state.last_stream_id == "0-0" and ends.trimmed:
        raise CannotStart("no good snapshot, and the first commands are no longer in the log")


def check_version(state: State, ends: LogEnds) -> None:
    """Refuse to replay commands whose events another engine version published (A-14)."""
    published = int(ends.status.get("engine_version") or ENGINE_VERSION)
    has_published = ends.events > state.event_seq
    if has_published and published != ENGINE_VERSION:
        raise CannotStart(
            f"events {state.event_seq + 1} to {ends.events} were published by engine version "
            f"{published}, this is version {ENGINE_VERSION}: start version {published}, drain it, "
            f"then start this one"
        )


class Recovery:
    """Replays commands and holds their events against the stream.

    ``pending`` are events that were produced and not yet found in the stream; when the
    whole log is replayed they are what a crashed worker did not publish.
    """

    def __init__(self, keys: Keys, state: State, quarantined: Mapping[str, str], events_end: int) -> None:
        self.keys = keys
        self.state = state
        self.applier = Applier(state, quarantined)
        self.events_end = events_end
        self.compared = state.event_seq
        self.commands = 0
        self._link = Link()
        self._stored: deque[tuple[int, bytes]] = deque()

    def upgrade_if_due(self) -> bool:
        """Bring a drained state to this engine version; its event is pending or published."""
        state = self.state
        if not state.venue or state.engine_version == ENGINE_VERSION:
            return False
        if self.events_end > state.event_seq and not self._next_is_upgrade():
            raise CannotStart(
                f"the snapshot is of engine version {state.engine_version} and was followed by "
                f"further commands: drain with that version first"
            )
        self.applier.events += upgrade(state)
        self.applier.marks.append((len(self.applier.events), state.last_stream_id))
        return True

    def _next_is_upgrade(self) -> bool:
        seq = self.state.event_seq + 1
        stored = self._peek()
        events = decode_events(stored[1]) if stored else []
        return any(event[0] == seq and event[1] == "EngineUpgraded" for event in events)

    def run(self, until: str = "+") -> None:
        """Replay to the log's end or an id; raises EventsDiffer, ImpossibleState."""
        link = Link()
        try:
            for entries in read_commands(link, self.keys, self.state.last_stream_id, until):
                self.applier.apply_entries(entries)
                self.commands += len(entries)
                self._compare()
        finally:
            link.close()
        self._compare()

    def close(self) -> None:
        self._link.close()

    def _compare(self) -> None:
        """Hold produced events against the stream, entry by entry, as encoded bytes."""
        events, found = self.applier.events, 0
        while found < len(events) and self.compared < self.events_end:
            stored = self._peek()
            if stored is None:  # all of them are trimmed: published and read long ago
                last_seq = min(self.events_end, events[-1][0])
            elif stored[0] > events[-1][0]:
                break
            else:
                last_seq, data = stored
                produced = events[found : found + last_seq - self.compared]
                if encode_events(produced) != data:
                    compare_one_by_one(produced, decode_events(data))
                self._stored.popleft()
            found += last_seq - self.compared
            self.compared = last_seq
        self._drop(found)

    def _drop(self, count: int) -> None:
        """The first events are published."""
        applier = self.applier
        del applier.events[:count]
        applier.marks = [(n - count, text) for n, text in applier.marks if n > count]

    def _peek(self) -> tuple[int, bytes] | None:
        """The stored entry that holds the next event to compare; None when there is none."""
        if not self._stored:
            answer = self._link.call(
                "XRANGE", self.keys.events, f"{self.compared + 1}-0", f"{self.events_end}-0",
                "COUNT", READ_EVENTS,
            )  # fmt: skip
            for raw_id, fields in answer:
                last_seq = int(raw_id.partition(b"-")[0])
                self._stored.append((last_seq, fields[fields.index(b"e") + 1]))
        return self._stored[0] if self._stored else None

    def unpublished(self) -> list[EventEntry]:
        """What is still to be appended, after the whole log was replayed."""
        if self.events_end > self.state.event_seq:
            raise LogBehind(
                f"the event log ends at {self.events_end}, its commands give only "
                f"{self.state.event_seq} events: commands were lost"
            )
        return self.applier.take()


def compare_one_by_one(produced: list[list[Any]], stored: list[list[Any]]) -> None:
    """Other bytes: an entry that began before the snapshot, or a real difference."""
    by_seq = {event[0]: event for event in stored}
    for event in produced:
        twin = by_seq.get(event[0])
        if twin is not None and encode_events([twin]) != encode_events([event]):
            raise EventsDiffer(
                f"event {event[0]} of command {event[4]}: replay gives {event[1]} {event[5:]}, "
                f"the stream holds {twin[1]} {twin[5:]}"
            )


def read_commands(link: Link, keys: Keys, after: str, end: str = "+") -> Iterator[list[Entry]]:
    """Batches of command entries after an id; the next batch is on its way meanwhile."""

    def ask(last: str) -> None:
        link.send(link.pack("XRANGE", keys.commands, f"({last}", end, "COUNT", READ_COMMANDS))

    ask(after)
    while True:
        entries: list[Entry] = link.read()
        if not entries:
            return
        yield entries
        ask(entries[-1][0].decode("ascii"))
