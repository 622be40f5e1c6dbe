"""The feed process: connections, pool, store, gateway port, bus (G-2, G-15, G-20)."""

import asyncio
import functools
import hmac
import signal
import time
from collections.abc import Awaitable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import structlog
from django.conf import settings
from redis import RedisError

from exchange_site import ipc
from exchange_site.metrics.meter import Worst
from marketdata.feeds import ctp_setup
from marketdata.feeds.configuration import FeedConfig
from marketdata.feeds.engine import Engine
from marketdata.feeds.metrics import feed_meter
from marketdata.feeds.pool import Pool
from marketdata.feeds.shm import SharedTable
from marketdata.feeds.simulated import Fronts, Listing, Market
from marketdata.feeds.spread import STRATEGIES
from marketdata.feeds.store import TickStore, WantReader
from marketdata.feeds.ticks import Days, Sanitiser, day_before, every_day_of
from marketdata.feeds.venue_quotes import VenueQuotes, matching
from marketdata.feeds.windows import Windows
from marketdata.feeds.wires import ChildWires, LocalWires
from marketdata.gateway.hub import Catalogue, Hub
from marketdata.gateway.server import GatewayServer
from marketdata.gateway.session import Authenticate

STEP_S = 0.02
PLAY_S = 0.005
STATUS_S = 1.0
WANT_S = 0.25
LISTINGS_EVERY_S = 60.0
SIMULATED, CTP = "simulated", "ctp"
log = structlog.get_logger(__name__)


@dataclass
class FeedOptions:
    """What a feed process is to do."""

    venue: str
    kind: str = SIMULATED
    config: FeedConfig = field(default_factory=FeedConfig)
    listings: list[Listing] = field(default_factory=list)
    rate: int = 200
    """Updates a second of the simulated market."""
    seed: int = 1
    symbols: str = ""
    """Patterns of full symbols subscribed always and quoted at the venue; `all` for every one."""
    host: str = "127.0.0.1"
    port: int | None = None
    """Serve the gateway's protocols here; None: do not. 0: any free port."""
    shm: str = ""
    token: str = ""
    """What clients of the gateway must send first; "": nothing."""
    use_redis: bool = True
    quotes: bool = False
    """Write quotes of the venue of what it does not list itself."""
    data_dir: Path = field(default_factory=lambda: Path(settings.DATA_DIR))


class FeedProcess:
    """Runs until `stop`; `ready` is set when everything is open."""

    def __init__(self, options: FeedOptions) -> None:
        self.options = options
        exchanges = {item.symbol: item.exchange_id for item in options.listings}
        self.windows = Windows(time.time)
        self.engine = Engine(
            Pool(options.config.load_balance_strategy, auto_failover=options.config.auto_failover),
            Sanitiser(Days(self._previous_day()), lambda name: exchanges.get(name, ""), options.kind),
        )
        self.hub = Hub(self.engine, Catalogue(item.full for item in options.listings))
        self.hub.connected = self.is_connected
        self.hub.status = self.brief
        self.store = TickStore(options.venue) if options.use_redis else None
        self.configured = matching(options.listings, options.symbols)
        self.quotes: VenueQuotes | None = None
        if self.store is not None and options.quotes:
            self.quotes = VenueQuotes(options.venue, self.configured, self.store)
        self.late = Worst()
        self.meter = feed_meter(self.engine.status, self._lag, options.venue)
        push = self.meter.histogram("exchange_feed_push_seconds")
        self.hub.on_sent = lambda ns: push.observe(ns / 1e9)
        self.server = GatewayServer(self.hub, self.health, self.meter, _check_of(options.token))
        self.shm: SharedTable | None = None
        self.port = 0
        self.ready = asyncio.Event()
        self.stopping = asyncio.Event()
        self._wires: LocalWires | ChildWires | None = None
        self._bus: ipc.Bus | None = None
        self._listings_due = 0.0
        self._brought = 0

    def _previous_day(self) -> Any:
        """A simulated market trades every day; a real one by the calendar."""
        return day_before if self.options.kind == SIMULATED else self.windows.previous_day

    def is_connected(self) -> bool:
        return any(member.link.is_up for member in self.engine.pool.members.values())

    # ------------------------------------------------------------------ running

    async def run(self) -> None:
        """Open everything, work until stopped, close everything. CtpUnavailable says what is missing."""
        tasks: list[asyncio.Task[None]] = []
        try:
            self._open()
            tasks = [asyncio.create_task(work) for work in self._work()]
            if self.options.port is not None:
                self.port = await self.server.start(self.options.host, self.options.port)
                log.info("gateway_listens", host=self.options.host, port=self.port)
            if self.store is not None:
                self._bus = await asyncio.to_thread(self._join_bus, asyncio.get_running_loop())
            self.ready.set()
            await self._until_stopped(tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._close()

    async def _until_stopped(self, tasks: "list[asyncio.Task[None]]") -> None:
        """Wait for the end; a task that failed ends the process with its trace."""
        stopped = asyncio.create_task(self.stopping.wait())
        done, _ = await asyncio.wait([stopped, *tasks], return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        for task in done:
            task.result()

    def _open(self) -> None:
        options, engine = self.options, self.engine
        if options.shm:
            self.shm = SharedTable.create(options.shm, [item.full for item in options.listings])
            self.shm.describe(options.listings)
            engine.sinks.append(self.shm.take)
        engine.sinks.append(self.hub.publish)
        if self.store is not None:
            engine.sinks.append(self.store.take)
        if self.quotes is not None:
            engine.sinks.append(self.quotes.take)
        configs = options.config.connections
        if options.kind == CTP:
            ctp_setup.check(options.data_dir)
            engine.is_open, engine.is_fresh = self.windows.is_open, self.windows.is_fresh
            self._wires = ChildWires(options.data_dir, engine.receive)
        else:
            market = Market(options.listings, options.seed, day_of=every_day_of)
            self._wires = LocalWires(Fronts(market), engine.receive)
            self._wires.fronts.scheduler.now = engine.clock()
        engine.open(self._wires, configs)
        engine.want("configured", [item.symbol for item in self.configured])

    def _work(self) -> list[Any]:
        work: list[Awaitable[None]] = [self._step(), self._tell()]
        if self.options.kind == SIMULATED:
            work.append(self._play())
        if self.store is not None:
            work += [self.store.run(), self._read_wants()]
        if self.quotes is not None:
            work.append(self.quotes.run())
        return work

    async def _step(self) -> None:
        while True:
            self.engine.step()
            due = time.monotonic() + STEP_S
            await asyncio.sleep(STEP_S)
            self.late.note(time.monotonic() - due)

    async def _play(self) -> None:
        """Let the simulated market move at its rate; a late turn catches up."""
        assert isinstance(self._wires, LocalWires)
        clock, rate = self.engine.clock, self.options.rate
        at, owed = clock(), 0.0
        while True:
            await asyncio.sleep(PLAY_S)
            now = clock()
            owed = min(owed + (now - at) * rate, rate)
            at = now
            self._wires.poll(now, int(owed))
            owed -= int(owed)

    async def _tell(self) -> None:
        """Once a second: the state for others, and who has to wait."""
        while True:
            await asyncio.sleep(STATUS_S)
            self.hub.set_waiting(self.engine.pool.waiting)
            if self.store is not None:
                self.store.tell_status(self.report())
                self._tell_listings(self.store)

    def _tell_listings(self, store: TickStore) -> None:
        """Once a connection to the cache, and now and then for a cache that forgot."""
        now = time.monotonic()
        brought = [] if self.quotes is None else self.quotes.brought()
        if store.connected and (now >= self._listings_due or len(brought) != self._brought):
            store.tell_listings(self.options.listings, brought)
            self._brought = len(brought)
            self._listings_due = now + LISTINGS_EVERY_S

    async def _read_wants(self) -> None:
        """What other processes of the venue want of this feed."""
        reader = WantReader(self.options.venue)
        while True:
            try:
                wants = await asyncio.to_thread(reader.read)
            except RedisError as error:
                log.warning("feed_wants_away", reason=str(error))
                await asyncio.sleep(1.0)
                continue
            if wants is not None:
                self._take_wants({f"process:{party}": symbols for party, symbols in wants.items()})
            await asyncio.sleep(WANT_S)

    def _take_wants(self, wants: dict[str, list[str]]) -> None:
        wanted = self.engine.pool.wanted
        for party in wanted.parties():
            if party.startswith("process:") and party not in wants:
                self.engine.leave(party)
        for party, symbols in wants.items():
            self.engine.replace(party, symbols)

    async def _close(self) -> None:
        if self._bus is not None:
            await asyncio.to_thread(self._bus.stop)
        await self.server.stop()
        if isinstance(self._wires, ChildWires):
            await self._wires.aclose()
        elif self._wires is not None:
            self._wires.close()
        if self.store is not None:
            self.store.close()
        if self.shm is not None:
            self.shm.remove()

    def stop(self) -> None:
        """End in order."""
        self.stopping.set()

    # ---------------------------------------------------------------------- bus

    def _join_bus(self, loop: asyncio.AbstractEventLoop) -> ipc.Bus:
        """On the bus; handlers run on this process's loop."""

        def on_loop(call: Any) -> Any:
            async def handler(payload: dict[str, Any]) -> Any:
                async def work() -> Any:
                    return call(payload)

                return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work(), loop))

            return handler

        handlers = {
            "reconnect_feed": self._reconnect,
            "enable_feed": functools.partial(self._order, "enable"),
            "disable_feed": functools.partial(self._order, "disable"),
            "use_strategy": self._use_strategy,
        }
        wrapped = {name: on_loop(call) for name, call in handlers.items()}
        return ipc.serve("feed", self.options.venue, wrapped, lag=self._lag)

    def _lag(self) -> float:
        """Seconds the loop was late for a step, the longest of the last few."""
        return self.late.value()

    def _order(self, verb: str, payload: dict[str, Any]) -> dict[str, Any]:
        name = str(payload.get("connection_id", ""))
        if not self.engine.order(verb, name):
            raise ValueError(f"unknown connection {name!r}")
        return {"connection_id": name}

    def _reconnect(self, payload: dict[str, Any]) -> dict[str, Any]:
        """One connection, or all without a name."""
        if payload.get("connection_id"):
            return self._order("reconnect", payload)
        for name in list(self.engine.pool.members):
            self.engine.order("reconnect", name)
        return {"connections": len(self.engine.pool.members)}

    def _use_strategy(self, payload: dict[str, Any]) -> dict[str, Any]:
        name = payload.get("strategy")
        if name not in STRATEGIES:
            raise ValueError(f"strategy must be one of {', '.join(STRATEGIES)}")
        self.engine.pool.use(name)
        return {"strategy": name}

    # ------------------------------------------------------------------- status

    def report(self) -> dict[str, Any]:
        """Everything `--status` and the admin show."""
        return {
            "kind": self.options.kind,
            "time_ms": time.time_ns() // 1_000_000,
            "is_open": self.engine.is_open(),
            "quoted": self._brought,
            "sessions": len(self.hub.sessions),
            "messages": self.hub.messages,
            "waiting_symbols": list(self.engine.pool.waiting)[:100],
            **self.engine.status(),
        }

    def brief(self) -> dict[str, Any]:
        """The sums alone, for clients."""
        status = self.engine.status()
        return {"connections": len(status.pop("connections")), **status}

    def health(self) -> dict[str, Any]:
        """The gateway's `/health` (G-23)."""
        status = self.engine.status()
        is_up = self.is_connected() or not self.engine.is_open()
        store = self.store
        return {
            "status": "ok" if is_up else "failed",
            "timestamp": time.time_ns() // 1_000_000,
            "connections": [
                {
                    "id": row["connection_id"], "status": row["state"], "quality": row["quality"],
                    "subscriptions": row["symbols"],
                }
                for row in status["connections"]
            ],
            "websocket": {"active_sessions": len(self.hub.sessions), "total_messages": self.hub.messages},
            "redis": {
                "connected": store is not None and store.connected,
                "latency": 0.0 if store is None else round(store.latency_ms, 3),
            },
        }  # fmt: skip


def _check_of(expected: str) -> Authenticate | None:
    """Compares a client's token with the gateway's own; None when it asks for none."""
    if not expected:
        return None

    async def is_right(token: str) -> bool:
        return hmac.compare_digest(token.encode(), expected.encode())

    return is_right


async def run_until_told(process: FeedProcess) -> None:
    """Run until SIGTERM or Ctrl-C."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, process.stop)
    await process.run()
