"""Connections that come and go: memory and descriptors of a web process stay flat (Q-5b, R-6)."""

import asyncio
import json
import os
import time
from typing import Any

import psutil

from benchmarks.figures import Figure, Figures, note
from benchmarks.site import Site, running_site
from benchmarks.web import serve

CYCLES = int(os.environ.get("CYCLES", "5000"))
LIMIT_S = float(os.environ.get("CYCLES_SECONDS", "300"))
AT_ONCE = 4
"""Connections under way at a time; a user may have twenty."""
SAMPLES = 50
GROWTH_PERCENT, GROWTH_HANDLES = 3.0, 8
Sample = tuple[int, int, int]
"""(cycles done, bytes of memory, descriptors)."""


def cycles() -> Figures:
    """Connect, log in, subscribe, open a chart, leave, thousands of times; what is left of it."""
    with running_site(database=True) as site:
        port, token, trader, contracts = serve(site)
        process = psutil.Process(site.processes[-1].pid)
        symbols = ",".join(contract.symbol for contract in contracts)
        began = time.monotonic()
        samples = asyncio.run(run(port, trader.account_id, token, symbols, process, site))
        spent = time.monotonic() - began
    done = samples[-1][0]
    base = next(sample for sample in samples if sample[0] >= min(done, CYCLES // 10))
    half = next(sample for sample in samples if sample[0] >= done // 2)
    conditions = {
        "cycles": done, "wanted": CYCLES, "seconds": round(spent), "at_once": AT_ONCE,
        "rss_mb_after_a_tenth": base[1] >> 20, "rss_mb_at_half": half[1] >> 20,
        "rss_mb_at_the_end": samples[-1][1] >> 20,
        "descriptors_after_a_tenth": base[2], "descriptors_at_the_end": samples[-1][2],
        "bytes_a_cycle": round((samples[-1][1] - base[1]) / max(1, done - base[0])),
    }  # fmt: skip
    yield Figure(
        name="connections that come and go, growth of memory after the first tenth",
        value=100 * (samples[-1][1] - base[1]) / base[1],
        unit="%",
        conditions=conditions,
        target=GROWTH_PERCENT,
        at_least=False,
    )
    yield Figure(
        name="connections that come and go, growth of descriptors after the first tenth",
        value=float(samples[-1][2] - base[2]),
        unit="descriptors",
        conditions={"cycles": done},
        target=GROWTH_HANDLES,
        at_least=False,
    )


async def run(
    port: int, account_id: str, token: str, symbols: str, process: psutil.Process, site: Site
) -> list[Sample]:
    """All cycles, or as many as the time allows; samples as they go on."""
    until = time.monotonic() + LIMIT_S
    samples: list[Sample] = []
    left = iter(range(CYCLES))
    done = 0

    async def visitor() -> None:
        nonlocal done
        for _ in left:
            if time.monotonic() > until:
                return
            await visit(port, account_id, token, symbols)
            done += 1
            if done % max(1, CYCLES // SAMPLES) == 0:
                samples.append((done, process.memory_info().rss, process.num_fds()))
                note(f"cycles: {samples[-1]}")

    try:
        await asyncio.gather(*(visitor() for _ in range(AT_ONCE)))
    except (OSError, TimeoutError) as error:
        raise RuntimeError(f"after {done} cycles: {error!r}\n{site.printed()}") from error
    await asyncio.sleep(2)  # the last sockets' ends
    return [*samples, (done, process.memory_info().rss, process.num_fds())]


async def visit(port: int, account_id: str, token: str, symbols: str) -> None:
    """One connection: the branch, the quotes, and away without a word of goodbye."""
    from websockets.asyncio.client import connect

    link = await connect(f"ws://127.0.0.1:{port}/ws/diff", proxy=None, max_size=None, open_timeout=60)
    try:
        login = {"aid": "req_login", "bid": "x", "user_name": account_id, "password": token}
        for message in (login, {"aid": "subscribe_quote", "ins_list": symbols}):
            await link.send(json.dumps(message))
        seen: set[str] = set()
        while seen < {"branch", "quotes"}:
            await link.send('{"aid":"peek_message"}')
            seen |= marks(await asyncio.wait_for(link.recv(), 60))
    finally:
        link.transport.abort()


def marks(text: Any) -> set[str]:
    """What of a visit a frame brings."""
    wanted = {"branch": '"trade_more_data":false', "quotes": '"ins_list":'}
    return {name for name, part in wanted.items() if part in text}
