"""The whole reference exchange: its commands one by one, and the daily settlement."""

from collections.abc import Callable
from typing import Any

from tests.engine.reference import ledger, risk
from tests.engine.reference.clock import Clock, to_date
from tests.engine.reference.ledger import Side
from tests.engine.reference.model import Account, Instrument, Order
from trading.engine import messages as m
from trading.engine.messages import AccountStatus, EndReason, FreezeMode, InstrumentStatus

MAX_MONEY = 10**11 * 10_000
TEN_MINUTES_NS = 600 * 10**9
EIGHT_DAYS_NS = 8 * 86_400 * 10**9
DAY_CONDITIONS = (m.TimeCondition.GFS, m.TimeCondition.GFD, m.TimeCondition.GFA)


class Exchange(Clock):
    """`apply` as the engine has it, slow and from lists."""

    def apply(self, envelope: m.Envelope, command: Any) -> tuple[int, list[list[Any]]]:
        self.events = []
        self.command_id, self.user_id = "", envelope.user_id
        self.advance(envelope.time_ns)
        self.work()
        if isinstance(command, m.Tick):
            return 0, self.events
        self.command_id = envelope.command_id
        if envelope.command_id in self.repeats:
            seq, code, _ = self.repeats[envelope.command_id]
            self.emit("CommandRepeated", type(command).__name__, seq, code, "", "")
            return code, self.events
        first = self.seq + 1
        code = self.handler(command)(command)
        self.work()
        self.repeats[envelope.command_id] = (first, code, self.time_ns)
        oldest = self.time_ns - TEN_MINUTES_NS
        self.repeats = {key: item for key, item in self.repeats.items() if item[2] >= oldest}
        return code, self.events

    def handler(self, command: Any) -> Callable[[Any], int]:
        name = "".join("_" + c.lower() if c.isupper() else c for c in type(command).__name__)
        found: Callable[[Any], int] = getattr(self, name[1:])
        return found

    # Venue

    def create_venue(self, command: m.CreateVenue) -> int:
        self.day, self.mode = command.trading_day, command.mode
        self.settlement_minute = command.settlement_minute
        self.emit("VenueCreated", *command, 1)
        return 0

    def set_calendar(self, command: m.SetCalendar) -> int:
        self.calendar = list(command.trading_days)
        day = to_date(self.day).toordinal() - 1
        while to_date(self.day).fromordinal(day).weekday() >= 5:
            day -= 1
        self.previous_day = int(f"{to_date(self.day).fromordinal(day):%Y%m%d}")
        self.emit("CalendarSet", list(command.trading_days))
        self.follow_table()
        return 0

    def set_sessions(self, command: m.SetSessions) -> int:
        self.templates = {name: [list(row) for row in rows] for name, rows in command.templates}
        self.emit("SessionsSet", command.templates)
        if self.previous_day:
            self.follow_table()
        return 0

    def set_settings(self, command: m.SetSettings) -> int:
        self.settings.update(command.values)
        self.emit("SettingsChanged", dict(command.values), command.reason)
        return 0

    def halt_venue(self, command: m.HaltVenue) -> int:
        if self.halted:
            return self.refuse(command, 9008, {"field": "halted"})
        self.halted = True
        self.emit("VenueHalted", command.reason)
        self.close_venue()
        found = list(self.orders)
        self.later.append(lambda: self.end_all(found, int(EndReason.VENUE_HALTED)))
        return 0

    def resume_venue(self, command: m.ResumeVenue) -> int:
        if not self.halted:
            return self.refuse(command, 9008, {"field": "halted"})
        self.halted = False
        self.emit("VenueResumed", command.reason)
        self.follow_table()
        return 0

    # Products and instruments

    def set_product(self, command: m.SetProduct) -> int:
        row = m.ProductRow(*command.row)
        self.product_rows[f"{row.exchange_id}.{row.product_id}"] = list(row)
        self.emit("ProductChanged", list(row))
        return 0

    def create_instrument(self, command: m.CreateInstrument) -> int:
        row = m.InstrumentRow(*command.row)
        row = row._replace(
            status=int(InstrumentStatus.TRADING), pre_settlement=row.listing_price,
            pre_close=row.listing_price,
        )  # fmt: skip
        key = f"{row.exchange_id}.{row.product_id}"
        product = m.ProductRow(*self.product_rows[key])
        rates = [int(rate or 0) for rate in product.rates]
        instrument = Instrument(row, key, product.larger_side_margin, rates, row.rates)
        instrument.set_limits()
        instrument.phase = self.phases.get(row.session_template, 0)
        self.instruments[instrument.symbol] = instrument
        self.emit("InstrumentChanged", list(instrument.row), "created")
        return 0

    def update_instrument(self, command: m.UpdateInstrument) -> int:
        instrument = self.instruments[command.symbol]
        changes: dict[str, Any] = dict(command.changes)
        instrument.row = instrument.row._replace(**changes)
        instrument.set_limits()
        self.emit("InstrumentChanged", list(instrument.row), command.reason)
        return 0

    def suspend_instrument(self, command: m.SuspendInstrument) -> int:
        return self.switch(command, InstrumentStatus.TRADING, InstrumentStatus.SUSPENDED)

    def resume_instrument(self, command: m.ResumeInstrument) -> int:
        code = self.switch(command, InstrumentStatus.SUSPENDED, InstrumentStatus.TRADING)
        instrument = self.instruments[command.symbol]
        if not code and instrument.phase == m.Phase.CONTINUOUS:
            self.uncross(instrument)
        return code

    def switch(self, command: m.SuspendInstrument | m.ResumeInstrument, old: int, new: int) -> int:
        instrument = self.instruments[command.symbol]
        if instrument.status != old:
            status = InstrumentStatus(instrument.status).name
            return self.refuse(command, 9008, {"field": "status", "status": status})
        instrument.row = instrument.row._replace(status=int(new))
        self.emit("InstrumentChanged", list(instrument.row), command.reason)
        return 0

    def set_rates(self, command: m.SetRates) -> int:
        rates = list(command.rates)
        target = command.target
        if command.holder:
            self.rates[command.holder, target] = rates
        elif target in self.instruments:
            self.instruments[target].own_rates = rates
            self.instruments[target].row = self.instruments[target].row._replace(rates=rates)
        else:
            for instrument in self.instruments.values():
                if instrument.product == target:
                    instrument.product_rates = [int(rate or 0) for rate in rates]
        self.emit("RatesChanged", command.holder, target, rates, command.reason)
        for instrument in self.instruments.values():
            if command.apply_now and target in (instrument.symbol, instrument.product):
                self.queue_remargin(instrument)
        return 0

    def queue_remargin(self, instrument: Instrument) -> None:
        holders = list(instrument.holders)

        def remargin_all() -> None:
            for account_id in holders:
                account = self.accounts[account_id]
                self.remargin(account, instrument)
                row = self.position_row(account, instrument.symbol)
                self.emit("PositionRemargined", self.funds(account), row)

        self.later.append(remargin_all)

    # Accounts and money

    def open_account(self, command: m.OpenAccount) -> int:
        row = list(
            m.AccountRow(
                command.account_id, command.user_id, command.account_name, command.account_type,
                command.currency, command.group, int(AccountStatus.ACTIVE), 0, False, "",
                command.is_market_maker, command.is_robot, self.time_ns,
            )
        )  # fmt: skip
        account = Account(command.account_id, command.user_id, row, command.group)
        self.accounts[command.account_id] = account
        self.emit("AccountChanged", list(row), "opened")
        return 0

    def freeze_account(self, command: m.FreezeAccount) -> int:
        account = self.accounts[command.account_id]
        account.row[6:10] = [
            int(AccountStatus.FROZEN), command.mode, command.can_close, command.reason,
        ]  # fmt: skip
        self.emit("AccountChanged", list(account.row), command.reason)
        if command.mode != FreezeMode.WITHDRAW_ONLY:
            found = list(account.orders)
            self.later.append(lambda: self.end_all(found, int(EndReason.ACCOUNT_FROZEN)))
        return 0

    def unfreeze_account(self, command: m.UnfreezeAccount) -> int:
        account = self.accounts[command.account_id]
        status = AccountStatus(account.row[6])
        if status != AccountStatus.FROZEN:
            return self.refuse(command, 9008, {"field": "status", "status": status.name})
        account.row[6:10] = [int(AccountStatus.ACTIVE), 0, False, ""]
        self.emit("AccountChanged", list(account.row), command.reason)
        return 0

    def deposit(self, command: m.Deposit) -> int:
        return self.move_money(command, 2003, 1)

    def withdraw(self, command: m.Withdraw) -> int:
        return self.move_money(command, 2004, -1)

    def move_money(self, command: m.Deposit | m.Withdraw, code: int, sign: int) -> int:
        account = self.owned(command.account_id, command.by_operator)
        if account is None:
            return self.refuse(command, 1006, {})
        refusal = self.money_refusal(account, command, code, sign)
        if refusal:
            return self.refuse(command, *refusal)
        oldest = self.time_ns - EIGHT_DAYS_NS
        self.references = [entry for entry in self.references if entry[1] >= oldest]
        self.references.append((command.reference, self.time_ns))
        before = self.realised(account)
        account.flows.append(sign * command.amount)
        self.flows += 1
        self.emit(
            "FundsMoved", f"TXN{self.day}{self.flows:08d}", account.account_id, command.kind,
            sign * command.amount, before, self.realised(account), command.reference,
            command.method, command.remark, self.user_id, "", self.day, self.funds(account),
        )  # fmt: skip
        return 0

    def money_refusal(
        self, account: Account, command: m.Deposit | m.Withdraw, code: int, sign: int
    ) -> risk.Refusal | None:
        if not 0 < command.amount <= MAX_MONEY:
            return code, {"amount": command.amount}
        if not command.reference:
            return 9008, {"field": "reference"}
        if command.reference in [reference for reference, _ in self.references]:
            return code, {"reference": command.reference}
        if sign > 0:
            return None
        frozen = account.row[6] == AccountStatus.FROZEN
        if frozen and account.row[7] != FreezeMode.TRADING_ONLY:
            return 2002, {"status": "FROZEN"}
        free = self.available(account)
        if self.settings["withdraw_excludes_profit"]:
            free -= max(self.position_profit(account), 0)
        free = max(free, 0)
        return (code, {"required": command.amount, "available": free}) if command.amount > free else None

    # Settlement

    def begin_settlement(self, command: m.BeginSettlement) -> int:
        prices: dict[str, int] = dict(command.prices)
        if command.trading_day not in (0, self.day):
            self.emit("SettlementRefused", command.run_id, 6004, {"trading_day": self.day})
            return 6004
        for symbol, instrument in self.instruments.items():
            if instrument.holders and symbol not in prices:
                self.emit("SettlementRefused", command.run_id, 6001, {"symbol": symbol})
                return 6001
        self.run = {"id": command.run_id, "commission": 0, "profit": 0, "liquidate": []}
        self.emit("SettlementBegun", command.run_id, self.day, len(self.accounts))
        self.close_venue()
        self.later.append(lambda: self.settle(command.run_id, prices))
        return 0

    def settle(self, run_id: str, prices: dict[str, int]) -> None:
        """T-92 in one go; T-38 for what rests."""
        for order in list(self.orders):
            if order.time_condition in DAY_CONDITIONS:
                self.end(order, EndReason.DAY_END)
            elif order.time_condition == m.TimeCondition.GTD and order.gtd_date <= self.day:
                self.end(order, EndReason.DATE_REACHED)
            elif order.offset == m.Offset.CLOSETODAY:
                self.end(order, EndReason.NOT_CARRIED, 2005)
        for account in self.accounts.values():
            self.settle_account(account, prices)
        for instrument in self.instruments.values():
            self.roll_instrument(instrument, prices.get(instrument.symbol, 0))
        self.previous_day, self.day = self.day, min(d for d in self.calendar if d > self.day)
        for order in list(self.orders):
            self.carry(order)
        self.finish(run_id)

    def settle_account(self, account: Account, prices: dict[str, int]) -> None:
        assert self.run is not None
        _, pre, deposit, withdraw, profit, commission = self.funds(account)[:6]
        gain = 0
        rolled: dict[str, tuple[Side, Side]] = {}
        for symbol in account.entries:
            instrument, price = self.instruments[symbol], prices.get(symbol, 0)
            long, short = self.replayed(account, symbol).sides
            value = price * instrument.multiple
            gain += value * long.lots - long.position_cost + short.position_cost - value * short.lots
            rates = self.margin_rates(account, instrument)
            rolled[symbol] = (
                long.settled(price, instrument.multiple, rates[0]),
                short.settled(price, instrument.multiple, rates[1]),
            )
        self.answers = {}
        account.morning, account.entries = rolled, {symbol: [] for symbol in rolled}
        account.pre_balance = pre + deposit - withdraw + profit - commission + gain
        account.flows = []
        for order in account.orders:
            order.frozen_history += order.frozen_today
            order.frozen_today = 0
            order.thawed = True
        living = [order.order_id for order in account.orders]
        account.known_ids = {key: account.known_ids[key] for key in living}
        self.run["commission"] += commission
        self.run["profit"] += profit + gain
        self.tell_settled(account, [pre, deposit, withdraw, profit, gain, commission])
        working = [order.instrument.symbol for order in account.orders if order.opens]
        for symbol, sides in list(rolled.items()):
            if not (sides[0].lots or sides[1].lots or symbol in working):
                del account.entries[symbol], account.morning[symbol]

    def tell_settled(self, account: Account, figures: list[int]) -> None:
        assert self.run is not None
        margin, balance = self.margin(account), account.pre_balance
        must = ledger.reaches(margin, balance, self.settings["liquidation_ppm"])
        if must:
            self.run["liquidate"].append(account.account_id)
        rows = [self.position_row(account, symbol) for symbol in account.entries]
        self.emit(
            "AccountSettled", self.run["id"], self.day, account.account_id, *figures, balance,
            margin, ledger.ratio_ppm(margin, balance), must, self.funds(account), rows,
        )  # fmt: skip

    def roll_instrument(self, instrument: Instrument, price: int) -> None:
        row = instrument.row
        interest = self.open_interest(instrument)
        last = instrument.trades[-1][0] if instrument.trades else row.pre_close
        instrument.row = row._replace(
            pre_settlement=price or instrument.mark, pre_close=last, pre_open_interest=interest
        )
        instrument.trades, instrument.numbers = [], 0
        instrument.breaker_price = instrument.breaker_since_ns = 0
        instrument.set_limits()
        self.emit("InstrumentChanged", list(instrument.row), "settled")

    def carry(self, order: Order) -> None:
        """T-38: frozen anew, or ended with the code that forbids it."""
        place, mine = self.orders.index(order), order.account.orders.index(order)
        del self.orders[place], order.account.orders[mine]
        order.thawed = False
        refusal = risk.price_refusal(order.instrument, order.limit_price)
        if refusal is None:
            risk.set_freeze(self, order)
            refusal = risk.funds_refusal(self, order) if order.opens else None
        self.orders.insert(place, order)
        order.account.orders.insert(mine, order)
        if refusal:
            return self.end(order, EndReason.NOT_CARRIED, refusal[0])
        symbol = order.instrument.symbol
        row = None if order.opens else self.position_row(order.account, symbol)
        self.emit("OrderCarried", order.change(), self.funds(order.account), row)
        return None

    def finish(self, run_id: str) -> None:
        run, self.run = self.run, None
        assert run is not None
        self.emit(
            "SettlementFinished", run_id, self.previous_day, self.day, len(self.accounts),
            run["commission"], run["profit"], run["liquidate"],
        )  # fmt: skip
        self.flows = 0
        self.follow_table()
