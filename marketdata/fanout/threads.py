"""Database work of sockets: a few threads of its own, never the event loop (A-11, R1.7)."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from asgiref.sync import sync_to_async
from django.db import connections

_P = ParamSpec("_P")
_T = TypeVar("_T")
_THREADS = 4
_pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="sockets")


async def in_database_thread(call: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
    """Run a blocking call; its database connection goes back afterwards."""

    def run() -> _T:
        try:
            return call(*args, **kwargs)
        finally:
            connections.close_all()

    return await sync_to_async(run, thread_sensitive=False, executor=_pool)()


async def drain_threads() -> None:
    """Wait until every thread has given its connection back; for tests."""
    barrier = threading.Barrier(_THREADS)
    await asyncio.gather(*(in_database_thread(barrier.wait, 30) for _ in range(_THREADS)))
