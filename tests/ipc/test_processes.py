"""A real process of a venue on the bus, without garbage left in it (O-20, O-21, A-46)."""

import gc
import uuid

from exchange_site.ipc import Bus, alive
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
    venue = f"i{uuid.uuid4().hex[:10]}"
    listener, sender = Bus("a.1", venue).start(), Bus("b.1", venue).start()
    try:
        sender.request("a.1", "ping", timeout_s=20)
        gc.collect()
        gc.disable()
        for _ in range(50):
            sender.request("a.1", "ping", timeout_s=20)
        sender.request("nobody", "ping", timeout_s=0.5)  # the listeners wake up for nothing
        assert gc.collect() < 50
    finally:
        gc.enable()
        sender.stop()
        listener.stop()
