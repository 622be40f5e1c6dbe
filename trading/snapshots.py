"""Snapshots of the trading state: written by a forked child, verified on load (A-44, A-6)."""

import json
import os
import signal
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec

from trading.engine.hashing import full_hash, hash_of
from trading.engine.snapshot import dump, load
from trading.engine.state import State

FORMAT = 1
KEPT = 3
SUFFIX = ".snapshot"
_LEVEL = 1
"""zlib level: speed before size, the file lives for minutes."""


class BadSnapshot(Exception):
    """A snapshot file that is not what its header says."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A verified snapshot: its file, header and the state in it."""

    path: Path
    header: dict[str, Any]
    state: State


class Snapshots:
    """The snapshots of one venue in one folder: at most three, at most one being written."""

    def __init__(self, folder: Path, settled_folder: Path | None = None) -> None:
        """``settled_folder``, if given, keeps the first snapshot after each settlement."""
        self.folder = folder
        self.settled_folder = settled_folder
        self._child = 0
        self._started = 0.0

    # -- writing

    def begin(self, state: State, on_child: Callable[[], None] | None = None) -> bool:
        """Fork a child that writes the state; False while an earlier one still writes."""
        if self.is_writing():
            return False
        self._started = time.monotonic()
        child = os.fork()
        if child:
            self._child = child
            return True
        code = 1
        try:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            os.nice(5)
            if on_child is not None:
                on_child()
            self.write(state)
            code = 0
        finally:
            os._exit(code)

    def is_writing(self) -> bool:
        """Is a child under way? Reaps it when it has ended."""
        if self._child:
            pid, _ = os.waitpid(self._child, os.WNOHANG)
            if pid:
                self._child = 0
        return bool(self._child)

    def wait(self) -> None:
        """Wait for the child under way, if any."""
        if self._child:
            os.waitpid(self._child, 0)
            self._child = 0

    def write(self, state: State) -> Path:
        """Write the state durably and drop all but the last three snapshots."""
        self.folder.mkdir(parents=True, exist_ok=True)
        lists = dump(state)
        body = zlib.compress(msgspec.msgpack.encode(lists), _LEVEL)
        header = {
            "format": FORMAT,
            "engine_version": state.engine_version,
            "venue": state.venue,
            "trading_day": state.trading_day,
            "command_id": state.last_stream_id,
            "event_seq": state.event_seq,
            "time_ns": state.time_ns,
            "full_hash": hash_of(lists),
            "length": len(body),
            "sha256": sha256(body).hexdigest(),
        }
        name = f"{state.event_seq:016d}-{state.last_stream_id}{SUFFIX}"
        path = self.folder / name
        write_durably(path, json.dumps(header).encode("ascii") + b"\n" + body)
        self._keep_settled(path, state.settled_day)
        for old in self.paths()[KEPT:]:
            old.unlink(missing_ok=True)
        for left in self.folder.glob("*.tmp"):
            left.unlink(missing_ok=True)
        return path

    def _keep_settled(self, path: Path, settled_day: int) -> None:
        """Keep the first snapshot after a day's settlement beside the archive (A-13)."""
        if self.settled_folder is None or not settled_day:
            return
        kept = self.settled_folder / f"{settled_day}{SUFFIX}"
        if not kept.exists():
            self.settled_folder.mkdir(parents=True, exist_ok=True)
            os.link(path, kept)
            fsync_folder(self.settled_folder)

    # -- reading

    def paths(self) -> list[Path]:
        """Snapshot files, newest first."""
        return sorted(self.folder.glob(f"*{SUFFIX}"), reverse=True)

    def oldest_command_id(self) -> str:
        """The command id of the oldest snapshot kept: commands after it must stay."""
        paths = self.paths()
        return _command_id(paths[-1]) if paths else "0-0"

    def newest(self, report: Callable[[Path, str], None]) -> Snapshot | None:
        """The newest good snapshot; each bad one is reported and passed over (A-6)."""
        for path in self.paths():
            try:
                return read_snapshot(path)
            except BadSnapshot as error:
                report(path, str(error))
        return None


def read_snapshot(path: Path) -> Snapshot:
    """Load and verify one file; BadSnapshot when it is damaged."""
    try:
        first, _, body = path.read_bytes().partition(b"\n")
        header = json.loads(first)
        if header["format"] != FORMAT:
            raise BadSnapshot(f"format {header['format']} is not {FORMAT}")
        if len(body) != header["length"] or sha256(body).hexdigest() != header["sha256"]:
            raise BadSnapshot("length or checksum differ from the header")
        state = load(msgspec.msgpack.decode(zlib.decompress(body)))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, zlib.error) as error:
        raise BadSnapshot(f"unreadable: {error}") from error
    found = full_hash(state)
    if found != header["full_hash"]:
        raise BadSnapshot(f"state hash {found} is not {header['full_hash']}")
    return Snapshot(path, header, state)


def _command_id(path: Path) -> str:
    return path.name.removesuffix(SUFFIX).partition("-")[2]


def write_durably(path: Path, data: bytes) -> None:
    """Temporary file, fsync, rename, fsync of the folder: all of it or nothing of it."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    with temporary.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    temporary.rename(path)
    fsync_folder(path.parent)


def fsync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
