"""A settlement killed at each of its steps, and run twice, ends as one that was not (T-91, T-92)."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from benchmarks.pipeline import redis_of
from benchmarks.site import Site, end, running_site, wait_for_worker, wait_until
from trading.codec import decode_events

VENUE = "settled"
PATIENCE_S = 120.0
SETTLING = ("-m", "tests.drills.settling")
ROUNDS: list[tuple[str, str, tuple[str, ...]]] = [
    # (where the settling process dies, event at which the others die, the others)
    ("claimed", "", ()),
    ("appended", "AccountSettled", ("projector",)),
    ("", "SettlementBegun", ("worker",)),
    ("", "AccountSettled", ("worker", "database")),
    ("", "SettlementFinished", ("worker", "projector")),
]


class Drill:
    """A site whose processes are killed while it settles."""

    def __init__(self, site: Site) -> None:
        self.site, self.client = site, redis_of(site)
        self.worker = self._worker()
        wait_for_worker(site, VENUE)
        self.projector = site.spawn("run_projector", "--venue", VENUE)
        site.run_python(*SETTLING, "make", VENUE)
        self.await_tables()

    def _worker(self) -> Any:
        return self.site.spawn("run_matching", "--venue", VENUE, "--snapshot-seconds", "2")

    def last(self) -> int:
        return int(self.client.xrevrange(f"x:{{{VENUE}}}:events", count=1)[0][0].split(b"-")[0])

    def await_tables(self) -> None:
        """Until PostgreSQL holds what the worker said last."""
        cursor: Callable[[], int] = lambda: int(  # noqa: E731
            self.client.hget(f"x:{{{VENUE}}}:cursors", "projector") or 0
        )
        wait_until(lambda: cursor() >= self.last(), PATIENCE_S, f"tables: {self.site.printed()}")

    def await_event(self, kind: str, after: int) -> None:
        """Until the stream has an event of a kind."""

        def is_there() -> bool:
            nonlocal after
            for entry, fields in self.client.xrange(f"x:{{{VENUE}}}:events", f"({after}", count=50):
                if any(event[1] == kind for event in decode_events(fields[b"e"])):
                    return True
                after = entry.decode()
            return False

        after = f"{after}-0"  # type: ignore[assignment]
        wait_until(is_there, PATIENCE_S, f"{kind}: {self.site.printed()}")

    def day(self) -> bytes:
        return self.client.hget(f"x:{{{VENUE}}}:status", "trading_day")

    def round(self, dies: str, kind: str, victims: tuple[str, ...]) -> None:
        """Settle a day with deaths on the way, then make sure that it is settled, twice."""
        day, last = self.day(), self.last()
        process = self.site.spawn_python(*SETTLING, "settle", VENUE, *([dies] if dies else []))
        if kind:
            self.await_event(kind, last)
        for victim in victims:
            getattr(self, f"kill_{victim}")()
        code = process.wait(PATIENCE_S)
        assert victims or code == -9, self.site.printed()
        self.await_tables()
        told = json.loads(self.site.run_python(*SETTLING, "verify", VENUE))
        assert told == {"second": 6004, "begun": [], "faults": [], "fault_count": 0}
        wait_until(lambda: self.day() != day, PATIENCE_S, f"a new day: {self.site.printed()}")
        self.await_tables()

    def kill_worker(self) -> None:
        self.worker.kill()
        self.worker.wait()
        self.client.delete(f"x:{{{VENUE}}}:lease")
        self.worker = self._worker()

    def kill_projector(self) -> None:
        self.projector.kill()
        self.projector.wait()
        self.projector = self.site.spawn("run_projector", "--venue", VENUE)

    def kill_database(self) -> None:
        self.site.servers.postgres.kill()
        self.site.servers.postgres.start()


@pytest.fixture
def drill() -> Iterator[Drill]:
    with running_site(database=True) as site:
        site.manage("migrate", "--verbosity", "0")
        yield Drill(site)


def test_a_settlement_killed_at_every_step_ends_as_one_that_was_not(drill: Drill) -> None:
    for dies, kind, victims in ROUNDS:
        drill.round(dies, kind, victims)
    end(drill.worker, 15, 60)
    drill.await_tables()
    days = str(len(ROUNDS))
    compared = json.loads(drill.site.run_python("-m", "benchmarks.settlement", "compare", VENUE, days))
    assert compared["differences"] == 0, compared
    drill.site.manage("audit_ledger", "--venue", VENUE)
    assert json.loads(drill.site.manage("replay_check", "--venue", VENUE))["snapshots"]
