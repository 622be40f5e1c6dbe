"""What is shown of settlement runs: prices, previews, results (T-90, T-94)."""

from collections.abc import Iterator
from typing import Any

from django.db.models import Q, QuerySet

from accounts.selectors import setting_or, user_names
from exchange_site.exceptions import ExchangeError
from settlement.models import SettlementRun
from trading import selectors as trading
from trading.choices import SettlementState
from trading.codec import to_number
from trading.engine import codes
from trading.engine.figures import reaches, risk_ratio_ppm, side_figures
from trading.engine.messages import PositionRow
from trading.engine.settings import SETTINGS
from trading.models import AccountDay, Instrument, Position, SettlementDay, TradingAccount
from trading.representations import funds_row, ratio_of, units_of

PREVIEWED = 200


def held_symbols(venue: str) -> set[str]:
    """Instruments in which anybody has lots."""
    rows = Position.objects.filter(venue_id=trading.venue_number(venue)).exclude(trading.FLAT)
    return set(rows.values_list("symbol", flat=True).distinct())


def missing_prices(run: SettlementRun) -> list[str]:
    """Held instruments for which the run has no price."""
    priced = run.prices.filter(Q(computed__isnull=False) | Q(chosen__isnull=False))
    return sorted(held_symbols(run.venue) - set(priced.values_list("symbol", flat=True)))


def held_without_price(run: SettlementRun) -> None:
    """Raise 6001 naming the held instruments without a price."""
    missing = missing_prices(run)
    if missing:
        raise ExchangeError(
            codes.SETTLEMENT_PRICE_MISSING, {"symbol": missing[0]}, {"missing": missing[:100]}
        )


def price_rows(run: SettlementRun) -> list[dict[str, Any]]:
    """Every instrument that can be settled, with the day's price and where it is from."""
    held = held_symbols(run.venue)
    known = {row.symbol: row for row in run.prices.all()}
    rows = Instrument.objects.filter(
        venue_id=trading.venue_number(run.venue), status__in=["TRADING", "SUSPENDED"]
    )
    found = []
    for row in rows.order_by("symbol"):
        price = known.get(row.symbol)
        found.append({
            "symbol": row.symbol, "held": row.symbol in held, "pre_settlement": row.pre_settlement,
            "lower_limit": row.lower_limit, "upper_limit": row.upper_limit, "price_tick": row.price_tick,
            "computed": price.computed if price else None, "chosen": price.chosen if price else None,
            "price": price.price if price else None,
        })  # fmt: skip
    return found


def previews(run: SettlementRun, account_ids: list[str] | None = None) -> Iterator[dict[str, Any]]:
    """What the run would make of accounts with positions, at most PREVIEWED of them.

    The margin is what the lots hold now, in proportion to their new value.
    """
    number = trading.venue_number(run.venue)
    rows = Position.objects.filter(venue_id=number).exclude(trading.FLAT)
    ids = account_ids or list(
        rows.order_by("account_id").values_list("account_id", flat=True).distinct()[:PREVIEWED]
    )
    accounts = {
        row.account_id: row for row in TradingAccount.objects.filter(venue_id=number, account_id__in=ids)
    }
    positions = trading.open_positions(run.venue, ids)
    prices = {row.symbol: units_of(row.price) for row in run.prices.all() if row.price is not None}
    multiples = dict(Instrument.objects.filter(venue_id=number).values_list("symbol", "volume_multiple"))
    threshold = setting_or(run.venue, "liquidation_ppm", SETTINGS["liquidation_ppm"].default)
    for account_id, account in accounts.items():
        yield _preview(account, positions[account_id], prices, multiples, threshold)


def _preview(
    account: TradingAccount, rows: list[PositionRow], prices: dict[str, int], multiples: dict[str, int],
    threshold: int,
) -> dict[str, Any]:  # fmt: skip
    profit = margin = 0
    for row in rows:
        price, multiple = prices.get(row.symbol, 0), multiples[row.symbol]
        for is_long in (True, False):
            profit += side_figures(row, is_long, price, multiple).position_profit
        margin += _margin(row, price * multiple)
    balance = units_of(account.realised_balance) + profit
    return {
        "account_id": account.account_id, "user_id": account.user_id,
        "pre_balance": to_number(funds_row(account).pre_balance),
        "close_profit": to_number(funds_row(account).close_profit),
        "commission": to_number(funds_row(account).commission),
        "position_profit": to_number(profit), "balance": to_number(balance), "margin": to_number(margin),
        "risk_ratio": ratio_of(risk_ratio_ppm(margin, balance)),
        "force_close": reaches(margin, balance, threshold),
    }  # fmt: skip


def _margin(row: PositionRow, lot_value: int) -> int:
    """The margin of a position at another value of its lots."""
    total = 0
    long_cost = row.long_position_cost_today + row.long_position_cost_his
    short_cost = row.short_position_cost_today + row.short_position_cost_his
    if long_cost:
        total += row.long_margin * lot_value * (row.long_today + row.long_his) // long_cost
    if short_cost:
        total += row.short_margin * lot_value * (row.short_today + row.short_his) // short_cost
    return total


# -------------------------------------------------------------------------- results


def history(venue: str) -> QuerySet[SettlementDay]:
    """Days that were settled or tried, newest first."""
    return SettlementDay.objects.filter(venue_id=trading.venue_number(venue)).order_by("-trading_day")


def result_data(day: SettlementDay) -> dict[str, Any]:
    """T-94's result of a day."""
    return {
        "settlement_date": day.trading_day, "status": day.state, "code": day.code,
        "total_accounts": day.total_accounts, "settled_accounts": day.settled_accounts,
        "failed_accounts": day.params.get("failed_accounts", []) if day.params else [],
        "force_closed_accounts": day.force_closed_accounts,
        "total_commission": float(day.total_commission), "total_profit": float(day.total_profit),
        "next_trading_day": day.next_trading_day or None,
        "started_at": day.begun_ns // 10**6, "finished_at": day.finished_ns // 10**6,
    }  # fmt: skip


def run_data(run: SettlementRun) -> dict[str, Any]:
    """A run as the API shows it, before and while it runs."""
    return {
        "settlement_date": run.trading_day, "run_id": run.run_id, "status": run.state, "code": run.code,
        "prices": sum(row.price is not None for row in run.prices.all()),
        "missing": missing_prices(run) if run.state != SettlementState.DONE else [],
        "asked_by": run.asked_by, "started_by": run.started_by,
    }  # fmt: skip


def account_days(venue: str, trading_day: int) -> QuerySet[AccountDay]:
    """Settled accounts of a day."""
    number = trading.venue_number(venue)
    return AccountDay.objects.filter(venue_id=number, trading_day=trading_day).order_by("-id")


def account_days_data(venue: str, rows: list[AccountDay]) -> list[dict[str, Any]]:
    """T-94's figures per account."""
    ids = [row.account_id for row in rows]
    owners = dict(
        TradingAccount.objects.filter(venue_id=trading.venue_number(venue), account_id__in=ids).values_list(
            "account_id", "user_id"
        )
    )
    names = user_names(set(owners.values()))
    return [account_day_data(row, owners.get(row.account_id, ""), names) for row in rows]


def account_day_data(row: AccountDay, user_id: str, names: dict[str, str]) -> dict[str, Any]:
    """One account's settled day."""
    money = ("pre_balance", "deposit", "withdraw", "close_profit", "position_profit", "commission", "balance",
             "margin")  # fmt: skip
    return {
        "user_id": user_id, "user_name": names.get(user_id, ""), "account_id": row.account_id,
        **{name: float(getattr(row, name)) for name in money},
        "available": float(row.balance - row.margin),
        "risk_ratio": ratio_of(row.risk_ratio_ppm), "force_close": row.must_liquidate,
    }  # fmt: skip
