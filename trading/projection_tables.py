"""The projected tables: their columns, and the statements that take a batch into each (A-7).

Every table has a temporary twin that is made once per session. A batch is copied into the
twin as text with money in ints, then one statement moves it on, so that the number of
statements never follows the number of rows.
"""

from collections.abc import Iterable
from functools import cached_property
from typing import Any

from django.db.models import DecimalField
from psycopg import sql

from trading import models

COPY_TYPES = {
    "BigIntegerField": "bigint",
    "IntegerField": "bigint",
    "PositiveSmallIntegerField": "bigint",
    "ForeignKey": "bigint",
    "BigAutoField": "bigint",
    "BooleanField": "boolean",
    "JSONField": "jsonb",
    "DateTimeField": "bigint",  # nanoseconds
}


class Target:
    """One projected table and how rows reach it.

    mode "append": ON CONFLICT DO NOTHING. "upsert": DO UPDATE where the row's sequence is
    higher. "update": only existing rows. "count": adds, safe through the cursor alone.
    """

    def __init__(
        self,
        name: str,
        model: Any,
        columns: str,
        key: str,
        mode: str,
        seq: str = "seq",
        kept: str = "",
    ) -> None:
        self.name = name
        self.model = model
        self.columns = columns.split()
        self.key = key.split()
        self.mode = mode
        self.seq = seq
        self.kept = {"id", *self.key, *kept.split()}  # what an upsert never overwrites
        self.fields = {field.column: field for field in model._meta.concrete_fields}

    @property
    def twin(self) -> sql.Identifier:
        return sql.Identifier(f"projector_{self.name}")

    @property
    def table(self) -> sql.Identifier:
        return sql.Identifier(self.model._meta.db_table)

    def _copy_type(self, column: str) -> sql.SQL:
        field = self.fields[column]
        if isinstance(field, DecimalField):
            return sql.SQL("bigint")
        return sql.SQL(COPY_TYPES.get(field.get_internal_type(), "text"))

    def _value(self, column: str) -> sql.Composable:
        """The column of the twin as the table wants it."""
        name = sql.SQL("s.") + sql.Identifier(column)
        field = self.fields[column]
        if isinstance(field, DecimalField):
            return name + sql.SQL(" * 0.0001")
        if field.get_internal_type() == "DateTimeField":
            return sql.SQL("to_timestamp({}::float8 / 1e9)").format(name)
        return name

    @cached_property
    def create_twin(self) -> sql.Composed:
        """DDL of the temporary table; its rows go with the transaction."""
        columns = sql.SQL(", ").join(
            sql.Identifier(column) + sql.SQL(" ") + self._copy_type(column) for column in self.columns
        )
        return sql.SQL("CREATE TEMP TABLE {} ({}) ON COMMIT DELETE ROWS").format(self.twin, columns)

    @cached_property
    def copy(self) -> sql.Composed:
        """COPY of a batch into the twin."""
        return sql.SQL("COPY {} FROM STDIN").format(self.twin)

    @cached_property
    def move(self) -> sql.Composed:
        """The statement that takes the twin's rows into the table."""
        return self._update() if self.mode == "update" else self._insert()

    def _insert(self) -> sql.Composed:
        names = sql.SQL(", ").join(map(sql.Identifier, self.columns))
        values = sql.SQL(", ").join(map(self._value, self.columns))
        head = sql.SQL("INSERT INTO {} AS t ({}) SELECT {} FROM {} s").format(
            self.table, names, values, self.twin
        )
        if self.mode == "append":
            return head + sql.SQL(" ON CONFLICT DO NOTHING")
        keys = sql.SQL(", ").join(map(sql.Identifier, self.key))
        conflict = sql.SQL(" ON CONFLICT ({}) DO UPDATE SET ").format(keys)
        if self.mode == "count":
            return head + conflict + sql.SQL("count = t.count + excluded.count")
        sets = sql.SQL(", ").join(
            sql.SQL("{0} = excluded.{0}").format(sql.Identifier(column))
            for column in self.columns
            if column not in self.kept
        )
        newer = sql.SQL(" WHERE excluded.{0} > t.{0}").format(sql.Identifier(self.seq))
        return head + conflict + sets + newer

    def _update(self) -> sql.Composed:
        sets = sql.SQL(", ").join(
            sql.Identifier(column) + sql.SQL(" = ") + self._value(column)
            for column in self.columns
            if column not in self.key
        )
        same = sql.SQL(" AND ").join(
            sql.SQL("t.{0} = s.{0}").format(sql.Identifier(column)) for column in self.key
        )
        newer = sql.SQL("s.{0} > t.{0}").format(sql.Identifier(self.seq))
        return sql.SQL("UPDATE {} t SET {} FROM {} s WHERE {} AND {}").format(
            self.table, sets, self.twin, same, newer
        )


RATES = (
    "margin_long_ppm margin_short_ppm open_ratio_ppb open_per_lot close_ratio_ppb close_per_lot"
    " close_today_ratio_ppb close_today_per_lot"
)
FUNDS = (
    "pre_balance deposit withdraw close_profit commission premium margin frozen_margin"
    " frozen_commission frozen_premium"
)
SIDE = (
    "{0}_today {0}_his {0}_open_cost_today {0}_open_cost_his {0}_position_cost_today"
    " {0}_position_cost_his {0}_margin {0}_frozen_today {0}_frozen_his"
)
ORDER_STATE = (
    "exchange_order_id status volume_left filled_value frozen_margin frozen_commission end_reason code params"
)

VENUE = Target(
    "venue",
    models.Venue,
    "id code mode trading_day settlement_minute is_halted halt_reason is_settling engine_version seq",
    "id",
    "upsert",
)
PRODUCT = Target(
    "product",
    models.Product,
    f"id venue_id exchange_id product_id name_zh name_en larger_side_margin seq {RATES}",
    "venue_id exchange_id product_id",
    "upsert",
)
INSTRUMENT = Target(
    "instrument",
    models.Instrument,
    "id venue_id symbol exchange_id instrument_id product_id name_zh name_en instrument_class"
    " volume_multiple price_tick session_template limit_up_ppm limit_down_ppm min_limit_volume"
    " max_limit_volume min_market_volume max_market_volume position_limit list_date expire_date"
    " listing_price status pre_settlement pre_close pre_open_interest upper_limit lower_limit"
    " self_trade_mode breaker_move_ppm breaker_window_ns breaker_auction_ns seq phase phase_seq"
    f" open_interest open_interest_seq {RATES}",
    "venue_id symbol",
    "upsert",
    kept="phase phase_seq open_interest open_interest_seq",
)
OPEN_INTEREST = Target(
    "open_interest",
    models.Instrument,
    "venue_id symbol open_interest open_interest_seq",
    "venue_id symbol",
    "update",
    "open_interest_seq",
)
INSTRUMENT_PHASE = Target(
    "instrument_phase",
    models.Instrument,
    "venue_id symbol phase phase_seq",
    "venue_id symbol",
    "update",
    "phase_seq",
)
TEMPLATE_PHASE = Target(
    "template_phase",
    models.SessionTemplate,
    "venue_id name phase phase_since_ns phase_seq",
    "venue_id name",
    "update",
    "phase_seq",
)
PRODUCT_RATES = Target(
    "product_rates",
    models.Product,
    f"venue_id exchange_id product_id seq {RATES}",
    "venue_id exchange_id product_id",
    "update",
)
INSTRUMENT_RATES = Target(
    "instrument_rates",
    models.Instrument,
    f"venue_id symbol seq {RATES}",
    "venue_id symbol",
    "update",
)
RATE_ROW = Target(
    "rate_row",
    models.RateRow,
    f"id venue_id holder target reason seq {RATES}",
    "venue_id holder target",
    "upsert",
)
ACCOUNT = Target(
    "account",
    models.TradingAccount,
    "id venue_id account_id user_id account_name account_type currency group status freeze_mode"
    " can_close freeze_reason is_market_maker is_robot opened_ns max_order_amount created_at seq"
    f" {FUNDS} funds_seq",
    "venue_id account_id",
    "upsert",
    kept=f"{FUNDS} funds_seq",
)
FUNDS_TARGET = Target(
    "funds",
    models.TradingAccount,
    f"venue_id account_id {FUNDS} funds_seq",
    "venue_id account_id",
    "update",
    "funds_seq",
)
POSITION = Target(
    "position",
    models.Position,
    f"id venue_id trading_day seq account_id symbol {SIDE.format('long')} {SIDE.format('short')}",
    "account_id symbol venue_id",
    "upsert",
)
ORDER = Target(
    "order",
    models.Order,
    "id venue_id trading_day uid account_id order_id symbol direction offset volume price_type"
    " limit_price time_condition volume_condition min_volume gtd_date hedge_flag client_tag"
    f" insert_time_ns insert_time {ORDER_STATE} update_time_ns update_time seq",
    "id trading_day",
    "upsert",
)
ORDER_CHANGE = Target(
    "order_change",
    models.Order,
    f"id trading_day {ORDER_STATE} update_time_ns update_time seq",
    "id trading_day",
    "update",
)
TRADE = Target(
    "trade",
    models.Trade,
    "id venue_id trading_day seq symbol exchange_trade_id direction offset account_id order_id"
    " order_uid order_trading_day exchange_order_id counter_account_id price volume commission"
    " close_profit is_taker in_auction open_interest time_ns time",
    "id trading_day",
    "append",
)
FLOW = Target(
    "flow",
    models.CashFlow,
    "id venue_id trading_day seq flow_id account_id kind status amount balance_before"
    " balance_after reference method remark operator_id reverses time_ns time",
    "id trading_day",
    "append",
)
REFERENCE = Target(
    "reference",
    models.MoneyReference,
    "venue_id reference account_id flow_id",
    "venue_id reference",
    "append",
)
ACCOUNT_DAY = Target(
    "account_day",
    models.AccountDay,
    "id venue_id trading_day seq run_id account_id pre_balance deposit withdraw close_profit"
    " position_profit commission balance margin risk_ratio_ppm must_liquidate time_ns"
    " positions",
    "id trading_day",
    "append",
)
SETTLEMENT_DAY = Target(
    "settlement_day",
    models.SettlementDay,
    "id venue_id trading_day run_id state code params total_accounts settled_accounts"
    " next_trading_day total_commission total_profit force_closed_accounts begun_ns finished_ns"
    " seq",
    "venue_id trading_day",
    "upsert",
)
REJECTS = Target(
    "rejects",
    models.RejectCount,
    "venue_id trading_day command_type code count",
    "venue_id trading_day command_type code",
    "count",
)
NOTIFICATION = Target(
    "notification",
    models.Notification,
    "id venue_id trading_day user_id account_id kind payload time_ns",
    "id",
    "append",
)

CONDITIONAL = Target(
    "conditional",
    models.ConditionalOrder,
    "id venue_id uid account_id order_id label status trading_day insert_time_ns touched_time_ns"
    " needs_all conditions orders touched time_condition gtd_date cancels_closes client_tag code"
    " time seq",
    "venue_id uid",
    "upsert",
)
RISK_NOTICE = Target(
    "risk_notice",
    models.RiskNotice,
    "id venue_id seq kind account_id user_id level_before level risk_ratio_ppm balance margin amount"
    " remark operator_id time",
    "id",
    "append",
)
LIQUIDATION = Target(
    "liquidation",
    models.LiquidationRecord,
    "id venue_id record_id account_id user_id status cause reason operator_id trading_day started_ns"
    " risk_ratio_before_ppm risk_ratio_after_ppm pre_balance post_balance orders lots code time seq",
    "venue_id record_id",
    "upsert",
)
LIQUIDATION_STEP = Target(
    "liquidation_step",
    models.LiquidationStep,
    "id venue_id seq record_id account_id order_id symbol direction offset volume closed value"
    " risk_ratio_after_ppm code time",
    "id",
    "append",
)

TARGETS = (
    VENUE, PRODUCT, INSTRUMENT, OPEN_INTEREST, INSTRUMENT_PHASE, TEMPLATE_PHASE,
    PRODUCT_RATES, INSTRUMENT_RATES, RATE_ROW,
    ACCOUNT, FUNDS_TARGET, POSITION, ORDER, ORDER_CHANGE, TRADE, FLOW, REFERENCE, ACCOUNT_DAY,
    SETTLEMENT_DAY, REJECTS, NOTIFICATION, CONDITIONAL, RISK_NOTICE, LIQUIDATION, LIQUIDATION_STEP,
)  # fmt: skip
"""In the order in which a batch must reach them: rows before what changes on them."""


def _escape(value: Any) -> str:
    if value is None:
        return r"\N"
    text = str(value).replace("\\", r"\\").replace("\t", r"\t")
    return text.replace("\n", r"\n").replace("\r", r"\r")


def copy_text(rows: Iterable[list[Any]]) -> bytes:
    """Rows as PostgreSQL's COPY text; the usual row needs no escape and costs one join."""
    lines = []
    for row in rows:
        line = "\t".join(map(str, row))
        if "\\" in line or "None" in line or "\n" in line or "\r" in line or line.count("\t") >= len(row):
            line = "\t".join(map(_escape, row))
        lines.append(line)
    lines.append("")
    return "\n".join(lines).encode()
