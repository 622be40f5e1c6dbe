"""The page of the log: streams, who has read how far, archive, snapshots (O-6, A-8, A-13)."""

import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import redis

from exchange_site.streams import Keys, last_stream_id, log_client, stream_id
from monitoring.disk import files
from trading.archive import SUFFIX, folder_of
from trading.worker import snapshot_store

DAYS_SHOWN = 30


def figures(venue: str) -> dict[str, Any]:
    """Everything the page shows; a log that is away leaves its tables out and says so."""
    found: dict[str, Any] = {"archive": archive_days(venue), "snapshots": snapshots(venue)}
    try:
        with log_client() as client:
            return found | log_figures(client, Keys(venue))
    except redis.RedisError as error:
        return found | {"error": type(error).__name__}


def log_figures(client: "redis.Redis", keys: Keys) -> dict[str, Any]:
    """Streams, cursors and what the worker says of itself."""
    streams = [
        stream(client, name, key) for name, key in (("commands", keys.commands), ("events", keys.events))
    ]
    ends = {row["name"]: stream_id(row["last"]) for row in streams}
    begins = client.xrange(keys.commands, count=1)
    ends["first"] = stream_id(begins[0][0]) if begins else ends["commands"]
    cursors: Any = client.hgetall(keys.cursors)
    status: Any = client.hgetall(keys.status)
    fence: Any = client.get(keys.fence)
    return {
        "streams": streams,
        "cursors": [cursor(name.decode(), value.decode(), ends) for name, value in sorted(cursors.items())],
        "status": {name.decode(): value.decode() for name, value in sorted(status.items())},
        "fence": int(fence or 0),
    }


def stream(client: "redis.Redis", name: str, key: str) -> dict[str, Any]:
    """One stream: entries, bytes, first and last id."""
    first: Any = client.xrange(key, count=1)
    return {
        "name": name,
        "entries": client.xlen(key),
        "bytes": client.memory_usage(key, samples=5) or 0,
        "first": first[0][0].decode() if first else "–",
        "last": last_stream_id(client, key),
    }


def cursor(name: str, value: str, ends: dict[str, tuple[int, int]]) -> dict[str, Any]:
    """A reader's position and how far it is behind: events, or seconds of commands."""
    place = stream_id(value)
    if name.startswith("snapshot:") or name == "archive:commands":
        behind_s = max(0, ends["commands"][0] - max(place, ends["first"])[0]) / 1_000
        return {"name": name, "position": value, "seconds": round(behind_s, 1)}
    return {"name": name, "position": value, "events": max(0, ends["events"][0] - place[0])}


def archive_days(venue: str) -> list[dict[str, Any]]:
    """Segments and bytes of each archived day, newest first."""
    folder = folder_of(venue)
    days = sorted((path for path in folder.glob("*") if path.is_dir() and path.name.isdigit()), reverse=True)
    return [archived(path) for path in days[:DAYS_SHOWN]]


def archived(path: Path) -> dict[str, Any]:
    count, size = files(path, f"*{SUFFIX}")
    return {"day": path.name, "segments": count, "bytes": size}


def snapshots(venue: str) -> list[dict[str, Any]]:
    """The snapshots on this host by their headers, newest first."""
    found = []
    for path in snapshot_store(venue).paths():
        try:
            with path.open("rb") as file:
                header = json.loads(file.readline())
            stat = path.stat()
        except (OSError, ValueError):
            continue  # it was replaced meanwhile
        found.append({
            "file": path.name,
            "event_seq": header["event_seq"],
            "command_id": header["command_id"],
            "trading_day": header["trading_day"],
            "hash": header["full_hash"],
            "bytes": stat.st_size,
            "at": datetime.fromtimestamp(stat.st_mtime, UTC),
            "age_s": round(max(0.0, time.time() - stat.st_mtime), 1),
        })  # fmt: skip
    return found
