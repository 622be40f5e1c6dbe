"""A random but repeatable stream of commands, good and bad, over several trading days (R-4)."""

import random
from datetime import date, timedelta
from typing import Any

from tests.engine import builders as b
from tests.engine.reference.clock import midnight_ns
from tests.engine.reference.exchange import Exchange
from tests.engine.reference.model import Instrument, Order, trades_now
from trading.engine import messages as m
from trading.engine.messages import Envelope

SECOND = 10**9
OWNERS = [b.ALICE, b.BOB, b.CHARLIE, "d" * 32, "e" * 32]
ACCOUNTS = [
    # account, owner, yuan, market maker, group
    ("A", b.ALICE, 30_000_000, False, ""),
    ("A2", b.ALICE, 15_000_000, False, "vip"),
    ("B", b.BOB, 40_000_000, True, "vip"),
    ("C", b.CHARLIE, 2_000_000, False, ""),
    ("D", "d" * 32, 60_000_000, True, ""),
    ("E", "e" * 32, 20_000_000, False, "vip"),
]
PRODUCTS = [
    b.product_row("SHFE", "cu", margin_ppm=100_000, fees=(50_123, 0, 50_123, 0, 0, 0)),
    b.product_row("DCE", "m", margin_ppm=70_001, fees=(0, 15_000, 0, 15_000, 12_345, 7_500),
                  larger_side=True),
    b.product_row("CFFEX", "IF", margin_ppm=123_457, fees=(23_000, 0, 23_000, 0, 345_000, 0)),
]  # fmt: skip
INSTRUMENTS = [
    b.instrument_row("SHFE.cu2605", volume_multiple=5, price_tick=b.yuan(10),
                     listing_price=b.yuan(80_000), session_template="night0230",
                     max_limit_volume=30, max_market_volume=20, breaker_move_ppm=900,
                     breaker_window_ns=20 * SECOND, breaker_auction_ns=30 * SECOND),
    b.instrument_row("DCE.m2605", volume_multiple=10, price_tick=b.yuan(1),
                     listing_price=b.yuan(3_011), max_limit_volume=60, max_market_volume=30,
                     position_limit=120, self_trade_mode=0),
    b.instrument_row("DCE.m2607", volume_multiple=10, price_tick=b.yuan(1),
                     listing_price=b.yuan(2_950), max_limit_volume=60, max_market_volume=30,
                     self_trade_mode=1, breaker_move_ppm=2_000, breaker_window_ns=30 * SECOND,
                     breaker_auction_ns=20 * SECOND),
    b.instrument_row("CFFEX.IF2603", volume_multiple=300, price_tick=b.yuan("0.2"),
                     listing_price=b.yuan(4_000), session_template="index",
                     limit_up_ppm=100_000, limit_down_ppm=100_000, max_limit_volume=20,
                     max_market_volume=10, self_trade_mode=2),
]  # fmt: skip
SETTINGS = {
    "product_share_ppm": 800_000, "orders_per_second": 4, "orders_burst": 3,
    "market_maker_orders_per_second": 7, "market_maker_orders_burst": 6,
}  # fmt: skip


def calendar(first: int = b.MONDAY, days: int = 90) -> list[int]:
    """Weekdays with two holidays, one of them on a Friday."""
    start = date(first // 10_000, first // 100 % 100, first % 100)
    found = [start + timedelta(days=n) for n in range(days)]
    open_days = [day for day in found if day.weekday() < 5]
    del open_days[13], open_days[7]
    return [int(f"{day:%Y%m%d}") for day in open_days]


def setup() -> list[Any]:
    """Commands that make the venue."""
    commands: list[Any] = [
        m.CreateVenue("test", 1, int(m.ClockMode.REAL), b.MONDAY),
        m.SetCalendar(calendar()),
        m.SetSessions(b.TEMPLATES),
        m.SetSettings(SETTINGS),
        *[m.SetProduct(row) for row in PRODUCTS],
        *[m.CreateInstrument(row) for row in INSTRUMENTS],
    ]
    for account_id, owner, cash, is_maker, group in ACCOUNTS:
        commands.append(
            m.OpenAccount(account_id, owner, account_id, "individual", group=group,
                          is_market_maker=is_maker)
        )  # fmt: skip
        commands.append(m.Deposit(account_id, b.yuan(cash), f"seed-{account_id}", by_operator=True))
    return commands


class Flow:
    """Draws the next log entry, looking at the reference to draw what is interesting."""

    def __init__(self, seed: int, exchange: Exchange) -> None:
        self.random = random.Random(seed)
        self.exchange = exchange
        self.time_ns = b.at(b.MONDAY, "08:00")
        self.number = 0
        self.sent: list[m.PlaceOrder] = []
        self.command_ids: list[str] = []
        self.makers: list[tuple[float, Any]] = [
            (56, self.place), (20, self.close), (8, self.cancel), (8, self.modify),
            (2, self.resend), (1, self.deposit), (1.5, self.withdraw), (0.4, self.freeze),
            (3, self.unfreeze), (2, self.check), (1, self.resolve), (0.7, self.rates),
            (0.5, self.suspend), (1, self.resume), (0.3, self.cancel_all), (0.7, self.settings),
            (4, self.tick), (0.5, self.update),
        ]  # fmt: skip

    def setup(self) -> list[tuple[Envelope, Any]]:
        return [(self.envelope(""), command) for command in setup()]

    def next(self) -> tuple[Envelope, Any]:
        self.pass_time()
        weights = [weight for weight, _ in self.makers]
        make = self.random.choices([make for _, make in self.makers], weights)[0]
        if self.over() and self.random.random() < 0.25:
            make = self.settle
        elif self.exchange.halted and self.random.random() < 0.3:
            return self.envelope(""), m.ResumeVenue("over")
        elif self.random.random() < 0.0005:
            return self.envelope(""), m.HaltVenue("drill")
        command, user = make()
        return self.envelope(user), command

    def envelope(self, user: str) -> Envelope:
        self.number += 1
        command_id = f"{self.number:032x}"
        if self.number > 50 and self.random.random() < 0.005:
            command_id = self.random.choice(self.command_ids[-50:])
        self.command_ids.append(command_id)
        return Envelope(f"{self.time_ns // 10**6}-{self.number}", self.time_ns, command_id, user)

    # Time

    def pass_time(self) -> None:
        roll = self.random.random()
        if roll < 0.8:
            step = self.random.choice([0, 0, 1, 3, 20, 60]) * 10**6
        elif roll < 0.975:
            step = self.random.randrange(60_000) * 10**6
        else:
            step = self.random.randrange(25 * 60_000) * 10**6
        if not self.any_open() and self.random.random() < 0.6:
            step = 18 * 60 * SECOND
        if not self.over():
            self.time_ns += step
            if self.random.random() < 0.004:
                self.time_ns = self.next_edge()

    def next_edge(self) -> int:
        """Exactly the time of the next boundary: it comes before the command (T-24)."""
        edges = [
            edge for name in self.exchange.templates for section in self.exchange.sections(name)
            for edge in section[:2] if edge > self.time_ns
        ]  # fmt: skip
        return min(edges, default=self.time_ns)

    def any_open(self) -> bool:
        return any(trades_now(item) for item in self.exchange.instruments.values())

    def over(self) -> bool:
        return self.time_ns >= midnight_ns(self.exchange.day) + 15 * 3600 * SECOND

    # Orders

    def owner(self, account_id: str) -> str:
        if self.random.random() < 0.004:
            return self.random.choice(OWNERS)
        account = self.exchange.accounts.get(account_id)
        return self.random.choice([account.user_id, ""]) if account else b.ALICE

    def some_account(self) -> str:
        if self.random.random() < 0.003:
            return "nobody"
        return self.random.choice(ACCOUNTS)[0]

    def some_instrument(self) -> Instrument:
        found = list(self.exchange.instruments.values())
        trading = [item for item in found if trades_now(item)]
        if trading and self.random.random() < 0.95:
            found = trading
        return self.random.choice(found)

    def some_price(self, instrument: Instrument) -> int:
        row, pick = instrument.row, self.random
        roll = pick.random()
        if roll < 0.01:
            return pick.choice([0, -row.price_tick, row.price_tick // 2 + row.lower_limit])
        if roll < 0.02:
            return pick.choice([row.upper_limit + row.price_tick, row.lower_limit - row.price_tick])
        if roll < 0.05:
            return pick.choice([row.upper_limit, row.lower_limit])
        width = 2 if roll < 0.75 else 12
        price = instrument.mark // row.price_tick * row.price_tick
        price += pick.randint(-width, width) * row.price_tick
        return max(row.lower_limit, min(price, row.upper_limit))

    def some_volume(self, instrument: Instrument) -> int:
        if self.random.random() < 0.01:
            return self.random.choice([0, -1, 10_000])
        return self.random.choice([1, 1, 2, 2, 3, 4, 5, 7, 10, 18])

    def conditions(self) -> tuple[int, int, int]:
        """price_type, time_condition, volume_condition; mostly allowed ones."""
        pick = self.random
        if pick.random() < 0.01:
            return pick.randrange(5), pick.randrange(7), pick.randrange(4)
        price_type = pick.choices([0, 1, 2, 3], [74, 8, 8, 10])[0]
        if price_type:
            time_condition = 0 if price_type == 1 else pick.choices([0, 2, 4], [50, 48, 2])[0]
        else:
            time_condition = pick.choices([0, 1, 2, 3, 4, 5], [18, 6, 42, 9, 20, 5])[0]
        volume_condition = 0
        if time_condition == 0:
            volume_condition = pick.choices([0, 1, 2], [50, 25, 25])[0]
        return price_type, time_condition, volume_condition

    def some_order(self) -> m.PlaceOrder:
        pick, instrument = self.random, self.some_instrument()
        price_type, time_condition, volume_condition = self.conditions()
        volume = self.some_volume(instrument)
        symbol = instrument.symbol if pick.random() > 0.003 else "DCE.x1"
        order_id = f"o{self.number}" if pick.random() < 0.6 else ""
        if pick.random() < 0.003:
            order_id = "not an id"
        return m.PlaceOrder(
            self.some_account(), order_id, symbol, pick.randrange(2),
            pick.choices([0, 1, 2, 3, 4], [88, 5, 4, 3, 0.2])[0], volume, price_type,
            self.some_price(instrument) if price_type == 0 or pick.random() < 0.2 else 0,
            time_condition, volume_condition,
            pick.randint(0, volume + 1) if volume_condition == 1 and volume > 0 else 0,
            self.some_date() if time_condition == 3 else 0,
            "SPECULATION", pick.choice(["", "tag"]),
        )  # fmt: skip

    def some_date(self) -> int:
        if self.random.random() < 0.1:
            return self.random.choice([0, b.MONDAY, 20261345])
        days = [day for day in self.exchange.calendar if day >= self.exchange.day]
        return self.random.choice(days[:4])

    def place(self) -> tuple[Any, str]:
        order = self.some_order()
        if order.order_id:
            self.sent.append(order)
        return order, self.owner(order.account_id)

    def close(self) -> tuple[Any, str]:
        """An order against lots that somebody holds."""
        held = [
            (account, symbol, side)
            for account in self.exchange.accounts.values() for symbol in account.entries
            for side in (0, 1) if trades_now(self.exchange.instruments[symbol])
            and self.exchange.replayed(account, symbol).sides[side].lots
        ]  # fmt: skip
        if not held:
            return self.place()
        account, symbol, side = self.random.choice(held)
        order = self.some_order()._replace(
            account_id=account.account_id, symbol=symbol, direction=1 - side,
            offset=self.random.choice([1, 1, 2, 3]),
        )  # fmt: skip
        if order.limit_price:
            price = self.some_price(self.exchange.instruments[symbol])
            order = order._replace(limit_price=price)
        return order, self.owner(account.account_id)

    def check(self) -> tuple[Any, str]:
        order = self.some_order()
        if order.order_id == "not an id":
            order = order._replace(order_id="")
        return m.CheckOrder(*order), self.owner(order.account_id)

    def resend(self) -> tuple[Any, str]:
        """The same order again, or another one under its id (T-36)."""
        if not self.sent:
            return self.place()
        order = self.random.choice(self.sent[-300:])
        if self.random.random() < 0.3:
            order = order._replace(volume=order.volume + 1)
        return order, self.owner(order.account_id)

    def some_living(self) -> Order | None:
        return self.random.choice(self.exchange.orders) if self.exchange.orders else None

    def order_name(self) -> tuple[str, str]:
        order = self.some_living()
        if order is None or self.random.random() < 0.05:
            known = self.random.choice(self.sent[-200:]).order_id if self.sent else "none"
            return self.random.choice(ACCOUNTS)[0], known
        return order.account.account_id, order.order_id

    def cancel(self) -> tuple[Any, str]:
        account_id, order_id = self.order_name()
        by_operator = self.random.random() < 0.05
        return m.CancelOrder(account_id, order_id, by_operator), self.owner(account_id)

    def cancel_all(self) -> tuple[Any, str]:
        account_id = self.random.choice(["", *[row[0] for row in ACCOUNTS]])
        symbol = self.random.choice(["", "DCE.x1", *self.exchange.instruments])
        by_operator = self.random.random() < 0.5
        if not account_id and self.random.random() < 0.7:
            return self.cancel()
        return m.CancelAll(account_id, symbol, by_operator), self.owner(account_id)

    def modify(self) -> tuple[Any, str]:
        account_id, order_id = self.order_name()
        order = self.exchange.living(self.exchange.accounts[account_id], order_id)
        if order is None:
            return m.ModifyOrder(account_id, order_id, None, 1), self.owner(account_id)
        price = self.some_price(order.instrument) if self.random.random() < 0.6 else None
        change = self.random.choice([-3, -2, -1, 0, 1, 2, 5, 100])
        volume = order.volume + change if self.random.random() < 0.6 else None
        return m.ModifyOrder(account_id, order_id, price, volume), self.owner(account_id)

    def resolve(self) -> tuple[Any, str]:
        account_id, order_id = self.order_name()
        if self.random.random() < 0.3:
            order_id = f"never{self.number}"
        return m.ResolveOrder(account_id, order_id), self.owner(account_id)

    # Money and operators

    def reference(self) -> str:
        return self.random.choice(["", "seed-A"]) if self.random.random() < 0.05 else f"r{self.number}"

    def deposit(self) -> tuple[Any, str]:
        account_id = self.some_account()
        amount = self.random.choice([0, 1, 10_001, b.yuan(50_000), b.yuan(300_000)])
        command = m.Deposit(account_id, amount, self.reference(), "bank", "", True)
        return command, self.owner(account_id)

    def withdraw(self) -> tuple[Any, str]:
        account_id = self.some_account()
        amount = self.random.choice([1, 9_999, b.yuan(40_000), b.yuan(400_000), b.yuan(10**7)])
        return m.Withdraw(account_id, amount, self.reference()), self.owner(account_id)

    def freeze(self) -> tuple[Any, str]:
        account_id = self.random.choice(ACCOUNTS)[0]
        mode = self.random.choice([1, 2, 3])
        return m.FreezeAccount(account_id, mode, self.random.random() < 0.5, "drill"), ""

    def unfreeze(self) -> tuple[Any, str]:
        frozen = [key for key, account in self.exchange.accounts.items() if account.row[6] == 2]
        return m.UnfreezeAccount(self.random.choice(frozen or ["A"])), ""

    def suspend(self) -> tuple[Any, str]:
        return m.SuspendInstrument(self.some_instrument().symbol, "drill"), ""

    def resume(self) -> tuple[Any, str]:
        paused = [key for key, item in self.exchange.instruments.items() if item.status == 2]
        return m.ResumeInstrument(self.random.choice(paused or ["DCE.m2605"])), ""

    def rates(self) -> tuple[Any, str]:
        pick = self.random
        holder = pick.choice(["", "", "account:A", "account:D", "group:vip"])
        instrument = self.some_instrument()
        target = instrument.symbol if not holder or pick.random() < 0.5 else instrument.product
        margin = pick.choice([None, 80_000, 99_999, 110_001])
        rates = [margin, margin, *[pick.choice([None, 0, 1, 7_777, 40_001]) for _ in range(6)]]
        if all(rate is None for rate in rates):
            rates[2] = 1
        return m.SetRates(holder, target, rates, pick.random() < 0.4, "drill"), ""

    def settings(self) -> tuple[Any, str]:
        name, values = self.random.choice([
            ("max_order_amount", [b.yuan(8_000_000), b.yuan(12_000_000)]),
            ("product_share_ppm", [0, 500_000, 800_000]),
            ("max_risk_ppm", [900_000, 950_000]),
            ("withdraw_excludes_profit", [0, 1]),
            ("close_history_first", [0, 1]),
            ("close_history_first_dce", [0, 1, 2]),
            ("close_history_first_cffex", [0, 1, 2]),
        ])  # fmt: skip
        return m.SetSettings({name: self.random.choice(values)}), ""

    def update(self) -> tuple[Any, str]:
        limit = self.random.choice([0, 60, 120])
        return m.UpdateInstrument("DCE.m2605", {"position_limit": limit}, "drill"), ""

    def tick(self) -> tuple[Any, str]:
        return m.Tick(), ""

    def settle(self) -> tuple[Any, str]:
        prices = []
        for symbol, item in self.exchange.instruments.items():
            tick = item.row.price_tick
            price = item.mark // tick * tick + self.random.randint(-6, 6) * tick
            if self.random.random() > 0.03:
                prices.append([symbol, max(item.row.lower_limit, min(price, item.row.upper_limit))])
        day = self.random.choice([0, self.exchange.day, self.exchange.day])
        if self.random.random() < 0.1:
            day = self.exchange.previous_day
        return m.BeginSettlement(f"run-{self.exchange.day}", prices, day), ""
