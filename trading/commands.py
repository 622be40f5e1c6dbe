"""The one way to change trading state: append a command, wait for its verdict (A-1, A-4).

Each process has, for each venue it sends to, one thread that appends what concurrent
callers queued (at most 200 a call) and one that reads the events back. Silence is never
read as refusal: a command without a verdict in time comes back with ``decided`` False, and
`resolve` asks the core what became of the order (D-30).
"""

import asyncio
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import redis
from django.conf import settings

from exchange_site.exceptions import ExchangeError
from exchange_site.looplink import LoopLink
from exchange_site.metrics.meter import METER
from exchange_site.streams import (
    MAX_APPEND,
    CommandEntry,
    CommandLog,
    Keys,
    Link,
    LogRefused,
    LogUncertain,
    last_stream_id,
    log_client,
)
from trading.codec import MalformedCommand, decode_events, encode_command
from trading.engine.codes import (
    ILLEGAL_ORDER_PARAMETER,
    INTERNAL_ERROR,
    INVALID_FIELD,
    OK,
    SERVICE_UNAVAILABLE,
    STORAGE_ERROR,
    WORKER_NOT_RUNNING,
)
from trading.engine.messages import ResolveOrder

MAX_QUEUED = 20_000
"""Commands a process may hold before the log has taken them; above that 9005."""

VERDICTS = METER.histogram("exchange_order_seconds")
"""From handing a command over to its verdict; written by the reading thread alone."""

_BLOCK_MS = 2_000
_READ_COUNT = 64
_LONGEST_PAUSE_S = 1.0
_ORDER_COMMANDS = frozenset({"PlaceOrder", "ModifyOrder", "CancelOrder", "ResolveOrder"})
_REFUSED_BY_LOG = frozenset({WORKER_NOT_RUNNING, SERVICE_UNAVAILABLE, STORAGE_ERROR})

_CODE_AT = {"CommandRejected": 6, "OrderRejected": 6, "CancelRejected": 8, "CommandRepeated": 7}
"""Place of the code in events that answer with one; params follow, except for repeats."""


@dataclass(slots=True)
class Outcome:
    """What became of a command.

    ``code`` is 0 or one of the table's; without a verdict in time ``decided`` is False and
    ``code`` 0. ``refused``: the log did not take it, nothing happened. ``repeated``: the
    command or order id was known; ``code`` and ``first_seq`` are those of the first.
    ``events`` are the command's events as lists, header first.
    """

    command_id: str
    code: int = OK
    params: dict[str, Any] = field(default_factory=dict)
    events: list[list[Any]] = field(default_factory=list)
    first_seq: int = 0
    last_seq: int = 0
    decided: bool = False
    repeated: bool = False
    refused: bool = False
    stream_id: str = ""

    @property
    def ok(self) -> bool:
        """Decided and not refused."""
        return self.decided and self.code == OK

    def first(self, kind: str) -> list[Any] | None:
        """The first of its events of a type."""
        return next((event for event in self.events if event[1] == kind), None)


class _Slot:
    """A command on its way and who waits for it."""

    __slots__ = ("began", "entry", "notify", "outcome", "twin")

    def __init__(self, entry: CommandEntry, notify: Callable[[], None]) -> None:
        self.began = time.perf_counter()
        self.entry = entry
        self.outcome = Outcome(command_id=entry[2])
        self.notify = notify
        self.twin: _Slot | None = None

    def refuse(self, code: int, params: dict[str, Any]) -> None:
        outcome = self.outcome
        outcome.code, outcome.params = code, params
        outcome.decided = outcome.refused = True
        self.notify()

    def decide(self, events: list[list[Any]]) -> None:
        """Take the verdict from the command's events and wake the waiter."""
        outcome = self.outcome
        outcome.events = events
        outcome.first_seq, outcome.last_seq = events[0][0], events[-1][0]
        for event in events:
            kind = event[1]
            if kind in _CODE_AT:
                place = _CODE_AT[kind]
                outcome.code = event[place]
                if kind == "CommandRepeated":
                    outcome.repeated, outcome.first_seq = True, event[6]
                else:
                    outcome.params = event[place + 1]
                break
            if kind == "CommandQuarantined":
                outcome.code, outcome.params = INTERNAL_ERROR, {"reason": event[6]}
                break
        outcome.decided = True
        VERDICTS.observe(time.perf_counter() - self.began)
        self.notify()
        if self.twin is not None:
            self.twin.decide(events)


class _Latch:
    """Counts a call's outstanding commands down."""

    __slots__ = ("_done", "_left", "_lock")

    def __init__(self, count: int) -> None:
        self._left = count
        self._lock = threading.Lock()
        self._done = threading.Event()

    def down(self) -> None:
        with self._lock:
            self._left -= 1
            if self._left <= 0:
                self._done.set()

    def wait(self, seconds: float) -> None:
        self._done.wait(seconds)


class _Gateway:
    """One venue's appender and event reader in this process."""

    def __init__(self, venue: str) -> None:
        self.keys = Keys(venue)
        self._log = CommandLog(venue)
        self._queue: deque[_Slot] = deque()
        self._filled = threading.Condition()
        self._waiting: dict[str, _Slot] = {}
        self._cursor = ""
        self._appender: threading.Thread | None = None
        self._appending = False
        self._lanes: dict[asyncio.AbstractEventLoop, _Lane] = {}

    def submit(self, slots: Sequence[_Slot]) -> None:
        """Queue commands for the next append."""
        with self._filled:
            if len(self._queue) + len(slots) > MAX_QUEUED:
                raise LogRefused(SERVICE_UNAVAILABLE, {"queued": len(self._queue)})
            self._queue.extend(slots)
            if self._appender is None:
                self._appender = _start(self._append_forever, f"append-{self.keys.venue}")
            self._filled.notify()

    def forget(self, slots: Sequence[_Slot]) -> None:
        """Nobody waits for these any longer."""
        for slot in slots:
            if not slot.outcome.decided and self._waiting.get(slot.outcome.command_id) is slot:
                METER.count("exchange_commands_undecided_total")
                del self._waiting[slot.outcome.command_id]

    # -- appender

    def _append_forever(self) -> None:
        while True:
            with self._filled:
                while not self._queue:
                    self._filled.wait()
                count = min(MAX_APPEND, len(self._queue))
                slots = [self._queue.popleft() for _ in range(count)]
                self._appending = True
            self._append(slots)
            self._appending = False

    def _append(self, slots: list[_Slot]) -> None:
        """Append one batch; whatever goes wrong is told to its senders."""
        try:
            self._fix_cursor()
            self._expect(slots)
            self._appended(slots, self._log.append([slot.entry for slot in slots]))
        except ExchangeError as error:
            self._refuse(slots, error.code, error.params or {})
        except LogUncertain:
            return  # the events will tell, or nothing will: undecided

    def _expect(self, slots: list[_Slot]) -> None:
        for slot in slots:
            slot.twin = self._waiting.get(slot.outcome.command_id)
            self._waiting[slot.outcome.command_id] = slot

    def _appended(self, slots: list[_Slot], ids: list[str]) -> None:
        for slot, text in zip(slots, ids, strict=True):
            slot.outcome.stream_id = text

    # -- appender of an event loop

    def submit_here(self, slot: _Slot) -> None:
        """`submit` from an event loop: the loop itself writes to the log, no thread is woken.

        The first command goes by the thread, which finds out where verdicts begin; so does
        what follows while it has work, for commands of one caller keep their order.
        """
        lane = self._lane()
        if lane.is_idle and (not self._cursor or self._queue or self._appending):
            self.submit([slot])
        else:
            lane.submit(slot)

    def _lane(self) -> "_Lane":
        loop = asyncio.get_running_loop()
        lane = self._lanes.get(loop)
        if lane is None:
            for ended in [other for other in self._lanes if other.is_closed()]:
                del self._lanes[ended]
            lane = self._lanes[loop] = _Lane(self)
        return lane

    async def append_over(self, link: LoopLink, slots: list[_Slot]) -> None:
        """Append one batch over a loop's connection; as `_append`."""
        self._expect(slots)
        try:
            self._appended(slots, await self._log.append_over(link, [slot.entry for slot in slots]))
        except ExchangeError as error:
            self._refuse(slots, error.code, error.params or {})
        except LogUncertain:
            return  # as above

    def _refuse(self, slots: list[_Slot], code: int, params: dict[str, Any]) -> None:
        for slot in slots:
            command_id = slot.outcome.command_id
            if self._waiting.get(command_id) is slot:
                del self._waiting[command_id]
                if slot.twin is not None:
                    self._waiting[command_id] = slot.twin
            slot.refuse(code, params)

    def _fix_cursor(self) -> None:
        """Before the first append: where reading starts, so that no verdict is missed."""
        if self._cursor:
            return
        try:
            with log_client() as client:
                self._cursor = last_stream_id(client, self.keys.events)
        except redis.RedisError as error:
            raise LogRefused(SERVICE_UNAVAILABLE, {"reason": str(error)}) from error
        _start(self._read_forever, f"verdicts-{self.keys.venue}")

    # -- reader

    def _read_forever(self) -> None:
        link = Link(blocking=True)
        pause_s = 0.02
        while True:
            try:
                self._read(link)
                pause_s = 0.02
            except (LogRefused, LogUncertain, redis.RedisError):
                link.close()
                time.sleep(pause_s)  # the server is away: back off, go on from the cursor
                pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)

    def _read(self, link: Link) -> None:
        answer = link.call(
            "XREAD", "COUNT", _READ_COUNT, "BLOCK", _BLOCK_MS, "STREAMS",
            self.keys.events, self._cursor,
        )  # fmt: skip
        if not answer:
            return
        for entry_id, fields in answer[0][1]:
            if self._waiting:
                self._dispatch(decode_events(fields[fields.index(b"e") + 1]))
            self._cursor = entry_id.decode("ascii")

    def _dispatch(self, events: list[list[Any]]) -> None:
        """Hand each command's events of one entry to the one who waits for them."""
        waiting = self._waiting
        found: dict[str, list[list[Any]]] = {}
        for event in events:
            command_id = event[4]
            if command_id in found:
                found[command_id].append(event)
            elif command_id in waiting:
                found[command_id] = [event]
        for command_id, own in found.items():
            slot = waiting.pop(command_id, None)
            if slot is not None:
                slot.decide(own)


class _Lane:
    """The appender of one event loop: what is queued while a batch is on its way goes with the next."""

    def __init__(self, gateway: _Gateway) -> None:
        self._gateway = gateway
        self._link = LoopLink(settings.REDIS_URL)
        self._queue: deque[_Slot] = deque()
        self._task: asyncio.Task[None] | None = None

    @property
    def is_idle(self) -> bool:
        """Is nothing queued or on its way?"""
        return self._task is None

    def submit(self, slot: _Slot) -> None:
        """Queue a command."""
        if len(self._queue) >= MAX_QUEUED:
            raise LogRefused(SERVICE_UNAVAILABLE, {"queued": len(self._queue)})
        self._queue.append(slot)
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="append")

    async def _run(self) -> None:
        try:
            while self._queue:
                count = min(MAX_APPEND, len(self._queue))
                slots = [self._queue.popleft() for _ in range(count)]
                await self._gateway.append_over(self._link, slots)
        finally:
            self._task = None


def _start(target: Callable[[], None], name: str) -> threading.Thread:
    thread = threading.Thread(target=target, name=name, daemon=True)
    thread.start()
    return thread


_gateways: dict[str, _Gateway] = {}
_gateways_lock = threading.Lock()


def _gateway(venue: str) -> _Gateway:
    gateway = _gateways.get(venue)
    if gateway is None:
        with _gateways_lock:
            gateway = _gateways.setdefault(venue, _Gateway(venue))
    return gateway


def _after_fork() -> None:
    """A child has none of the parent's threads: it starts with gateways of its own."""
    global _gateways, _gateways_lock, _ORIGIN
    _gateways = {}
    _gateways_lock = threading.Lock()
    _ORIGIN = str(os.getpid())


_ORIGIN = str(os.getpid())
os.register_at_fork(after_in_child=_after_fork)


def new_command_id() -> str:
    """A command id that nobody else makes: 32 hex."""
    return os.urandom(16).hex()


def _slots(
    commands: Sequence[Any], user_id: str, origin: str, ids: Sequence[str], notify: Callable[[], None]
) -> tuple[list[_Slot], list[_Slot]]:
    """(all slots in order, those that can be sent); the rest is refused already."""
    slots: list[_Slot] = []
    good: list[_Slot] = []
    source = f"{origin}:{_ORIGIN}"
    for command, command_id in zip(commands, ids, strict=True):
        try:
            kind, version, payload = encode_command(command)
        except MalformedCommand as error:
            kind = type(command).__name__
            slot = _Slot((kind, 0, command_id, "", "", b""), notify)
            code = ILLEGAL_ORDER_PARAMETER if kind in _ORDER_COMMANDS else INVALID_FIELD
            slot.refuse(code, {"reason": str(error)})
        else:
            slot = _Slot((kind, version, command_id, source, user_id, payload), notify)
            good.append(slot)
        slots.append(slot)
    return slots, good


def send_many(
    venue: str,
    commands: Sequence[Any],
    *,
    user_id: str = "",
    origin: str = "web",
    command_ids: Sequence[str] | None = None,
    wait_s: float = 1.0,
) -> list[Outcome]:
    """Append commands in order and wait for all verdicts; one outcome each, in order.

    Never raises for a single command: what the log or the codec refused has ``refused``
    and its code (4001, 9005, 5002; 1008 or 9008 out of bounds).
    """
    ids = command_ids or [new_command_id() for _ in commands]
    latch = _Latch(len(commands))
    slots, good = _slots(commands, user_id, origin, ids, latch.down)
    if good:
        gateway = _gateway(venue)
        try:
            gateway.submit(good)
        except LogRefused as error:
            for slot in good:
                slot.refuse(error.code, error.params or {})
        else:
            latch.wait(wait_s)
            gateway.forget(good)
    return [slot.outcome for slot in slots]


def send(
    venue: str,
    command: Any,
    *,
    user_id: str = "",
    origin: str = "web",
    command_id: str | None = None,
    wait_s: float = 1.0,
) -> Outcome:
    """Append one command and wait at most ``wait_s`` seconds for its verdict.

    Raises ExchangeError when the log did not take it (4001, 9005, 5002) or a field is out
    of bounds (1008, 9008). Refusals by the core are outcomes.
    """
    ids = [command_id] if command_id else None
    outcome = send_many(venue, [command], user_id=user_id, origin=origin, command_ids=ids, wait_s=wait_s)[0]
    return raise_refused(outcome)


def raise_refused(outcome: Outcome) -> Outcome:
    """The outcome; ExchangeError when the command never reached the log."""
    if outcome.refused:
        raise ExchangeError(outcome.code, outcome.params)
    return outcome


def resolve(venue: str, account_id: str, order_id: str, *, user_id: str = "", wait_s: float = 1.0) -> Outcome:
    """Ask what became of an order whose verdict did not come (D-30).

    A known order answers `OrderResolved` with its state; an unknown one is closed for good
    by `OrderRejected` 3003.
    """
    command = ResolveOrder(account_id, order_id)
    return send(venue, command, user_id=user_id, origin="resolve", wait_s=wait_s)


async def asend(
    venue: str,
    command: Any,
    *,
    user_id: str = "",
    origin: str = "socket",
    command_id: str | None = None,
    wait_s: float = 1.0,
) -> Outcome:
    """`send` for the event loop: nothing in it blocks."""
    loop = asyncio.get_running_loop()
    done = asyncio.Event()

    def notify() -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(done.set)

    slots, good = _slots([command], user_id, origin, [command_id or new_command_id()], notify)
    if good:
        gateway = _gateway(venue)
        gateway.submit_here(good[0])
        try:
            async with asyncio.timeout(wait_s):
                await done.wait()
        except TimeoutError:
            gateway.forget(good)
    return raise_refused(slots[0].outcome)
