"""Log entries into the core: parsing, poison, quarantine, and the batches of events (A-23a).

Shared by the worker's loop, its recovery and every replay, so that all of them do the
same with the same log.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from exchange_site.streams import MAX_ENTRY_BYTES, MAX_ENTRY_EVENTS
from trading.codec import COMMAND_DECODERS, MalformedCommand, encode_events
from trading.engine.apply import apply, quarantine, reject
from trading.engine.codes import MALFORMED_DATA
from trading.engine.messages import Envelope
from trading.engine.state import State

Entry = tuple[bytes, list[bytes]]
"""(stream id, fields) as XREAD and XRANGE give it."""
EventEntry = tuple[int, str, bytes]
"""(last sequence, last command's stream id, encoded events) of one event entry (A-41)."""

_NAMES = [b"t", b"v", b"i", b"o", b"u", b"p"]
_KINDS = {
    (kind.encode(), str(version).encode()): (kind, decode)
    for (kind, version), decode in COMMAND_DECODERS.items()
}
_LOOK_AT_CLOCK = 31
"""Commands between two looks at the clock, a mask."""


class ImpossibleState(Exception):
    """`apply` raised: the worker stops, an operator may quarantine the command (A-23a)."""

    def __init__(self, envelope: Envelope, kind: str) -> None:
        super().__init__(
            f"{kind} {envelope.command_id} at {envelope.stream_id} (user {envelope.user_id!r}) "
            f"led to an impossible state; if it must be passed over: "
            f"manage.py quarantine {envelope.stream_id} --reason …"
        )
        self.envelope = envelope


class Applier:
    """Applies entries to a state and collects the events with their commands' ids."""

    def __init__(self, state: State, quarantined: Mapping[str, str] | None = None) -> None:
        self.state = state
        self.quarantined = quarantined or {}
        self.events: list[list[Any]] = []
        self.marks: list[tuple[int, str]] = []
        """(number of events up to and with this command, its stream id)."""

    def apply_entries(self, entries: Sequence[Entry], deadline: float = float("inf")) -> int:
        """Apply entries until done or the monotonic deadline; the number applied.

        Raises ImpossibleState with the events of the commands before it collected.
        """
        state, events, marks = self.state, self.events, self.marks
        quarantined = self.quarantined
        count = 0
        for raw_id, fields in entries:
            envelope, command, kind = parse_entry(raw_id, fields)
            if quarantined and envelope.stream_id in quarantined:
                new = quarantine(state, envelope, quarantined[envelope.stream_id])
            elif command is None:
                new = reject(state, envelope, kind, MALFORMED_DATA, {})
            else:
                try:
                    new = apply(state, envelope, command)[1]
                except Exception as error:
                    raise ImpossibleState(envelope, kind) from error
            if new:
                events += new
                marks.append((len(events), envelope.stream_id))
            count += 1
            if not count & _LOOK_AT_CLOCK and time.monotonic() > deadline:
                break
        return count

    def take(self) -> list[EventEntry]:
        """The collected events as entries of the event stream; the collection is emptied."""
        events, marks = self.events, self.marks
        if not events:
            return []
        self.events, self.marks = [], []
        return list(pack_entries(events, marks))


def parse_entry(raw_id: bytes, fields: list[bytes]) -> tuple[Envelope, Any, str]:
    """(envelope, command, type) of an entry; the command is None when it is malformed."""
    stream_id = raw_id.decode()
    time_ns = int(raw_id.partition(b"-")[0]) * 1_000_000
    if fields[::2] == _NAMES:
        _, raw_kind, _, raw_version, _, raw_command, _, raw_origin, _, raw_user, _, payload = fields
        known = _KINDS.get((raw_kind, raw_version))
        if known is not None and len(raw_command) == 32:
            try:
                command = known[1](payload)
                facts = (
                    stream_id, time_ns, raw_command.decode("ascii"), raw_user.decode("ascii"),
                    raw_origin.decode("ascii"),
                )  # fmt: skip
            except (MalformedCommand, UnicodeDecodeError):
                return _poison(stream_id, time_ns, fields)
            return tuple.__new__(Envelope, facts), command, known[0]
    return _poison(stream_id, time_ns, fields)


def _poison(stream_id: str, time_ns: int, fields: list[bytes]) -> tuple[Envelope, None, str]:
    """What can be said about an entry that is no command."""
    named = dict(zip(fields[::2], fields[1::2], strict=False))
    envelope = Envelope(
        stream_id, time_ns, _plain(named.get(b"i")), _plain(named.get(b"u")), _plain(named.get(b"o"))
    )
    return envelope, None, _plain(named.get(b"t"))


def _plain(raw: bytes | None) -> str:
    """At most 64 printable ASCII characters."""
    text = (raw or b"")[:64].decode("ascii", "replace")
    return "".join(c if " " <= c <= "~" else "?" for c in text)


def pack_entries(events: list[list[Any]], marks: Sequence[tuple[int, str]]) -> Iterator[EventEntry]:
    """Events in entries of at most 4 000 events and 1 MiB, a command's events together.

    A batch that is too large is halved between two commands; a single command that is too
    large, between two of its events.
    """
    if len(events) <= MAX_ENTRY_EVENTS:
        data = encode_events(events)
        if len(data) <= MAX_ENTRY_BYTES or len(events) == 1:
            yield events[-1][0], marks[-1][1], data
            return
    if len(marks) == 1:
        middle = len(events) // 2
        left, right = [(middle, marks[0][1])], [(len(events) - middle, marks[0][1])]
    else:
        half = len(marks) // 2
        middle = marks[half - 1][0]
        left = list(marks[:half])
        right = [(count - middle, stream_id) for count, stream_id in marks[half:]]
    yield from pack_entries(events[:middle], left)
    yield from pack_entries(events[middle:], right)
