"""Calls to the cache instance from many threads and event loops over one connection.

Whatever callers queued while the last round trip was under way goes out together, so a
busy process pays one round trip for many calls. A cache that is away fails calls at once
for a second (`CacheAway`); callers decide what that means for them.
"""

import asyncio
import os
import threading
import time
from collections import deque
from concurrent.futures import Future
from hashlib import sha1
from typing import Any

import redis
from django.conf import settings

from exchange_site.streams import Link, LogRefused, LogUncertain

MAX_AT_ONCE = 200
TIMEOUT_S = 0.5
PAUSE_S = 1.0


class CacheAway(Exception):
    """The cache instance did not answer."""


class CachePipe:
    """One thread, one connection, calls answered in order."""

    def __init__(self) -> None:
        self._queue: deque[tuple[tuple[Any, ...], Future[Any]]] = deque()
        self._filled = threading.Condition()
        self._thread: threading.Thread | None = None
        self._away_until = 0.0

    def call(self, *arguments: Any) -> "Future[Any]":
        """Queue one call; the future gives its answer or raises CacheAway or ResponseError."""
        future: Future[Any] = Future()
        if time.monotonic() < self._away_until:
            future.set_exception(CacheAway())
            return future
        with self._filled:
            self._queue.append((arguments, future))
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="cachepipe", daemon=True)
                self._thread.start()
            self._filled.notify()
        return future

    def _run(self) -> None:
        link = Link(url=settings.CACHE_URL, timeout_s=TIMEOUT_S)
        while True:
            with self._filled:
                while not self._queue:
                    self._filled.wait()
                count = min(MAX_AT_ONCE, len(self._queue))
                calls = [self._queue.popleft() for _ in range(count)]
            # A caller that went away has cancelled its future; from here on it no longer can.
            kept = [call for call in calls if call[1].set_running_or_notify_cancel()]
            self._exchange(link, kept)

    def _exchange(self, link: Link, calls: list[tuple[tuple[Any, ...], "Future[Any]"]]) -> None:
        futures = [future for _, future in calls]
        if not calls:
            return
        try:
            link.send([data for arguments, _ in calls for data in link.pack(*arguments)])
            while futures:
                self._answer(link, futures[0])
                futures.pop(0)
        except (LogRefused, LogUncertain, redis.RedisError, OSError) as error:
            link.close()
            self._away_until = time.monotonic() + PAUSE_S
            for future in futures:
                future.set_exception(CacheAway(str(error)))

    def _answer(self, link: Link, future: "Future[Any]") -> None:
        try:
            answer = link.read()
        except redis.ResponseError as error:
            future.set_exception(error)
        else:
            future.set_result(answer)


_pipe = CachePipe()


def _after_fork() -> None:
    global _pipe
    _pipe = CachePipe()


os.register_at_fork(after_in_child=_after_fork)


def cache_call(*arguments: Any) -> "Future[Any]":
    """One call to the cache instance over this process's pipe."""
    return _pipe.call(*arguments)


class CacheScript:
    """A Lua script of the cache instance, called by its digest."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.sha = sha1(text.encode("utf-8"), usedforsecurity=False).hexdigest()

    def call(self, *arguments: Any) -> Any:
        """Run it: number of keys, keys, arguments; CacheAway or redis.ResponseError."""
        try:
            return cache_call("EVALSHA", self.sha, *arguments).result()
        except redis.exceptions.NoScriptError:
            return cache_call("EVAL", self.text, *arguments).result()

    async def acall(self, *arguments: Any) -> Any:
        """`call` for the event loop."""
        try:
            return await asyncio.wrap_future(cache_call("EVALSHA", self.sha, *arguments))
        except redis.exceptions.NoScriptError:
            return await asyncio.wrap_future(cache_call("EVAL", self.text, *arguments))
