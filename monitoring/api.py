"""`/api/monitoring/…` for auditors and up (H-8)."""

from collections.abc import Callable
from typing import Any

from rest_framework import serializers
from rest_framework.response import Response

from exchange_site.documented import documented
from exchange_site.exceptions import ExchangeError
from exchange_site.views import StaffView
from monitoring import selectors, services
from monitoring.models import Report
from trading.engine.codes import NOT_FOUND, SERVICE_UNAVAILABLE
from trading.lists import query
from trading.selectors import current_venue

TAG = "monitoring"
SYSTEM = {
    "cpu_usage": 12.5, "memory_usage": 41.0, "disk_usage": 58.3, "uptime": 86400.0, "process_count": 8,
    "ws_connections": 120,
}  # fmt: skip
STORAGE = {
    "wal_size": 73400320, "wal_files": 12, "memtable_size": 9437184, "memtable_entries": 20480,
    "sstable_count": 60, "sstable_size": 41943040, "snapshot_age": 14.2, "events_behind": 0,
}  # fmt: skip
ACCOUNTS = {
    "total_accounts": 120, "active_accounts": 118, "total_balance": 120000000.0, "total_margin": 8400000.0,
}  # fmt: skip
ORDERS = {
    "total_orders": 5120, "pending_orders": 210, "filled_orders": 3900, "cancelled_orders": 980,
    "rejected_orders": 30,
}  # fmt: skip
TRADES = {"total_trades": 4100, "total_volume": 9800, "total_turnover": 3521400000.0}
ALERT = {
    "id": 3, "name": "ProjectorLag", "target": "", "severity": "warning",
    "summary": "the tables are 1.8 s behind the events", "value": 1.8, "state": "open",
    "since": 1795230000000, "acknowledged_by": "",
}  # fmt: skip
REPORT = {
    "report_id": "RPT20261121090000000000", "venue": "main", "timestamp": 1795230000000, "made_by": "audrey",
    "system": SYSTEM, "storage": STORAGE, "accounts": ACCOUNTS, "orders": ORDERS, "trades": TRADES,
    "alerts": [ALERT],
}  # fmt: skip


class SystemOut(serializers.Serializer):  # type: ignore[misc]
    cpu_usage = serializers.FloatField(help_text="percent of this host's processors")
    memory_usage = serializers.FloatField(help_text="percent of this host's memory")
    disk_usage = serializers.FloatField(help_text="percent of the data folder's disk")
    uptime = serializers.FloatField(help_text="seconds, of the process that answers")
    process_count = serializers.IntegerField(help_text="processes of the venue that report")
    ws_connections = serializers.IntegerField(help_text="open sockets of all web processes")


class StorageOut(serializers.Serializer):  # type: ignore[misc]
    wal_size = serializers.IntegerField(help_text="bytes of archived log segments")
    wal_files = serializers.IntegerField()
    memtable_size = serializers.IntegerField(help_text="bytes of both streams in the log's server")
    memtable_entries = serializers.IntegerField()
    sstable_count = serializers.IntegerField(help_text="Parquet files")
    sstable_size = serializers.IntegerField()
    snapshot_age = serializers.FloatField(allow_null=True, help_text="seconds; null: none on this host")
    events_behind = serializers.IntegerField(help_text="of the tables")


class MonitoredAccountsOut(serializers.Serializer):  # type: ignore[misc]
    total_accounts = serializers.IntegerField()
    active_accounts = serializers.IntegerField()
    total_balance = serializers.FloatField(help_text="yuan, without what follows prices")
    total_margin = serializers.FloatField()


class MonitoredOrdersOut(serializers.Serializer):  # type: ignore[misc]
    total_orders = serializers.IntegerField(help_text="of the present trading day")
    pending_orders = serializers.IntegerField()
    filled_orders = serializers.IntegerField()
    cancelled_orders = serializers.IntegerField()
    rejected_orders = serializers.IntegerField()


class MonitoredTradesOut(serializers.Serializer):  # type: ignore[misc]
    total_trades = serializers.IntegerField(help_text="of the present trading day, each once")
    total_volume = serializers.IntegerField()
    total_turnover = serializers.FloatField(help_text="yuan")


class AlertOut(serializers.Serializer):  # type: ignore[misc]
    id = serializers.IntegerField()
    name = serializers.CharField()
    target = serializers.CharField()
    severity = serializers.CharField()
    summary = serializers.CharField()
    value = serializers.FloatField()
    state = serializers.CharField()
    since = serializers.IntegerField()
    acknowledged_by = serializers.CharField()


class ReportOut(serializers.Serializer):  # type: ignore[misc]
    report_id = serializers.CharField()
    venue = serializers.CharField()
    timestamp = serializers.IntegerField()
    made_by = serializers.CharField()
    system = SystemOut()
    storage = StorageOut()
    accounts = MonitoredAccountsOut()
    orders = MonitoredOrdersOut()
    trades = MonitoredTradesOut()
    alerts = AlertOut(many=True)


class MonitoringView(StaffView):
    right = "monitoring.view_alert"


def section(name: str, summary: str, shape: Any, example: Any, figures: Callable[[str], Any]) -> Any:
    """A view of one section."""

    class Section(MonitoringView):
        @documented(summary, answer=shape, example=example, errors=(SERVICE_UNAVAILABLE,), tag=TAG)
        def get(self, request: Any) -> Response:
            return Response(figures(current_venue()))

    Section.__name__ = Section.__qualname__ = name
    return Section


System = section("System", "Host and processes", SystemOut, SYSTEM, selectors.system)
Storage = section("Storage", "Log, snapshots, files", StorageOut, STORAGE, selectors.storage)
Accounts = section("Accounts", "Accounts and their money", MonitoredAccountsOut, ACCOUNTS, selectors.accounts)
Orders = section("Orders", "Orders of the day", MonitoredOrdersOut, ORDERS, selectors.orders)
Trades = section("Trades", "Trades of the day", MonitoredTradesOut, TRADES, selectors.trades)


class ReportView(MonitoringView):
    """Every section at one moment."""

    @documented("Measure everything and keep it", answer=ReportOut, example=REPORT, status=201, tag=TAG,
                errors=(SERVICE_UNAVAILABLE,))  # fmt: skip
    def post(self, request: Any) -> Response:
        made = services.make_report(venue=current_venue(), username=request.user.get_username())
        return Response(report_data(made), status=201)

    @documented(
        "A report that was made, the newest without an id",
        answer=ReportOut,
        example=REPORT,
        errors=(NOT_FOUND,),
        parameters=(query("report_id", "absent: the newest"),),
        tag=TAG,
    )
    def get(self, request: Any) -> Response:
        wanted = request.query_params.get("report_id", "")
        found = None if "\x00" in wanted else selectors.report(current_venue(), wanted)
        if found is None:
            raise ExchangeError(NOT_FOUND)
        return Response(report_data(found))


def report_data(row: Report) -> dict[str, Any]:
    """A report as it is told."""
    return {
        "report_id": row.report_id,
        "venue": row.venue,
        "timestamp": round(row.made_at.timestamp() * 1_000),
        "made_by": row.made_by,
        **row.figures,
    }
