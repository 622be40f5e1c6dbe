"""A log as a release wrote it: commands as they lie in the stream, and what became of them (A-14).

``python -m tests.engine.recorded NAME`` records the present engine's log into `logs/NAME.json.gz`.
A release adds a file; a file is never written again.
"""

import gzip
import json
import sys
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

from tests.engine.reference.compare import Pair
from trading.codec import decode_command, encode_command, encode_events
from trading.engine.apply import apply
from trading.engine.hashing import full_hash, trading_hash
from trading.engine.messages import Envelope
from trading.engine.state import ENGINE_VERSION, State

FOLDER = Path(__file__).parent / "logs"
SEED, COMMANDS = 14, 6_000


def record(path: Path) -> None:
    """Write the log of a random market over several trading days."""
    pair = Pair(SEED)
    pair.run(COMMANDS)
    rows = []
    for envelope, command in pair.log:
        kind, version, payload = encode_command(command)
        rows.append([*envelope, kind, version, payload.hex()])
    found = {"engine_version": ENGINE_VERSION, "commands": rows, **outcome(rows)}
    with gzip.GzipFile(path, "wb", mtime=0) as file:
        file.write(json.dumps(found, separators=(",", ":")).encode())


def outcome(rows: list[list[Any]]) -> dict[str, Any]:
    """Hashes of the events and of the state that the present engine makes of a log."""
    state, digest, count = State(), sha256(), 0
    for envelope, command in decoded(rows):
        _, events = apply(state, envelope, command)
        digest.update(encode_events(events))
        count += len(events)
    return {
        "events": count,
        "events_sha256": digest.hexdigest(),
        "trading_hash": trading_hash(state),
        "full_hash": full_hash(state),
    }


def decoded(rows: list[list[Any]]) -> Iterator[tuple[Envelope, Any]]:
    """Envelopes and commands of a recorded log."""
    fields = len(Envelope._fields)
    for row in rows:
        kind, version, payload = row[fields:]
        yield Envelope(*row[:fields]), decode_command(kind, version, bytes.fromhex(payload))


def load(path: Path) -> dict[str, Any]:
    """A recorded log."""
    return dict(json.loads(gzip.decompress(path.read_bytes())))


if __name__ == "__main__":
    record(FOLDER / f"{sys.argv[1]}.json.gz")
