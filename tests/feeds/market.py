"""A feed over simulated fronts under a clock that the test tells."""

from marketdata.feeds.engine import Engine
from marketdata.feeds.link import LinkConfig
from marketdata.feeds.pool import Pool
from marketdata.feeds.simulated import Front, Fronts, Listing, Market
from marketdata.feeds.ticks import Sanitiser, Tick
from marketdata.feeds.wires import LocalWires
from tests.feeds.fronts import connections

MONDAY_TEN = 1_795_399_200.0  # 2026-11-23 10:00:00 in Shanghai


class Feed:
    """Engine, fronts and everything that came out."""

    def __init__(
        self,
        links: int = 3,
        listings: int = 30,
        strategy: str = "least_connections",
        room: int = 300,
        start: float = MONDAY_TEN,
        configs: list[LinkConfig] | None = None,
        exchange: str = "SHFE",
    ) -> None:
        self.now = start
        rows = [Listing(f"x{n:05d}", exchange) for n in range(listings)]
        self.market = Market(rows, 1, lambda: int(self.now * 1_000))
        self.fronts = Fronts(self.market)
        self.fronts.scheduler.now = start
        self.engine = Engine(Pool(strategy), Sanitiser(), lambda: self.now, lambda: self.now * 1_000)
        self.wires = LocalWires(self.fronts, self.engine.receive)
        self.engine.open(self.wires, configs or connections(links, room))
        self.ticks: list[Tick] = []
        self.engine.sinks.append(lambda ticks, stamps: self.ticks.extend(ticks))

    def run(self, seconds: float, updates: int = 0, step_s: float = 0.05) -> None:
        """Let time pass with so many updates a step."""
        until = self.now + seconds
        while self.now < until - 1e-9:
            self.now += step_s
            self.wires.poll(self.now, updates)
            self.engine.step()

    def front(self, number: int = 0) -> Front:
        return self.fronts.front(f"tcp://127.0.0.1:{41_000 + number}")

    def states(self) -> dict[str, str]:
        return {name: str(member.link.state) for name, member in self.engine.pool.members.items()}

    def check_order(self) -> None:
        """No tick twice, none backwards, numbers without a gap."""
        last: dict[str, Tick] = {}
        for tick in self.ticks:
            before = last.get(tick.instrument_id)
            if before is not None:
                assert tick.seq == before.seq + 1
                assert (tick.timestamp, tick.volume) > (before.timestamp, before.volume)
            last[tick.instrument_id] = tick
