"""Fifty keep-alive HTTP clients in a process of their own (Q-9).

``python -m benchmarks.http_clients PORT PATH TOKEN CLIENTS REQUESTS`` reads one JSON body a line
from standard input, posts each once and prints seconds and latencies as JSON.
"""

import asyncio
import json
import sys
import time
from collections import Counter, deque


class Client:
    """One connection that posts bodies from a shared queue."""

    def __init__(self, port: int, path: str, token: str) -> None:
        self.port = port
        self.head = (
            f"POST {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Token {token}\r\n"
            f"Content-Type: application/json\r\nContent-Length: "
        )

    async def run(
        self, bodies: deque[str], latencies: list[float], statuses: Counter[int], samples: list[str]
    ) -> None:
        """Post until the queue is empty."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        while bodies:
            body = bodies.popleft().encode()
            started = time.perf_counter()
            writer.write(f"{self.head}{len(body)}\r\n\r\n".encode() + body)
            status, answer = await read_answer(reader)
            latencies.append(1_000 * (time.perf_counter() - started))
            statuses[status] += 1
            if status != 200 and len(samples) < 3:
                samples.append(answer.decode(errors="replace")[:300])
        writer.close()


async def read_answer(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """(status, body) of an answer with a Content-Length or in chunks."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    status = int(head.split(" ", 2)[1])
    length = 0
    for line in head.lower().split("\r\n"):
        if line.startswith("content-length:"):
            length = int(line.partition(":")[2])
        if line.startswith("transfer-encoding:") and "chunked" in line:
            return status, await read_chunks(reader)
    return status, await reader.readexactly(length)


async def read_chunks(reader: asyncio.StreamReader) -> bytes:
    parts = []
    while size := int(await reader.readline(), 16):
        parts.append(await reader.readexactly(size))
        await reader.readline()
    await reader.readline()
    return b"".join(parts)


async def main(port: int, path: str, token: str, clients: int) -> None:
    """Post every line of standard input."""
    bodies = deque(line.strip() for line in sys.stdin if line.strip())
    count = len(bodies)
    latencies: list[float] = []
    statuses: Counter[int] = Counter()
    samples: list[str] = []
    started = time.perf_counter()
    one = Client(port, path, token)
    await asyncio.gather(*(one.run(bodies, latencies, statuses, samples) for _ in range(clients)))
    seconds = time.perf_counter() - started
    print(
        json.dumps(
            {
                "count": count,
                "seconds": seconds,
                "latencies": latencies,
                "statuses": statuses,
                "samples": samples,
            }
        )
    )


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4])))
