"""A market for the benchmarks: a state built through commands, and entries of its log."""

import itertools
from collections.abc import Iterable
from typing import Any, NamedTuple

from trading.codec import encode_command
from trading.engine.apply import apply
from trading.engine.messages import Envelope
from trading.engine.state import State
from trading.loadgen import (
    Contract,
    OrderFlow,
    Step,
    Trader,
    account_commands,
    make_contracts,
    make_traders,
    venue_commands,
)

START_NS = 1_767_582_000_000_000_000
"""2026-01-05 11:00 in Shanghai, a Monday."""
STEP_NS = 20_000
"""Log time between two orders: 50 000 a second, so that no account meets its rate."""


class Entry(NamedTuple):
    """A command as the worker reads it from the log."""

    stream_id: str
    time_ns: int
    command_id: str
    user_id: str
    kind: str
    version: int
    payload: bytes

    def envelope(self) -> Envelope:
        return Envelope(self.stream_id, self.time_ns, self.command_id, self.user_id)


class Market:
    """A state with its traders and contracts, and a clock of its own."""

    def __init__(
        self,
        accounts: int,
        instruments: int,
        seed: int = 1,
        contracts: list[Contract] | None = None,
        keep_told: bool = False,
    ) -> None:
        self.traders: list[Trader] = make_traders(accounts)
        self.contracts = contracts or make_contracts(instruments)
        self.flow = OrderFlow(seed, self.traders, self.contracts)
        self.state = State()
        self.count = 0
        self.told: list[list[Any]] = []
        """Events of making the market, when they were to be kept."""
        made = venue_commands("bench", START_NS, self.contracts) + account_commands(self.traders)
        for command in made:
            events = self.do(command)
            if keep_told:
                self.told += events

    def do(self, command: Any, user_id: str = "") -> list[list[Any]]:
        """Apply one command at the next moment; its events."""
        return apply(self.state, self.envelope(user_id), command)[1]

    def envelope(self, user_id: str) -> Envelope:
        """The next moment's envelope."""
        self.count += 1
        time_ns = START_NS + self.count * STEP_NS
        return Envelope(f"{time_ns // 10**6}-{self.count}", time_ns, f"{self.count:032x}", user_id)

    def entries(self, steps: Iterable[Step]) -> list[Entry]:
        """Log entries of some steps of the flow, encoded as a web process would."""
        found = []
        for trader, command in steps:
            envelope = self.envelope(trader.user_id)
            kind, version, payload = encode_command(command)
            found.append(
                Entry(
                    envelope.stream_id, envelope.time_ns, envelope.command_id, trader.user_id,
                    kind, version, payload,
                )
            )  # fmt: skip
        return found

    def order_entries(self, count: int) -> list[Entry]:
        """The next entries of the flow."""
        return self.entries(itertools.islice(self.flow, count))
