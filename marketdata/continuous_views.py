"""Quote views of main-contract and index series, in the form of the worker's views (M-2, M-16)."""

from collections.abc import Iterable
from typing import Any

from marketdata.bars.continuous import Product
from marketdata.bars.market import Market
from marketdata.bars.ticker import Ticker

LOOK_S = 1.0
"""So often every product is looked at: phases and late views come without an order or trade."""
View = dict[str, Any]


class ContinuousQuotes:
    """Which products' quotes are to be looked at, and which of them say something new."""

    def __init__(self) -> None:
        self._told: dict[str, View] = {}
        self._look_at = 0.0

    def forget(self) -> None:
        """The cache began anew: everything is to be told again."""
        self._told.clear()
        self._look_at = 0.0

    def products(self, market: Market, touched: Iterable[Ticker], now_s: float) -> list[str]:
        """Products of what was touched; once a second all that have a main contract."""
        if now_s >= self._look_at:
            self._look_at = now_s + LOOK_S
            return [name for name, product in market.products.items() if product.main]
        found: dict[str, None] = {}
        for ticker in touched:
            contract = market.contracts.get(ticker.symbol)
            found[contract.product if contract else ticker.symbol.partition("@")[2]] = None
        return [name for name in found if market.products[name].main]

    def changed(self, market: Market, names: Iterable[str], views: dict[str, View]) -> list[View]:
        """Quotes of the products that differ from those told last."""
        found: list[View] = []
        for name in names:
            product = market.products[name]
            view = views.get(product.main)
            if view is None or product.index_symbol not in market.tickers:
                continue
            index = index_view(product, market.tickers[product.index_symbol], view)
            found += [made for made in (main_view(product, view), index) if self._is_new(made)]
        return found

    def _is_new(self, view: View) -> bool:
        if self._told.get(view["symbol"]) == view:
            return False
        self._told[view["symbol"]] = view
        return True


def main_view(product: Product, view: View) -> View:
    """The main contract's view under the series' symbol; `underlying` names the contract."""
    return {**view, "symbol": product.main_symbol, "underlying": product.main}


def index_view(product: Product, ticker: Ticker, view: View) -> View:
    """The index: figures of its own, no book and no limits; clock and phase are the main contract's."""
    is_today = ticker.trading_day == view["trading_day"]
    day = ticker if is_today else None
    return {
        **view,
        "symbol": product.index_symbol,
        "underlying": "",
        "last_price": day.last if day else 0,
        "mark": ticker.mark,
        "open": day.open if day else 0,
        "high": day.high if day else 0,
        "low": day.low if day else 0,
        "average": day.average if day else 0,
        "volume": day.volume if day else 0,
        "turnover": day.amount if day else 0,
        "open_interest": ticker.open_interest,
        "upper_limit": 0,
        "lower_limit": 0,
        "pre_close": product.pre_close,
        "pre_settlement": product.pre_settlement,
        "pre_open_interest": product.pre_open_interest,
        "bids": [],
        "asks": [],
        "auction": None,
    }
