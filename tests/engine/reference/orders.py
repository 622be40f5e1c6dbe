"""Order commands of the reference: place, check, cancel, modify, resolve (T-30 … T-36)."""

import copy
import re
from typing import Any

from tests.engine.reference import book, ledger, risk
from tests.engine.reference.model import Account, Instrument, Order
from tests.engine.reference.venue import Venue
from trading.engine.messages import (
    CancelAll,
    CancelOrder,
    CheckOrder,
    EndReason,
    ModifyOrder,
    OrderStatus,
    Phase,
    PlaceOrder,
    PriceType,
    ResolveOrder,
    SelfTradeMode,
    TimeCondition,
)

MAX_LOTS = 10**6
ORDER_ID = re.compile(r"[A-Za-z0-9_.:#@|+=~-]{1,128}")
CANCEL_PHASES = (Phase.CONTINUOUS, Phase.AUCTION_ORDER, Phase.BREAK)
KINDS = {"direction": 2, "offset": 4, "price_type": 4, "time_condition": 6, "volume_condition": 3}


class Orders(Venue):
    def owned(self, account_id: str, by_operator: bool = False) -> Account | None:
        account = self.accounts.get(account_id)
        stranger = account and self.user_id and account.user_id != self.user_id
        return None if stranger and not by_operator else account

    def refuse(self, command: Any, code: int, params: dict[str, Any]) -> int:
        account_id = getattr(command, "account_id", "")
        self.emit("CommandRejected", type(command).__name__, code, params, self.user_id, account_id)
        return code

    # Place

    def place_order(self, command: PlaceOrder) -> int:
        account = self.owned(command.account_id)
        if account is None:
            return self.refuse(command, 1006, {})
        fault = self.bad_field(command)
        if fault:
            return self.refuse(command, 1008, {"field": fault})
        content = tuple(command[2:12])
        known = account.known_ids.get(command.order_id)
        if known and known[1] != 3003 and known[2] != content:
            return self.refuse(command, 1013, {"order_id": command.order_id})
        if known:
            return self.repeat(command, known)
        refusal = risk.frozen_account(account, command.offset != 0)
        if refusal is None and risk.over_rate(self, account):
            return self.refuse(command, 9004, {})
        order, refusal = (None, refusal) if refusal else self.checked(account, command)
        if refusal or order is None:
            return self.reject(account, command, *(refusal or (0, {})))
        return self.accept(order, content)

    def bad_field(self, command: PlaceOrder | CheckOrder) -> str:
        if command.order_id and not ORDER_ID.fullmatch(command.order_id):
            return "order_id"
        bad = [name for name, size in KINDS.items() if getattr(command, name) not in range(size)]
        return bad[0] if bad else ""

    def repeat(self, command: Any, known: tuple[int, int, Any]) -> int:
        self.emit(
            "CommandRepeated", "PlaceOrder", known[0], known[1], command.account_id,
            command.order_id,
        )  # fmt: skip
        return known[1]

    def checked(
        self, account: Account, command: PlaceOrder | CheckOrder
    ) -> tuple[Order | None, risk.Refusal | None]:
        """From 1007 on: the order, or what forbids it."""
        instrument = self.instruments.get(command.symbol)
        if instrument is None:
            return None, (1007, {})
        refusal = (
            risk.phase_refusal(instrument)
            or risk.terms_refusal(instrument, command, self.day)
            or risk.volume_refusal(instrument, command)
        )
        if refusal is None and command.price_type == PriceType.LIMIT:
            refusal = risk.price_refusal(instrument, command.limit_price)
        if refusal:
            return None, refusal
        order = Order(account, instrument, list(command[3:]), 0, command.order_id, self.day, self.time_ns)
        return order, risk.money_and_lots_refusal(self, order)

    def core_name(self, account: Account) -> str:
        name = f"S{self.seq + 1}"
        while name in account.known_ids:
            name += "."
        return name

    def reject(self, account: Account, command: PlaceOrder, code: int, params: dict[str, Any]) -> int:
        uid = self.seq + 1
        order_id = command.order_id or self.core_name(account)
        account.known_ids[order_id] = (uid, code, tuple(command[2:12]))
        row = [
            uid, account.account_id, order_id, *command[2:], self.day, self.time_ns, 0,
            int(OrderStatus.REJECTED), command.volume, 0, 0, 0,
        ]  # fmt: skip
        self.emit("OrderRejected", row, code, params)
        return code

    def accept(self, order: Order, content: tuple[Any, ...]) -> int:
        account, symbol = order.account, order.instrument.symbol
        order.order_id = order.order_id or self.core_name(account)
        order.uid = self.seq + 1
        order.exchange_order_id = self.next_number(order.instrument)
        account.known_ids[order.order_id] = (order.uid, 0, content)
        account.orders.append(order)
        account.entries.setdefault(symbol, [])
        self.orders.append(order)
        row = None if order.opens else self.position_row(account, symbol)
        self.emit("OrderAccepted", order.row(), self.funds(account), row)
        self.enter(order)
        return 0

    # Matching

    def enter(self, order: Order) -> None:
        """Take what the conditions allow, then rest or end (T-31, T-32, T-43)."""
        if order.instrument.phase == Phase.CONTINUOUS:
            wanted = book.reachable(self.orders, order)
            inside = self.inside_breaker(order, wanted)
            if not book.fills_enough(inside, order):
                return self.end(order, EndReason.REMAINDER)
            for maker in inside:
                if not self.take(order, maker):
                    return None
            if len(inside) < len(wanted):
                self.start_breaker(order.instrument)
        if order.time_condition == TimeCondition.IOC:
            return self.end(order, EndReason.REMAINDER)
        if order.price_type != PriceType.LIMIT:
            if not order.fills:
                return self.end(order, EndReason.REMAINDER)
            order.price_type = int(PriceType.LIMIT)
            order.limit_price = order.freeze_price = order.fills[-1][0]
            self.emit("OrderModified", order.row(), self.funds(order.account), None)
        if order.instrument.phase == Phase.CONTINUOUS or not self.clear_own(order):
            self.rest(order)
        return None

    def clear_own(self, order: Order) -> bool:
        """In an auction own orders that would trade with it end; True when it ended too (T-43)."""
        owner = order.account.user_id
        for other in book.reachable(self.orders, order):
            if other.account.user_id == owner:
                self.end(other, EndReason.SELF_TRADE)
                if order.instrument.row.self_trade_mode == SelfTradeMode.CANCEL_BOTH:
                    self.end(order, EndReason.SELF_TRADE)
                    return True
        return False

    def inside_breaker(self, order: Order, wanted: list[Order]) -> list[Order]:
        """Those within the band around the price that the window began with (T-45)."""
        instrument = order.instrument
        row = instrument.row
        if not row.breaker_move_ppm:
            return wanted
        if wanted or order.price_type or order.volume_condition:
            over = self.time_ns - instrument.breaker_since_ns > row.breaker_window_ns
            if instrument.trades and (over or not instrument.breaker_price):
                instrument.breaker_price = instrument.mark
                instrument.breaker_since_ns = self.time_ns
        base = instrument.breaker_price
        room = base * row.breaker_move_ppm // 10**6
        sign = 1 if order.direction == book.BUY else -1
        return [maker for maker in wanted if not base or sign * (maker.limit_price - base) <= room]

    def start_breaker(self, instrument: Instrument) -> None:
        instrument.breaker_until_ns = self.time_ns + instrument.row.breaker_auction_ns
        self.set_phase(instrument, int(Phase.AUCTION_ORDER))

    def set_phase(self, instrument: Instrument, phase: int) -> None:
        instrument.phase = phase
        template = instrument.row.session_template
        self.emit("PhaseChanged", template, phase, self.day, instrument.symbol)

    def take(self, order: Order, maker: Order) -> bool:
        """One resting order; False when the newcomer is done."""
        if maker.account.user_id != order.account.user_id:
            lots = min(order.left, maker.left)
            self.trade(order, maker, lots, maker.limit_price, order.direction)
            return bool(order.left)
        self.end(maker, EndReason.SELF_TRADE)
        if order.instrument.row.self_trade_mode == SelfTradeMode.CANCEL_BOTH:
            self.end(order, EndReason.SELF_TRADE)
            return False
        return True

    def rest(self, order: Order) -> None:
        self.priorities += 1
        order.priority = self.priorities
        order.resting = True

    # Check, cancel, resolve

    def check_order(self, command: CheckOrder) -> int:
        account = self.owned(command.account_id)
        if account is None:
            return self.refuse(command, 1006, {})
        fault = self.bad_field(command)
        if fault:
            return self.refuse(command, 1008, {"field": fault})
        refusal = risk.frozen_account(account, command.offset != 0)
        figures = (0, 0, 0, 0)
        order = None
        if refusal is None:
            order, refusal = self.checked(account, command)
        if refusal is None and order is not None:
            margin, commission = order.frozen_margin, order.frozen_commission
            total = self.margin(account) + account.frozen_margin + margin
            left = self.available(account) - margin - commission
            figures = (margin, commission, left, ledger.ratio_ppm(total, self.balance(account)))
        code, params = refusal or (0, {})
        self.emit("OrderChecked", account.account_id, code, params, *figures)
        return code

    def living(self, account: Account, order_id: str) -> Order | None:
        return next((order for order in account.orders if order.order_id == order_id), None)

    def cancel_rejected(self, command: Any, code: int, params: dict[str, Any]) -> int:
        self.emit(
            "CancelRejected", type(command).__name__, command.account_id, command.order_id, code,
            params,
        )  # fmt: skip
        return code

    def cancel_order(self, command: CancelOrder) -> int:
        account = self.owned(command.account_id, command.by_operator)
        if account is None:
            return self.refuse(command, 1006, {})
        if not command.by_operator and risk.over_rate(self, account):
            return self.cancel_rejected(command, 9004, {})
        order = self.living(account, command.order_id)
        if order is None:
            code = 3002 if command.order_id in account.known_ids else 3001
            return self.cancel_rejected(command, code, {})
        if not command.by_operator and order.instrument.phase not in CANCEL_PHASES:
            params = {"phase": Phase(order.instrument.phase).name}
            return self.cancel_rejected(command, 1009, params)
        self.end(order, EndReason.BY_OPERATOR if command.by_operator else EndReason.BY_USER)
        return 0

    def cancel_all(self, command: CancelAll) -> int:
        if not command.account_id and not command.by_operator:
            return self.refuse(command, 1006, {})
        if command.symbol and command.symbol not in self.instruments:
            return self.refuse(command, 1007, {})
        found = list(self.orders)
        if command.account_id:
            account = self.owned(command.account_id, command.by_operator)
            if account is None:
                return self.refuse(command, 1006, {})
            found = list(account.orders)
        found = [
            order for order in found
            if command.symbol in ("", order.instrument.symbol)
            and (command.by_operator or order.instrument.phase in CANCEL_PHASES)
        ]  # fmt: skip
        self.emit("CommandDone", "CancelAll", len(found))
        reason = EndReason.BY_OPERATOR if command.by_operator else EndReason.BY_USER
        self.later.append(lambda: self.end_all(found, int(reason)))
        return 0

    def resolve_order(self, command: ResolveOrder) -> int:
        account = self.owned(command.account_id)
        if account is None:
            return self.refuse(command, 1006, {})
        order = self.living(account, command.order_id)
        if order is not None:
            self.emit("OrderResolved", order.change())
            return 0
        if not ORDER_ID.fullmatch(command.order_id):
            return self.refuse(command, 1008, {"field": "order_id"})
        known = account.known_ids.get(command.order_id)
        if known:
            return self.repeat(command, known)
        uid = self.seq + 1
        account.known_ids[command.order_id] = (uid, 3003, ())
        row = [uid, account.account_id, command.order_id, "", *[0] * 9, "", "",
               self.day, self.time_ns, 0, int(OrderStatus.REJECTED), 0, 0, 0, 0]  # fmt: skip
        self.emit("OrderRejected", row, 3003, {})
        return 3003

    # Modify

    def modify_order(self, command: ModifyOrder) -> int:
        account = self.owned(command.account_id)
        if account is None:
            return self.refuse(command, 1006, {})
        if risk.over_rate(self, account):
            return self.cancel_rejected(command, 9004, {})
        order = self.living(account, command.order_id)
        if order is None:
            code = 3002 if command.order_id in account.known_ids else 3001
            return self.cancel_rejected(command, code, {})
        price = order.limit_price if command.limit_price is None else command.limit_price
        volume = order.volume if command.volume is None else command.volume
        refusal = (
            risk.frozen_account(account, not order.opens)
            or risk.phase_refusal(order.instrument)
            or self.change_refusal(order, price, volume)
        )
        if refusal:
            return self.cancel_rejected(command, *refusal)
        if price == order.limit_price and volume <= order.volume:
            return self.shrink(order, volume)
        return self.requeue(command, order, price, volume)

    def change_refusal(self, order: Order, price: int, volume: int) -> risk.Refusal | None:
        if volume <= order.filled:
            return 3004, {"filled": order.filled, "volume": volume}
        highest = order.instrument.row.max_limit_volume or MAX_LOTS
        if volume > highest:
            return 1008, {"field": "volume", "maximum": highest}
        if price == order.limit_price:
            return None
        return risk.price_refusal(order.instrument, price)

    def shrink(self, order: Order, volume: int) -> int:
        """Fewer lots at the same price keep their place (T-35)."""
        cut = order.volume - volume
        order.volume = volume
        if not order.opens:
            history = min(cut, order.frozen_history)
            order.frozen_history -= history
            order.frozen_today -= cut - history
        self.tell_modified(order)
        return 0

    def tell_modified(self, order: Order) -> None:
        symbol = order.instrument.symbol
        row = None if order.opens else self.position_row(order.account, symbol)
        self.emit("OrderModified", order.row(), self.funds(order.account), row)

    def requeue(self, command: ModifyOrder, order: Order, price: int, volume: int) -> int:
        """The order with new terms is checked as if the old one were not there."""
        changed = copy.copy(order)
        changed.limit_price, changed.volume = price, volume
        place, mine = self.orders.index(order), order.account.orders.index(order)
        del self.orders[place], order.account.orders[mine]
        refusal = risk.money_and_lots_refusal(self, changed)
        kept = order if refusal else changed
        self.orders.insert(place, kept)
        order.account.orders.insert(mine, kept)
        if refusal:
            return self.cancel_rejected(command, *refusal)
        order.alive = False
        changed.resting = False
        changed.exchange_order_id = self.next_number(order.instrument)
        self.tell_modified(changed)
        self.enter(changed)
        return 0
