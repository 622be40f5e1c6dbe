"""The venue's events, read once by each web process and handed out by account (A-10, A-43)."""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable
from typing import Any, Protocol

import redis
from django.conf import settings

from exchange_site.looplink import LoopLink, fields_of
from exchange_site.metrics.meter import METER, Sample
from exchange_site.streams import Keys, async_log_client, last_stream_id, log_client, stream_id
from marketdata.fanout.parties import VENUE_WIDE, accounts_in
from marketdata.fanout.ring import Entry, EventRing, decoded
from trading.codec import decode_events

_BLOCK_MS = 5_000
_READ_COUNT = 64
_RANGE_COUNT = 200
_LONGEST_PAUSE_S = 1.0
PUSHES = METER.histogram("exchange_push_seconds")
_log = logging.getLogger(__name__)
Event = list[Any]


class AccountListener(Protocol):
    """Who follows an account. Both are called on the event loop and must not raise or wait."""

    def on_events(self, events: list[Event]) -> None:
        """Events of the account, in order, all that one read brought."""

    def on_gap(self) -> None:
        """Events were missed: whatever was built from them must be built anew."""


class EventFeed:
    """One reader of `x:{venue}:events` for the whole process.

    ``seq`` is the last event read. Events are lists ``[seq, type, version, time_ns,
    command_id, *fields]`` as `trading.engine.messages.EVENTS` names them; listeners share
    them and must not change them.
    """

    def __init__(self, venue: str) -> None:
        self.keys = Keys(venue)
        self.seq = 0
        self.ring = EventRing()
        self.connected = False
        self._accounts: dict[str, list[AccountListener]] = {}
        self._venue: list[Callable[[Event], None]] = []
        self._gaps: list[Callable[[], None]] = []
        self._trades: dict[str, dict[Callable[[Event], None], None]] = {}
        self._task: asyncio.Task[None] | None = None
        self._opened = asyncio.Event()

    def samples(self) -> list[Sample]:
        """How far behind the log this process is; nothing while the log does not answer."""
        try:
            with log_client() as client:
                last = stream_id(last_stream_id(client, self.keys.events))[0]
        except redis.RedisError:
            return []
        return [("exchange_web_events_behind", {}, max(0, last - self.seq))]

    # ------------------------------------------------------------- listening

    def follow(self, account_id: str, listener: AccountListener) -> None:
        """Hand the account's events to a listener from the next read on."""
        self._accounts.setdefault(account_id, []).append(listener)

    def leave(self, account_id: str, listener: AccountListener) -> None:
        """Stop; a listener that never followed does no harm."""
        listeners = self._accounts.get(account_id, [])
        if listener in listeners:
            listeners.remove(listener)
        if not listeners:
            self._accounts.pop(account_id, None)

    def on_venue_event(self, listener: Callable[[Event], None]) -> None:
        """Call for every event that concerns no single account, for ever."""
        self._venue.append(listener)

    def leave_venue_events(self, listener: Callable[[Event], None]) -> None:
        """Stop what `on_venue_event` began; does no harm when it never did."""
        self._venue = [told for told in self._venue if told != listener]

    def follow_trades(self, symbol: str, listener: Callable[[Event], None]) -> None:
        """Call for every `Traded` of a symbol."""
        self._trades.setdefault(symbol, {})[listener] = None

    def leave_trades(self, symbol: str, listener: Callable[[Event], None]) -> None:
        """Stop; does no harm when it never followed."""
        listeners = self._trades.get(symbol, {})
        listeners.pop(listener, None)
        if not listeners:
            self._trades.pop(symbol, None)

    def on_gap(self, listener: Callable[[], None]) -> None:
        """Call when events were missed, for ever."""
        self._gaps.append(listener)

    async def after(self, seq: int, account_id: str) -> list[Event]:
        """The account's events above `seq` up to the feed's own position at the return.

        From the ring, else from the stream (XRANGE). No event is read between the last look
        and the return, so whoever follows the account misses none and sees none twice.
        """
        older: list[Event] = []
        while self.ring.first > seq + 1 or (not self.ring.first and self.seq > seq):
            last = self.ring.first - 1 if self.ring.first else self.seq
            older += await self._range(seq, last, account_id)
            seq = last
        return older + self.ring.after(seq, account_id)

    async def _range(self, seq: int, last: int, account_id: str) -> list[Event]:
        """Events above `seq` up to `last` from the stream."""
        found: list[Event] = []
        async with async_log_client() as client:
            while seq < last:
                rows: Any = await client.xrange(self.keys.events, f"{seq + 1}-0", "+", count=_RANGE_COUNT)
                entries = [_entry(*row) for row in rows]
                if not entries:
                    break
                found += [event for event in decoded(entries, seq, account_id) if event[0] <= last]
                seq = entries[-1].last
        return found

    # --------------------------------------------------------------- reading

    async def start(self) -> None:
        """Begin to read at the stream's end; returns when the position is known."""
        if self._task is None:
            self._task = asyncio.create_task(self._read_forever(), name="event-feed")
        await self._opened.wait()

    async def stop(self) -> None:
        """End reading."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def _read_forever(self) -> None:
        link = LoopLink(settings.REDIS_URL)
        try:
            await self._read_with(link)
        finally:
            link.close()

    async def _read_with(self, link: LoopLink) -> None:
        pause_s = 0.02
        while True:
            try:
                if not self._opened.is_set():
                    self.seq = await self._last_seq()
                    self._opened.set()
                self.connected = True
                await self._read(link)
                pause_s = 0.02
            except (redis.RedisError, OSError) as error:
                self.connected = False
                _log.warning("events of %s: %s; reading again", self.keys.venue, error)
                link.close()
                await asyncio.sleep(pause_s)  # the server is away: back off, go on from the cursor
                pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)

    async def _last_seq(self) -> int:
        async with async_log_client() as client:
            if not await client.exists(self.keys.events):
                return 0
            info = await client.xinfo_stream(self.keys.events)
            return int(info["last-generated-id"].partition(b"-")[0])

    async def _read(self, link: LoopLink) -> None:
        answer = await link.call(
            "XREAD", "COUNT", _READ_COUNT, "BLOCK", _BLOCK_MS, "STREAMS", self.keys.events, f"{self.seq}-0"
        )
        for _, rows in answer or ():
            self._take([_entry(entry_id, fields_of(flat)) for entry_id, flat in rows])

    def _take(self, entries: list[Entry]) -> None:
        """Keep what was read and hand each listener its events, all of this read at once."""
        by_account: dict[str, list[Event]] = {}
        for entry in entries:
            if entry.first != self.seq + 1:
                self._lose(entry)
                by_account.clear()
            self.ring.append(entry)
            self.seq = entry.last
            self._sort(decode_events(entry.data), by_account)
        for account_id, events in by_account.items():
            for listener in tuple(self._accounts.get(account_id, ())):
                _hand_over(listener, events)
        if by_account:
            newest_ns = max(events[-1][3] for events in by_account.values())
            PUSHES.observe(max(0.0, time.time() - newest_ns / 1e9))

    def _sort(self, events: Iterable[Event], by_account: dict[str, list[Event]]) -> None:
        followed = self._accounts
        for event in events:
            if event[1] in VENUE_WIDE:
                for listener in self._venue:
                    listener(event)
                continue
            if event[1] == "Traded" and event[5] in self._trades:
                for told in tuple(self._trades[event[5]]):
                    told(event)
            for account_id in accounts_in(event):
                if account_id in followed:
                    by_account.setdefault(account_id, []).append(event)

    def _lose(self, entry: Entry) -> None:
        """The stream was cut before the cursor came there, or restored from elsewhere."""
        _log.error("events %d to %d of %s were missed", self.seq + 1, entry.first - 1, self.keys.venue)
        self.ring.clear()
        self.seq = entry.first - 1
        for listeners in tuple(self._accounts.values()):
            for listener in tuple(listeners):
                listener.on_gap()
        for told in self._gaps:
            told()


def _hand_over(listener: AccountListener, events: list[Event]) -> None:
    try:
        listener.on_events(events)
    except Exception:  # noqa: BLE001  one listener must not end the others
        _log.exception("a listener of %s failed; it is told to begin anew", accounts_in(events[0]))
        listener.on_gap()


def _entry(entry_id: bytes, fields: dict[bytes, bytes]) -> Entry:
    """An entry of the stream; its id is its last event's sequence, events are gap-free (A-6a)."""
    data = fields[b"e"]
    last = int(entry_id.partition(b"-")[0])
    return Entry(last - _count(data) + 1, last, data)


def _count(data: bytes) -> int:
    """How many events an encoded entry holds: the length of its msgpack array."""
    head = data[0]
    if head < 0xDC:
        return head & 0x0F
    return int.from_bytes(data[1:3] if head == 0xDC else data[1:5], "big")
