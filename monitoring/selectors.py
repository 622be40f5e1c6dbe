"""The figures of `/api/monitoring/…`: measured when asked (H-8)."""

import time
from pathlib import Path
from typing import Any

import psutil
from django.conf import settings
from django.db.models import Count, F, Q, Sum
from django.db.models.functions import Coalesce

from exchange_site.health import STARTED
from exchange_site.metrics.endpoint import endpoints
from exchange_site.streams import Keys, last_stream_id, log_client, stream_id
from monitoring.disk import files
from monitoring.models import Alert, AlertState, Report
from monitoring.scraping import total
from trading.archive import SUFFIX as SEGMENT
from trading.archive import folder_of
from trading.models import Instrument, Order, Trade, TradingAccount, Venue
from trading.worker import snapshot_store

CPU_S = 0.2
WORKING = ("Submitted", "PartiallyFilled")


def system(venue: str) -> dict[str, Any]:
    """This host's processor, memory and disk in percent; uptime of the answering process in seconds;
    processes of the venue that report, and their open sockets."""
    return {
        "cpu_usage": psutil.cpu_percent(CPU_S),
        "memory_usage": psutil.virtual_memory().percent,
        "disk_usage": psutil.disk_usage(str(settings.DATA_DIR)).percent,
        "uptime": round(time.monotonic() - STARTED, 1),
        "process_count": len(endpoints(venue)),
        "ws_connections": int(total(venue, "web", "exchange_sockets")),
    }


def storage(venue: str) -> dict[str, Any]:
    """The archive's segments, the streams in memory, Parquet files; bytes and numbers (H-8)."""
    keys = Keys(venue)
    with log_client() as client:
        entries = sum(int(client.xlen(key)) for key in (keys.commands, keys.events))
        size = sum(client.memory_usage(key, samples=5) or 0 for key in (keys.commands, keys.events))
        last = stream_id(last_stream_id(client, keys.events))[0]
        cursor: Any = client.hget(keys.cursors, "projector")
    segments, segment_bytes = files(folder_of(venue), f"*{SEGMENT}")
    tables, table_bytes = files(Path(settings.DATA_DIR) / "history" / venue, "*.parquet")
    return {
        "wal_size": segment_bytes,
        "wal_files": segments,
        "memtable_size": size,
        "memtable_entries": entries,
        "sstable_count": tables,
        "sstable_size": table_bytes,
        "snapshot_age": snapshot_age_s(venue),
        "events_behind": max(0, last - stream_id(cursor or b"0")[0]),
    }


def snapshot_age_s(venue: str) -> float | None:
    """Seconds since the newest snapshot on this host; None without one."""
    paths = snapshot_store(venue).paths()
    return round(max(0.0, time.time() - paths[0].stat().st_mtime), 1) if paths else None


def accounts(venue: str) -> dict[str, Any]:
    """Accounts and their money in yuan; the balance is the realised one (T-52 without what
    follows prices), the margin what positions hold."""
    realised = F("pre_balance") + F("deposit") - F("withdraw") + F("close_profit") + F("premium")
    found = TradingAccount.objects.filter(venue__code=venue).aggregate(
        total=Count("id"),
        active=Count("id", filter=Q(status="ACTIVE")),
        balance=Coalesce(Sum(realised - F("commission")), 0, output_field=_MONEY),
        margin=Coalesce(Sum("margin"), 0, output_field=_MONEY),
    )
    return {
        "total_accounts": found["total"],
        "active_accounts": found["active"],
        "total_balance": float(found["balance"]),
        "total_margin": float(found["margin"]),
    }


_MONEY = TradingAccount._meta.get_field("margin")


def orders(venue: str) -> dict[str, Any]:
    """Orders of the present trading day by where they stand."""
    row = Venue.objects.filter(code=venue).first()
    day = row.trading_day if row else 0
    rows = Order.objects.filter(venue=row, trading_day=day).order_by()
    counts = dict(rows.values_list("status").annotate(count=Count("id")))
    return {
        "total_orders": sum(counts.values()),
        "pending_orders": sum(counts.get(status, 0) for status in WORKING),
        "filled_orders": counts.get("Filled", 0),
        "cancelled_orders": counts.get("Cancelled", 0),
        "rejected_orders": counts.get("Rejected", 0),
    }


def trades(venue: str) -> dict[str, Any]:
    """Trades of the present trading day, each counted once: number, lots, yuan."""
    row = Venue.objects.filter(code=venue).first()
    day = row.trading_day if row else 0
    bought = Trade.objects.filter(venue=row, trading_day=day, direction="BUY").order_by()
    sums = bought.values_list("symbol").annotate(
        count=Count("id"), lots=Sum("volume"), value=Sum(F("price") * F("volume"), output_field=_MONEY)
    )
    multipliers = dict(Instrument.objects.filter(venue=row).values_list("symbol", "volume_multiple"))
    found = list(sums)
    return {
        "total_trades": sum(count for _symbol, count, _lots, _value in found),
        "total_volume": sum(lots for _symbol, _count, lots, _value in found),
        "total_turnover": float(sum(value * multipliers[symbol] for symbol, _count, _lots, value in found)),
    }


def alerts(venue: str) -> list[dict[str, Any]]:
    """The living alerts, newest first."""
    rows = Alert.objects.filter(venue=venue).exclude(state=AlertState.CLOSED)
    return [alert_data(row) for row in rows]


def alert_data(row: Alert) -> dict[str, Any]:
    """One alert; times in ms."""
    return {
        "id": row.pk,
        "name": row.name,
        "target": row.target,
        "severity": row.severity,
        "summary": row.summary,
        "value": row.value,
        "state": row.state,
        "since": round(row.opened_at.timestamp() * 1_000),
        "acknowledged_by": row.acknowledged_by,
    }


def everything(venue: str) -> dict[str, Any]:
    """All sections, as a report holds them."""
    found = {section.__name__: section(venue) for section in (system, storage, accounts, orders, trades)}
    return found | {"alerts": alerts(venue)}


def report(venue: str, report_id: str = "") -> Report | None:
    """The report of that id, or the newest; None without one."""
    rows = Report.objects.filter(venue=venue)
    return rows.filter(report_id=report_id).first() if report_id else rows.first()
