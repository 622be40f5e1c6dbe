"""Main-contract and index series of a product (M-16).

The main contract is the one with the largest open interest at the last settlement, of equal
ones the nearest that is not in its delivery month; it does not change inside a day. The
index weighs prices by open interest; without any it is their plain mean.
"""

import re
from typing import NamedTuple

from trading.engine.messages import InstrumentStatus
from trading.engine.units import divide_half_up

MAIN, INDEX = "KQ.m@", "KQ.i@"
_DIGITS = re.compile(r"(\d{3,4})$")
LISTED = (int(InstrumentStatus.TRADING), int(InstrumentStatus.SUSPENDED))


class Contract(NamedTuple):
    """What is known of an instrument besides its trades."""

    symbol: str
    product: str  # EXCHANGE.product
    template: str
    multiple: int
    status: int
    expire_date: int
    pre_settlement: int
    pre_close: int
    pre_open_interest: int
    price_tick: int

    @property
    def is_listed(self) -> bool:
        return self.status in LISTED


def is_continuous(symbol: str) -> bool:
    """Is it a main-contract or index symbol?"""
    return symbol.startswith((MAIN, INDEX))


def delivery_month(symbol: str, expire_date: int, today: int) -> int:
    """yyyymm of a contract's delivery: from its id, the decade of a three-digit one from the dates."""
    found = _DIGITS.search(symbol)
    if found is None:
        return expire_date // 100
    digits = found.group(1)
    year, month = int(digits[:-2]), int(digits[-2:])
    if len(digits) == 4:
        return (2000 + year) * 100 + month
    start = (expire_date or today) // 10_000
    return (start + (year - start) % 10) * 100 + month


def main_rank(symbol: str, expire_date: int, open_interest: int, today: int) -> tuple[int, bool, int, str]:
    """The least rank of a product is its main contract (M-16)."""
    delivery = delivery_month(symbol, expire_date, today)
    return -open_interest, delivery <= today // 100, delivery, symbol


class Product:
    """The contracts of one product with their weights; sums are kept as they change."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.main = ""
        self.is_settled = False  # has a main been chosen at a settlement, or anything been traded?
        self.pre_settlement = self.pre_close = self.pre_open_interest = 0
        self._weights: dict[str, tuple[int, int]] = {}  # symbol → (price, open interest)
        self._weighted = self._interest = self._prices = self._priced = 0

    @property
    def main_symbol(self) -> str:
        return MAIN + self.name

    @property
    def index_symbol(self) -> str:
        return INDEX + self.name

    @property
    def open_interest(self) -> int:
        return self._interest

    def weigh(self, symbol: str, price: int, interest: int) -> None:
        """Set a contract's price and open interest; a price of 0 takes it out."""
        before = self._weights.pop(symbol, (0, 0))
        after = (price, interest) if price else (0, 0)
        if price:
            self._weights[symbol] = after
        self._weighted += after[0] * after[1] - before[0] * before[1]
        self._interest += after[1] - before[1]
        self._prices += after[0] - before[0]
        self._priced += bool(after[0]) - bool(before[0])

    def index(self) -> int:
        """The index price now; 0 when no contract has a price."""
        if self._interest:
            return divide_half_up(self._weighted, self._interest)
        return divide_half_up(self._prices, self._priced) if self._priced else 0

    def choose(self, contracts: list[Contract], today: int) -> str:
        """The contract that is main from now on; "" without a listed one."""
        found = [contract for contract in contracts if contract.is_listed]
        if not found:
            return ""

        def rank(contract: Contract) -> tuple[int, bool, int, str]:
            interest = self._weights.get(contract.symbol, (0, 0))[1]
            return main_rank(contract.symbol, contract.expire_date, interest, today)

        return min(found, key=rank).symbol
