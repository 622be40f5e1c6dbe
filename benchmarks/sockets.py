"""Q-4, Q-5, Q-5b: an order over a DIFF socket, quotes to many sockets, and what a socket costs."""

import json
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import msgspec
import psutil
import redis

from benchmarks.figures import Figure, Figures, note, percentiles
from benchmarks.site import ROOT, Site, running_site, wait_for_worker, wait_until
from benchmarks.web import VENUE, _is_listening, serve
from exchange_site.embedded import free_port
from exchange_site.streams import Keys
from exchange_site.supervisor import DAPHNE
from trading.engine.messages import SetSettings
from trading.loadgen import Contract, make_contracts, venue_commands

SYMBOLS, EACH, RATE = 800, 20, 500
LOAD_S = 10.0
LADDER = (1, 10, 100, 1_000)
MANY = int(os.environ.get("SOCKETS", "10000"))
MANY_EACH, MANY_HOLD_S = 2, float(os.environ.get("SOCKETS_SECONDS", "60"))
WEB_PROCESSES = int(os.environ.get("WEB_PROCESSES", str(os.cpu_count() or 1)))
ORDERS, WARM_UP = 300, 50
GAP_S = 0.02
"""Between two orders: the projector and the quotes of the one before are done with."""


# -------------------------------------------------------------------------------


def order() -> Figures:
    """One order over a DIFF socket to its visible state; the ratio is to the bare Redis pair."""
    from websockets.sync.client import connect

    with running_site(database=True) as site:
        port, token, trader, contracts = serve(site)
        with connect(f"ws://127.0.0.1:{port}/ws/diff", max_size=None) as socket:
            log_in(socket, trader.account_id, token)
            spent = []
            for number in range(ORDERS + WARM_UP):
                time.sleep(GAP_S)
                spent.append(place(socket, trader.account_id, contracts[0], number))
        found = percentiles(spent[WARM_UP:])
        bare = percentiles(bare_pair(site))
    yield Figure(
        name="Q-4 order over a DIFF socket to its state",
        value=found["p50"],
        unit="ms median",
        conditions={
            "orders": ORDERS, "gap_ms": round(1_000 * GAP_S),
            **{f"{name}_ms": round(value, 2) for name, value in found.items()},
            "bare_p99_ms": round(bare["p99"], 2),
        },
        peer={"bare Redis pair": bare["p50"]},
        ratio=found["p50"] / bare["p50"],
        target=2,
        at_least=False,
    )  # fmt: skip


def log_in(socket: Any, account_id: str, token: str) -> None:
    """Log in to the account and wait for its image."""
    login = {"aid": "req_login", "bid": "main", "user_name": account_id, "password": token}
    socket.send(json.dumps(login))
    while True:
        socket.send('{"aid":"peek_message"}')
        if '"trade_more_data":false' in socket.recv(timeout=20):
            return


def place(socket: Any, account_id: str, contract: Contract, number: int) -> float:
    """Milliseconds from an order's message to the difference that shows it ALIVE."""
    exchange, _, instrument = contract.symbol.partition(".")
    name = f"Q4.{number}"
    message = {
        "aid": "insert_order", "user_id": account_id, "order_id": name, "exchange_id": exchange,
        "instrument_id": instrument, "direction": "BUY", "offset": "OPEN", "volume": 1,
        "price_type": "LIMIT", "limit_price": (contract.middle - 20 * contract.price_tick) / 10_000,
        "time_condition": "GFD", "volume_condition": "ANY",
    }  # fmt: skip
    socket.send('{"aid":"peek_message"}')
    started = time.perf_counter()
    socket.send(json.dumps(message))
    while True:
        text = socket.recv(timeout=10)
        if f'"{name}"' in text and '"ALIVE"' in text:
            spent = 1_000 * (time.perf_counter() - started)
            break
        if '"FINISHED"' in text:
            raise RuntimeError(text[:500])
        socket.send('{"aid":"peek_message"}')
    socket.send(json.dumps({"aid": "cancel_order", "user_id": account_id, "order_id": name}))
    socket.send('{"aid":"peek_message"}')
    while '"FINISHED"' not in socket.recv(timeout=10):
        socket.send('{"aid":"peek_message"}')
    return spent


def bare_pair(site: Site) -> list[float]:
    """Milliseconds of an append, its reading and an append in answer, without anything else."""
    client = redis.Redis.from_url(site.log.url, socket_timeout=None)
    stop = threading.Event()

    def answer() -> None:
        with redis.Redis.from_url(site.log.url, socket_timeout=None) as other:
            cursor: Any = "0-0"
            while not stop.is_set():
                for _, entries in other.xread({"bare:asked": cursor}, block=100) or []:
                    cursor = entries[-1][0]
                    for _, fields in entries:
                        other.xadd("bare:answered", fields)

    reader = threading.Thread(target=answer)
    reader.start()
    spent, seen = [], "0-0"
    client.xadd("bare:asked", {"n": b"x" * 200})
    for _ in range(ORDERS):
        started = time.perf_counter()
        client.xadd("bare:asked", {"n": b"x" * 200})
        found: Any = client.xread({"bare:answered": seen}, block=5_000)
        seen = found[0][1][-1][0]
        spent.append(1_000 * (time.perf_counter() - started))
    stop.set()
    reader.join()
    return spent


# ------------------------------------------------------------------------ Q-5 and Q-5b


def quotes() -> Figures:
    """Quotes to 300 and 1 000 sockets of one web process, beside Channels' groups."""
    with market() as (site, contracts):
        bodies = read_views(site, contracts)
        for sockets, target in ((300, 100), (1_000, 250)):
            with web(site, "exchange_site.asgi:application") as (port, process):
                found = load(site, port, "/ws/diff", sockets, EACH, bodies, "diff", process)
            yield fan_out(sockets, found, target)
        with web(site, "benchmarks.channels_peer:application") as (port, process):
            peer = load(site, port, "/", 1_000, EACH, bodies, "push", process)
        if peer["closed"] or not peer["updates"]:
            raise RuntimeError(f"the peer did not serve its sockets: {peer}\n{site.printed()}")
        ours, theirs = found["updates"] / found["seconds"], peer["updates"] / peer["seconds"]
        yield Figure(
            name="Q-5 updates delivered a second, 1 000 sockets",
            value=ours,
            unit="ratio",
            conditions={**conditions(found), "channels_p99_ms": peer["p99_ms"]},
            peer={"channels_redis groups": theirs},
            ratio=ours / max(theirs, 0.1),
            target=10,
        )


def fan_out(sockets: int, found: dict[str, Any], target: int) -> Figure:
    return Figure(
        name=f"Q-5 quote to socket, {sockets} sockets",
        value=found["p99_ms"] or 0.0,
        unit="ms p99",
        conditions=conditions(found),
        target=target,
        at_least=False,
    )


def conditions(found: dict[str, Any]) -> dict[str, Any]:
    """What a line of Q-5 says besides its figure."""
    names = ("p50_ms", "updates", "frames", "closed", "connect_p99_ms", "kib_a_socket", "web_cpu_s")
    shown = {name: round(found[name], 2) for name in names if found.get(name) is not None}
    return {"symbols": SYMBOLS, "each": EACH, "updates_a_second": RATE, "seconds": LOAD_S, **shown}


def ladder() -> Figures:
    """What a socket costs from one to a thousand of them: connect, push, bytes, CPU."""
    with market() as (site, contracts):
        bodies = read_views(site, contracts)
        for sockets in LADDER:
            with web(site, "exchange_site.asgi:application") as (port, process):
                found = load(site, port, "/ws/diff", sockets, EACH, bodies, "diff", process)
            yield Figure(
                name=f"Q-5b {sockets} sockets",
                value=found["p99_ms"] or 0.0,
                unit="ms p99",
                conditions=conditions(found),
                target=10 if sockets == 100 else None,
                at_least=False,
            )


def many() -> Figures:
    """Ten thousand sockets, two symbols each, every symbol once a second, over the web processes."""
    with market() as (site, contracts), ExitStack() as stack:
        bodies = read_views(site, contracts)
        webs = [
            stack.enter_context(web(site, "exchange_site.asgi:application")) for _ in range(WEB_PROCESSES)
        ]
        ports = ",".join(str(port) for port, _ in webs)
        processes = [process for _, process in webs]
        found = load(
            site, ports, "/ws/diff", MANY, MANY_EACH, bodies, "diff", *processes,
            seconds=MANY_HOLD_S, rate=SYMBOLS,
        )  # fmt: skip
        yield Figure(
            name=f"Q-5b {MANY} sockets",
            value=found["p99_ms"] or 0.0,
            unit="ms p99",
            conditions={
                **conditions(found), "each": MANY_EACH, "updates_a_second": SYMBOLS, "seconds": MANY_HOLD_S,
                "web_processes": WEB_PROCESSES,
            },
            target=250,
            at_least=False,
        )  # fmt: skip


@contextmanager
def market() -> Iterator[tuple[Site, list[Contract]]]:
    """A site with worker and projector and 800 instruments."""
    with running_site(database=True) as site:
        site.manage("migrate", "--verbosity", "0")
        site.spawn("run_matching", "--venue", VENUE)
        wait_for_worker(site, VENUE)
        site.spawn("run_projector", "--venue", VENUE, "--no-archive")
        site.adopt()
        from trading.commands import send_many

        contracts = make_contracts(SYMBOLS)
        commands = [*venue_commands(VENUE, time.time_ns(), contracts), SetSettings({"product_share_ppm": 0})]
        for outcome in send_many(VENUE, commands, origin="bench", wait_s=60):
            if not outcome.ok:
                raise RuntimeError(f"the venue was not made: {outcome}")
        with redis.Redis.from_url(site.log.url) as client:
            last = outcome.last_seq
            wait_until(
                lambda: int(client.hget(Keys(VENUE).cursors, "projector") or 0) >= last, 60, "the tables"
            )
        yield site, contracts


def read_views(site: Site, contracts: list[Contract]) -> dict[str, dict[str, Any]]:
    """The worker's own views, which the updates vary."""
    from trading.quotes_writer import read_quotes

    symbols = [contract.symbol for contract in contracts]
    with redis.Redis.from_url(site.cache.url) as client:
        wait_until(lambda: len(read_quotes(client, VENUE, symbols)) == len(symbols), 30, "the quotes")
        return read_quotes(client, VENUE, symbols)


@contextmanager
def web(site: Site, application: str) -> Iterator[tuple[int, psutil.Process]]:
    """A Daphne of its own."""
    port = free_port()
    where = ("-p", str(port), "-b", "127.0.0.1")
    process = site.spawn_python("-m", "daphne", *where, *DAPHNE, application)
    wait_until(lambda: _is_listening(port), 60, "Daphne")
    try:
        yield port, psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait(30)


def load(
    site: Site, port: int | str, path: str, sockets: int, each: int, views: dict[str, Any], kind: str,
    *processes: psutil.Process, seconds: float = LOAD_S, rate: int = RATE,
) -> dict[str, Any]:  # fmt: skip
    """Connect the clients, publish for the time, and say what they received.

    `port` may be several, by commas; memory and processor are the sums of the processes.
    """
    before = memory_of(processes)
    numbers = [str(each_of) for each_of in (port, path, sockets, each, seconds, 7, kind)]
    clients = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.socket_clients", *numbers],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=site.environment, cwd=ROOT, text=True,
    )  # fmt: skip
    assert clients.stdin is not None and clients.stdout is not None
    clients.stdin.write("\n".join(views))
    clients.stdin.close()
    if clients.stdout.readline().strip() != "ready":
        raise RuntimeError(f"the clients could not connect\n{site.printed()}")
    grown = memory_of(processes) - before
    cpu = cpu_of(processes)
    stop = threading.Event()
    publisher = threading.Thread(target=publish, args=(site, views, stop, rate))
    publisher.start()
    found: dict[str, Any] = json.loads(clients.stdout.readline())
    stop.set()
    publisher.join()
    clients.wait(30)
    found["web_cpu_s"] = cpu_of(processes) - cpu
    found["kib_a_socket"] = grown / 1024 / sockets
    note(f"{path} {sockets} sockets: {found}")
    return found


def memory_of(processes: Sequence[psutil.Process]) -> int:
    """Bytes of all of them."""
    return sum(process.memory_info().rss for process in processes)


def cpu_of(processes: Sequence[psutil.Process]) -> float:
    """Seconds of processor that all of them have spent."""
    return sum(sum(process.cpu_times()[:2]) for process in processes)


def publish(site: Site, views: dict[str, Any], stop: threading.Event, rate: int) -> None:
    """Updates of random symbols at the rate, in the form in which the worker writes them."""
    encode, source = msgspec.msgpack.Encoder().encode, random.Random(11)
    symbols, keys = list(views), Keys(VENUE)
    with redis.Redis.from_url(site.cache.url) as client:
        due, turn_s = time.monotonic(), 0.02
        while not stop.is_set():
            pipe = client.pipeline(transaction=False)
            for symbol in source.sample(symbols, int(rate * turn_s)):
                view = views[symbol]
                view["volume"] = time.monotonic_ns() // 1_000
                view["last_price"] += view["price_tick"] * source.choice((-1, 1))
                fields = {"s": symbol, "q": encode(view)}
                pipe.xadd(keys.quotes, fields, maxlen=20_000, approximate=True)
            pipe.execute()
            due += turn_s
            stop.wait(max(0.0, due - time.monotonic()))
