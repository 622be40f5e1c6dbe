"""Commands between named processes of one venue, over Redis pub/sub (O-20, O-21).

A command is `{command_id, sender_id, target_id, command_type, payload, timestamp µs}`. Its
target is a process, a prefix (`web.*`) or `*`. Handlers run one after another; started inside
an event loop they run on it, else in the listening thread. Nothing here changes trading
state: such commands are in the log.
"""

import asyncio
import atexit
import inspect
import itertools
import logging
import os
import signal
import socket
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from fnmatch import fnmatchcase
from typing import Any

import msgspec
import redis
from django.conf import settings

from exchange_site.env import environment
from exchange_site.metrics.meter import Worst
from exchange_site.streams import Keys, Link, LogRefused, LogUncertain

HEARTBEAT_S = 5.0
ALIVE_S = 15
"""A process that has not reported for so long is gone."""
REMEMBERED = 10_000
HANDLER_S = 30.0
MAX_BYTES = 1 << 20
EVERYBODY = "*"
REPLY, HEARTBEAT = "reply", "heartbeat"
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
STARTED = time.time()
VERSION = "1.0.0"
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.05, 2.0
_counter = itertools.count(1)
_log = logging.getLogger(__name__)

Handler = Callable[[dict[str, Any]], Any]


class Command(msgspec.Struct, frozen=True):
    """One command on the bus; `timestamp` in µs."""

    command_id: str
    sender_id: str
    target_id: str
    command_type: str
    payload: dict[str, Any]
    timestamp: int


class BusAway(Exception):
    """The command could not be sent: Redis does not answer."""


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Command).decode


def micros() -> int:
    return time.time_ns() // 1_000


def channel(venue: str) -> str:
    """Everything travels here; who is meant stands in the command."""
    return f"{Keys(venue).prefix}ipc"


def alive_key(venue: str, process_id: str) -> str:
    return f"{Keys(venue).prefix}ipc:alive:{process_id}"


def process_name(kind: str) -> str:
    """A name of this process that no other has: `web.1234`."""
    return f"{kind}.{os.getpid()}"


def named_peers() -> frozenset[str]:
    """Senders this process listens to by `EXCHANGE_IPC_PEERS`; empty: all."""
    return frozenset(name.strip() for name in environment().EXCHANGE_IPC_PEERS.split(",") if name.strip())


class Bus:
    """The bus as one process sees it: `register_handler`, `start`, `send_command`, `stop`."""

    def __init__(
        self,
        process_id: str,
        venue: str = "",
        *,
        peers: Iterable[str] | None = None,
        lag: Callable[[], float] | None = None,
        status: Callable[[], str] = lambda: "ok",
        reports: bool = True,
    ) -> None:
        """`reports` False: one who asks and leaves; it is not listed and sends no heartbeats."""
        self.process_id = process_id
        self.reports, self.holders = reports, 1
        self.venue = venue or settings.VENUE
        self.lag, self.status = lag or self._measured_lag, status
        self._late = Worst(2 * HEARTBEAT_S)
        self.failures = self.duplicates = self.unknown = 0
        self._peers = set(named_peers() if peers is None else peers)
        self._handlers: dict[str, Handler] = {}
        self._seen: OrderedDict[str, None] = OrderedDict()
        self._replies: dict[str, tuple[float, list[dict[str, Any]]]] = {}
        self._reply_came = threading.Condition()
        self._lock = threading.Lock()
        self._link: Link | None = None
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()
        self._ready = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self.register_handler("ping", self._pong)
        self.register_handler("set_log_level", set_log_level)

    # ----------------------------------------------------------------- sending

    def send_command(self, target_id: str, command_type: str, payload: dict[str, Any] | None = None) -> str:
        """Send to a process, to `prefix*` or to all; the command's id. BusAway when Redis is."""
        now = micros()
        command_id = f"{self.process_id}_{now}_{next(_counter)}"
        command = Command(command_id, self.process_id, target_id, command_type, payload or {}, now)
        data = _encode(command)
        if len(data) > MAX_BYTES:
            raise ValueError("the command is too large")
        self._publish(data)
        return command_id

    def broadcast(self, command_type: str, payload: dict[str, Any] | None = None) -> str:
        """Send to everybody."""
        return self.send_command(EVERYBODY, command_type, payload)

    async def asend_command(
        self, target_id: str, command_type: str, payload: dict[str, Any] | None = None
    ) -> str:
        """`send_command` without holding up an event loop."""
        return await asyncio.to_thread(self.send_command, target_id, command_type, payload)

    def request(
        self,
        target_id: str,
        command_type: str,
        payload: dict[str, Any] | None = None,
        timeout_s: float = 2.0,
        wanted: int = 1,
    ) -> list[dict[str, Any]]:
        """Send and wait for answers: `{process_id, ok, result | error, latency_ms}` each, or [].

        With `wanted` 0 it gathers until the time is over; `latency_ms` is there and back. The
        bus must be started, and this must not be called on its event loop.
        """
        answers: list[dict[str, Any]] = []
        with self._reply_came:
            began = time.perf_counter()
            command_id = self.send_command(target_id, command_type, payload)
            self._replies[command_id] = began, answers
            self._reply_came.wait_for(lambda: wanted and len(answers) >= wanted, timeout_s)
            del self._replies[command_id]
        return answers

    def _publish(self, data: bytes) -> None:
        with self._lock:
            if self._link is None or self._link.pid != os.getpid():
                self._link = Link(url=settings.CACHE_URL)
            for last in (False, True):
                try:
                    self._link.call("PUBLISH", channel(self.venue), data)
                    return
                except (LogRefused, LogUncertain, redis.RedisError) as error:
                    self._link.close()  # an idle connection may be dead: the second try is new
                    if last:
                        raise BusAway(str(error)) from error

    # --------------------------------------------------------------- receiving

    def connect_to_process(self, name: str) -> None:
        """Handle commands of this sender; once one is named, of no other."""
        self._peers.add(name)

    def register_handler(self, command_type: str, handler: Handler) -> None:
        """Call `handler(payload)`, plain or async, for a type; what it returns is the answer."""
        self._handlers[command_type] = handler

    def start(self, timeout_s: float = 5.0) -> "Bus":
        """Listen and report; returns when listening, or when Redis is away (it tries on)."""
        try:
            self._loop = asyncio.get_running_loop()
        except RuntimeError:
            self._loop = None
        self._thread = threading.Thread(target=self._listen, daemon=True, name="ipc")
        self._thread.start()
        self._ready.wait(timeout_s)
        return self

    def share(self) -> "Bus":
        """A further part of this process uses the bus; handlers run on its event loop, if any."""
        self.holders += 1
        try:
            self._loop = asyncio.get_running_loop()
        except RuntimeError:
            pass
        return self

    @property
    def is_over(self) -> bool:
        return self._stop.is_set()

    def stop(self) -> None:
        """End with the last who uses it; commands that come later are not handled."""
        self.holders -= 1
        if self.holders > 0:
            self._loop = None
            return
        self._stop.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(3.0)
        with self._lock:
            if self._link is not None:
                self._link.close()
                self._link = None

    def _listen(self) -> None:
        pause_s = _FIRST_PAUSE_S
        while not self._stop.is_set():
            try:
                self._session()
                pause_s = _FIRST_PAUSE_S
            except (redis.RedisError, OSError, BusAway) as error:
                _log.warning("ipc: %s; listening again", error)
                self._ready.set()
                self._stop.wait(pause_s)
                pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)

    def _session(self) -> None:
        client = redis.Redis.from_url(
            settings.CACHE_URL, socket_timeout=5, socket_connect_timeout=2, retry=None
        )
        with client, client.pubsub(ignore_subscribe_messages=True) as heard:
            heard.subscribe(channel(self.venue))
            heard.get_message(timeout=2.0)
            self._ready.set()
            beat_at = 0.0
            while not self._stop.is_set():
                now = time.monotonic()
                if now >= beat_at:
                    beat_at = now + HEARTBEAT_S
                    if self.reports:
                        self._beat(client)
                wait_s = min(0.1, beat_at - now + 0.001)
                message = heard.get_message(timeout=wait_s)
                if message is None:
                    self._late.note(time.monotonic() - now - wait_s)
                if message is not None:
                    self._take(message["data"])
            client.delete(alive_key(self.venue, self.process_id))

    def _beat(self, client: "redis.Redis") -> None:
        report = {
            "status": self.status(),
            "version": VERSION,
            "uptime": round(time.time() - STARTED, 1),
            "lag": round(self.lag(), 4),
        }
        kept = {
            **report, "process_id": self.process_id, "pid": os.getpid(), "host": socket.gethostname(),
            "time_ms": micros() // 1_000, "commands": sorted(self._handlers),
        }  # fmt: skip
        client.set(alive_key(self.venue, self.process_id), msgspec.json.encode(kept), ex=ALIVE_S)
        self.broadcast(HEARTBEAT, report)

    def _measured_lag(self) -> float:
        """Seconds this process answers late: its event loop's turn, else this thread's waking."""
        if self._loop is None:
            return self._late.value()
        began = time.monotonic()
        try:
            asyncio.run_coroutine_threadsafe(asyncio.sleep(0), self._loop).result(HEARTBEAT_S)
        except (TimeoutError, RuntimeError):  # longer than a heartbeat, or the loop has ended
            return HEARTBEAT_S
        return time.monotonic() - began

    def _is_for_me(self, command: Command) -> bool:
        if command.sender_id == self.process_id:
            return False
        if not fnmatchcase(self.process_id, _prefix_only(command.target_id)):
            return False
        if command.command_type == REPLY:
            return True
        return not self._peers or any(fnmatchcase(command.sender_id, peer) for peer in self._peers)

    def _take(self, data: bytes) -> None:
        try:
            command = _decode(data)
        except msgspec.MsgspecError as error:
            self.failures += 1
            _log.warning("ipc: a message that is no command: %s", error)
            return
        if not self._is_for_me(command):
            return
        if command.command_id in self._seen:
            self.duplicates += 1
            return
        self._seen[command.command_id] = None
        if len(self._seen) > REMEMBERED:
            self._seen.popitem(last=False)
        if command.command_type == REPLY:
            self._note_reply(command)
        else:
            self._handle(command)

    def _note_reply(self, command: Command) -> None:
        with self._reply_came:
            waiting = self._replies.get(str(command.payload.get("command_id")))
            if waiting is not None:
                latency_ms = round(1_000 * (time.perf_counter() - waiting[0]), 3)
                waiting[1].append(
                    {**command.payload, "process_id": command.sender_id, "latency_ms": latency_ms}
                )
                self._reply_came.notify_all()

    def _handle(self, command: Command) -> None:
        handler = self._handlers.get(command.command_type)
        if handler is None:
            if command.command_type != HEARTBEAT:
                self.unknown += 1
                self._answer(command, {"ok": False, "error": f"unknown command {command.command_type}"})
            return
        try:
            result = self._run(handler, command.payload)
        except Exception as error:  # noqa: BLE001  told to the sender; the process goes on
            self.failures += 1
            _log.exception("ipc: %s failed", command.command_type)
            self._answer(command, {"ok": False, "error": f"{type(error).__name__}: {error}"})
            return
        if command.command_type != HEARTBEAT:
            self._answer(command, {"ok": True, "result": result})

    def _run(self, handler: Handler, payload: dict[str, Any]) -> Any:
        if self._loop is not None:
            return asyncio.run_coroutine_threadsafe(_called(handler, payload), self._loop).result(HANDLER_S)
        result = handler(payload)
        return asyncio.run(_awaited(result)) if inspect.isawaitable(result) else result

    def _answer(self, command: Command, payload: dict[str, Any]) -> None:
        try:
            self.send_command(command.sender_id, REPLY, {"command_id": command.command_id, **payload})
        except (BusAway, TypeError, ValueError) as error:
            _log.warning("ipc: the answer to %s was lost: %s", command.command_id, error)

    def _pong(self, payload: dict[str, Any]) -> dict[str, Any]:
        return {"pong": True, "pid": os.getpid(), "version": VERSION}


def _prefix_only(target: str) -> str:
    """A target as a pattern: only a star at its end means anything."""
    head = target.removesuffix("*")
    escaped = "".join(f"[{letter}]" if letter in "*?[" else letter for letter in head)
    return escaped + ("*" if target.endswith("*") else "")


async def _called(handler: Handler, payload: dict[str, Any]) -> Any:
    result = handler(payload)
    return await result if inspect.isawaitable(result) else result


async def _awaited(value: Any) -> Any:
    return await value


# -------------------------------------------------------------------- handlers


def set_log_level(payload: dict[str, Any]) -> dict[str, Any]:
    """`{"level": "DEBUG"}` for the whole process; ValueError for another word."""
    level = payload.get("level")
    if level not in LEVELS:
        raise ValueError(f"level must be one of {', '.join(LEVELS)}")
    logging.getLogger().setLevel(level)
    return {"level": level}


def end_process(payload: dict[str, Any]) -> dict[str, Any]:
    """Ask this process to end in order, as its supervisor would."""
    os.kill(os.getpid(), signal.SIGTERM)
    return {"ending": True}


def reloading(own: Handler | None = None) -> Handler:
    """A `reload_config`: the log level the environment names, then what is the process's own."""

    def reload_config(payload: dict[str, Any]) -> dict[str, Any]:
        done = set_log_level({"level": environment().EXCHANGE_LOG_LEVEL})
        return done if own is None else {**done, **own(payload)}

    return reload_config


_served: dict[tuple[str, str], Bus] = {}


def serve(kind: str, venue: str = "", handlers: dict[str, Handler] | None = None, **options: Any) -> Bus:
    """Put this process on the bus with the commands all of them know, besides its own.

    A second part of the process that serves the same kind shares the first one's place: under
    one name there is one answer.
    """
    key = venue or settings.VENUE, process_name(kind)
    bus = _served.get(key)
    if bus is None or bus.is_over:
        bus = _served[key] = Bus(key[1], key[0], **options)
        for name in ("drain", "shutdown"):
            bus.register_handler(name, end_process)
        bus.register_handler("reload_config", reloading())
        _register(bus, handlers)
        atexit.register(_leave, bus, os.getpid())
        return bus.start()
    _register(bus.share(), handlers)
    return bus


def _register(bus: Bus, handlers: dict[str, Handler] | None) -> None:
    for name, handler in (handlers or {}).items():
        bus.register_handler(name, reloading(handler) if name == "reload_config" else handler)


def _leave(bus: Bus, pid: int) -> None:
    """A process that ends without a word is not listed until its report runs out."""
    if os.getpid() == pid and not bus.is_over:
        bus.holders = 1
        bus.stop()


# --------------------------------------------------------------------- reading


def alive(venue: str = "") -> list[dict[str, Any]]:
    """The processes that have reported lately, by name."""
    client = redis.Redis.from_url(settings.CACHE_URL, socket_timeout=2, socket_connect_timeout=2)
    with client:
        keys = list(client.scan_iter(alive_key(venue or settings.VENUE, "*"), count=500))
        found: Any = client.mget(keys) if keys else []
    rows = [msgspec.json.decode(data) for data in found if data]
    return sorted(rows, key=lambda row: str(row["process_id"]))
