"""Runs engine and reference side by side and compares what they say and hold (R-4)."""

import json
import random
from typing import Any

from tests.engine.reference import book
from tests.engine.reference.exchange import Exchange
from tests.engine.reference.flow import Flow
from tests.engine.reference.fold import Fold
from trading.engine.apply import apply
from trading.engine.hashing import full_hash, trading_hash, validate
from trading.engine.messages import Envelope
from trading.engine.snapshot import dump, load
from trading.engine.state import State
from trading.engine.views import quote_view

REFUSED = {"OrderRejected", "CommandRejected", "CancelRejected", "CommandRepeated"}


class Pair:
    """One engine, one reference, one seed; `log` keeps the commands for replays."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.state = State()
        self.exchange = Exchange()
        self.fold = Fold()
        self.flow = Flow(seed, self.exchange)
        self.dice = random.Random(seed + 1)
        self.log: list[tuple[Envelope, Any]] = []
        self.codes: dict[int, int] = {}
        self.kinds: dict[str, int] = {}
        self.trades = 0
        for envelope, command in self.flow.setup():
            self.step(envelope, command)

    def run(self, commands: int) -> None:
        for number in range(commands):
            self.step(*self.flow.next())
            if number % 100 == 0:
                self.compare_state()
            if self.dice.random() < 0.001:
                self.restore()
        self.compare_state()

    def step(self, envelope: Envelope, command: Any) -> None:
        self.log.append((envelope, command))
        watch = self.dice.random() < 0.01
        before = trading_hash(self.state) if watch else ""
        code, events = apply(self.state, envelope, command)
        expected_code, expected = self.exchange.apply(envelope, command)
        if (code, events) != (expected_code, expected):
            raise AssertionError(self.explain(command, code, events, expected_code, expected))
        if watch and events and {event[1] for event in events} <= REFUSED:
            assert trading_hash(self.state) == before, (self.seed, command)
        for event in events:
            self.fold.apply(event)
            self.kinds[event[1]] = self.kinds.get(event[1], 0) + 1
            if event[1] == "Traded":
                self.trades += 1
                owners = {self.exchange.accounts[side[0][1]].user_id for side in event[11:13]}
                assert len(owners) == 2, ("a self trade", event)
        self.codes[code] = self.codes.get(code, 0) + 1

    def explain(self, command: Any, code: int, events: list[Any], other_code: int, others: list[Any]) -> str:
        lines = [f"seed {self.seed}, entry {len(self.log)}: {command}", f"code {code}, {other_code}"]
        for index in range(max(len(events), len(others))):
            mine = events[index] if index < len(events) else None
            other = others[index] if index < len(others) else None
            lines += [] if mine == other else [f"engine    {mine}", f"reference {other}"]
        return "\n".join(lines)

    def compare_state(self) -> None:
        """Everything the two hold, and what a reader of the events holds."""
        assert validate(self.state) == []
        assert list(self.state.orders) == [order.uid for order in self.exchange.orders]
        for order in self.exchange.orders:
            assert self.state.orders[order.uid].row() == order.row(), self.seed
        for account_id, account in self.exchange.accounts.items():
            held = self.state.accounts[account_id]
            assert held.funds() == self.exchange.funds(account) == self.fold.funds[account_id]
            assert held.balance() == self.exchange.balance(account)
            for symbol in account.entries:
                row = self.exchange.position_row(account, symbol)
                assert held.positions[symbol].row() == row, self.seed
            rows = self.fold.positions.get(account_id, {})
            for symbol, position in held.positions.items():
                assert position.row() == rows.get(symbol, position.row())
        for symbol, instrument in self.exchange.instruments.items():
            self.compare_quote(symbol, instrument)

    def compare_quote(self, symbol: str, instrument: Any) -> None:
        view = quote_view(self.state, symbol)
        assert self.state.instruments[symbol].row() == list(instrument.row)
        assert view["mark"] == instrument.mark
        assert view["volume"] == sum(lots for _, lots in instrument.trades)
        assert view["turnover"] == instrument.multiple * sum(p * n for p, n in instrument.trades)
        assert view["open_interest"] == self.exchange.open_interest(instrument)
        for direction, name in enumerate(("bids", "asks")):
            assert view[name] == book.depth(self.exchange.orders, instrument, direction)[:20]
        if view["auction"] is not None:
            indicative = book.auction(self.exchange.orders, instrument)._asdict()
            assert view["auction"] == indicative, (self.seed, symbol)

    def restore(self) -> None:
        """A snapshot through JSON gives the same state, which then goes on (A-6)."""
        text = json.dumps(dump(self.state))
        loaded = load(json.loads(text))
        assert full_hash(loaded) == full_hash(self.state), self.seed
        self.state = loaded
