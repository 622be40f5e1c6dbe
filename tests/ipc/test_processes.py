"""A real process of a venue on the bus, without garbage left in it (O-20, O-21, A-46)."""

import os
import subprocess
import sys
import uuid

from exchange_site.ipc import Bus, alive
from tests.ipc.cycles import PINGS
from tests.log.conftest import WorkerProcess, await_until, open_venue
from trading.worker import snapshot_store


def test_the_matching_worker_answers_takes_a_snapshot_and_ends_when_told() -> None:
    venue = f"i{uuid.uuid4().hex[:10]}"
    worker = WorkerProcess(venue, "--snapshot-seconds", "3600")
    bus = Bus("ops.1", venue).start()
    try:
        worker.await_lease()
        open_venue(venue)
        name = f"worker.{worker.process.pid}"
        await_until(lambda: any(row["process_id"] == name for row in alive(venue)))
        (pong,) = bus.request("worker.*", "ping", timeout_s=20)
        assert (pong["process_id"], pong["result"]["pong"]) == (name, True)
        before = set(snapshot_store(venue).paths())
        (asked,) = bus.request(name, "snapshot_now", timeout_s=20)
        assert asked["ok"], asked
        await_until(lambda: set(snapshot_store(venue).paths()) - before)
        (ending,) = bus.request(name, "shutdown", timeout_s=20)
        assert ending["ok"] and worker.process.wait(60) == 0
    finally:
        worker.process.kill()
        bus.stop()


def test_listening_leaves_no_cycles_behind() -> None:
    """The worker runs without the collector of cycles."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.ipc.cycles", f"i{uuid.uuid4().hex[:10]}"],
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "exchange_site.settings"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < PINGS, done.stdout
