"""kill -9 of worker, projector, sending process, log server and database under load (R-1).

`DRILL_ROUNDS` sets the number of kills (10 in the ordinary run, 20 for the full drill),
`DRILL_SEED` repeats one; both are printed.
"""

import json
import os
import random
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from benchmarks.pipeline import redis_of
from benchmarks.site import Site, end, running_site, wait_for_worker, wait_until

VENUE = "drill"
ROUNDS = int(os.environ.get("DRILL_ROUNDS", "10"))
RATE = 3_000
LEAST_RATE = 500
"""Commands a second below which a drill proves nothing; an idle machine has the full rate."""
RECOVERY_S = 60.0
VICTIMS = ("worker", "projector", "sender", "log", "database")


class Drill:
    """A site under load whose processes are killed and started again."""

    def __init__(self, site: Site, seed: int, folder: Path) -> None:
        self.site = site
        self.source = random.Random(seed)
        self.folder = folder
        self.client = redis_of(site)
        self.worker = self._spawn_worker()
        wait_for_worker(site, VENUE)
        site.run_python("-m", "tests.drills.venue", VENUE)
        self.projector = self._spawn_projector()
        self.seed, self.senders = seed, 0
        self.sender = self._spawn_sender()
        self.wait_for_orders(2_000)

    def _spawn_worker(self) -> "subprocess.Popen[bytes]":
        return self.site.spawn("run_matching", "--venue", VENUE, "--snapshot-seconds", "3")

    def _spawn_projector(self) -> "subprocess.Popen[bytes]":
        return self.site.spawn("run_projector", "--venue", VENUE)

    def _spawn_sender(self) -> "subprocess.Popen[bytes]":
        """A process that sends as a web process does; each one has a number of its own."""
        self.senders += 1
        numbers = (str(self.seed), str(self.senders), str(RATE), str(self.folder))
        return self.site.spawn_python("-m", "tests.drills.sender", VENUE, *numbers)

    def acknowledged(self) -> int:
        """Orders acknowledged so far."""
        return sum(path.read_bytes().count(b"A ACC") for path in self.folder.glob("orders.*"))

    def wait_for_orders(self, more: int) -> None:
        """Wait until so many further orders are acknowledged; fails when trading stays away."""
        wanted = self.acknowledged() + more
        try:
            wait_until(lambda: self.acknowledged() >= wanted, RECOVERY_S, f"{more} more orders")
        except TimeoutError as error:
            raise AssertionError(f"{error}\n{self.site.printed()}") from error

    def kill(self, victim: str) -> float:
        """Kill a victim at a random moment under load; seconds until orders flow again."""
        self.wait_for_orders(self.source.randrange(500, 4_000))
        time.sleep(self.source.random() * 0.05)
        started = time.monotonic()
        getattr(self, f"_kill_{victim}")()
        self.wait_for_orders(500)
        return time.monotonic() - started

    def _kill_worker(self) -> None:
        """As its supervisor does: reap it, delete its lease, start the next (A-9)."""
        self.worker.kill()
        self.worker.wait()
        self.client.delete(f"x:{{{VENUE}}}:lease")
        self.worker = self._spawn_worker()

    def _kill_projector(self) -> None:
        self.projector.kill()
        self.projector.wait()
        self.projector = self._spawn_projector()

    def _kill_sender(self) -> None:
        """What it had appended is decided without it; what it had not, nobody knows of."""
        self.sender.kill()
        self.sender.wait()
        self.sender = self._spawn_sender()

    def _kill_log(self) -> None:
        self.site.log.kill()
        self.site.log.start()

    def _kill_database(self) -> None:
        """Trading goes on without it; the projector waits (R-2)."""
        self.site.servers.postgres.kill()
        self.wait_for_orders(500)
        self.site.servers.postgres.start()

    def settle(self) -> None:
        """End the load and wait until everything is projected and both processes have ended."""
        end(self.sender, 15)
        assert self.sender.returncode == 0, self.site.printed()
        end(self.worker, 15)
        assert self.worker.returncode == 0, self.site.printed()
        last = self.last_event()
        projected: Callable[[], bool] = lambda: self.projected() >= last  # noqa: E731
        wait_until(projected, RECOVERY_S * 2, f"the projector to reach {last}")
        end(self.projector, 15)
        assert self.projector.returncode == 0, self.site.printed()

    def last_event(self) -> int:
        return int(self.client.xrevrange(f"x:{{{VENUE}}}:events", count=1)[0][0].split(b"-")[0])

    def projected(self) -> int:
        return int(self.client.hget(f"x:{{{VENUE}}}:cursors", "projector") or 0)

    def rate(self) -> float:
        """Orders and cancels a second while the site was whole."""
        figures = [json.loads(path.read_text()) for path in self.folder.glob("rate.*")]
        return sum(one["sent"] / one["seconds"] for one in figures)


@pytest.fixture
def seed() -> int:
    return int(os.environ.get("DRILL_SEED", "0")) or random.SystemRandom().randrange(1, 10**6)


@pytest.fixture
def drill(seed: int, tmp_path: Path) -> Iterator[Drill]:
    with running_site(database=True) as site:
        site.manage("migrate", "--verbosity", "0")
        yield Drill(site, seed, tmp_path)


def test_nothing_acknowledged_is_lost_or_doubled_by_kills(drill: Drill, seed: int) -> None:
    """Every acknowledged order once, no other half there, ledger clean, replay hash equal."""
    print(f"DRILL_SEED={seed} DRILL_ROUNDS={ROUNDS}")
    for number in range(ROUNDS):
        victim = VICTIMS[number % len(VICTIMS)]
        print(f"round {number}: {victim} killed, orders again after {drill.kill(victim):.2f} s")
    drill.settle()
    answer = json.loads(drill.site.run_python("-m", "tests.drills.checker", VENUE, str(drill.folder)))
    print(answer, f"{drill.rate():.0f} commands/s")
    assert answer["faults"] == []
    assert answer["first_seq"] == 1
    assert answer["sent"]["A"] > 0.5 * answer["orders"]
    assert drill.rate() >= LEAST_RATE
    drill.site.manage("verify_log", "--venue", VENUE)
    drill.site.manage("audit_ledger", "--venue", VENUE)
    replayed = json.loads(drill.site.manage("replay_check", "--venue", VENUE))
    assert replayed["event_seq"] == answer["last_seq"], replayed
    assert replayed["snapshots"], "the drained worker's snapshot was not among those compared"
