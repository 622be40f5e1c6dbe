"""Settling changes the money of all accounts by commissions and cash flows only (R-5, T-58, T-101).

``ENGINE_SEEDS`` runs other seeds.
"""

import os
from random import Random
from typing import Any

import pytest

from tests.engine.builders import (
    BUY,
    CLOSE,
    CLOSETODAY,
    MONDAY,
    OPEN,
    SELL,
    add_account,
    add_instrument,
    at,
    drain,
    limit,
    new_venue,
    of,
    run,
    yuan,
)  # fmt: skip
from trading.engine import messages as m
from trading.engine.hashing import validate
from trading.engine.state import State

SEEDS = [int(seed) for seed in os.environ.get("ENGINE_SEEDS", "1,20260105,77001,987654321").split(",")]
DAYS, ORDERS = 6, 250
NAMES = ("A", "B", "C", "D")
SYMBOLS = {"SHFE.cu2602": "450", "DCE.m2605": "100", "CFFEX.IF2601": "800"}
EXPIRY = 20260107
FEES = (50_000, 0, 30_000, 1, 100_000, 7)


class Books:
    """A venue under random orders and transfers, and the two sums it must come down to."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.state = new_venue()
        self.cash = self.fees = self.traded = self.expired = 0
        for symbol, price in SYMBOLS.items():
            add_instrument(
                self.state, symbol, listing_price=yuan(price), product={"fees": FEES},
                expire_date=EXPIRY if "IF" in symbol else 0,
            )  # fmt: skip
        run(self.state, m.SetSettings({"risk_watch": 1, "product_share_ppm": 0}))
        for name in NAMES:
            add_account(self.state, name, name * 32, 2_000_000)
            self.cash += yuan(2_000_000)

    def tell(self, command: Any) -> None:
        """Apply a command, refused or not, and add up what it cost."""
        self.add_up(run(self.state, command, at=self.state.time_ns + 10**7)[1])

    def add_up(self, events: list[list[Any]]) -> None:
        for trade in of(events, "Traded"):
            self.fees += trade.taker[3] + trade.maker[3]
            self.traded += 1
        self.cash += sum(move.amount for move in of(events, "FundsMoved"))

    def any_order(self) -> None:
        random = self.random
        symbol = random.choice(list(SYMBOLS))
        mark = self.state.instruments[symbol].mark
        price = mark + random.randint(-6, 6) * 5_000
        offset = random.choice((OPEN, OPEN, CLOSE, CLOSETODAY))
        order = limit(
            random.choice(NAMES), random.choice((BUY, SELL)), offset, random.randint(1, 7), "1", symbol,
            time_condition=random.choice((2, 2, 4)),
        )  # fmt: skip
        self.tell(order._replace(limit_price=price))

    def any_transfer(self) -> None:
        amount, name = self.random.randint(1, 10**8), self.random.choice(NAMES)
        kind = self.random.choice((m.Deposit, m.Withdraw))
        self.tell(kind(name, amount, f"{self.state.event_seq}"))

    def day(self) -> list[Any]:
        """A day's orders and transfers, then its settlement at random prices; AccountSettled each."""
        state = self.state
        run(state, m.Tick(), at=at(state.trading_day, "09:35"))
        for _ in range(ORDERS):
            self.any_order() if self.random.random() < 0.9 else self.any_transfer()
        for _ in range(10):
            self.add_up(run(state, m.Tick(), at=state.time_ns + 10**9)[1])
        assert self.total() == self.cash - self.fees, "at the prices of the day"
        return self.settle()

    def settle(self) -> list[Any]:
        state = self.state
        run(state, m.Tick(), at=at(state.trading_day, "15:30"))
        held = [item for item in state.instruments.values() if item.holders]
        self.expired += sum(item.expire_date == state.trading_day for item in held)
        prices = [[item.symbol, max(item.mark + self.random.randint(-8, 8) * 5_000, 5_000)] for item in held]
        code, events = run(state, m.BeginSettlement(f"r{state.trading_day}", prices))
        assert code == 0, events
        events += drain(state)
        self.add_up(events)
        return of(events, "AccountSettled")

    def total(self) -> int:
        return sum(account.balance() for account in self.state.accounts.values())


@pytest.mark.parametrize("seed", SEEDS)
def test_settling_changes_no_sum_but_by_fees_and_transfers(seed: int) -> None:
    print(f"seed {seed}")
    books = Books(seed)
    for _ in range(DAYS):
        before = {name: account.pre_balance for name, account in books.state.accounts.items()}
        settled = books.day()
        assert books.total() == books.cash - books.fees
        assert sum(one.close_profit + one.position_profit for one in settled) == 0
        for one in settled:
            assert one.pre_balance == before[one.account_id]
            moved = one.deposit - one.withdraw + one.close_profit + one.position_profit - one.commission
            assert one.balance == one.pre_balance + moved
            assert one.balance == books.state.accounts[one.account_id].pre_balance
        assert validate(books.state) == []
    assert books.traded > 100 and books.expired == 1, "the run met what it is about"
    assert books.state.trading_day > MONDAY


def test_nothing_is_left_of_a_contract_after_its_expiry() -> None:
    books = Books(SEEDS[0])
    while books.state.trading_day <= EXPIRY:
        books.day()
    state: State = books.state
    assert not state.instruments["CFFEX.IF2601"].holders
    assert all("CFFEX.IF2601" not in account.positions for account in state.accounts.values())
    assert all(order.instrument.symbol != "CFFEX.IF2601" for order in state.orders.values())
