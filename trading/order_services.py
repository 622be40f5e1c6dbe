"""Orders over REST: commands out, verdicts back as JSON (T-30 … T-36).

Nothing on the way of one order or cancel asks the database: the core checks whose account
it is (A-43).
"""

import asyncio
import hashlib
import uuid
from collections.abc import Sequence
from typing import Any, NamedTuple

from exchange_site.cachepipe import CacheAway, CacheScript
from exchange_site.exceptions import ExchangeError, message
from exchange_site.views import in_thread
from trading import backpressure, commands, order_selectors, selectors
from trading.choices import END_REASON, ORDER_STATUS
from trading.codec import to_number
from trading.commands import Outcome
from trading.engine.codes import INSUFFICIENT_POSITION, SERVICE_UNAVAILABLE
from trading.engine.messages import (
    CancelAll,
    CancelOrder,
    CheckOrder,
    Direction,
    ModifyOrder,
    Offset,
    OrderChange,
    OrderRow,
    PlaceOrder,
    PriceType,
    ResolveOrder,
    TimeCondition,
)
from trading.engine.units import NS_PER_MS
from trading.representations import changed, order_event_data, ratio_of

VERDICT_S = 1.0
BATCH_S = 3.0
PENDING = ORDER_STATUS[0]
TWO_ORDER_EXCHANGES = frozenset({"SHFE", "INE"})
_TAKER, _MAKER = 11, 12  # places of the two sides in a Traded event
_NOTE = CacheScript("""
local known = redis.call('GET', KEYS[1])
if not known or tonumber(known) < tonumber(ARGV[1]) then
  redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])
end
return ''
""")


class Answer(NamedTuple):
    """What a request is answered: HTTP status, data, last sequence (0: none)."""

    data: Any
    seq: int = 0
    status: int = 200


# ------------------------------------------------------------- read your writes


def note_write(*, venue: str, user_id: str, seq: int) -> None:
    """Remember the last sequence a user was answered, for their next read (A-12)."""
    if seq:
        try:
            _NOTE.call(1, selectors.seen_key(venue, user_id), seq, selectors.SEEN_S)
        except CacheAway:
            return  # the read then answers with what the tables hold


async def anote_write(*, venue: str, user_id: str, seq: int) -> None:
    """`note_write` for the event loop."""
    if seq:
        try:
            await _NOTE.acall(1, selectors.seen_key(venue, user_id), seq, selectors.SEEN_S)
        except CacheAway:
            return


# ------------------------------------------------------------------ back-pressure

_pressure: dict[str, tuple[float, ExchangeError | None]] = {}
_looking: dict[str, asyncio.Task[tuple[float, ExchangeError | None]]] = {}


async def check_opening_allowed(venue: str) -> None:
    """9005 or 5002 while something is too far behind for new opening orders (A-8a)."""
    now = asyncio.get_running_loop().time()
    known = _pressure.get(venue)
    if known is None or not 0 <= now - known[0] < backpressure.CACHED_S:
        known = await _look_again(venue)
    elif now - known[0] > backpressure.CACHED_S / 2 and venue not in _looking:
        _looking[venue] = asyncio.create_task(_look_again(venue))  # before anybody has to wait for it
    if known[1] is not None:
        raise known[1]


async def _look_again(venue: str) -> tuple[float, ExchangeError | None]:
    try:
        found = await in_thread(_pressure_now, venue)
        _pressure[venue] = known = (asyncio.get_running_loop().time(), found)
        return known
    finally:
        _looking.pop(venue, None)


def _pressure_now(venue: str) -> ExchangeError | None:
    try:
        backpressure.check_opening_allowed(venue)
    except ExchangeError as error:
        return error
    return None


# ------------------------------------------------------------------------ submit


def order_id_for(user_id: str, key: str) -> str:
    """The order id that an Idempotency-Key stands for (R5.9)."""
    return "K" + hashlib.sha256(f"{user_id}:{key}".encode()).hexdigest()[:32]


async def submit(*, venue: str, user_id: str, command: PlaceOrder) -> Answer:
    """Place an order and tell where it stands; 202 PendingRisk without a verdict in time.

    Refusals are raised with their code. A repeated order_id answers with the first's state.
    """
    if command.offset == Offset.OPEN:
        await check_opening_allowed(venue)
    outcome = await commands.asend(venue, command, user_id=user_id, wait_s=VERDICT_S, origin="web")
    if not outcome.decided:
        _ask_later(venue, command, user_id)
        return Answer(pending_data(command, outcome), 0, 202)
    if outcome.repeated:
        return await in_thread(_first_answer, venue, command, outcome)
    return Answer(decided_data(outcome, user_id, command.order_id), outcome.last_seq)


def pending_data(command: PlaceOrder, outcome: Outcome) -> dict[str, Any]:
    """An order whose verdict has not come: it may still be taken or refused (T-33)."""
    return {
        "order_id": command.order_id,
        "exchange_order_id": "",
        "account_id": command.account_id,
        "instrument_id": command.symbol,
        "volume": command.volume,
        "status": PENDING,
        "command_id": outcome.command_id,
    }


def _ask_later(venue: str, command: PlaceOrder, user_id: str) -> None:
    """Have the core say what became of it: known, or closed for good (D-30)."""
    if not command.order_id:
        return  # without a client id only its command_id names it
    resolve = ResolveOrder(command.account_id, command.order_id)
    commands.send_many(venue, [resolve], user_id=user_id, origin="resolve", wait_s=0)


def decided_data(outcome: Outcome, user_id: str, order_id: str) -> dict[str, Any]:
    """The order after its command's events; ExchangeError when it was refused."""
    if outcome.code:
        rejected = outcome.first("OrderRejected")
        extra: dict[str, Any] = {"order_id": order_id}
        if rejected is not None:
            row = OrderRow(*rejected[5])
            extra = {"order_id": row.order_id, "uid": row.uid, "status": ORDER_STATUS[row.status]}
        raise ExchangeError(outcome.code, outcome.params, {**extra, "event_seq": outcome.last_seq})
    row, reason, code, time_ns = final_order(outcome.events)
    return order_event_data(row, user_id, reason, code, time_ns)


def final_order(events: Sequence[Sequence[Any]]) -> tuple[OrderRow, str, int, int]:
    """(order, end reason, code, time) after the events of the command that made or changed it."""
    row: OrderRow | None = None
    reason, code, time_ns = "", 0, 0
    for event in events:
        kind = event[1]
        if kind in ("OrderAccepted", "OrderModified") and (row is None or event[5][0] == row.uid):
            row, time_ns = OrderRow(*event[5]), event[3]
        elif kind == "Traded" and row is not None:
            for side in (event[_TAKER], event[_MAKER]):
                if side[0][0] == row.uid:
                    row, time_ns = changed(row, side[0]), event[3]
        elif kind == "OrderCancelled" and row is not None and event[5][0] == row.uid:
            row, time_ns = changed(row, event[5]), event[3]
            reason, code = END_REASON.get(event[6], ""), event[7]
    assert row is not None, events
    return row, reason, code, time_ns


def _first_answer(venue: str, command: PlaceOrder, outcome: Outcome) -> Answer:
    """What the first order of this id was answered (T-36)."""
    if outcome.code:
        extra = {"order_id": command.order_id, "uid": outcome.first_seq, "repeated": True}
        raise ExchangeError(outcome.code, {}, extra)
    selectors.wait_for_projector(venue, outcome.first_seq)
    found = order_selectors.order_by_uid(venue, command.account_id, outcome.first_seq)
    if found is None:
        return Answer(pending_data(command, outcome), outcome.last_seq, 202)
    return Answer({**found, "repeated": True}, outcome.last_seq)


async def submit_batch(
    *, venue: str, user_id: str, wanted: Sequence[PlaceOrder | ExchangeError], command_id: str = ""
) -> Answer:
    """Place orders in order; one result each (T-35)."""
    good = [one for one in wanted if isinstance(one, PlaceOrder)]
    refused: ExchangeError | None = None
    if any(command.offset == Offset.OPEN for command in good):
        try:
            await check_opening_allowed(venue)
        except ExchangeError as error:
            refused = error
    sent = [command for command in good if refused is None or command.offset != Offset.OPEN]
    outcomes = await in_thread(_send_batch, venue, sent, user_id, command_id)
    verdicts = iter(outcomes)
    results = []
    for index, one in enumerate(wanted):
        if isinstance(one, ExchangeError):
            results.append(failed(index, "", one))
        elif refused is not None and one.offset == Offset.OPEN:
            results.append(failed(index, one.order_id, refused))
        else:
            results.append(_batch_result(index, one, next(verdicts), user_id, venue))
    return Answer(batch_data(results), max((one.last_seq for one in outcomes), default=0))


def _send_batch(venue: str, wanted: Sequence[Any], user_id: str, command_id: str) -> list[Outcome]:
    ids = ids_from(command_id, len(wanted))
    return (
        commands.send_many(venue, wanted, user_id=user_id, command_ids=ids, wait_s=BATCH_S) if wanted else []
    )


def ids_from(command_id: str, count: int) -> list[str] | None:
    """The ids of a request's commands, the same for every try of it; None lets each have a new one."""
    if not command_id:
        return None
    return [uuid.uuid5(uuid.UUID(command_id), str(number)).hex for number in range(count)]


def _batch_result(
    index: int, command: PlaceOrder, outcome: Outcome, user_id: str, venue: str
) -> dict[str, Any]:
    if not outcome.decided:
        _ask_later(venue, command, user_id)
        return {**succeeded(index, command.order_id, PENDING), "pending": True}
    if outcome.repeated and not outcome.code:
        return {**succeeded(index, command.order_id, ""), "repeated": True}
    try:
        data = decided_data(outcome, user_id, command.order_id)
    except ExchangeError as error:
        return failed(index, str(error.extra.get("order_id", command.order_id)), error)
    return succeeded(index, data["order_id"], data["status"])


def succeeded(index: int, order_id: str, status: str) -> dict[str, Any]:
    """One good result of a batch."""
    return {"index": index, "success": True, "order_id": order_id, "status": status, "error": None}


def failed(index: int, order_id: str, error: ExchangeError) -> dict[str, Any]:
    """One refused result of a batch."""
    text = message(error.code, error.params)
    shown = {"code": error.code, "message": text, "extra": {**error.params, **error.extra}}
    return {"index": index, "success": False, "order_id": order_id, "status": "Rejected", "error": shown}


def batch_data(results: list[dict[str, Any]]) -> dict[str, Any]:
    """The answer of a batch (H-7)."""
    good = sum(result["success"] for result in results)
    return {
        "total": len(results),
        "success_count": good,
        "failed_count": len(results) - good,
        "results": results,
    }


# ------------------------------------------------------------- cancel and modify


def _verdict(outcome: Outcome, order_id: str) -> Outcome:
    """The outcome; ExchangeError for a refusal, 9005 for silence, which is no refusal."""
    if not outcome.decided:
        extra = {"order_id": order_id, "command_id": outcome.command_id, "pending": True}
        raise ExchangeError(SERVICE_UNAVAILABLE, {}, extra)
    if outcome.code:
        raise ExchangeError(outcome.code, outcome.params, {"order_id": order_id})
    return outcome


async def cancel(*, venue: str, user_id: str, command: CancelOrder, command_id: str = "") -> Answer:
    """Cancel one order; 3001 unknown, 3002 ended already."""
    outcome = await commands.asend(
        venue, command, user_id=user_id, command_id=command_id or None, wait_s=VERDICT_S, origin="web"
    )
    _verdict(outcome, command.order_id)
    return Answer(cancelled_data(outcome, command.order_id), outcome.last_seq)


def cancelled_data(outcome: Outcome, order_id: str) -> dict[str, Any]:
    """What a cancel left of an order."""
    event = outcome.first("OrderCancelled")
    if event is None:
        return {"order_id": order_id, "repeated": outcome.repeated}
    change = OrderChange(*event[5])
    return {
        "order_id": change.order_id,
        "exchange_order_id": str(change.exchange_order_id),
        "uid": change.uid,
        "account_id": change.account_id,
        "instrument_id": change.symbol,
        "status": ORDER_STATUS[change.status],
        "remaining_volume": change.volume_left,
        "trading_day": change.trading_day,
        "update_time": event[3] // NS_PER_MS,
    }


async def cancel_batch(
    *, venue: str, user_id: str, wanted: Sequence[CancelOrder | ExchangeError], command_id: str = ""
) -> Answer:
    """Cancel orders in order; one result each."""
    good = [one for one in wanted if isinstance(one, CancelOrder)]
    outcomes = await in_thread(_send_batch, venue, good, user_id, command_id)
    verdicts = iter(outcomes)
    results = []
    for index, one in enumerate(wanted):
        if isinstance(one, ExchangeError):
            results.append(failed(index, "", one))
            continue
        try:
            _verdict(next(verdicts), one.order_id)
        except ExchangeError as error:
            results.append(failed(index, one.order_id, error))
        else:
            results.append(succeeded(index, one.order_id, "Cancelled"))
    return Answer(batch_data(results), max((one.last_seq for one in outcomes), default=0))


async def cancel_all(
    *, venue: str, user_id: str, account_id: str, symbol: str, command_id: str = ""
) -> Answer:
    """Cancel every working order of an account, of one instrument or of all."""
    command = CancelAll(account_id, symbol)
    outcome = await commands.asend(
        venue, command, user_id=user_id, command_id=command_id or None, wait_s=VERDICT_S, origin="web"
    )
    _verdict(outcome, "")
    done = outcome.first("CommandDone")
    return Answer({"cancelled": done[6] if done else 0}, outcome.last_seq)


async def modify(*, venue: str, user_id: str, command: ModifyOrder, command_id: str = "") -> Answer:
    """Change price or total volume; 3004 for a change the order does not allow."""
    outcome = await commands.asend(
        venue, command, user_id=user_id, command_id=command_id or None, wait_s=VERDICT_S, origin="web"
    )
    _verdict(outcome, command.order_id)
    if outcome.repeated:
        return Answer({"order_id": command.order_id, "repeated": True}, outcome.last_seq)
    return Answer(decided_data(outcome, user_id, command.order_id), outcome.last_seq)


async def check(*, venue: str, user_id: str, command: PlaceOrder) -> Answer:
    """What the order would be answered and cost now (H-9)."""
    outcome = await commands.asend(
        venue, CheckOrder(*command), user_id=user_id, wait_s=VERDICT_S, origin="web"
    )
    _verdict(outcome, command.order_id)
    event = outcome.first("OrderChecked")
    assert event is not None
    _, code, params, margin, commission, available, ratio_ppm = event[5:12]
    data = {
        "code": code,
        "message": message(code, params) if code else "",
        "margin": to_number(margin),
        "commission": to_number(commission),
        "available_after": to_number(available),
        "risk_ratio_after": ratio_of(ratio_ppm),
    }
    return Answer(data, outcome.last_seq)


# ------------------------------------------------------------------------- close


class Closing(NamedTuple):
    """What is to be closed; `volume` 0 = every free lot, `price` None = at the market."""

    account_id: str
    symbol: str
    is_long: bool
    volume: int = 0
    price: int | None = None


def closing_orders(closing: Closing, free_today: int, free_his: int, held: int) -> list[PlaceOrder]:
    """The orders that close so many lots: two where today's and history lots close apart (T-55).

    2005 when fewer lots are free.
    """
    free = free_today + free_his
    lots = closing.volume or free
    if not 0 < lots <= free:
        raise ExchangeError(INSUFFICIENT_POSITION, {"held": held, "free": free, "lots": lots})
    if closing.symbol.partition(".")[0] not in TWO_ORDER_EXCHANGES:
        return [_closing_order(closing, Offset.CLOSE, lots)]
    today = min(lots, free_today)
    parts = ((Offset.CLOSETODAY, today), (Offset.CLOSE, lots - today))
    return [_closing_order(closing, offset, part) for offset, part in parts if part]


def _closing_order(closing: Closing, offset: Offset, lots: int) -> PlaceOrder:
    at_market = closing.price is None
    return PlaceOrder(
        closing.account_id,
        "",
        closing.symbol,
        int(Direction.SELL if closing.is_long else Direction.BUY),
        int(offset),
        lots,
        int(PriceType.ANY if at_market else PriceType.LIMIT),
        closing.price or 0,
        int(TimeCondition.IOC if at_market else TimeCondition.GFD),
    )


def close(*, venue: str, user_id: str, closing: Closing, command_id: str = "") -> Answer:
    """Close one side of a position; a list, one item an order. Blocking."""
    selectors.catch_up_with(venue, user_id)
    selectors.account_for(venue, closing.account_id, user_id)
    rows = selectors.open_positions(venue, [closing.account_id])[closing.account_id]
    row = next((row for row in rows if row.symbol == closing.symbol), None)
    free_today = free_his = held = 0
    if row is not None:
        side = "long" if closing.is_long else "short"
        today, his = getattr(row, f"{side}_today"), getattr(row, f"{side}_his")
        free_today = today - getattr(row, f"{side}_frozen_today")
        free_his = his - getattr(row, f"{side}_frozen_his")
        held = today + his
    wanted = closing_orders(closing, free_today, free_his, held)
    outcomes = commands.send_many(
        venue, wanted, user_id=user_id, command_ids=ids_from(command_id, len(wanted)), wait_s=VERDICT_S
    )
    items, errors = [], []
    for command, outcome in zip(wanted, outcomes, strict=True):
        try:
            pending = pending_data(command, outcome)
            items.append(decided_data(outcome, user_id, "") if outcome.decided else pending)
        except ExchangeError as error:
            errors.append(error)
            items.append(failed(len(items), str(error.extra.get("order_id", "")), error))
    if len(errors) == len(items):
        raise errors[0]
    return Answer(items, max(outcome.last_seq for outcome in outcomes))
