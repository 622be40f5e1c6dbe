"""The process bus between two processes of one host: a command and its answer (O-20)."""

import time

from benchmarks.figures import Figure, Figures, percentiles
from benchmarks.site import running_site, wait_until

VENUE = "bench"
PINGS = 2_000
TARGET_MS = 1.0
LISTENER = (
    "import threading, django; django.setup()\n"
    "from exchange_site import ipc\n"
    f"ipc.serve('listener', {VENUE!r}); threading.Event().wait()"
)


def ping() -> Figures:
    """Half of the way there and back, one command at a time."""
    with running_site() as site:
        site.adopt()
        from exchange_site.ipc import Bus, alive

        site.spawn_python("-c", LISTENER)
        (name,) = wait_until(lambda: [row["process_id"] for row in alive(VENUE)], 120, "the listener")
        asking = Bus("bench.1", VENUE, peers=(), reports=False).start()
        try:
            ways = []
            for _ in range(PINGS):
                began = time.perf_counter()
                if not asking.request(name, "ping", timeout_s=30):
                    raise RuntimeError("a ping without a pong")
                ways.append(500 * (time.perf_counter() - began))
        finally:
            asking.stop()
        spread = percentiles(ways)
        yield Figure(
            name="O-20 one command over the process bus",
            value=spread["p50"],
            unit="ms",
            conditions={"pings": PINGS, **{name: round(value, 3) for name, value in spread.items()}},
            target=TARGET_MS,
            at_least=False,
        )
