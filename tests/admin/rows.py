"""Rows of every table that the admin lists, as the projector would have written them."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from axes.models import AccessAttempt
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.contrib.contenttypes.models import ContentType
from django.db import connection, transaction
from django.utils import timezone
from knox.models import get_token_model

from accounts.models import (
    Announcement,
    Bank,
    BankAccount,
    FundPassword,
    MoneyRequest,
    VenueSetting,
)
from marketdata.models import FeedConnection
from monitoring.models import Alert, Report
from settlement.models import Contest, ContestEntry, Job, SettlementRun
from trading import models as m
from trading.partitions import ensure_partitions

DAY = 20261123
NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
NS = int(NOW.timestamp()) * 10**9
BASE = 1 << 52
KINDS = {name: n for n, name in enumerate(m.__all__, 1)}


def key(model: Any, n: int) -> int:
    """A primary key that no other row has."""
    return BASE + KINDS[model.__name__] * 2**30 + n * 16


def account_id(n: int) -> str:
    return f"ACC_{n:032x}"


def make_venue(code: str = "main") -> m.Venue:
    """The venue, its days and partitions."""
    venue, _made = m.Venue.objects.get_or_create(
        id=1, defaults={"code": code, "mode": "REAL", "trading_day": DAY}
    )
    with transaction.atomic(), connection.cursor() as cursor:
        ensure_partitions(cursor, [DAY])
    return venue


def amounts(model: Any) -> dict[str, Any]:
    """0 for each figure of a model that has no default."""
    return {
        field.name: 0
        for field in model._meta.fields
        if not field.has_default()
        and not field.null
        and field.get_internal_type() in ("IntegerField", "BigIntegerField", "DecimalField")
        and not field.primary_key
    } | {
        field.name: 0
        for field in model._meta.fields
        if type(field).__name__ == "MoneyField" and not field.null
    }


def row(model: Any, n: int, venue: m.Venue, **given: Any) -> Any:
    """One row with figures of 0 besides what is given."""
    values = {**amounts(model), "id": key(model, n), "venue": venue, **given}
    names = {field.name for field in model._meta.fields}
    for name, value in {"trading_day": DAY, "seq": n, "time": NOW, "time_ns": NS}.items():
        if name in names and name not in given:
            values[name] = value
    return model.objects.create(**values)


def instrument(n: int, venue: m.Venue, **given: Any) -> m.Instrument:
    values = {
        "symbol": f"SHFE.cu{n:04d}",
        "exchange_id": "SHFE",
        "instrument_id": f"cu{n:04d}",
        "product_id": "cu",
        "instrument_class": "FUTURE",
        "volume_multiple": 5,
        "price_tick": 10,
        "session_template": "day",
        "limit_up_ppm": 80_000,
        "limit_down_ppm": 80_000,
        "min_limit_volume": 1,
        "max_limit_volume": 500,
        "min_market_volume": 1,
        "max_market_volume": 100,
        "status": "TRADING",
        "self_trade_mode": "REFUSE",
    }
    return row(m.Instrument, n, venue, **(values | given))


def account(n: int, venue: m.Venue, **given: Any) -> m.TradingAccount:
    values = {
        "account_id": account_id(n),
        "user_id": f"{n:032x}",
        "account_type": "individual",
        "status": "ACTIVE",
        "freeze_mode": "NONE",
        "created_at": NOW,
        "pre_balance": Decimal(1_000_000),
    }
    return row(m.TradingAccount, n, venue, **(values | given))


def order(n: int, venue: m.Venue, **given: Any) -> m.Order:
    values = {
        "uid": n,
        "account_id": account_id(n),
        "order_id": f"o{n}",
        "symbol": "SHFE.cu0001",
        "direction": "BUY",
        "offset": "OPEN",
        "volume": 2,
        "volume_left": 2,
        "price_type": "LIMIT",
        "limit_price": 80_000,
        "time_condition": "GFD",
        "volume_condition": "ANY",
        "exchange_order_id": n + 1,
        "status": "Submitted",
        "insert_time": NOW,
        "update_time": NOW,
    }
    return row(m.Order, n, venue, **(values | given))


def trade(n: int, venue: m.Venue, **given: Any) -> m.Trade:
    values = {
        "symbol": "SHFE.cu0001",
        "exchange_trade_id": n,
        "direction": "BUY",
        "offset": "OPEN",
        "account_id": account_id(n),
        "order_id": f"o{n}",
        "counter_account_id": account_id(n + 1),
        "volume": 1,
        "is_taker": True,
        "in_auction": False,
    }
    return row(m.Trade, n, venue, **{**values, **given})


def books(n: int, venue: m.Venue) -> None:
    """One row in each table of the books."""
    account(n, venue)
    instrument(n, venue)
    order(n, venue)
    trade(n, venue)
    row(m.Position, n, venue, account_id=account_id(n), symbol="SHFE.cu0001", long_today=1)
    row(
        m.CashFlow, n, venue, flow_id=f"TXN{DAY}{n:08d}", account_id=account_id(n),
        kind="deposit", amount=5, balance_before=0, balance_after=5, operator_id=f"{n:032x}",
    )  # fmt: skip
    row(
        m.AccountDay, n, venue, run_id="R", account_id=account_id(n), must_liquidate=False,
    )  # fmt: skip
    payload = {"order_id": f"o{n}", "remaining_volume": 0}
    row(m.Notification, n, venue, account_id=account_id(n), kind="order_filled", payload=payload)


def risks(n: int, venue: m.Venue) -> None:
    """One row in each table of conditional orders and risk."""
    owner = {"account_id": account_id(n)}
    condition = {"kind": 0, "symbol": "SHFE.cu0001", "relation": 1, "price": 790_000_000}
    placed = {"symbol": "SHFE.cu0001", "direction": 1, "offset": 1, "volume": 1, "price_kind": 1}
    row(
        m.ConditionalOrder, n, venue, **owner, uid=n, order_id=f"stop{n}", label="STOP_LOSS",
        status="WAITING", insert_time_ns=NS, conditions=[condition], orders=[placed], touched=[0],
        time_condition="GFD",
    )  # fmt: skip
    row(m.RiskNotice, n, venue, **owner, kind="alert", level_before="Normal", level="High", margin=5)
    ratios = {"risk_ratio_before_ppm": 1_010_000, "risk_ratio_after_ppm": -1}
    record = f"LIQ{DAY}{n:06d}"
    row(m.LiquidationRecord, n, venue, **owner, **ratios, record_id=record, status="DONE", cause="risk")
    row(
        m.LiquidationStep, n, venue, **owner, record_id=record, order_id=f"{record}.1",
        symbol="SHFE.cu0001", direction="SELL", offset="CLOSE", volume=1, closed=1,
    )  # fmt: skip


def reference(n: int, venue: m.Venue) -> None:
    """One row in each table of products, calendar and rates."""
    row(m.Product, n, venue, exchange_id="SHFE", product_id=f"p{n}")
    m.RateRow.objects.create(id=key(m.RateRow, n), venue=venue, holder="", target=f"SHFE.p{n}")
    m.TradingDay.objects.create(venue=venue, day=20270101 + n % 28 + n // 28 * 100)
    m.SessionTemplate.objects.create(venue=venue, name=f"t{n}")
    m.SettlementDay.objects.create(
        id=key(m.SettlementDay, n), venue=venue, trading_day=DAY + 1 - n, state="DONE"
    )
    m.RejectCount.objects.create(venue=venue, trading_day=DAY, command_type=f"C{n}", code=1001, count=n)


def people(n: int) -> None:
    """One row in each table of users and records."""
    model = get_user_model()
    user = model.objects.create(username=f"user{n}")
    user.groups.add(Group.objects.get_or_create(name=f"team{n}")[0])
    get_token_model().objects.create(user=user)
    AccessAttempt.objects.create(
        username=user.username, ip_address="10.0.0.1", user_agent=str(n), failures_since_start=1
    )
    FeedConnection.objects.create(
        venue="main", connection_id=f"c{n}", front_addr=f"tcp://127.0.0.1:{40_000 + n}"
    )
    VenueSetting.objects.create(venue="main", name=f"setting{n}", value=1)
    Job.objects.create(venue="main", name=f"job{n}")
    SettlementRun.objects.create(venue="main", trading_day=DAY + n, run_id=f"RUN{n}")
    MoneyRequest.objects.create(
        venue="main", account_id="A", amount=1, reference=f"r{n}", command_id="0" * 32, asked_by=user.pk.hex
    )
    bank = Bank.objects.create(bank_id=f"B{n}", name="bank")
    BankAccount.objects.create(venue="main", account_id=f"A{n}", bank=bank, number="62220000")
    FundPassword.objects.create(venue="main", account_id=f"A{n}")
    Announcement.objects.create(title=f"announcement {n}")
    m.DelistingRequest.objects.create(venue="main", symbol=f"SHFE.x{n}", asked_by=user.pk.hex)
    contestant(n, user)
    now = timezone.now()
    Alert.objects.create(
        venue="main", name=f"Rule{n}", severity="warning", summary="late", value=n, opened_at=now, seen_at=now
    )
    Report.objects.create(venue="main", report_id=f"RPT{n}", made_at=now, made_by="x", figures={"n": n})
    m.AuditLog.objects.create(action="login", username=user.username)
    LogEntry.objects.create(
        user=user,
        content_type=ContentType.objects.get_for_model(model),
        object_repr=str(n),
        action_flag=CHANGE,
    )


def contestant(n: int, user: Any) -> None:
    """A contest and who takes part in it."""
    hour = timedelta(hours=1)
    contest = Contest.objects.create(
        code=f"contest-{n}", title=f"contest {n}", entry_from=NOW, entry_until=NOW + hour, starts_at=NOW,
        ends_at=NOW + hour,
    )  # fmt: skip
    ContestEntry.objects.create(
        contest=contest, user=user, nickname=f"n{n}", account_id=account_id(n), equity=1, peak=1
    )


def fill(count: int) -> m.Venue:
    """`count` rows in every table that the admin lists."""
    venue = make_venue()
    for n in range(1, count + 1):
        books(n, venue)
        risks(n, venue)
        reference(n, venue)
        people(n)
    return venue
