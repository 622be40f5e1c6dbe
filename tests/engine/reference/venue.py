"""The reference's base: events, figures of accounts, rates, fills and ends of orders."""

from collections.abc import Callable
from typing import Any

from tests.engine.reference import book
from tests.engine.reference.ledger import (
    Fill,
    Remargin,
    Replayed,
    Side,
    fee,
    replay,
)
from tests.engine.reference.model import (
    Account,
    Instrument,
    Order,
    funds_row,
    position_row,
)
from trading.engine.messages import EndReason, OrderStatus, Rates
from trading.engine.settings import SETTINGS

FLAT = (Side(), Side())


class Venue:
    """Lists of everything, and the figures that are worked out from them when asked."""

    def __init__(self) -> None:
        self.day = 0
        self.previous_day = 0
        self.time_ns = 0
        self.seq = 0
        self.command_id = ""
        self.user_id = ""
        self.halted = False
        self.run: dict[str, Any] | None = None
        self.settings = {name: entry.default for name, entry in SETTINGS.items()}
        self.calendar: list[int] = []
        self.templates: dict[str, list[list[int]]] = {}
        self.phases: dict[str, int] = {}
        self.product_rows: dict[str, list[Any]] = {}
        self.instruments: dict[str, Instrument] = {}
        self.accounts: dict[str, Account] = {}
        self.orders: list[Order] = []
        """Living ones in the order of their acceptance."""
        self.rates: dict[tuple[str, str], list[int | None]] = {}
        self.flows = 0
        self.references: list[tuple[str, int]] = []
        self.priorities = 0
        self.repeats: dict[str, tuple[int, int, int]] = {}
        """command_id → (first sequence, code, time), for ten minutes (A-5)."""
        self.events: list[list[Any]] = []
        self.answers: dict[tuple[str, str, int], Replayed] = {}
        self.later: list[Callable[[], None]] = []
        """Work of a boundary or a mass command, done when that is told."""

    def emit(self, kind: str, *values: Any) -> int:
        self.seq += 1
        self.events.append([self.seq, kind, 1, self.time_ns, self.command_id, *values])
        return self.seq

    # Figures

    def replayed(self, account: Account, symbol: str) -> Replayed:
        """Work a position out from its list; the answer for a list is kept until it grows."""
        entries = account.entries.get(symbol, [])
        key = (account.account_id, symbol, len(entries))
        if key not in self.answers:
            start = account.morning.get(symbol, FLAT)
            multiple = self.instruments[symbol].multiple
            self.answers[key] = replay(start, entries, multiple)
        return self.answers[key]

    def position_row(self, account: Account, symbol: str) -> list[Any]:
        return position_row(account, symbol, self.replayed(account, symbol).sides)

    def position_margin(self, account: Account, symbol: str) -> int:
        """Margin held in one contract, the larger side where the product says so (T-53)."""
        long, short = (side.margin for side in self.replayed(account, symbol).sides)
        return max(long, short) if self.instruments[symbol].larger_side else long + short

    def margin(self, account: Account) -> int:
        return sum(self.position_margin(account, symbol) for symbol in account.entries)

    def funds(self, account: Account) -> list[Any]:
        found = [self.replayed(account, symbol) for symbol in account.entries]
        return funds_row(
            account,
            sum(item.close_profit for item in found),
            sum(item.commission for item in found),
            self.margin(account),
        )

    def realised(self, account: Account) -> int:
        """T-52 without what follows the price."""
        _, pre, deposit, withdraw, profit, commission, premium = self.funds(account)[:7]
        return int(pre + deposit - withdraw + profit - commission - premium)

    def position_profit(self, account: Account) -> int:
        profit = 0
        for symbol in account.entries:
            instrument = self.instruments[symbol]
            long, short = self.replayed(account, symbol).sides
            value = instrument.mark * instrument.multiple
            profit += value * long.lots - long.position_cost
            profit += short.position_cost - value * short.lots
        return profit

    def balance(self, account: Account) -> int:
        return self.realised(account) + self.position_profit(account)

    def available(self, account: Account) -> int:
        return (
            self.balance(account) - self.margin(account) - account.frozen_margin - account.frozen_commission
        )

    def product_margin(self, account: Account, product: str) -> int:
        """Margin of positions and orders of one product, for 1002."""
        held = sum(
            self.position_margin(account, symbol)
            for symbol in account.entries
            if self.instruments[symbol].product == product
        )
        return held + sum(
            order.frozen_margin for order in account.orders if order.instrument.product == product
        )

    def rate_row(self, account: Account, instrument: Instrument) -> Rates:
        """Each rate from the most specific level that names it (T-56)."""
        layers: list[list[int | None]] = []
        for holder in (f"account:{account.account_id}", f"group:{account.group}"):
            for target in (instrument.symbol, instrument.product):
                layers.append(self.rates.get((holder, target), []))
        layers += [instrument.own_rates or [], list(instrument.product_rates)]
        values = []
        for index in range(8):
            named = [layer[index] for layer in layers if layer and layer[index] is not None]
            values.append(named[0])
        return Rates(*values)

    def margin_rates(self, account: Account, instrument: Instrument) -> tuple[int, int]:
        rates = self.rate_row(account, instrument)
        return int(rates.margin_long_ppm or 0), int(rates.margin_short_ppm or 0)

    def open_interest(self, instrument: Instrument) -> int:
        return sum(
            self.replayed(account, instrument.symbol).sides[0].lots
            for account in self.accounts.values()
            if instrument.symbol in account.entries
        )

    # Fills and ends

    def next_number(self, instrument: Instrument) -> int:
        instrument.numbers += 1
        return self.day % 1_000_000 * 100_000_000 + instrument.numbers

    def fill(self, order: Order, price: int, lots: int) -> list[Any]:
        """Write one half of a trade into the lists; return its FillSide row."""
        account, instrument = order.account, order.instrument
        rates = self.rate_row(account, instrument)
        before = self.replayed(account, instrument.symbol)
        today, history = self.ages(order, lots)
        turnover = price * instrument.multiple
        if order.opens:
            cost = fee(turnover * lots, lots, (rates.open_ratio_ppb or 0, rates.open_per_lot or 0))
        else:
            today_rate = (rates.close_today_ratio_ppb or 0, rates.close_today_per_lot or 0)
            old_rate = (rates.close_ratio_ppb or 0, rates.close_per_lot or 0)
            cost = fee(turnover * today, today, today_rate)
            cost += fee(turnover * history, history, old_rate)
            order.frozen_today -= today
            order.frozen_history -= history
        order.fills.append((price, lots))
        order.status = int(OrderStatus.PARTIALLY_FILLED if order.left else OrderStatus.FILLED)
        account.entries[instrument.symbol].append(
            Fill(order.side, order.opens, price, today, history, cost, order.margin_ppm)
        )
        after = self.replayed(account, instrument.symbol)
        self.note_holder(account, instrument, after.sides)
        return [
            order.change(), order.direction, order.offset, cost,
            after.close_profit - before.close_profit, self.funds(account),
            self.position_row(account, instrument.symbol),
        ]  # fmt: skip

    def takes_history_first(self, order: Order) -> bool:
        """The exchange's own rule, else the venue's (T-55)."""
        own = self.settings.get(f"close_history_first_{order.instrument.row.exchange_id.lower()}", 2)
        return bool(self.settings["close_history_first"] if own == 2 else own)

    def ages(self, order: Order, lots: int) -> tuple[int, int]:
        """How many of the lots of a fill are today's and history lots (T-54, T-55)."""
        if order.opens:
            return lots, 0
        if self.takes_history_first(order):
            history = min(lots, order.frozen_history)
            return lots - history, history
        today = min(lots, order.frozen_today)
        return today, lots - today

    def note_holder(self, account: Account, instrument: Instrument, sides: tuple[Side, Side]) -> None:
        held = sides[0].lots or sides[1].lots
        if held and account.account_id not in instrument.holders:
            instrument.holders.append(account.account_id)
        if not held and account.account_id in instrument.holders:
            instrument.holders.remove(account.account_id)

    def trade(self, taker: Order, maker: Order, lots: int, price: int, direction: int) -> None:
        """One fill, one event with both sides (A-41); in an auction `taker` is the buyer."""
        instrument = taker.instrument
        taker_side = self.fill(taker, price, lots)
        maker_side = self.fill(maker, price, lots)
        trade_id = self.next_number(instrument)
        instrument.trades.append((price, lots))
        self.emit(
            "Traded", instrument.symbol, trade_id, self.day, price, lots, direction,
            taker_side, maker_side, self.open_interest(instrument),
        )  # fmt: skip
        for order in (taker, maker):
            if not order.left:
                self.forget(order)

    def forget(self, order: Order) -> None:
        order.alive = order.resting = False
        order.frozen_today = order.frozen_history = 0
        self.orders.remove(order)
        order.account.orders.remove(order)

    def end(self, order: Order, reason: int, code: int = 0) -> None:
        order.status = int(OrderStatus.CANCELLED)
        self.forget(order)
        row = None if order.opens else self.position_row(order.account, order.instrument.symbol)
        self.emit("OrderCancelled", order.change(), int(reason), code, self.funds(order.account), row)

    def end_all(self, orders: list[Order], reason: int) -> None:
        """A mass end: those that ended meanwhile are passed over."""
        for order in orders:
            if order.alive:
                self.end(order, reason)

    def end_by_condition(self, instrument: Instrument, condition: int, reason: EndReason) -> None:
        """GFA at the end of the auction, GFS at the end of the section (T-31).

        In the order in which they came to rest.
        """
        found = sorted(
            (order for order in self.orders
             if order.instrument is instrument and order.time_condition == condition),
            key=lambda order: order.uid,
        )  # fmt: skip
        self.later.append(lambda: self.end_all(found, int(reason)))

    def uncross(self, instrument: Instrument) -> None:
        """Trade what crosses at the auction's one price (T-42)."""
        self.later.append(lambda: self.trade_auction(instrument))

    def trade_auction(self, instrument: Instrument) -> None:
        found = book.auction(self.orders, instrument)
        volume = found.volume
        while volume:
            buy = book.queue(self.orders, instrument, 0)[0]
            sell = book.queue(self.orders, instrument, 1)[0]
            lots = min(buy.left, sell.left, volume)
            self.trade(buy, sell, lots, found.price, -1)
            volume -= lots

    def work(self) -> None:
        """Do what is queued, oldest first."""
        while self.later:
            self.later.pop(0)()

    def remargin(self, account: Account, instrument: Instrument) -> None:
        """Held lots under the present margin rates (T-56)."""
        rates = self.margin_rates(account, instrument)
        account.entries[instrument.symbol].append(Remargin(rates))
