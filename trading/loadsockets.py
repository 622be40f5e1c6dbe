"""The watchers of a load test: DIFF sockets in a process of their own (O-60).

``python -m trading.loadsockets URL SOCKETS`` reads the symbols from the first line of its input,
opens the sockets, prints ``ready``, and, once its input ends, one JSON object with what came. A
push's latency is the time from the log time of the market it shows to its arrival here; log time
is in whole milliseconds of the log server's clock, which has to be this host's or run with it.
"""

import asyncio
import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import websockets
from websockets.asyncio.client import ClientConnection, connect

MOST_SOCKETS = 10_000
CONNECT_AT_ONCE = 50
CONNECT_S = 60.0
LAST_UPDATE_S = 10.0
"""How long each socket may take, after the load, to have shown an update of it."""
PEEK = '{"aid":"peek_message"}'
_MOMENT = re.compile(r'"datetime":"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6})"')
_UTC8_S = 8 * 3_600


class SocketsFailed(Exception):
    """The sockets could not be opened; the text is for the operator."""


@dataclass
class Seen:
    """What the sockets of one load test received; latencies in milliseconds."""

    sockets: int
    closed: int = 0
    silent: int = 0
    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)

    def lines(self) -> Iterator[str]:
        """The report, a figure a line."""
        count = len(self.latencies)
        yield f"sockets: {self.sockets}, closed early: {self.closed}, without an update: {self.silent}"
        yield f"pushes: {count} in {self.seconds:.2f} s, {count / max(self.seconds, 0.001):.0f}/s"
        if count:
            yield f"push latency, ms: {shown_percentiles(self.latencies)}"


def shown_percentiles(values: list[float]) -> str:
    """Percentiles of some milliseconds as the report shows them."""
    ordered = sorted(values)
    shares = ((50, "p50"), (90, "p90"), (99, "p99"), (99.9, "p999"), (100, "max"))
    last = len(ordered) - 1
    return ", ".join(
        f"{name} {ordered[min(last, int(len(ordered) * share / 100))]:.2f}" for share, name in shares
    )


class Watchers:
    """The process with the sockets, seen from the load test; a context manager."""

    def __init__(self, url: str, sockets: int, symbols: list[str]) -> None:
        self._sockets = sockets
        self._process = subprocess.Popen(
            [sys.executable, "-m", "trading.loadsockets", url, str(sockets)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            cwd=Path(__file__).resolve().parent.parent,
        )  # fmt: skip
        assert self._process.stdin is not None
        self._process.stdin.write(",".join(symbols) + "\n")
        self._process.stdin.flush()

    def __enter__(self) -> "Watchers":
        assert self._process.stdout is not None and self._process.stderr is not None
        if self._process.stdout.readline().strip() != "ready":
            reason = self._process.stderr.read().strip().rpartition("\n")[2]
            self.__exit__()
            raise SocketsFailed(f"the sockets could not be opened: {reason}")
        return self

    def __exit__(self, *_: Any) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            assert pipe is not None
            pipe.close()

    def finish(self) -> Seen:
        """End the watch; what was seen."""
        out, errors = self._process.communicate()
        if self._process.returncode:
            raise SocketsFailed(f"the sockets' process ended: {errors.strip()[-500:]}")
        return Seen(self._sockets, **json.loads(out))


class Watch:
    """Everything the sockets of this process received since it began."""

    def __init__(self) -> None:
        self.began_s = time.time()
        self.latencies: list[float] = []
        self.closed = 0
        self.over = asyncio.Event()

    async def watch(self, socket: ClientConnection, symbols: str, heard: asyncio.Event) -> None:
        """One socket: subscribe, then a peek for each answer (D-6)."""
        try:
            await socket.send(json.dumps({"aid": "subscribe_quote", "ins_list": symbols}))
            while True:
                await socket.send(PEEK)
                if self.take(str(await socket.recv())):
                    heard.set()
        except websockets.ConnectionClosed:
            self.closed += not self.over.is_set()

    def take(self, text: str) -> bool:
        """Count the quotes of one message that show the market since the watch began."""
        now_s, found = time.time(), False
        for moment in _MOMENT.findall(text):
            at_s = datetime.fromisoformat(f"{moment}+00:00").timestamp() - _UTC8_S
            if at_s >= self.began_s:
                self.latencies.append(1_000 * (now_s - at_s))
                found = True
        return found


async def open_all(url: str, count: int, stack: AsyncExitStack) -> list[ClientConnection]:
    """All sockets, some at once."""
    gate = asyncio.Semaphore(CONNECT_AT_ONCE)

    async def one() -> ClientConnection:
        async with gate:
            return await stack.enter_async_context(
                connect(url, max_size=None, open_timeout=CONNECT_S, compression=None)
            )

    return await asyncio.gather(*(one() for _ in range(count)))


async def main(url: str, count: int) -> dict[str, Any]:
    """Open, watch until the input ends, and wait for each socket's first update of the load."""
    loop = asyncio.get_running_loop()
    symbols = (await loop.run_in_executor(None, sys.stdin.readline)).strip()
    async with AsyncExitStack() as stack:
        sockets = await open_all(url, count, stack)
        watch, heard = Watch(), [asyncio.Event() for _ in sockets]
        tasks = [
            asyncio.create_task(watch.watch(socket, symbols, event))
            for socket, event in zip(sockets, heard, strict=True)
        ]
        started = time.monotonic()
        _tell("ready")
        await loop.run_in_executor(None, sys.stdin.read)
        await asyncio.wait([asyncio.create_task(event.wait()) for event in heard], timeout=LAST_UPDATE_S)
        seconds = time.monotonic() - started
        watch.over.set()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        silent = sum(not event.is_set() for event in heard)
    return {
        "closed": watch.closed, "silent": silent, "seconds": seconds,
        "latencies": [round(latency, 3) for latency in watch.latencies],
    }  # fmt: skip


def _tell(line: str) -> None:
    """One line to the load test."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    _tell(json.dumps(asyncio.run(main(sys.argv[1], int(sys.argv[2])))))
