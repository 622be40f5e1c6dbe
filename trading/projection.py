"""Events into rows: the pure half of the projector, by type of event (A-7, A-41).

Events carry absolute values, so a batch keeps the last one per key. Nothing here talks to
a database; `Batch.statements` are bytes ready to copy.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from trading import projection_tables as tables
from trading import risk_projection
from trading.choices import (
    ACCOUNT_STATUS,
    CLOCK_MODE,
    DIRECTION,
    END_REASON,
    FREEZE_MODE,
    INSTRUMENT_STATUS,
    OFFSET,
    ORDER_STATUS,
    PHASE,
    PRICE_TYPE,
    SELF_TRADE_MODE,
    TIME_CONDITION,
    VOLUME_CONDITION,
    SettlementState,
)
from trading.engine import messages as m
from trading.notifications import NOTIFYING
from trading.notified import Notified, oldest_kept
from trading.projection_tables import Target, copy_text

ROWS_PER_EVENT = 16
NO_RATES: list[int | None] = [None] * len(m.Rates._fields)


class UnknownEvent(Exception):
    """An event type or version that this projector does not know; it stops (A-14)."""


class SequenceGap(Exception):
    """The next event is not the one after the last."""


def row_key(number: int, seq: int, n: int = 0) -> int:
    """Database key of the n-th row of an event in the venue with this number (A-47)."""
    return (number << 52) + seq * ROWS_PER_EVENT + n


@dataclass
class VenueState:
    """What the projection must remember between batches; loaded from the tables."""

    code: str
    number: int = 0
    mode: int = 0
    trading_day: int = 0
    settlement_minute: int = 930
    is_halted: bool = False
    halt_reason: str = ""
    is_settling: bool = False
    engine_version: int = 1
    settlement: dict[str, Any] = field(default_factory=dict)  # the day's SettlementDay row
    owners: dict[str, str] = field(default_factory=dict)  # people's accounts → their users
    notices: list[tuple[str, str, int]] = field(default_factory=list)  # the newest notifications


class Batch:
    """Rows of some events in a row, by table."""

    def __init__(self, first_seq: int) -> None:
        self.first_seq = first_seq
        self.last_seq = first_seq - 1
        self.last_time_ns = 0
        self.events = 0
        self.days: set[int] = set()  # trading days whose partitions must exist
        self.orders: dict[int, list[Any]] = {}
        self.changes: dict[int, list[Any]] = {}
        self.rows: dict[Target, dict[Any, list[Any]]] = {target: {} for target in tables.TARGETS}
        self.rejects: Counter[tuple[int, str, int]] = Counter()
        self.calendar: tuple[list[int], int] | None = None  # days, seq
        self.sessions: tuple[list[Any], int] | None = None
        self.settings: dict[str, tuple[int, str]] = {}
        self.forget_before = 0  # notifications of earlier trading days go

    def statements(self, number: int) -> list[tuple[Target, bytes]]:
        """(table, COPY text) of what this batch brings, in the order it must be written."""
        self.rows[tables.ORDER] = self.orders
        self.rows[tables.ORDER_CHANGE] = self.changes
        self.rows[tables.REJECTS] = {key: [number, *key, count] for key, count in self.rejects.items()}
        return [
            (target, copy_text(self.rows[target].values())) for target in tables.TARGETS if self.rows[target]
        ]


class Projection:
    """Turns events into batches; keeps the venue's state between them."""

    def __init__(self, venue: VenueState, last_seq: int) -> None:
        self.venue = venue
        self.last_seq = last_seq
        self.batch = Batch(last_seq + 1)
        self.base = venue.number << 52
        self.notified = Notified(venue.owners, venue.notices)

    def take(self) -> Batch:
        """The batch so far; the next event begins a new one."""
        batch, self.batch = self.batch, Batch(self.last_seq + 1)
        return batch

    def add(self, events: Iterable[list[Any]]) -> None:
        """Project events in order; those at or below the last sequence are passed over.

        Raises SequenceGap and UnknownEvent.
        """
        handlers = HANDLERS
        batch = self.batch
        for event in events:
            seq = event[0]
            if seq != self.last_seq + 1:
                if seq <= self.last_seq:
                    continue
                raise SequenceGap(f"event {self.last_seq + 1} is missing, the next one is {seq}")
            handler = handlers.get((event[1], event[2]))
            if handler is None:
                raise UnknownEvent(f"event {seq} is {event[1]} version {event[2]}")
            handler(self, batch, event)
            if event[1] in NOTIFYING:
                self.notify(batch, event)
            self.last_seq = batch.last_seq = seq
            batch.last_time_ns = event[3]
            batch.events += 1

    def notify(self, batch: Batch, event: list[Any]) -> None:
        """Keep what the event tells people (W-11)."""
        v = self.venue
        for one, user_id in self.notified.of(event):
            row = self.notified.row(self.base, v.number, v.trading_day, one, user_id)
            batch.rows[tables.NOTIFICATION][row[0]] = row

    def key(self, seq: int, n: int = 0) -> int:
        """Database key of the n-th row of an event."""
        return self.base + seq * ROWS_PER_EVENT + n

    # ------------------------------------------------------- orders, trades, money

    def order(self, batch: Batch, event: list[Any], o: list[Any]) -> list[Any]:
        """Keep a whole order row; returns it."""
        uid, day = o[0], o[15] or self.venue.trading_day
        batch.days.add(day)
        batch.changes.pop(uid, None)
        row = batch.orders[uid] = [
            self.base + uid * ROWS_PER_EVENT, self.venue.number, day, uid, o[1], o[2], o[3],
            DIRECTION[o[4]], OFFSET[o[5]], o[6], PRICE_TYPE[o[7]], o[8], TIME_CONDITION[o[9]],
            VOLUME_CONDITION[o[10]], o[11], o[12], o[13], o[14], o[16], o[16], o[17],
            ORDER_STATUS[o[18]], o[19], o[20], o[21], o[22], "", 0, "{}", event[3], event[3],
            event[0],
        ]  # fmt: skip
        return row

    def change(self, batch: Batch, event: list[Any], c: list[Any], reason: str = "", code: int = 0) -> None:
        """Keep what changed on an order, on its row when this batch has it."""
        time_ns = event[3]
        state = [
            c[5], ORDER_STATUS[c[6]], c[7], c[8], c[9], c[10], reason, code, "{}", time_ns,
            time_ns, event[0],
        ]  # fmt: skip
        row = batch.orders.get(c[0])
        if row is not None:
            row[20:] = state
        else:
            batch.changes[c[0]] = [self.base + c[0] * ROWS_PER_EVENT, c[4], *state]

    def funds(self, batch: Batch, seq: int, f: list[Any]) -> None:
        batch.rows[tables.FUNDS_TARGET][f[0]] = [self.venue.number, *f, seq]

    def position(self, batch: Batch, seq: int, p: list[Any], n: int = 0) -> None:
        """Keep a position; its id is that of the first event that touched it."""
        rows = batch.rows[tables.POSITION]
        key = (p[0], p[1])
        old = rows.get(key)
        identity = old[0] if old is not None else self.base + seq * ROWS_PER_EVENT + n
        rows[key] = [identity, self.venue.number, self.venue.trading_day, seq, *p]

    def accepted(self, batch: Batch, event: list[Any]) -> None:
        self.order(batch, event, event[5])
        self.funds(batch, event[0], event[6])
        if event[7] is not None:
            self.position(batch, event[0], event[7])

    def rejected(self, batch: Batch, event: list[Any]) -> None:
        o, code, params = event[5], event[6], event[7]
        batch.rejects[(self.venue.trading_day, "PlaceOrder", code)] += 1
        row = self.order(batch, event, o)
        row[27], row[28] = code, _json(params)

    def cancelled(self, batch: Batch, event: list[Any]) -> None:
        self.change(batch, event, event[5], END_REASON[event[6]], event[7])
        self.funds(batch, event[0], event[8])
        if event[9] is not None:
            self.position(batch, event[0], event[9])

    def carried(self, batch: Batch, event: list[Any]) -> None:
        self.change(batch, event, event[5])

    def remargined(self, batch: Batch, event: list[Any]) -> None:
        self.funds(batch, event[0], event[5])
        self.position(batch, event[0], event[6])

    def traded(self, batch: Batch, event: list[Any]) -> None:
        seq = event[0]
        taker, maker = event[11], event[12]
        batch.days.add(event[7])
        batch.rows[tables.OPEN_INTEREST][event[5]] = [self.venue.number, event[5], event[13], seq]
        for n, side, other in ((0, taker, maker), (1, maker, taker)):
            self.trade_side(batch, event, n, side, other[0][1])
            self.change(batch, event, side[0])
            self.funds(batch, seq, side[5])
            self.position(batch, seq, side[6], n)

    def trade_side(self, batch: Batch, event: list[Any], n: int, side: list[Any], counter: str) -> None:
        """One row of a fill; n is 0 for the taker (in an auction the buyer)."""
        order, time_ns, auction = side[0], event[3], event[10] == -1
        key = self.base + event[0] * ROWS_PER_EVENT + n
        batch.rows[tables.TRADE][key] = [
            key, self.venue.number, event[7], event[0], event[5], event[6], DIRECTION[side[1]],
            OFFSET[side[2]], order[1], order[2], order[0], order[4], order[5], counter, event[8],
            event[9], side[3], side[4], not auction and n == 0, auction, event[13], time_ns,
            time_ns,
        ]  # fmt: skip

    def funds_moved(self, batch: Batch, event: list[Any]) -> None:
        move = m.FundsMoved(*event[m.EVENT_HEADER :])
        seq, time_ns, number = event[0], event[3], self.venue.number
        batch.days.add(move.trading_day)
        batch.rows[tables.FLOW][seq] = [
            self.key(seq), number, move.trading_day, seq, move.flow_id, move.account_id,
            move.kind, "completed", move.amount, move.balance_before, move.balance_after,
            move.reference, move.method, move.remark, move.operator_id, move.reverses, time_ns,
            time_ns,
        ]  # fmt: skip
        if move.reference:
            row = [number, move.reference, move.account_id, move.flow_id]
            batch.rows[tables.REFERENCE].setdefault(move.reference, row)
        self.funds(batch, seq, move.funds)

    def account(self, batch: Batch, event: list[Any]) -> None:
        a = m.AccountRow(*event[5])
        rows = batch.rows[tables.ACCOUNT]
        identity = rows[a.account_id][0] if a.account_id in rows else self.key(event[0])
        rows[a.account_id] = [
            identity, self.venue.number, a.account_id, a.user_id, a.account_name, a.account_type,
            a.currency, a.group, ACCOUNT_STATUS[a.status], FREEZE_MODE[a.freeze_mode],
            bool(a.can_close), a.freeze_reason, bool(a.is_market_maker), bool(a.is_robot),
            a.opened_ns, a.max_order_amount, a.opened_ns, event[0],
            *[0] * (len(m.FundsRow._fields) - 1), 0,
        ]  # fmt: skip

    # ------------------------------------------------------------- refusals

    def refused(self, batch: Batch, event: list[Any]) -> None:
        batch.rejects[(self.venue.trading_day, event[5], event[6])] += 1

    def cancel_refused(self, batch: Batch, event: list[Any]) -> None:
        batch.rejects[(self.venue.trading_day, event[5], event[8])] += 1

    def nothing(self, batch: Batch, event: list[Any]) -> None:
        """Answers that change no row: what they speak of is told by other events."""

    # ------------------------------------------------------------- reference data

    def write_venue(self, batch: Batch, seq: int) -> None:
        v = self.venue
        batch.rows[tables.VENUE][v.number] = [
            v.number, v.code, CLOCK_MODE[v.mode], v.trading_day, v.settlement_minute,
            v.is_halted, v.halt_reason, v.is_settling, v.engine_version, seq,
        ]  # fmt: skip

    def venue_created(self, batch: Batch, event: list[Any]) -> None:
        created = m.VenueCreated(*event[m.EVENT_HEADER :])
        v = self.venue
        if created.venue != v.code:
            raise ValueError(f"the log is of venue {created.venue}, not of {v.code}")
        v.number, v.mode, v.trading_day = created.number, created.mode, created.trading_day
        v.settlement_minute = created.settlement_minute
        v.engine_version = created.engine_version
        self.base = v.number << 52
        batch.days.add(v.trading_day)
        self.write_venue(batch, event[0])

    def engine_upgraded(self, batch: Batch, event: list[Any]) -> None:
        self.venue.engine_version = event[6]
        self.write_venue(batch, event[0])

    def halted(self, batch: Batch, event: list[Any]) -> None:
        self.venue.is_halted = event[1] == "VenueHalted"
        self.venue.halt_reason = event[5] if self.venue.is_halted else ""
        self.write_venue(batch, event[0])

    def calendar(self, batch: Batch, event: list[Any]) -> None:
        batch.calendar = (event[5], event[0])

    def sessions(self, batch: Batch, event: list[Any]) -> None:
        batch.sessions = (event[5], event[0])

    def settings(self, batch: Batch, event: list[Any]) -> None:
        batch.settings.update({name: (value, event[6]) for name, value in event[5].items()})

    def product(self, batch: Batch, event: list[Any]) -> None:
        p = m.ProductRow(*event[5])
        batch.rows[tables.PRODUCT][(p.exchange_id, p.product_id)] = [
            self.key(event[0]), self.venue.number, p.exchange_id, p.product_id, p.name_zh,
            p.name_en, bool(p.larger_side_margin), event[0], *_rates(p.rates),
        ]  # fmt: skip

    def instrument(self, batch: Batch, event: list[Any]) -> None:
        r = m.InstrumentRow(*event[5])
        symbol = f"{r.exchange_id}.{r.instrument_id}"
        batch.rows[tables.INSTRUMENT][symbol] = [
            self.key(event[0]), self.venue.number, symbol, *r[:19], INSTRUMENT_STATUS[r.status],
            *r[20:25], SELF_TRADE_MODE[r.self_trade_mode], r.breaker_move_ppm,
            r.breaker_window_ns, r.breaker_auction_ns, event[0], "", 0, 0, 0, *_rates(r.rates),
        ]  # fmt: skip

    def rates(self, batch: Batch, event: list[Any]) -> None:
        """Rates of a holder; without one they are those of the product or the instrument."""
        change = m.RatesChanged(*event[m.EVENT_HEADER :])
        seq, number, rates = event[0], self.venue.number, _rates(change.rates)
        key = (change.holder, change.target)
        if change.holder:
            row = [self.key(seq), number, *key, change.reason, seq, *rates]
            batch.rows[tables.RATE_ROW][key] = row
            return
        exchange_id, _, name = change.target.partition(".")
        batch.rows[tables.PRODUCT_RATES][key] = [number, exchange_id, name, seq, *rates]
        batch.rows[tables.INSTRUMENT_RATES][key] = [number, change.target, seq, *rates]

    def phase(self, batch: Batch, event: list[Any]) -> None:
        change = m.PhaseChanged(*event[m.EVENT_HEADER :])
        text, number = PHASE[change.phase], self.venue.number
        if change.symbol:
            row = [number, change.symbol, text, event[0]]
            batch.rows[tables.INSTRUMENT_PHASE][change.symbol] = row
        else:
            row = [number, change.template, text, event[3], event[0]]
            batch.rows[tables.TEMPLATE_PHASE][change.template] = row

    # ------------------------------------------------------------- settlement

    def write_settlement(self, batch: Batch, seq: int, **changes: Any) -> None:
        """Change the settlement row of the day and keep it."""
        s = self.venue.settlement
        s.update(changes)
        s.setdefault("id", self.key(seq))
        batch.rows[tables.SETTLEMENT_DAY][s["trading_day"]] = [
            s["id"], self.venue.number, s["trading_day"], s["run_id"], s["state"],
            s.get("code", 0), _json(s.get("params", {})), s.get("total_accounts", 0),
            s.get("settled_accounts", 0), s.get("next_trading_day", 0),
            s.get("total_commission", 0), s.get("total_profit", 0),
            json.dumps(s.get("force_closed_accounts", [])), s.get("begun_ns", 0),
            s.get("finished_ns", 0), seq,
        ]  # fmt: skip

    def settlement_begun(self, batch: Batch, event: list[Any]) -> None:
        begun = m.SettlementBegun(*event[m.EVENT_HEADER :])
        self.venue.is_settling = True
        self.write_venue(batch, event[0])
        self.settlement_of(begun.trading_day)
        self.write_settlement(
            batch, event[0], run_id=begun.run_id, state=SettlementState.RUNNING.value, code=0,
            params={}, total_accounts=begun.accounts, settled_accounts=0, begun_ns=event[3],
        )  # fmt: skip

    def settlement_of(self, trading_day: int) -> None:
        if self.venue.settlement.get("trading_day") != trading_day:
            self.venue.settlement = {"trading_day": trading_day}

    def settlement_refused(self, batch: Batch, event: list[Any]) -> None:
        """A run that was refused; a repeat of one that runs or is done changes nothing (T-91)."""
        refused = m.SettlementRefused(*event[m.EVENT_HEADER :])
        batch.rejects[(self.venue.trading_day, "BeginSettlement", refused.code)] += 1
        current = self.venue.settlement
        if self.venue.is_settling and current.get("run_id") != refused.run_id:
            return
        if refused.code == 6004:
            return
        self.settlement_of(self.venue.trading_day)
        if self.venue.is_settling:
            self.venue.is_settling = False
            self.write_venue(batch, event[0])
        self.write_settlement(
            batch, event[0], run_id=refused.run_id, state=SettlementState.PRICED.value,
            code=refused.code, params=refused.params,
        )  # fmt: skip

    def account_settled(self, batch: Batch, event: list[Any]) -> None:
        s = m.AccountSettled(*event[m.EVENT_HEADER :])
        seq = event[0]
        batch.days.add(s.trading_day)
        batch.rows[tables.ACCOUNT_DAY][seq] = [
            self.key(seq), self.venue.number, s.trading_day, seq, s.run_id, s.account_id,
            s.pre_balance, s.deposit, s.withdraw, s.close_profit, s.position_profit,
            s.commission, s.balance, s.margin, s.risk_ratio_ppm, bool(s.must_liquidate),
            event[3], _json([held for row in s.positions if (held := _held(m.PositionRow(*row)))]),
        ]  # fmt: skip
        self.funds(batch, seq, s.funds)
        for row in s.positions:
            self.position(batch, seq, row)
        done = self.venue.settlement.get("settled_accounts", 0) + 1
        self.write_settlement(batch, seq, settled_accounts=done)

    def settlement_finished(self, batch: Batch, event: list[Any]) -> None:
        done = m.SettlementFinished(*event[m.EVENT_HEADER :])
        self.settlement_of(done.trading_day)
        self.write_settlement(
            batch, event[0], run_id=done.run_id, state=SettlementState.DONE.value,
            settled_accounts=done.settled_accounts, next_trading_day=done.next_trading_day,
            total_commission=done.total_commission, total_profit=done.total_profit,
            force_closed_accounts=done.force_closed_accounts, finished_ns=event[3],
        )  # fmt: skip
        self.venue.is_settling = False
        self.venue.trading_day = done.next_trading_day
        batch.forget_before = oldest_kept(done.next_trading_day)
        batch.days.add(done.next_trading_day)
        self.write_venue(batch, event[0])


def _rates(rates: list[int | None] | None) -> list[int | None]:
    return NO_RATES if rates is None else rates


def _held(row: m.PositionRow) -> list[Any]:
    """A position as a statement keeps it (T-93); empty when there are no lots."""
    if not (row.long_today or row.long_his or row.short_today or row.short_his):
        return []
    return [
        row.symbol, row.long_today + row.long_his, row.short_today + row.short_his,
        row.long_open_cost_today + row.long_open_cost_his,
        row.short_open_cost_today + row.short_open_cost_his,
        row.long_position_cost_today + row.long_position_cost_his,
        row.short_position_cost_today + row.short_position_cost_his,
        row.long_margin, row.short_margin,
    ]  # fmt: skip


def _json(params: Any) -> str:
    return json.dumps(params, ensure_ascii=False)


Handler = Callable[[Projection, Batch, list[Any]], None]
_BY_NAME: dict[str, Handler] = {
    "VenueCreated": Projection.venue_created,
    "EngineUpgraded": Projection.engine_upgraded,
    "CommandRejected": Projection.refused,
    "CommandRepeated": Projection.nothing,
    "CommandQuarantined": Projection.nothing,
    "CommandDone": Projection.nothing,
    "CalendarSet": Projection.calendar,
    "SessionsSet": Projection.sessions,
    "SettingsChanged": Projection.settings,
    "ProductChanged": Projection.product,
    "InstrumentChanged": Projection.instrument,
    "RatesChanged": Projection.rates,
    "AccountChanged": Projection.account,
    "FundsMoved": Projection.funds_moved,
    "OrderAccepted": Projection.accepted,
    "OrderRejected": Projection.rejected,
    "OrderCancelled": Projection.cancelled,
    "OrderModified": Projection.accepted,
    "CancelRejected": Projection.cancel_refused,
    "OrderResolved": Projection.nothing,
    "OrderChecked": Projection.nothing,
    "PositionRemargined": Projection.remargined,
    "Traded": Projection.traded,
    "PhaseChanged": Projection.phase,
    "VenueHalted": Projection.halted,
    "VenueResumed": Projection.halted,
    "SettlementBegun": Projection.settlement_begun,
    "SettlementRefused": Projection.settlement_refused,
    "AccountSettled": Projection.account_settled,
    "OrderCarried": Projection.carried,
    "SettlementFinished": Projection.settlement_finished,
}
HANDLERS: dict[tuple[str, int], Handler] = {
    (name, 1): call for name, call in {**_BY_NAME, **risk_projection.HANDLERS}.items()
}
