"""A reader of the event stream: it overwrites rows and never adds (A-41), and checks T-58."""

from typing import Any

from trading.engine.messages import EVENT_HEADER, EVENTS, FundsRow, PositionRow


class Fold:
    """Rows by key as a projector would hold them; conservation is checked at each event."""

    def __init__(self) -> None:
        self.seq = 0
        self.time_ns = 0
        self.funds: dict[str, list[Any]] = {}
        self.positions: dict[str, dict[str, list[Any]]] = {}
        self.open_interest: dict[str, int] = {}
        self.paid_in = 0
        self.commission = 0
        self.settling = False

    def apply(self, event: list[Any]) -> None:
        seq, kind, version, time_ns, _ = event[:EVENT_HEADER]
        assert seq == self.seq + 1, "the sequence has a gap"
        assert time_ns >= self.time_ns, "time goes back"
        self.seq, self.time_ns = seq, time_ns
        fields = EVENTS[kind, version](*event[EVENT_HEADER:])
        handler = getattr(self, f"on_{kind}", None)
        if handler is not None:
            handler(fields)
        else:
            self.overwrite(getattr(fields, "funds", None), getattr(fields, "position", None))
        if not self.settling:
            self.check(kind)

    def overwrite(self, funds: list[Any] | None, position: list[Any] | None) -> None:
        if funds is not None:
            assert min(FundsRow(*funds)[7:]) >= 0, funds
            self.funds[funds[0]] = funds
        if position is not None:
            assert min(position[2:]) >= 0, position
            self.positions.setdefault(position[0], {})[position[1]] = position

    def on_Traded(self, fields: Any) -> None:
        for side in (fields.taker, fields.maker):
            self.commission += side[3]
            self.overwrite(side[5], side[6])
        self.open_interest[fields.symbol] = fields.open_interest

    def on_FundsMoved(self, fields: Any) -> None:
        self.paid_in += fields.amount
        assert fields.balance_after - fields.balance_before == fields.amount
        self.overwrite(fields.funds, None)

    def on_SettlementBegun(self, _: Any) -> None:
        self.settling = True

    def on_AccountSettled(self, fields: Any) -> None:
        self.overwrite(fields.funds, None)
        self.positions[fields.account_id] = {}
        for row in fields.positions:
            self.overwrite(None, row)

    def on_SettlementFinished(self, _: Any) -> None:
        """Long and short at one price: the book balances without the price again."""
        self.settling = False

    def check(self, kind: str) -> None:
        """T-58: money is moved and paid in, never made; every long lot has a short one."""
        realised = sum(
            row.pre_balance + row.deposit - row.withdraw + row.close_profit - row.commission
            for row in (FundsRow(*funds) for funds in self.funds.values())
        )
        open_profit = 0
        lots: dict[str, list[int]] = {}
        for held in self.positions.values():
            for position in held.values():
                row = PositionRow(*position)
                long_cost = row.long_position_cost_today + row.long_position_cost_his
                short_cost = row.short_position_cost_today + row.short_position_cost_his
                open_profit += long_cost - short_cost
                pair = lots.setdefault(row.symbol, [0, 0])
                pair[0] += row.long_today + row.long_his
                pair[1] += row.short_today + row.short_his
        assert realised - open_profit == self.paid_in - self.commission, kind
        for symbol, (long, short) in lots.items():
            assert long == short == self.open_interest.get(symbol, 0), symbol
