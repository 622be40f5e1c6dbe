"""The Redis adapter of the durable log: keys, connections and the two append scripts.

Keys are A-40's, the scripts A-4's and A-6a's. A writer never retries by itself (A-5): an
append whose answer was lost is *uncertain*, and only the event stream tells what became
of it.
"""

import asyncio
import os
import re
import threading
from collections.abc import Iterable, Sequence
from typing import Any

import redis
import redis.asyncio
from django.conf import settings
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.connection import ConnectionPool
from redis.retry import Retry

from exchange_site.exceptions import ExchangeError
from exchange_site.looplink import LoopLink, NotSent
from trading.engine.codes import SERVICE_UNAVAILABLE, STORAGE_ERROR, WORKER_NOT_RUNNING

CONNECT_TIMEOUT_S = 2.0
WRITER_TIMEOUT_S = 5.0
MAX_APPEND = 200
"""Commands in one Lua call (A-4)."""
MAX_ENTRY_EVENTS = 4_000
MAX_ENTRY_BYTES = 1 << 20

_VENUE = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")

CommandEntry = tuple[str, int, str, str, str, bytes]
"""(type, version, command_id, origin, user, payload) of one command (A-41)."""


class LogRefused(ExchangeError):
    """The log took nothing of the call: 4001, 5002 or 9005; safe to send again."""


class WorkerNotRunning(LogRefused):
    """Nobody holds the venue's lease (4001)."""

    def __init__(self, venue: str) -> None:
        super().__init__(WORKER_NOT_RUNNING, {"venue": venue})


class LogUncertain(Exception):
    """The connection broke after the call was sent: it may or may not have been carried out."""


class Fenced(Exception):
    """Another worker of this venue has started since (A-6a)."""


class SequenceGap(Exception):
    """The event stream's last id is not the one before the first event to append (A-6a)."""


class Keys:
    """Names of a venue's keys (A-40); the braces are the cluster hash tag."""

    __slots__ = (
        "commands",
        "cursors",
        "events",
        "fence",
        "lease",
        "prefix",
        "published",
        "quarantine",
        "quotes",
        "status",
        "venue",
    )  # fmt: skip

    def __init__(self, venue: str) -> None:
        """Raise ValueError for a name that cannot stand in a key."""
        if not _VENUE.fullmatch(venue):
            raise ValueError(f"venue name {venue!r}: use a-z, 0-9, _ and -, at most 32")
        self.venue = venue
        self.prefix = prefix = f"x:{{{venue}}}:"
        self.commands = prefix + "commands"
        self.events = prefix + "events"
        self.quotes = prefix + "quotes"
        self.cursors = prefix + "cursors"
        self.fence = prefix + "fence"
        self.lease = prefix + "lease"
        self.quarantine = prefix + "quarantine"
        self.published = prefix + "published"
        self.status = prefix + "status"

    def quote(self, symbol: str) -> str:
        """The newest quote view of an instrument (M-2)."""
        return f"{self.prefix}quote:{symbol}"

    def trades(self, symbol: str) -> str:
        """The last public trades of an instrument, newest first."""
        return f"{self.prefix}trades:{symbol}"


# ---------------------------------------------------------------------- clients


def _options(socket_timeout: float | None) -> dict[str, Any]:
    return {
        "socket_timeout": socket_timeout,
        "socket_connect_timeout": min(CONNECT_TIMEOUT_S, socket_timeout or CONNECT_TIMEOUT_S),
        "socket_keepalive": True,
        "retry": Retry(NoBackoff(), 0),
        "retry_on_timeout": False,
        "health_check_interval": 0,
        "decode_responses": False,
        "protocol": 2,
    }


class NoServers(SystemExit):
    """Neither the environment nor DATA_DIR names the servers."""


def _pool(url: str, socket_timeout: float | None) -> ConnectionPool:
    if not url:
        where = f"no exchange runs on {settings.DATA_DIR}"
        raise NoServers(f"{where}: start one with `make run`, or set DATABASE_URL, REDIS_URL, CACHE_URL")
    return ConnectionPool.from_url(url, **_options(socket_timeout))


def log_client() -> redis.Redis:
    """Client of the log for short calls: 5 s time-out, no retry of any kind."""
    return redis.Redis(connection_pool=_pool(settings.REDIS_URL, WRITER_TIMEOUT_S))


def reader_client() -> redis.Redis:
    """Client of the log for blocking reads: it waits for ever, keepalive finds dead hosts."""
    return redis.Redis(connection_pool=_pool(settings.REDIS_URL, None))


def cache_client() -> redis.Redis:
    """Client of the second instance (cache, broker, channels)."""
    return redis.Redis(connection_pool=_pool(settings.CACHE_URL, WRITER_TIMEOUT_S))


def _async_client(url: str, socket_timeout: float | None) -> redis.asyncio.Redis:
    options = _options(socket_timeout) | {"retry": AsyncRetry(NoBackoff(), 0)}
    return redis.asyncio.Redis.from_url(url, **options)


def async_log_client() -> redis.asyncio.Redis:
    """Client of the log for one task of an event loop; reads may block for ever."""
    return _async_client(settings.REDIS_URL, None)


def async_cache_client() -> redis.asyncio.Redis:
    """Client of the second instance for one task of an event loop; reads may block for ever."""
    return _async_client(settings.CACHE_URL, None)


def stream_id(text: str | bytes) -> tuple[int, int]:
    """A stream id as a pair that compares in the stream's order."""
    if isinstance(text, bytes):
        text = text.decode("ascii")
    milliseconds, _, number = text.partition("-")
    return int(milliseconds), int(number or 0)


def last_stream_id(client: redis.Redis, key: str) -> str:
    """The last id a stream has generated, also when that entry is trimmed; "0-0" without one."""
    if not client.exists(key):
        return "0-0"
    info: dict[str, Any] = client.xinfo_stream(key)
    last = info["last-generated-id"]
    return last.decode("ascii") if isinstance(last, bytes) else str(last)


class Link:
    """One connection of one thread, for calls that must be sent at most once.

    ``send`` and ``read`` are apart so that a caller can have several calls on the wire.
    """

    def __init__(
        self,
        *,
        blocking: bool = False,
        url: str | None = None,
        timeout_s: float = WRITER_TIMEOUT_S,
    ) -> None:
        pool = _pool(url or settings.REDIS_URL, None if blocking else timeout_s)
        self._connection = pool.make_connection()
        self.pid = os.getpid()

    def pack(self, *arguments: Any) -> list[bytes]:
        """The bytes of one call."""
        return list(self._connection.pack_command(*arguments))

    def send(self, packed: Sequence[bytes]) -> None:
        """Send whole calls; LogRefused when they cannot have arrived in full."""
        try:
            self._connection.connect()
            self._connection.send_packed_command(packed, check_health=False)
        except (redis.ConnectionError, redis.TimeoutError, OSError) as error:
            self.close()
            raise LogRefused(SERVICE_UNAVAILABLE, {"reason": str(error)}) from error

    def read(self) -> Any:
        """The next answer; LogUncertain when the connection ends before it came.

        Answers that are errors are raised as redis.ResponseError.
        """
        try:
            return self._connection.read_response()
        except redis.ResponseError:
            raise
        except (redis.ConnectionError, redis.TimeoutError, OSError) as error:
            self.close()
            raise LogUncertain(str(error)) from error

    def call(self, *arguments: Any) -> Any:
        """Send one call and read its answer."""
        self.send(self.pack(*arguments))
        return self.read()

    def close(self) -> None:
        self._connection.disconnect()


def refusal(error: redis.RedisError) -> LogRefused:
    """A server's error answer as the code its sender gets: 5002 storage, 9005 the rest."""
    text = str(error)
    storage = isinstance(error, redis.exceptions.OutOfMemoryError | redis.ReadOnlyError)
    if storage or text.startswith(("MISCONF", "OOM", "READONLY", "NOREPLICAS")):
        return LogRefused(STORAGE_ERROR, {"reason": text})
    if "No space left" in text or "errors writing to" in text:
        return LogRefused(STORAGE_ERROR, {"reason": text})
    return LogRefused(SERVICE_UNAVAILABLE, {"reason": text})


class Script:
    """A Lua script called by its digest, sent whole when the server does not know it."""

    def __init__(self, text: str) -> None:
        from hashlib import sha1

        self.text = text
        self.sha = sha1(text.encode("utf-8"), usedforsecurity=False).hexdigest()

    def call(self, link: Link, keys: Sequence[str], arguments: Iterable[Any]) -> Any:
        """Run it; redis.ResponseError for the script's errors."""
        tail = (len(keys), *keys, *arguments)
        try:
            return link.call("EVALSHA", self.sha, *tail)
        except redis.exceptions.NoScriptError:
            return link.call("EVAL", self.text, *tail)

    def load(self, link: Link) -> None:
        """Make it known to the server, so that EVALSHA may be sent without waiting."""
        link.call("SCRIPT", "LOAD", self.text)


APPEND_COMMANDS = Script("""
local holder = redis.call('GET', KEYS[1])
if not holder then return false end
if string.sub(holder, 1, 5) == 'HELD:' then return redis.error_reply('HELD by the clock') end
local ids = {}
for i = 1, #ARGV, 6 do
  ids[#ids + 1] = redis.call('XADD', KEYS[2], '*', 't', ARGV[i], 'v', ARGV[i + 1],
    'i', ARGV[i + 2], 'o', ARGV[i + 3], 'u', ARGV[i + 4], 'p', ARGV[i + 5])
end
return ids
""")
"""KEYS lease, commands; ARGV t v i o u p of each: the ids, nil without a lease (A-4), HELD
while the log waits for an operator's word about its clock (T-22)."""

APPEND_EVENTS = Script("""
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return redis.error_reply('FENCED') end
local last = '0-0'
if redis.call('EXISTS', KEYS[2]) == 1 then
  last = redis.call('XINFO', 'STREAM', KEYS[2])[8]
end
if last ~= ARGV[2] .. '-0' then return redis.error_reply('GAP ' .. last) end
for i = 3, #ARGV, 3 do
  redis.call('XADD', KEYS[2], ARGV[i] .. '-0', 'c', ARGV[i + 1], 'e', ARGV[i + 2])
end
return redis.status_reply('OK')
""")
"""KEYS fence, events; ARGV fence number, sequence before the first event, then (last
sequence, last command's id, encoded events) of each entry; FENCED or GAP (A-6a)."""


RENEW_LEASE = Script("""
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] and holder ~= 'HELD:' .. ARGV[1] then return holder end
redis.call('SET', KEYS[1], ARGV[2] .. ARGV[1], 'PX', ARGV[3])
return redis.status_reply('OK')
""")
"""KEYS lease; ARGV token, '' or 'HELD:', milliseconds: OK, or who holds it instead (A-9)."""

RELEASE_LEASE = Script("""
local holder = redis.call('GET', KEYS[1])
if holder == ARGV[1] or holder == 'HELD:' .. ARGV[1] then redis.call('DEL', KEYS[1]) end
return redis.status_reply('OK')
""")
"""KEYS lease; ARGV token: delete it if it is the caller's."""


class CommandLog:
    """Appends commands of one venue; safe to share between threads and over a fork."""

    def __init__(self, venue: str) -> None:
        self.keys = Keys(venue)
        self._lock = threading.Lock()
        self._link: Link | None = None

    def append(self, entries: Sequence[CommandEntry]) -> list[str]:
        """Append commands in order, at most 200 a call; their stream ids.

        Raises WorkerNotRunning (4001), LogRefused (9005, 5002): nothing of the call that
        failed was taken; LogUncertain: it may have been. Earlier calls of more than 200
        entries stand.
        """
        ids: list[str] = []
        with self._lock:
            for start in range(0, len(entries), MAX_APPEND):
                ids.extend(self._append_call(entries[start : start + MAX_APPEND]))
        return ids

    def _append_call(self, entries: Sequence[CommandEntry]) -> list[str]:
        arguments = [field for entry in entries for field in entry]
        try:
            answer = APPEND_COMMANDS.call(self._own_link(), (self.keys.lease, self.keys.commands), arguments)
        except redis.ResponseError as error:
            raise refusal(error) from error
        except redis.RedisError as error:
            raise LogUncertain(str(error)) from error
        if answer is None:
            raise WorkerNotRunning(self.keys.venue)
        return [item.decode("ascii") for item in answer]

    async def append_over(self, link: LoopLink, entries: Sequence[CommandEntry]) -> list[str]:
        """`append` of at most 200 entries over an event loop's connection; same errors."""
        tail = (2, self.keys.lease, self.keys.commands, *(field for entry in entries for field in entry))
        try:
            async with asyncio.timeout(WRITER_TIMEOUT_S):
                try:
                    answer = await link.call("EVALSHA", APPEND_COMMANDS.sha, *tail)
                except redis.exceptions.NoScriptError:
                    answer = await link.call("EVAL", APPEND_COMMANDS.text, *tail)
        except NotSent as error:
            raise LogRefused(SERVICE_UNAVAILABLE, {"reason": str(error)}) from error
        except redis.ResponseError as error:
            raise refusal(error) from error
        except (redis.RedisError, TimeoutError) as error:
            link.close()
            raise LogUncertain(str(error)) from error
        if answer is None:
            raise WorkerNotRunning(self.keys.venue)
        return [item.decode("ascii") for item in answer]

    def _own_link(self) -> Link:
        link = self._link
        if link is None or link.pid != os.getpid():
            self._link = link = Link()
        return link

    def close(self) -> None:
        """Close the connection; the next append opens a new one."""
        with self._lock:
            if self._link is not None:
                self._link.close()
                self._link = None
