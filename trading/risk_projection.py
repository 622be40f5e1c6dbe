"""Conditional orders, risk notices and liquidations into rows (T-70, T-81, T-82)."""

import json
from typing import TYPE_CHECKING, Any

from trading import projection_tables as tables
from trading.choices import (
    CONDITIONAL_STATUS,
    DIRECTION,
    LIQUIDATION_STATUS,
    OFFSET,
    RISK_LEVEL,
    TIME_CONDITION,
)
from trading.engine import messages as m
from trading.engine.conditions import Condition, ConditionalOrder

if TYPE_CHECKING:
    from trading.projection import Batch, Projection


def conditional(projection: "Projection", batch: "Batch", event: list[Any]) -> None:
    r = m.ConditionalRow(*event[5])
    conditions = [Condition(*row)._asdict() for row in r.conditions]
    orders = [ConditionalOrder(*row)._asdict() for row in r.orders]
    batch.rows[tables.CONDITIONAL][r.uid] = [
        projection.key(r.uid), projection.venue.number, r.uid, r.account_id, r.order_id, r.label,
        CONDITIONAL_STATUS[r.status], r.trading_day, r.insert_time_ns, r.touched_time_ns,
        bool(r.needs_all), json.dumps(conditions), json.dumps(orders), json.dumps(r.touched),
        TIME_CONDITION[r.time_condition], r.gtd_date, bool(r.cancels_closes), r.client_tag, r.code,
        event[3], event[0],
    ]  # fmt: skip


def _notice(projection: "Projection", batch: "Batch", event: list[Any], kind: str, values: list[Any]) -> None:
    seq = event[0]
    batch.rows[tables.RISK_NOTICE][seq] = [
        projection.key(seq), projection.venue.number, seq, kind, event[5], event[6], *values, event[3],
    ]  # fmt: skip


def alert(projection: "Projection", batch: "Batch", event: list[Any]) -> None:
    a = m.RiskAlert(*event[m.EVENT_HEADER :])
    values = [
        RISK_LEVEL[a.level_before], RISK_LEVEL[a.level], a.risk_ratio_ppm, a.balance, a.margin, 0, "", "",
    ]  # fmt: skip
    _notice(projection, batch, event, "alert", values)


def margin_call(projection: "Projection", batch: "Batch", event: list[Any]) -> None:
    c = m.MarginCall(*event[m.EVENT_HEADER :])
    critical = RISK_LEVEL[3]
    values = [critical, critical, c.risk_ratio_ppm, c.balance, c.margin, c.amount, c.cause, ""]
    _notice(projection, batch, event, "margin_call", values)


def held(projection: "Projection", batch: "Batch", event: list[Any]) -> None:
    h = m.LiquidationHeld(*event[m.EVENT_HEADER :])
    kind = "hold_back" if h.is_held else "release"
    values = [RISK_LEVEL[0], RISK_LEVEL[0], 0, 0, 0, 0, h.reason, h.operator_id]
    _notice(projection, batch, event, kind, values)


def liquidation(projection: "Projection", batch: "Batch", event: list[Any]) -> None:
    c = m.LiquidationChanged(*event[m.EVENT_HEADER :])
    rows = batch.rows[tables.LIQUIDATION]
    identity = rows[c.record_id][0] if c.record_id in rows else projection.key(event[0])
    rows[c.record_id] = [
        identity, projection.venue.number, c.record_id, c.account_id, c.user_id,
        LIQUIDATION_STATUS[c.status], *c[4:], event[3], event[0],
    ]  # fmt: skip


def step(projection: "Projection", batch: "Batch", event: list[Any]) -> None:
    s = m.LiquidationStepped(*event[m.EVENT_HEADER :])
    seq = event[0]
    batch.rows[tables.LIQUIDATION_STEP][seq] = [
        projection.key(seq), projection.venue.number, seq, s.record_id, s.account_id, s.order_id,
        s.symbol, DIRECTION[s.direction], OFFSET[s.offset], *s[6:], event[3],
    ]  # fmt: skip


HANDLERS: dict[str, Any] = {
    "ConditionalChanged": conditional,
    "RiskAlert": alert,
    "MarginCall": margin_call,
    "LiquidationChanged": liquidation,
    "LiquidationStepped": step,
    "LiquidationHeld": held,
}
