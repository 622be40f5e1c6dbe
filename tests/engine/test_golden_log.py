"""The log of every release is read by this one, and replays to its recorded hash (A-14)."""

from pathlib import Path

import pytest

from tests.engine import recorded
from trading.engine.state import ENGINE_VERSION

LOGS = sorted(recorded.FOLDER.glob("*.json.gz"))


@pytest.mark.parametrize("path", LOGS, ids=lambda path: path.name)
def test_a_releases_log_is_still_read(path: Path) -> None:
    log = recorded.load(path)
    assert sum(1 for _ in recorded.decoded(log["commands"])) == len(log["commands"]) > 1_000


def test_the_present_engine_has_a_log_and_replays_it_to_its_recorded_hash() -> None:
    """When this fails, either the change is a mistake or ENGINE_VERSION must change with a new log."""
    present = [log for log in map(recorded.load, LOGS) if log["engine_version"] == ENGINE_VERSION]
    assert present, f"no log of engine version {ENGINE_VERSION}: python -m tests.engine.recorded NAME"
    for log in present:
        expected = {name: log[name] for name in ("events", "events_sha256", "trading_hash", "full_hash")}
        assert recorded.outcome(log["commands"]) == expected
