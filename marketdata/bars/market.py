"""The events of a venue folded into its symbols' ticks and bars: pure and resumable (A-3).

The same events give the same ids and figures whatever was restarted between them: `dump`
and `load` are taken with the sequence of the last event.
"""

from collections.abc import Callable, Iterable
from typing import Any

from marketdata.bars.clock import Clocks, DayClock
from marketdata.bars.continuous import Contract, Product
from marketdata.bars.ticker import Ticker
from trading.engine.messages import InstrumentRow

Event = list[Any]
Handler = Callable[["Market", Event], None]


class Market:
    """Every symbol of one venue, contracts and continuous series alike."""

    def __init__(self, seq: int = 0) -> None:
        self.seq = seq
        self.time_ns = 0
        self.number = 0  # the venue's number in keys of tables
        self.trading_day = 0
        self.clocks = Clocks()
        self.contracts: dict[str, Contract] = {}
        self.products: dict[str, Product] = {}
        self.tickers: dict[str, Ticker] = {}
        self.touched: dict[str, Ticker] = {}  # since the caller last cleared it
        self.open: dict[str, Ticker] = {}  # the clock may have something to finish in these
        self.is_changed = False  # has what `dump` gives changed since the caller cleared it?

    def add(self, events: Iterable[Event]) -> None:
        """Take events in order; those at or below `seq` are passed over."""
        handlers = HANDLERS
        for event in events:
            if event[0] <= self.seq:
                continue
            self.seq, self.time_ns = event[0], event[3]
            handler = handlers.get(event[1])
            if handler is not None:
                handler(self, event)

    def poll(self, now_ns: int) -> None:
        """Finish what is over by the clock; only when every event logged before now was taken."""
        for symbol, ticker in list(self.open.items()):
            ticker.poll(now_ns)
            if ticker.done or ticker.bars.done:
                self.touched[symbol] = ticker
            if ticker.is_quiet:
                del self.open[symbol]

    def clock_of(self, symbol: str) -> DayClock:
        """The clock of a symbol's trading day now."""
        return self.clocks.clock(self._template(symbol), self.trading_day)

    def _template(self, symbol: str) -> str:
        contract = self.contracts.get(symbol)
        if contract is None:
            product = symbol.partition("@")[2]
            of_product = (c.template for c in self.contracts.values() if c.product == product)
            return next(of_product, "")
        return contract.template

    # ------------------------------------------------------------- orders, trades

    def _touch(self, symbol: str, seq: int, time_ns: int) -> None:
        contract = self.contracts.get(symbol)
        if contract is None or symbol not in self.tickers:
            return
        clock = self.clocks.clock(contract.template, self.trading_day)
        self._touched(symbol).touch(seq, time_ns, clock)

    def _touched(self, symbol: str) -> Ticker:
        ticker = self.tickers[symbol]
        self.touched[symbol] = self.open[symbol] = ticker
        return ticker

    def _on_order(self, event: Event) -> None:
        self._touch(event[5][3], event[0], event[3])

    def _on_trade(self, event: Event) -> None:
        seq, time_ns, symbol, day, price, lots, interest = (
            event[0],
            event[3],
            *event[5:6],
            *event[7:10],
            event[13],
        )
        contract = self.contracts[symbol]
        amount = price * lots * contract.multiple
        clock = self.clocks.clock(contract.template, day)
        self._touched(symbol).trade(seq, time_ns, clock, price, lots, amount, interest)
        product = self.products[contract.product]
        product.weigh(symbol, price, interest)
        if not product.is_settled:
            product.is_settled = self.is_changed = True
        if product.main == symbol:
            main = self._touched(product.main_symbol)
            main.trade(seq, time_ns, clock, price, lots, amount, interest)
        index = self._touched(product.index_symbol)
        index.trade(seq, time_ns, clock, product.index(), lots, amount, product.open_interest)

    # ---------------------------------------------------------- venue, instruments

    def _on_venue(self, event: Event) -> None:
        _, self.number, mode, self.trading_day, minute = event[5:10]
        self.clocks.set(mode=mode, settlement_minute=minute)
        self.is_changed = True

    def _on_calendar(self, event: Event) -> None:
        self.clocks.set(trading_days=event[5])
        self._reclock()

    def _on_sessions(self, event: Event) -> None:
        self.clocks.set(templates=dict(event[5]))
        self._reclock()

    def _reclock(self) -> None:
        self.is_changed = True
        for symbol, ticker in self.tickers.items():
            ticker.reclock(self.clock_of(symbol))

    def _on_instrument(self, event: Event) -> None:
        """Created, listed, settled, changed, expired: list it once, weigh it anew."""
        row = InstrumentRow(*event[5])
        symbol = f"{row.exchange_id}.{row.instrument_id}"
        name = f"{row.exchange_id}.{row.product_id}"
        contract = Contract(
            symbol, name, row.session_template, row.volume_multiple, row.status, row.expire_date,
            row.pre_settlement, row.pre_close, row.pre_open_interest, row.price_tick,
        )  # fmt: skip
        self.contracts[symbol] = contract
        self.is_changed = True
        product = self.products.setdefault(name, Product(name))
        if contract.is_listed and symbol not in self.tickers:
            self._list(symbol, contract, contract.pre_settlement, event)
        if symbol not in self.tickers:
            return
        ticker = self.tickers[symbol]
        if event[6] in ("settled", "expired"):
            ticker.settle(row.pre_settlement, row.pre_open_interest)
            self.touched[symbol] = ticker
        self._weigh(product, contract)
        self._follow(product, contract, event)

    def _list(self, symbol: str, contract: Contract, price: int, event: Event) -> None:
        ticker = self.tickers[symbol] = Ticker(symbol, contract.multiple)
        clock = self.clocks.clock(contract.template, self.trading_day)
        ticker.list_at(event[0], event[3], price, clock)
        self.touched[symbol] = ticker

    def _weigh(self, product: Product, contract: Contract) -> None:
        """A contract's part in the index, as long as it is listed."""
        ticker = self.tickers[contract.symbol]
        product.weigh(contract.symbol, ticker.mark if contract.is_listed else 0, ticker.open_interest)

    def _follow(self, product: Product, contract: Contract, event: Event) -> None:
        """List a product's series with its first contract; until it trades its main may change."""
        if not product.is_settled:
            product.main = product.choose(self._contracts_of(product), self.trading_day)
        if not product.main:
            return
        if product.index_symbol not in self.tickers:
            product.pre_settlement = product.pre_close = product.index()
            self._list(product.main_symbol, contract, contract.pre_settlement, event)
            self._list(product.index_symbol, contract, product.index(), event)
        elif not product.is_settled:
            product.pre_settlement = product.pre_close = product.index()

    def _contracts_of(self, product: Product) -> list[Contract]:
        return [contract for contract in self.contracts.values() if contract.product == product.name]

    def _on_settled(self, event: Event) -> None:
        """The day is over: finish it, choose the mains of the next."""
        next_day = event[7]
        for ticker in self.tickers.values():
            ticker.end_day()
            if ticker.done or ticker.bars.done:
                self.touched[ticker.symbol] = ticker
        self.open.clear()
        self.trading_day = next_day
        self.is_changed = True
        by_product: dict[str, list[Contract]] = {}
        for contract in self.contracts.values():
            by_product.setdefault(contract.product, []).append(contract)
        for product in self.products.values():
            self._roll(product, by_product.get(product.name, []))

    def _roll(self, product: Product, contracts: list[Contract]) -> None:
        index = self.tickers.get(product.index_symbol)
        if index is None:
            return
        product.main = product.choose(contracts, self.trading_day) or product.main
        product.is_settled = True
        product.pre_close = index.last or product.pre_close
        product.pre_settlement = product.index() or product.pre_settlement
        product.pre_open_interest = product.open_interest
        index.settle(product.pre_settlement, product.open_interest)
        main, contract = self.tickers[product.main_symbol], self.tickers[product.main]
        main.settle(contract.mark, contract.open_interest)
        self.touched |= {main.symbol: main, index.symbol: index}

    # -------------------------------------------------------------------- storage

    def dump(self) -> list[Any]:
        """The venue's tables as plain values; tickers are dumped one by one."""
        products = [
            [p.name, p.main, p.is_settled, p.pre_settlement, p.pre_close, p.pre_open_interest]
            for p in self.products.values()
        ]
        contracts = [list(contract) for contract in self.contracts.values()]
        return [self.number, self.trading_day, self.clocks.dump(), contracts, products]

    def load(self, seq: int, values: list[Any], tickers: dict[str, list[Any]]) -> None:
        """Take what `dump` gave when event `seq` had been taken, and the tickers' dumps."""
        self.seq = seq
        self.number, self.trading_day, clocks, contracts, products = values
        self.clocks.load(clocks)
        self.contracts = {row[0]: Contract(*row) for row in contracts}
        for symbol, dumped in tickers.items():
            ticker = self.tickers[symbol] = Ticker(symbol, 1)
            ticker.load(dumped, None)
            if ticker.trading_day:
                ticker.bars.load(dumped[-1], self.clocks.clock(self._template(symbol), ticker.trading_day))
            if not ticker.is_quiet:
                self.open[symbol] = ticker
        for name, main, settled, *figures in products:
            product = self.products[name] = Product(name)
            product.main, product.is_settled = main, settled
            product.pre_settlement, product.pre_close, product.pre_open_interest = figures
        for contract in self.contracts.values():
            if contract.symbol in self.tickers:
                self._weigh(self.products[contract.product], contract)


HANDLERS: dict[str, Handler] = {
    "VenueCreated": Market._on_venue,
    "CalendarSet": Market._on_calendar,
    "SessionsSet": Market._on_sessions,
    "InstrumentChanged": Market._on_instrument,
    "OrderAccepted": Market._on_order,
    "OrderModified": Market._on_order,
    "OrderCancelled": Market._on_order,
    "Traded": Market._on_trade,
    "SettlementFinished": Market._on_settled,
}
