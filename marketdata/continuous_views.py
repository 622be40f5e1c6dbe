"""Quote views of main-contract and index series, in the form of the worker's views (M-2, M-16)."""

from typing import Any

from marketdata.bars.continuous import Product
from marketdata.bars.ticker import Ticker

View = dict[str, Any]


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
