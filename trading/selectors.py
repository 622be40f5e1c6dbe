"""Reads of trading state: from the tables, at the prices of the quote views (T-58a, A-12)."""

import time
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

import redis
from django.conf import settings
from django.db import connection
from django.db.models import Q, QuerySet

from accounts.selectors import setting_or, user_names
from exchange_site.cachepipe import CacheAway, cache_call
from exchange_site.exceptions import ExchangeError
from exchange_site.ratelimit import Limit
from exchange_site.streams import Keys, cache_client, last_stream_id, log_client, stream_id
from trading.engine.codes import ACCOUNT_NOT_FOUND, INSTRUMENT_NOT_FOUND
from trading.engine.figures import AccountFigures, account_figures
from trading.engine.messages import PositionRow
from trading.engine.settings import SETTINGS
from trading.models import Instrument, Position, ProjectorCursor, TradingAccount, TradingDay, Venue
from trading.quotes_writer import read_quotes
from trading.representations import account_data, funds_row, position_data, position_row, units_of

READ_WAIT_S = 1.0
SEEN_S = 10
FLAT = Q(long_today=0, long_his=0, short_today=0, short_his=0)
_POLL_S = 0.004
_SYMBOLS_S = 1.0
_ORDER_LIMIT_S = 60.0
ORDER_LIMIT_FACTOR = 2
Marks = dict[str, tuple[int, int]]


def current_venue() -> str:
    """The venue that this site's REST interface speaks for."""
    return str(settings.EXCHANGE_VENUE)


_numbers: dict[str, int] = {}


def venue_number(venue: str) -> int:
    """The venue's number in the tables; 0 before the projector wrote it."""
    number = _numbers.get(venue, 0)
    if not number:
        number = Venue.objects.filter(code=venue).values_list("id", flat=True).first() or 0
        if number:
            _numbers[venue] = number
    return number


# ------------------------------------------------------------- read your writes


@lru_cache(maxsize=1)
def _log() -> Any:
    return log_client()


@lru_cache(maxsize=1)
def _cache() -> Any:
    return cache_client()


def seen_key(venue: str, user_id: str) -> str:
    """Where the last sequence a user has seen answered is kept for ten seconds (A-12)."""
    return f"seen:{venue}:{user_id}"


def projector_seq(venue: str) -> int:
    """The last event in the tables: the cursor in Redis, or the tables' own when it is not there."""
    try:
        raw: Any = _log().hget(Keys(venue).cursors, "projector")
    except redis.RedisError:
        raw = None
    if raw is not None:
        return int(raw)
    row = ProjectorCursor.objects.filter(venue=venue).values_list("seq", flat=True).first()
    return int(row or 0)


def wait_for_projector(venue: str, seq: int, wait_s: float = READ_WAIT_S) -> int:
    """Wait until the tables hold event `seq`, at most `wait_s`; how many events they lack then.

    The caller's database connection goes back while it waits.
    """
    behind = seq - projector_seq(venue)
    if behind <= 0:
        return 0
    if not connection.in_atomic_block:
        connection.close()
    until = time.monotonic() + wait_s
    while behind > 0 and time.monotonic() < until:
        time.sleep(_POLL_S)  # a thread of its own; the projector tells nobody in particular
        behind = seq - projector_seq(venue)
    return max(behind, 0)


def catch_up_with(venue: str, user_id: str) -> int:
    """Wait for what this user was last answered; how many events the tables still lack."""
    try:
        raw = cache_call("GET", seen_key(venue, user_id)).result()
    except (CacheAway, redis.ResponseError):
        return 0
    return wait_for_projector(venue, int(raw)) if raw else 0


def catch_up_with_log(venue: str) -> int:
    """Wait for everything in the log at this moment; how many events the tables still lack."""
    try:
        last = stream_id(last_stream_id(_log(), Keys(venue).events))[0]
    except redis.RedisError:
        return 0
    return wait_for_projector(venue, last)


# -------------------------------------------------------------------- instruments

_symbols: dict[str, tuple[float, dict[str, list[str]]]] = {}


def known_symbol(venue: str, text: str) -> str | None:
    """The full symbol without asking the tables; None when they must be asked."""
    if "." in text:
        return text
    found = _symbols.get(venue, (0.0, {}))[1].get(text)
    return found[0] if found and len(found) == 1 else None


def symbol_of(venue: str, text: str) -> str:
    """The full symbol of an instrument id (T-10).

    1007 for a bare id that no exchange or more than one uses; a full symbol is taken as it is.
    """
    known = known_symbol(venue, text)
    if known is not None:
        return known
    read_at, table = _symbols.get(venue, (0.0, {}))
    if text not in table and time.monotonic() - read_at > _SYMBOLS_S:
        table = _read_symbols(venue)
    found = table.get(text, [])
    if len(found) != 1:
        extra = {"candidates": found} if found else {}
        raise ExchangeError(INSTRUMENT_NOT_FOUND, {}, {"instrument_id": text[:64], **extra})
    return found[0]


def _read_symbols(venue: str) -> dict[str, list[str]]:
    rows = Instrument.objects.filter(venue=venue_number(venue)).exclude(status__in=["DELISTED", "EXPIRED"])
    table: dict[str, list[str]] = {}
    for bare, symbol in rows.values_list("instrument_id", "symbol"):
        table.setdefault(bare, []).append(symbol)
    _symbols[venue] = (time.monotonic(), table)
    return table


def marks_for(venue: str, symbols: Iterable[str]) -> Marks:
    """symbol → (mark, multiple) now: from the quote views, else the previous settlement price."""
    wanted = sorted(set(symbols))
    try:
        quotes = read_quotes(_cache(), venue, wanted)
    except redis.RedisError:
        quotes = {}
    marks = {symbol: (quote["mark"], quote["volume_multiple"]) for symbol, quote in quotes.items()}
    missing = [symbol for symbol in wanted if symbol not in marks]
    if missing:
        rows = Instrument.objects.filter(venue=venue_number(venue), symbol__in=missing)
        for row in rows:
            marks[row.symbol] = (units_of(row.pre_settlement), row.volume_multiple)
    return marks


# ----------------------------------------------------------------------- accounts


def accounts_of(venue: str) -> QuerySet[TradingAccount]:
    """Every account of a venue, newest first."""
    return TradingAccount.objects.filter(venue=venue_number(venue)).order_by("-id")


def account_for(venue: str, account_id: str, user_id: str | None) -> TradingAccount:
    """The account when it is this user's (None: anybody's); 1006 for all others alike (H-2)."""
    if not is_sound(account_id):
        raise ExchangeError(ACCOUNT_NOT_FOUND)
    rows = TradingAccount.objects.filter(venue=venue_number(venue), account_id=account_id)
    row = (rows if user_id is None else rows.filter(user_id=user_id)).first()
    if row is None:
        raise ExchangeError(ACCOUNT_NOT_FOUND)
    return row


def is_sound(text: str) -> bool:
    """Can an id from outside stand in a query at all?"""
    return len(text) <= 128 and text.isprintable() and text.isascii()


def open_positions(venue: str, account_ids: Sequence[str]) -> dict[str, list[PositionRow]]:
    """Positions that are not flat, by account."""
    rows = Position.objects.filter(venue=venue_number(venue), account_id__in=account_ids).exclude(FLAT)
    found: dict[str, list[PositionRow]] = {account_id: [] for account_id in account_ids}
    for row in rows.order_by("symbol"):
        found[row.account_id].append(position_row(row))
    return found


def figures_of(venue: str, accounts: Sequence[TradingAccount]) -> dict[str, AccountFigures]:
    """Figures of accounts at the prices of this moment, by account id (T-58a)."""
    positions = open_positions(venue, [account.account_id for account in accounts])
    marks = marks_for(venue, (row.symbol for rows in positions.values() for row in rows))
    excludes = bool(setting_or(venue, "withdraw_excludes_profit", 0))
    return {
        account.account_id: account_figures(
            funds_row(account), positions[account.account_id], marks, excludes
        )
        for account in accounts
    }


def accounts_data(venue: str, accounts: Sequence[TradingAccount]) -> list[dict[str, Any]]:
    """Accounts as the API shows them: four queries for any number."""
    figures = figures_of(venue, accounts)
    names = user_names({account.user_id for account in accounts})
    return [
        account_data(account, figures[account.account_id], names.get(account.user_id, ""))
        for account in accounts
    ]


def positions_data(venue: str, account_ids: Sequence[str]) -> list[dict[str, Any]]:
    """Open positions of accounts as the API shows them."""
    rows = [row for rows in open_positions(venue, account_ids).values() for row in rows]
    marks = marks_for(venue, (row.symbol for row in rows))
    return [position_data(row, *marks[row.symbol]) for row in rows]


# -------------------------------------------------------------------- order limits

_order_limits: dict[tuple[str, str], tuple[float, Limit]] = {}


def known_order_limit(venue: str, user_id: str) -> Limit | None:
    """The user's order limit when it was looked up in the last minute; no query."""
    cached = _order_limits.get((venue, user_id))
    return cached[1] if cached is not None and cached[0] > time.monotonic() else None


def order_limit(venue: str, user_id: str) -> Limit:
    """Twice what the core grants each account of the user; market makers more (H-5, T 7)."""
    rows = TradingAccount.objects.filter(venue=venue_number(venue), user_id=user_id)
    makers = list(rows.values_list("is_market_maker", flat=True))
    prefix = "market_maker_" if any(makers) else ""
    rate, burst = (
        setting_or(venue, f"{prefix}{name}", SETTINGS[f"{prefix}{name}"].default)
        for name in ("orders_per_second", "orders_burst")
    )
    factor = ORDER_LIMIT_FACTOR * max(len(makers), 1)
    limit = Limit(rate * factor, burst * factor)
    _order_limits[venue, user_id] = (time.monotonic() + _ORDER_LIMIT_S, limit)
    return limit


def trading_day(venue: str) -> int:
    """The venue's trading day as the tables have it; 0 for a venue they do not know."""
    return Venue.objects.filter(code=venue).values_list("trading_day", flat=True).first() or 0


def whole_calendar(row: Venue, later: Iterable[int]) -> list[int]:
    """The days that `SetCalendar` takes: those known up to the current one, then the later ones given."""
    known = TradingDay.objects.filter(venue=row, day__lt=row.trading_day).values_list("day", flat=True)
    return sorted({*known, row.trading_day, *(day for day in later if day > row.trading_day)})
