"""The log's archive: both streams in chained, checked segments on disk (A-13).

A segment is a gzip file of records: kind (1 byte), length and CRC32 (4 bytes each, big
endian), payload. ``H`` is the header (JSON; first record; carries the sha256 of the
segment before), ``C`` a command ``[stream id, fields…]``, ``Q`` a quarantined one
``[stream id, reason]``, ``E`` an event entry ``[last sequence, command's stream id,
encoded events]``. A segment ends with the last command whose events it holds.
"""

import gzip
import json
import shutil
import struct
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
from django.conf import settings

from exchange_site.env import environment
from exchange_site.streams import Keys, last_stream_id, log_client, stream_id
from trading.codec import decode_events
from trading.entries import Entry
from trading.snapshots import write_durably

FORMAT = 1
SUFFIX = ".log.gz"
CUT_EVENTS = 100_000
CUT_S = 300.0
CUT_BYTES = 32 << 20
_READ = 500
_HEAD = struct.Struct(">cII")
_LEVEL = 3
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder().decode


class BadRecord(Exception):
    """The first thing in the archive that is not as it was written; the text says where."""


@dataclass(frozen=True, slots=True)
class Record:
    """One record of a segment: `C`, `Q` or `E` with its decoded payload."""

    kind: str
    payload: list[Any]

    def entry(self) -> Entry:
        """A command as the stream gives it."""
        return self.payload[0].encode("ascii"), self.payload[1]


def folder_of(venue: str) -> Path:
    """Where a venue's segments are."""
    return Path(settings.DATA_DIR) / "archive" / Keys(venue).venue


def segments(venue: str) -> list[Path]:
    """The venue's segments in order."""
    return sorted(folder_of(venue).glob(f"[0-9]*/*{SUFFIX}"), key=_first_seq)


def _first_seq(path: Path) -> int:
    return int(path.name.removesuffix(SUFFIX))


def read_header(path: Path) -> dict[str, Any]:
    """A segment's header; BadRecord when it is damaged."""
    header: dict[str, Any] = next(_raw_records(path))[1]
    return header


def read_records(path: Path) -> Iterator[Record]:
    """A segment's records after its header; BadRecord names the first bad one."""
    raw = _raw_records(path)
    next(raw)
    for kind, payload in raw:
        yield Record(kind, payload)


def _raw_records(path: Path) -> Iterator[tuple[str, Any]]:
    number = 0
    try:
        with gzip.open(path, "rb") as file:
            while head := file.read(_HEAD.size):
                kind, length, crc = _HEAD.unpack(head)
                payload = file.read(length)
                if len(payload) != length or zlib.crc32(payload) != crc:
                    raise BadRecord(f"{_place(path)} record {number}: checksum differs")
                is_header = kind == b"H"
                if is_header != (number == 0):
                    raise BadRecord(f"{_place(path)} record {number}: header out of place")
                yield kind.decode("ascii"), json.loads(payload) if is_header else _decode(payload)
                number += 1
    except (OSError, EOFError, zlib.error, struct.error, ValueError) as error:
        raise BadRecord(f"{_place(path)} record {number}: {error}") from error
    if not number:
        raise BadRecord(f"{_place(path)}: empty")


def _place(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"


def read_events(venue: str, after_seq: int) -> Iterator[list[Any]]:
    """Archived events after a sequence, in order; BadRecord at the first damage."""
    paths = segments(venue)
    for n, path in enumerate(paths):
        if n + 1 < len(paths) and _first_seq(paths[n + 1]) <= after_seq + 1:
            continue
        for record in read_records(path):
            if record.kind == "E" and record.payload[0] > after_seq:
                yield from (event for event in decode_events(record.payload[2]) if event[0] > after_seq)


class Archiver:
    """Writes what the streams hold into segments, then tells the worker it may trim (A-8)."""

    def __init__(self, venue: str) -> None:
        self.keys = Keys(venue)
        self.folder = folder_of(venue)
        self._client = log_client()
        self._cut_at = time.monotonic()
        self._seq, self._command, self._previous = self._position()
        self._told = False

    def _position(self) -> tuple[int, str, str]:
        """(last archived event, last archived command, hash of the last segment)."""
        paths = segments(self.keys.venue)
        if not paths:
            return 0, "0-0", ""
        header = read_header(paths[-1])
        return header["last_seq"], header["last_command"], _file_hash(paths[-1])

    def run_once(self, force: bool = False) -> int:
        """Write the segments that are due; their number.

        A segment is due after 100 000 events or 5 minutes, or when ``force`` is set and
        there is any event. Raises redis.RedisError, OSError.
        """
        if not self._told:
            self._tell()
        written = 0
        while self._is_due(force) and self._write_segment():
            written += 1
        return written

    def _is_due(self, force: bool) -> bool:
        waiting = stream_id(last_stream_id(self._client, self.keys.events))[0] - self._seq
        is_late = time.monotonic() - self._cut_at >= CUT_S
        return waiting >= CUT_EVENTS or (waiting > 0 and (force or is_late))

    def _write_segment(self) -> bool:
        events = self._read_event_entries()
        if not events:
            return False
        first_seq = int(decode_events(events[0][2])[0][0])
        if first_seq > self._seq + 1:
            raise BadRecord(f"events {self._seq + 1} to {first_seq - 1} left the stream unarchived")
        last_seq, last_command, _ = events[-1]
        commands = self._read_commands(last_command)
        day = int(self._client.hget(self.keys.status, "trading_day") or 0)
        header = {
            "format": FORMAT, "venue": self.keys.venue, "trading_day": day,
            "first_seq": first_seq, "last_seq": last_seq, "commands": len(commands),
            "first_command": commands[0][0] if commands else "", "last_command": last_command,
            "previous": self._previous,
        }  # fmt: skip
        path = self.folder / f"{day:08d}" / f"{first_seq:016d}{SUFFIX}"
        path.parent.mkdir(parents=True, exist_ok=True)
        data = _pack(header, commands, self._quarantined(commands), events)
        write_durably(path, data)
        self._seq, self._command, self._previous = last_seq, last_command, sha256(data).hexdigest()
        self._cut_at = time.monotonic()
        self._tell()
        self._prune(day)
        return True

    def _read_event_entries(self) -> list[tuple[int, str, bytes]]:
        found: list[tuple[int, str, bytes]] = []
        size, after = 0, f"{self._seq}-0"
        while size < CUT_BYTES:
            answer: Any = self._client.xrange(self.keys.events, f"({after}", count=_READ)
            for raw_id, fields in answer:
                after = raw_id.decode("ascii")
                found.append((stream_id(after)[0], fields[b"c"].decode("ascii"), fields[b"e"]))
                size += len(fields[b"e"])
                if size >= CUT_BYTES:
                    break
            if len(answer) < _READ:
                break
        return found

    def _read_commands(self, until: str) -> list[tuple[str, list[bytes]]]:
        found: list[tuple[str, list[bytes]]] = []
        after = self._command
        while True:
            answer: Any = self._client.xrange(self.keys.commands, f"({after}", until, count=4 * _READ)
            for raw_id, fields in answer:
                after = raw_id.decode("ascii")
                found.append((after, [item for pair in fields.items() for item in pair]))
            if len(answer) < 4 * _READ:
                return found

    def _quarantined(self, commands: list[tuple[str, list[bytes]]]) -> list[tuple[str, str]]:
        held: Any = self._client.hgetall(self.keys.quarantine)
        reasons = {key.decode("ascii"): value.decode("utf-8") for key, value in held.items()}
        return [(text, reasons[text]) for text, _ in commands if text in reasons] if reasons else []

    def _tell(self) -> None:
        """The cursors by which the worker trims, after the segment is durable."""
        self._client.hset(
            self.keys.cursors, mapping={"archive": self._seq, "archive:commands": self._command}
        )
        self._told = True

    def _prune(self, day: int) -> None:
        """Drop the days that are older than this site keeps."""
        keep = environment().archive_days
        days = sorted(path for path in self.folder.glob("[0-9]*") if path.is_dir())
        for path in days[:-keep]:
            shutil.rmtree(path)


def _file_hash(path: Path) -> str:
    return sha256(path.read_bytes()).hexdigest()


def _record(kind: bytes, payload: bytes) -> bytes:
    return _HEAD.pack(kind, len(payload), zlib.crc32(payload)) + payload


def _pack(
    header: dict[str, Any],
    commands: list[tuple[str, list[bytes]]],
    quarantined: list[tuple[str, str]],
    events: list[tuple[int, str, bytes]],
) -> bytes:
    parts = [_record(b"H", json.dumps(header).encode("ascii"))]
    parts += [_record(b"Q", _encode(item)) for item in quarantined]
    parts += [_record(b"C", _encode(item)) for item in commands]
    parts += [_record(b"E", _encode(item)) for item in events]
    return gzip.compress(b"".join(parts), _LEVEL, mtime=0)


# ------------------------------------------------------------------ verification


def verify_archive(venue: str) -> tuple[int, int]:
    """(segments, last sequence) of a sound archive; BadRecord at the first fault.

    Checks every record's CRC32, the chain of hashes, and that events and commands follow
    each other without a gap from the oldest segment kept.
    """
    previous = ""
    last_seq: int | None = None
    last_command = "0-0"
    paths = segments(venue)
    for n, path in enumerate(paths):
        header = read_header(path)
        if n and header["previous"] != previous:
            raise BadRecord(f"{_place(path)}: the segment before it was changed")
        last_seq, last_command = _verify_segment(path, header, last_seq, last_command)
        previous = _file_hash(path)
    return len(paths), last_seq or 0


def _verify_segment(
    path: Path, header: dict[str, Any], last_seq: int | None, last_command: str
) -> tuple[int, str]:
    seq = header["first_seq"] - 1 if last_seq is None else last_seq
    for number, record in enumerate(read_records(path), start=1):
        where = f"{_place(path)} record {number}"
        if record.kind == "E":
            for event in decode_events(record.payload[2]):
                if event[0] != seq + 1:
                    raise BadRecord(f"{where}: event {event[0]} follows {seq}")
                seq = event[0]
        elif record.kind == "C":
            if stream_id(record.payload[0]) <= stream_id(last_command):
                raise BadRecord(f"{where}: command {record.payload[0]} follows {last_command}")
            last_command = record.payload[0]
    if seq != header["last_seq"]:
        raise BadRecord(f"{_place(path)}: ends at event {seq}, its header says {header['last_seq']}")
    return seq, last_command


def verify_stream(venue: str, after_seq: int) -> int:
    """The last sequence of the event stream; BadRecord where it has a gap or damage.

    The stream may begin before ``after_seq``, never after the event that follows it.
    """
    keys = Keys(venue)
    seq: int | None = None
    with log_client() as client:
        after = "0-0"
        while answer := client.xrange(keys.events, f"({after}", count=_READ):
            for raw_id, fields in answer:
                after = raw_id.decode("ascii")
                events = decode_events(fields[b"e"])
                if seq is None:
                    seq = events[0][0] - 1
                    if seq > after_seq:
                        raise BadRecord(f"events {after_seq + 1} to {seq} are nowhere")
                for event in events:
                    if event[0] != seq + 1:
                        raise BadRecord(f"event stream {after}: event {event[0]} follows {seq}")
                    seq = event[0]
                if stream_id(after)[0] != seq:
                    raise BadRecord(f"event stream {after}: ends with event {seq}")
    return after_seq if seq is None else seq
