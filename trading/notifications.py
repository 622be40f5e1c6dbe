"""What an engine event tells the owner of an account: the pure mapping behind W-10 and W-11.

A notification is named by venue, event and kind, so that the same one, pushed over a socket,
listed from the table or made again by a replay, always has the same `message_id`.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from trading.choices import (
    ACCOUNT_STATUS,
    CONDITIONAL_STATUS,
    DIRECTION,
    END_REASON,
    FREEZE_MODE,
    LIQUIDATION_STATUS,
    OFFSET,
    ORDER_STATUS,
    PHASE,
    RISK_LEVEL,
)
from trading.codec import to_number
from trading.engine import messages as m
from trading.engine.codes import POSITION_LIMIT
from trading.engine.units import NS_PER_MS

PLACES = 16
"""Notifications an event can give at most; the place is part of the id."""
LEFT_OUT_PLACE = 15
RISK, FILLS, STATE, FIGURES = 0, 1, 2, 3
"""Priorities: at once, within 5 ms, within 100 ms, within 1 s."""
CHANNELS = ("trade", "account", "position", "risk", "system")
KINDS = {
    "order_accepted": ("trade", FILLS),
    "order_rejected": ("trade", RISK),
    "order_partially_filled": ("trade", FILLS),
    "order_filled": ("trade", FILLS),
    "order_canceled": ("trade", FILLS),
    "order_expired": ("trade", FILLS),
    "cancel_rejected": ("trade", RISK),
    "trade_executed": ("trade", FILLS),
    "trade_canceled": ("trade", FILLS),
    "account_open": ("account", STATE),
    "account_update": ("account", FIGURES),
    "cash_flow": ("account", STATE),
    "position_update": ("position", FIGURES),
    "position_profit": ("position", FIGURES),
    "risk_alert": ("risk", RISK),
    "margin_call": ("risk", RISK),
    "position_limit": ("risk", RISK),
    "liquidation": ("risk", RISK),
    "system_notice": ("system", STATE),
    "trading_session_start": ("system", STATE),
    "trading_session_end": ("system", STATE),
    "market_halt": ("system", RISK),
}
"""message_type → (channel, priority)."""
SOURCES = {
    "trade": "matching",
    "account": "accounts",
    "position": "accounts",
    "risk": "risk",
    "system": "venue",
}
_EXPIRED = frozenset(
    {
        m.EndReason.SECTION_END,
        m.EndReason.AUCTION_END,
        m.EndReason.DAY_END,
        m.EndReason.DATE_REACHED,
        m.EndReason.CONTRACT_EXPIRED,
        m.EndReason.NOT_CARRIED,
    }
)
Event = list[Any]


class Notification(NamedTuple):
    """One notification; ``account_id`` "" concerns everybody, ``place`` is 0 … 15 in its event."""

    kind: str
    account_id: str
    seq: int
    place: int
    time_ns: int
    payload: dict[str, Any]

    @property
    def position(self) -> int:
        """Where it stands in the venue's list of notifications."""
        return self.seq * PLACES + self.place

    @property
    def channel(self) -> str:
        return KINDS[self.kind][0]

    @property
    def priority(self) -> int:
        return KINDS[self.kind][1]

    @property
    def is_kept(self) -> bool:
        """Is it listed later? Figures are not: the account itself has the newest."""
        return KINDS[self.kind][1] < FIGURES


def message_id(venue: str, position: int) -> str:
    """The name of a notification."""
    return f"{venue}-{position}"


def position_of(venue: str, text: str) -> int | None:
    """The place that a message_id of this venue names; None for what is none."""
    head, _, number = text.rpartition("-")
    if head != venue or not (number.isascii() and number.isdigit()) or len(number) > 18:
        return None
    return int(number)


def shown(
    venue: str, user_id: str, kind: str, position: int, time_ns: int, account_id: str, payload: Any
) -> dict[str, Any]:
    """The fields of W-10; its text is added by whoever knows the reader's language."""
    channel, priority = KINDS[kind]
    return {
        "message_id": message_id(venue, position),
        "message_type": kind,
        "user_id": user_id,
        "account_id": account_id,
        "channel": channel,
        "priority": priority,
        "timestamp": time_ns // NS_PER_MS,
        "source": SOURCES[channel],
        "payload": payload,
    }


# ----------------------------------------------------------------- event by event


def _order(change: list[Any]) -> dict[str, Any]:
    c = m.OrderChange(*change)
    return {
        "order_id": c.order_id,
        "uid": c.uid,
        "exchange_order_id": str(c.exchange_order_id or ""),
        "instrument_id": c.symbol,
        "status": ORDER_STATUS[c.status],
        "remaining_volume": c.volume_left,
        "trading_day": c.trading_day,
    }


def _whole_order(values: list[Any]) -> dict[str, Any]:
    o = m.OrderRow(*values)
    return {
        "order_id": o.order_id,
        "uid": o.uid,
        "exchange_order_id": str(o.exchange_order_id or ""),
        "instrument_id": o.symbol,
        "direction": DIRECTION[o.direction],
        "offset": OFFSET[o.offset],
        "price": to_number(o.limit_price),
        "volume": o.volume,
        "remaining_volume": o.volume_left,
        "status": ORDER_STATUS[o.status],
        "trading_day": o.trading_day,
    }


def funds_payload(values: list[Any]) -> dict[str, Any]:
    """The realised figures of an account in yuan; profit of open lots follows the price."""
    row = m.FundsRow(*values)
    return {name: to_number(getattr(row, name)) for name in m.FundsRow._fields[1:]}


def position_payload(values: list[Any]) -> dict[str, Any]:
    """The lots and margin of a position, both sides."""
    p = m.PositionRow(*values)
    return {
        "instrument_id": p.symbol,
        "volume_long_today": p.long_today,
        "volume_long_his": p.long_his,
        "volume_short_today": p.short_today,
        "volume_short_his": p.short_his,
        "margin_long": to_number(p.long_margin),
        "margin_short": to_number(p.short_margin),
    }


def _figures(event: Event, account_id: str, funds: Any, position: Any, first: int = 2) -> list[Notification]:
    seq, time_ns = event[0], event[3]
    found = [Notification("account_update", account_id, seq, first, time_ns, funds_payload(funds))]
    if position is not None:
        payload = position_payload(position)
        found.append(Notification("position_update", account_id, seq, first + 1, time_ns, payload))
    return found


def _one(event: Event, kind: str, account_id: str, payload: dict[str, Any], place: int = 0) -> Notification:
    return Notification(kind, account_id, event[0], place, event[3], payload)


def _accepted(event: Event) -> list[Notification]:
    payload = _whole_order(event[5])
    if event[1] == "OrderModified":
        payload["modified"] = True
    account_id = event[5][1]
    return [_one(event, "order_accepted", account_id, payload), *_figures(event, account_id, *event[6:8])]


def _rejected(event: Event) -> list[Notification]:
    code, params, account_id = event[6], event[7], event[5][1]
    payload = {**_whole_order(event[5]), "error_code": code, "params": params}
    found = [_one(event, "order_rejected", account_id, payload)]
    if code == POSITION_LIMIT:
        found.append(_one(event, "position_limit", account_id, payload, 1))
    return found


def _ended(event: Event) -> list[Notification]:
    reason, account_id = event[6], event[5][1]
    payload = {**_order(event[5]), "reason": END_REASON.get(reason, ""), "error_code": event[7]}
    kind = "order_expired" if reason in _EXPIRED else "order_canceled"
    found = [_one(event, kind, account_id, payload), *_figures(event, account_id, *event[8:10])]
    if reason == m.EndReason.LIQUIDATION:
        found.append(_one(event, "liquidation", account_id, payload, 1))
    return found


def _cancel_rejected(event: Event) -> list[Notification]:
    payload = {
        "command": event[5],
        "order_id": event[7],
        "error_code": event[8],
        "params": event[9],
    }
    return [_one(event, "cancel_rejected", event[6], payload)]


def _traded(event: Event) -> list[Notification]:
    fill = m.Traded(*event[m.EVENT_HEADER :])
    return [
        *_side_of(event, fill, m.FillSide(*fill.taker), fill.taker_direction >= 0, 0),
        *_side_of(event, fill, m.FillSide(*fill.maker), False, 8),
    ]


def _side_of(
    event: Event, fill: m.Traded, side: m.FillSide, is_taker: bool, first: int
) -> list[Notification]:
    order = _order(side.order)
    account_id = side.order[1]
    trade = {
        "trade_id": f"{order['order_id']}|{fill.exchange_trade_id}",
        **{name: order[name] for name in ("order_id", "uid", "exchange_order_id", "instrument_id")},
        "direction": DIRECTION[side.direction],
        "offset": OFFSET[side.offset],
        "price": to_number(fill.price),
        "volume": fill.volume,
        "commission": to_number(side.commission),
        "close_profit": to_number(side.close_profit),
        "is_taker": is_taker,
        "trading_day": fill.trading_day,
    }
    is_filled = side.order[6] == m.OrderStatus.FILLED
    kind = "order_filled" if is_filled else "order_partially_filled"
    return [
        _one(event, "trade_executed", account_id, trade, first),
        _one(event, kind, account_id, order, first + 1),
        *_figures(event, account_id, side.funds, side.position, first + 2),
    ]


def _moved(event: Event) -> list[Notification]:
    flow = m.FundsMoved(*event[m.EVENT_HEADER :])
    payload = {
        "flow_id": flow.flow_id,
        "kind": flow.kind,
        "amount": to_number(flow.amount),
        "balance_after": to_number(flow.balance_after),
        "trading_day": flow.trading_day,
    }
    cash = _one(event, "cash_flow", flow.account_id, payload)
    return [cash, *_figures(event, flow.account_id, flow.funds, None)]


def _account(event: Event) -> list[Notification]:
    row = m.AccountRow(*event[5])
    payload = {
        "account_name": row.account_name,
        "status": ACCOUNT_STATUS[row.status],
        "freeze_mode": FREEZE_MODE[row.freeze_mode],
        "reason": event[6],
    }
    kind = "account_open" if row.opened_ns == event[3] else "system_notice"
    if row.freeze_mode:
        kind = "risk_alert"
    return [_one(event, kind, row.account_id, payload)]


def _held_anew(event: Event) -> list[Notification]:
    """OrderCarried and PositionRemargined: other holds and margins."""
    funds, position = (event[6], event[7]) if event[1] == "OrderCarried" else (event[5], event[6])
    return _figures(event, funds[0], funds, position)


def _settled(event: Event) -> list[Notification]:
    s = m.AccountSettled(*event[m.EVENT_HEADER :])
    payload = {
        "notice": "settled",
        "trading_day": s.trading_day,
        "balance": to_number(s.balance),
        "margin": to_number(s.margin),
        "commission": to_number(s.commission),
        "risk_ratio_ppm": s.risk_ratio_ppm,
    }
    found = [
        _one(event, "system_notice", s.account_id, payload),
        *_figures(event, s.account_id, s.funds, None),
    ]
    if s.must_liquidate:
        found.append(_one(event, "margin_call", s.account_id, payload, 1))
    return found


# ------------------------------------------------------------------- risk (T-70, T-81)


def _level_crossed(event: Event) -> list[Notification]:
    a = m.RiskAlert(*event[m.EVENT_HEADER :])
    payload = {
        "notice": "risk_level",
        "level_before": RISK_LEVEL[a.level_before],
        "level": RISK_LEVEL[a.level],
        "risk_ratio_ppm": a.risk_ratio_ppm,
        "balance": to_number(a.balance),
        "margin": to_number(a.margin),
    }
    return [_one(event, "risk_alert", a.account_id, payload)]


def _margin_called(event: Event) -> list[Notification]:
    """A call at the settlement is told by AccountSettled already."""
    call = m.MarginCall(*event[m.EVENT_HEADER :])
    if call.cause == "settlement":
        return []
    payload = {
        "notice": "margin_call",
        "amount": to_number(call.amount),
        "risk_ratio_ppm": call.risk_ratio_ppm,
        "balance": to_number(call.balance),
        "margin": to_number(call.margin),
    }
    return [_one(event, "margin_call", call.account_id, payload)]


def _liquidation(event: Event) -> list[Notification]:
    c = m.LiquidationChanged(*event[m.EVENT_HEADER :])
    payload = {
        "notice": "liquidation",
        "record_id": c.record_id,
        "status": LIQUIDATION_STATUS[c.status],
        "cause": c.cause,
        "orders": c.orders,
        "lots": c.lots,
        "error_code": c.code,
    }
    return [_one(event, "liquidation", c.account_id, payload)]


def _conditional(event: Event) -> list[Notification]:
    """Its owner's own acts are answered; what happens without them is told."""
    row = m.ConditionalRow(*event[5])
    status = CONDITIONAL_STATUS[row.status]
    if status not in ("TRIGGERED", "EXPIRED", "FAILED"):
        return []
    payload = {"notice": "conditional", "order_id": row.order_id, "status": status, "error_code": row.code}
    return [_one(event, "system_notice", row.account_id, payload)]


# ------------------------------------------------------------------- for everybody


def _phase(event: Event) -> list[Notification]:
    change = m.PhaseChanged(*event[m.EVENT_HEADER :])
    payload = {
        "template": change.template,
        "instrument_id": change.symbol,
        "phase": PHASE[change.phase],
        "trading_day": change.trading_day,
    }
    if change.symbol:
        is_open = change.phase == m.Phase.CONTINUOUS
        return [_one(event, "system_notice" if is_open else "market_halt", "", payload)]
    kinds = {m.Phase.CONTINUOUS: "trading_session_start", m.Phase.CLOSED: "trading_session_end"}
    kind = kinds.get(m.Phase(change.phase))
    return [] if kind is None else [_one(event, kind, "", payload)]


def _halted(event: Event) -> list[Notification]:
    kind = "market_halt" if event[1] == "VenueHalted" else "system_notice"
    notice = "halted" if event[1] == "VenueHalted" else "resumed"
    return [_one(event, kind, "", {"notice": notice, "reason": event[5]})]


def _day_settled(event: Event) -> list[Notification]:
    done = m.SettlementFinished(*event[m.EVENT_HEADER :])
    payload = {
        "notice": "new_day",
        "trading_day": done.trading_day,
        "next_trading_day": done.next_trading_day,
    }
    return [_one(event, "system_notice", "", payload)]


_OF: dict[str, Callable[[Event], list[Notification]]] = {
    "OrderAccepted": _accepted,
    "OrderModified": _accepted,
    "OrderRejected": _rejected,
    "OrderCancelled": _ended,
    "CancelRejected": _cancel_rejected,
    "Traded": _traded,
    "FundsMoved": _moved,
    "AccountChanged": _account,
    "OrderCarried": _held_anew,
    "PositionRemargined": _held_anew,
    "AccountSettled": _settled,
    "RiskAlert": _level_crossed,
    "MarginCall": _margin_called,
    "LiquidationChanged": _liquidation,
    "ConditionalChanged": _conditional,
    "PhaseChanged": _phase,
    "VenueHalted": _halted,
    "VenueResumed": _halted,
    "SettlementFinished": _day_settled,
}
NOTIFYING = frozenset(_OF)
"""Types of events that say something to somebody."""


def notifications_of(event: Event) -> Iterator[Notification]:
    """What an event tells, to all whom it concerns; nothing for types that tell nobody."""
    mapping = _OF.get(event[1])
    if mapping is not None:
        yield from mapping(event)
