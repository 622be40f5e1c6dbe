"""Q-3, Q-7, the projector, what an order costs: real processes on a log that is synced to disk."""

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil

from benchmarks.figures import Figure, Figures, engine_is_compiled, note
from benchmarks.site import ROOT, Site, end, running_site, wait_for_worker, wait_until
from benchmarks.writers import ACCOUNTS, INSTRUMENTS, WRITERS
from trading.loadgen import account_commands, make_contracts, make_traders, venue_commands

VENUE = "bench"
ORDERS_A_WRITER = 50_000
REPLAYED = 200_000
_PATIENCE_S = 300.0


def worker() -> Figures:
    """Q-3: orders a second from the writers' start to the last event in the stream."""
    with running_site() as site:
        begin(site)
        cpu_started = worker_cpu_s(site)
        seconds, count = write_orders(site, ORDERS_A_WRITER)
        cpu_s = worker_cpu_s(site) - cpu_started
        server = redis_of(site).info("server")
        yield Figure(
            name="Q-3 worker with its log on disk",
            value=count / seconds,
            unit="orders/s",
            conditions={
                "writers": WRITERS, "orders": count, "accounts": ACCOUNTS,
                "instruments": INSTRUMENTS, "snapshots": "off",
                "per_cpu_second_of_the_worker": round(count / cpu_s),
                "server": f"{server.get('server_name', 'redis')} {server['redis_version']}",
            },
            target=45_000 if engine_is_compiled() else 25_000,
        )  # fmt: skip


def replay() -> Figures:
    """Q-7: commands a second from the start of a killed worker until it trades again.

    The worker had written no snapshot since its first one, and every event is compared
    with what the stream holds. Start-up of the interpreter is part of the time.
    """
    with running_site() as site:
        begin(site)
        _, count = write_orders(site, REPLAYED // WRITERS)
        before = fence(site)
        site.processes[-1].kill()
        site.processes[-1].wait()
        redis_of(site).delete(f"x:{{{VENUE}}}:lease")
        started = time.perf_counter()
        spawn_worker(site)
        wait_until(lambda: alive(site) and fence(site) > before, _PATIENCE_S, "the worker to come back")
        seconds, cpu_s = time.perf_counter() - started, worker_cpu_s(site)
        yield Figure(
            name="Q-7 replay after kill -9",
            value=count / seconds,
            unit="commands/s",
            conditions={
                "commands": count, "seconds": round(seconds, 2),
                "per_cpu_second_of_the_worker": round(count / cpu_s),
            },
            target=90_000 if engine_is_compiled() else 50_000,
        )  # fmt: skip


def worker_cpu_s(site: Site) -> float:
    """Processor seconds of the newest process of the site: the worker, its start included."""
    times = psutil.Process(site.processes[-1].pid).cpu_times()
    return float(times.user + times.system)


def projector() -> Figures:
    """Events a second from the stream into PostgreSQL, the backlog there from the start."""
    with running_site(database=True) as site:
        site.manage("migrate", "--verbosity", "0")
        begin(site)
        empty = database_bytes()
        logged = folder_bytes(site.log.directory)
        worker_s = worker_cpu_s(site)
        _, orders = write_orders(site, ORDERS_A_WRITER // 2)
        worker_s = worker_cpu_s(site) - worker_s
        logged = folder_bytes(site.log.directory) - logged
        target = last_event(site)
        site.spawn("run_projector", "--venue", VENUE, "--no-archive")
        client = redis_of(site)
        wait_until(lambda: _projected(client) is not None, _PATIENCE_S, "the projector's start")
        started = time.perf_counter()
        wait_until(
            lambda: (_projected(client) or 0) >= target,
            _PATIENCE_S, f"the projector to reach {target}: {site.printed()}",
        )  # fmt: skip
        seconds = time.perf_counter() - started
        yield Figure(
            name="A-7 projector",
            value=target / seconds,
            unit="events/s",
            conditions={"events": target, "seconds": round(seconds, 2)},
            target=20_000,
        )
        projector_s = worker_cpu_s(site)
        costs = {
            "log": (logged / orders, "bytes"),
            "database": ((database_bytes() - empty) / orders, "bytes"),
            "events": (target / orders, "events"),
            "worker": (worker_s / orders * 1e6, "µs of processor"),
            "projector": (projector_s / orders * 1e6, "µs of processor"),
        }
        for name, (value, unit) in costs.items():
            yield Figure(
                name=f"an order's cost: {name}", value=value, unit=unit, conditions={"orders": orders}
            )


def database_bytes() -> int:
    """Size of the site's database with its indexes."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_database_size(current_database())")
        return int(cursor.fetchone()[0])


def folder_bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _projected(client: Any) -> int | None:
    """Where the projector is; None before it looked for the first time."""
    found = client.hget(f"x:{{{VENUE}}}:cursors", "projector")
    return None if found is None else int(found)


def begin(site: Site) -> None:
    """Start the worker and make the venue, its contracts and accounts."""
    spawn_worker(site)
    wait_for_worker(site, VENUE)
    site.adopt()
    from trading.commands import send_many

    now_ns = time.time_ns()
    commands: list[Any] = venue_commands(VENUE, now_ns, make_contracts(INSTRUMENTS))
    commands += account_commands(make_traders(ACCOUNTS))
    for outcome in send_many(VENUE, commands, origin="bench", wait_s=60):
        if not outcome.ok:
            raise RuntimeError(f"the venue was not made: {outcome}\n{site.printed()}")


def spawn_worker(site: Site) -> None:
    """A worker that writes no snapshot on its own."""
    site.spawn(
        "run_matching", "--venue", VENUE, "--snapshot-seconds", "100000",
        "--snapshot-commands", "1000000000",
    )  # fmt: skip


def write_orders(site: Site, orders_a_writer: int) -> tuple[float, int]:
    """Let the writers append at once; (seconds until all is matched, number of orders)."""
    writers = [_writer(site, number, orders_a_writer) for number in range(WRITERS)]
    for writer in writers:
        if _line(writer) != "ready":
            raise RuntimeError(f"a writer did not start: {site.printed()}")
    client = redis_of(site)
    started = time.perf_counter()
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write("go\n")
        writer.stdin.flush()
    told = [_line(writer).split() for writer in writers]
    appended = max(float(seconds) for seconds, _ in told)
    # Not the stream's last id: that may be a Tick of the worker, which gives no event.
    last = max((last_id.encode() for _, last_id in told), key=_id)
    wait_until(lambda: _is_done(client, last), _PATIENCE_S, "the worker to finish")
    seconds = time.perf_counter() - started
    for writer in writers:
        end(writer, 15)
    note(f"appended in {appended:.1f} s, matched in {seconds:.1f} s")
    return seconds, WRITERS * orders_a_writer


def _writer(site: Site, number: int, count: int) -> "subprocess.Popen[Any]":
    return subprocess.Popen(
        [sys.executable, "-m", "benchmarks.writers", VENUE, str(number), str(count)],
        env=site.environment, cwd=ROOT, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=site.output,
    )  # fmt: skip


def _line(writer: "subprocess.Popen[Any]") -> str:
    assert writer.stdout is not None
    return str(writer.stdout.readline()).strip()


def _is_done(client: Any, last_command: bytes) -> bool:
    """Is the last command's event in the stream?"""
    newest = client.xrevrange(f"x:{{{VENUE}}}:events", count=1)
    return bool(newest) and _id(newest[0][1][b"c"]) >= _id(last_command)


def _id(text: bytes) -> tuple[int, int]:
    milliseconds, _, number = text.decode().partition("-")
    return int(milliseconds), int(number)


def redis_of(site: Site) -> Any:
    """A client of the site's log."""
    import redis

    return redis.Redis.from_url(site.log.url)


def fence(site: Site) -> int:
    return int(redis_of(site).get(f"x:{{{VENUE}}}:fence") or 0)


def alive(site: Site) -> bool:
    return bool(redis_of(site).exists(f"x:{{{VENUE}}}:lease"))


def last_event(site: Site) -> int:
    """Sequence of the newest event."""
    newest = redis_of(site).xrevrange(f"x:{{{VENUE}}}:events", count=1)
    return int(newest[0][0].partition(b"-")[0])
