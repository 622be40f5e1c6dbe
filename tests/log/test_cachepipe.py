"""Calls to the cache over one connection: who goes away harms nobody."""

import asyncio
from typing import Any

from exchange_site.cachepipe import CachePipe, CacheScript, cache_call

PATIENCE_S = 30


def test_a_call_whose_caller_went_away_leaves_the_others_answered() -> None:
    pipe = CachePipe()
    with pipe._filled:  # its thread waits until all three stand in the queue
        calls = [pipe.call("PING") for _ in range(3)]
        assert calls[0].cancel()
        assert calls[2].cancel()
    assert calls[1].result(PATIENCE_S)
    assert pipe.call("PING").result(PATIENCE_S)


def test_cancelled_requests_never_stop_the_pipe() -> None:
    script = CacheScript("return ARGV[1]")

    async def many() -> Any:
        tasks = [asyncio.create_task(script.acall(0, n)) for n in range(200)]
        await asyncio.sleep(0)
        for task in tasks[::2]:
            task.cancel()
        return await asyncio.wait_for(asyncio.gather(*tasks[1::2]), PATIENCE_S)

    assert len(asyncio.run(many())) == 100
    assert cache_call("PING").result(PATIENCE_S)
