"""Many WebSocket clients in one process, as lean as they can be: the load of Q-5.

``python -m benchmarks.socket_clients PORTS PATH SOCKETS SYMBOLS_EACH SECONDS SEED KIND`` spreads the
sockets over the ports (by commas), reads the symbols from standard input, connects, prints
``ready`` and, after the time, one JSON object.
KIND is ``diff`` (subscribe, then a peek for each answer) or ``push`` (subscribe only).

Every update carries in ``volume`` the microseconds of the sender's monotonic clock, which is
the clock of this process too, so one number counts the update and tells its age.
"""

import asyncio
import json
import random
import re
import struct
import sys
import time
from typing import Any

VOLUME = re.compile(rb'"volume":(\d{6,})')
PEEK = b'{"aid":"peek_message"}'
CONNECT_AT_ONCE = 50
NO_MASK = b"\x00\x00\x00\x00"


def masked(payload: bytes) -> bytes:
    """A client's text frame; a mask of zeros is one."""
    size = len(payload)
    if size < 126:
        return bytes((0x81, 0x80 | size)) + NO_MASK + payload
    return bytes((0x81, 0x80 | 126)) + struct.pack("!H", size) + NO_MASK + payload


class Tally:
    """What all sockets of this process received since `started`."""

    def __init__(self) -> None:
        self.counting = False
        self.ages_us: list[int] = []
        self.bytes = self.frames = self.closed = 0


class Socket(asyncio.Protocol):
    """One socket: handshake, subscription, and the age of each update."""

    def __init__(self, tally: Tally, path: str, port: int, subscription: bytes, peeks: bool) -> None:
        self.tally, self.path, self.port = tally, path, port
        self.subscription, self.peeks = subscription, peeks
        self.buffer = bytearray()
        self.is_open = False
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        transport.write(
            f"GET {self.path} HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\nUpgrade: websocket\r\n"
            "Connection: Upgrade\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n"
            "Sec-WebSocket-Version: 13\r\n\r\n".encode()
        )

    def connection_lost(self, error: Exception | None) -> None:
        self.tally.closed += 1
        if not self.opened.done():
            self.opened.set_exception(error or ConnectionError("closed"))

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        if not self.is_open:
            self._handshake()
        while self.is_open and self._frame():
            pass

    def _handshake(self) -> None:
        end = self.buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        if not self.buffer.startswith(b"HTTP/1.1 101"):
            self.opened.set_exception(ConnectionError(self.buffer[:80].decode("latin-1")))
            self.transport.close()
            return
        del self.buffer[: end + 4]
        self.is_open = True
        self.transport.write(masked(self.subscription) + (masked(PEEK) if self.peeks else b""))
        self.opened.set_result(None)

    def _frame(self) -> bool:
        """Take one whole frame out of the buffer; False when there is none."""
        buffer = self.buffer
        if len(buffer) < 2:
            return False
        size, head = buffer[1] & 0x7F, 2
        if size == 126:
            size, head = int.from_bytes(buffer[2:4], "big"), 4
        elif size == 127:
            size, head = int.from_bytes(buffer[2:10], "big"), 10
        if len(buffer) < head + size:
            return False
        kind, payload = buffer[0] & 0x0F, bytes(buffer[head : head + size])
        del buffer[: head + size]
        if kind == 9:
            self.transport.write(bytes((0x8A, 0x80 | len(payload))) + NO_MASK + payload)
        elif kind == 1:
            self._text(payload)
        return True

    def _text(self, payload: bytes) -> None:
        tally = self.tally
        if tally.counting:
            now_us = time.monotonic_ns() // 1_000
            tally.frames += 1
            tally.bytes += len(payload)
            tally.ages_us += [now_us - int(text) for text in VOLUME.findall(payload)]
        if self.peeks and b'"rtn_data"' in payload:
            self.transport.write(masked(PEEK))


async def connect(
    ports: list[int], path: str, count: int, each: int, seed: int, kind: str, tally: Tally
) -> list[float]:
    """Open all sockets, some at once; milliseconds that each took."""
    symbols = sys.stdin.read().split()
    source, loop = random.Random(seed), asyncio.get_running_loop()
    gate, spent = asyncio.Semaphore(CONNECT_AT_ONCE), []

    async def one(number: int) -> None:
        port = ports[number % len(ports)]
        wanted = ",".join(source.sample(symbols, each))
        subscription = json.dumps({"aid": "subscribe_quote", "ins_list": wanted}).encode()
        async with gate:
            started = time.perf_counter()
            _, socket = await loop.create_connection(
                lambda: Socket(tally, path, port, subscription, kind == "diff"), "127.0.0.1", port
            )
            await socket.opened
            spent.append(1_000 * (time.perf_counter() - started))

    await asyncio.gather(*(one(number) for number in range(count)))
    return spent


async def main(
    ports: list[int], path: str, count: int, each: int, seconds: float, seed: int, kind: str
) -> None:
    """Connect, say so, receive for the time, print what came."""
    tally = Tally()
    spent = await connect(ports, path, count, each, seed, kind, tally)
    print("ready", flush=True)
    await asyncio.sleep(min(seconds, 3))  # the first, whole quotes
    tally.counting = True
    started, cpu = time.monotonic(), time.process_time()
    await asyncio.sleep(seconds)
    tally.counting = False
    took, ages = time.monotonic() - started, sorted(tally.ages_us)
    answer = {
        "seconds": took, "updates": len(ages), "frames": tally.frames, "bytes": tally.bytes,
        "closed": tally.closed, "client_cpu_s": time.process_time() - cpu,
        "p50_ms": ages[len(ages) // 2] / 1_000 if ages else None,
        "p99_ms": ages[len(ages) * 99 // 100] / 1_000 if ages else None,
        "connect_p99_ms": sorted(spent)[len(spent) * 99 // 100],
    }  # fmt: skip
    print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    given = sys.argv[1:]
    all_ports = [int(port) for port in given[0].split(",")]
    counts = int(given[2]), int(given[3])
    asyncio.run(main(all_ports, given[1], *counts, float(given[4]), int(given[5]), given[6]))
