"""Proof that flows, trades and settled days reproduce every balance (T-101, T-58).

All sums are taken by the database in one snapshot, so that the projector may run on.
"""

from typing import Any, NamedTuple

from django.db import connection, transaction


class Difference(NamedTuple):
    """One figure of the tables that its records do not reproduce."""

    subject: str  # account, account and day, or symbol
    figure: str
    stored: Any
    computed: Any

    def __str__(self) -> str:
        return f"{self.subject}: {self.figure} is {self.stored}, its records give {self.computed}"


# Movements of an account by day: money, fees and profit of its flows and trades.
MOVES = """
    SELECT account_id, trading_day, sum(money) AS money, sum(fees) AS fees,
           sum(profit) AS profit
    FROM (
        SELECT account_id, trading_day, amount AS money, 0 AS fees, 0 AS profit
        FROM trading_cashflow WHERE venue_id = %(venue)s AND status = 'completed'
        UNION ALL
        SELECT account_id, trading_day, 0, commission, close_profit
        FROM trading_trade WHERE venue_id = %(venue)s
    ) rows GROUP BY account_id, trading_day
"""

# Each settled day against its records, its own sum and the day before it.
DAYS = f"""
    SELECT d.account_id || ' ' || d.trading_day, check_name, stored, computed
    FROM (
        SELECT *, lag(balance) OVER (PARTITION BY account_id ORDER BY trading_day) AS before
        FROM trading_accountday WHERE venue_id = %(venue)s
    ) d
    LEFT JOIN ({MOVES}) m USING (account_id, trading_day)
    CROSS JOIN LATERAL (VALUES
        ('deposit - withdraw', d.deposit - d.withdraw, coalesce(m.money, 0)),
        ('commission', d.commission, coalesce(m.fees, 0)),
        ('close_profit', d.close_profit, coalesce(m.profit, 0)),
        ('pre_balance', d.pre_balance, coalesce(d.before, d.pre_balance)),
        ('balance', d.balance, d.pre_balance + d.deposit - d.withdraw + d.close_profit
                               + d.position_profit - d.commission)
    ) checks (check_name, stored, computed)
    WHERE stored <> computed
      -- Of a day whose trades are no longer kept, fees and profit cannot be summed again.
      AND (check_name NOT IN ('commission', 'close_profit')
           OR to_regclass('trading_trade_p' || d.trading_day) IS NOT NULL)
"""

# The running day: what came after the account's last settled day.
NOW = f"""
    WITH last AS (
        SELECT DISTINCT ON (account_id) account_id, trading_day, balance
        FROM trading_accountday WHERE venue_id = %(venue)s
        ORDER BY account_id, trading_day DESC
    ), since AS (
        SELECT account_id, sum(money) AS money, sum(fees) AS fees, sum(profit) AS profit
        FROM ({MOVES}) moves LEFT JOIN last USING (account_id)
        WHERE moves.trading_day > coalesce(last.trading_day, 0)
        GROUP BY account_id
    )
    SELECT a.account_id, check_name, stored, computed
    FROM trading_tradingaccount a
    LEFT JOIN last USING (account_id)
    LEFT JOIN since m USING (account_id)
    CROSS JOIN LATERAL (VALUES
        ('pre_balance', a.pre_balance, coalesce(last.balance, 0)),
        ('deposit - withdraw', a.deposit - a.withdraw, coalesce(m.money, 0)),
        ('commission', a.commission, coalesce(m.fees, 0)),
        ('close_profit', a.close_profit, coalesce(m.profit, 0)),
        ('realised balance',
            a.pre_balance + a.deposit - a.withdraw + a.close_profit - a.commission - a.premium,
            coalesce(last.balance, 0) + coalesce(m.money, 0) + coalesce(m.profit, 0)
            - coalesce(m.fees, 0))
    ) checks (check_name, stored, computed)
    WHERE a.venue_id = %(venue)s AND stored <> computed
"""

LOTS = """
    SELECT i.symbol, check_name, stored, computed
    FROM trading_instrument i
    LEFT JOIN (
        SELECT symbol, sum(long_today + long_his) AS longs, sum(short_today + short_his) AS shorts
        FROM trading_position WHERE venue_id = %(venue)s GROUP BY symbol
    ) p USING (symbol)
    CROSS JOIN LATERAL (VALUES
        ('long lots', coalesce(p.longs, 0), coalesce(p.shorts, 0)),
        ('open interest',
            CASE WHEN i.status IN ('EXPIRED', 'DELISTED') THEN coalesce(p.longs, 0)
                 ELSE i.open_interest END,
            coalesce(p.longs, 0))
    ) checks (check_name, stored, computed)
    WHERE i.venue_id = %(venue)s AND stored <> computed
"""

# Frozen money of an account is the sum over its working orders (T-54).
FROZEN = """
    SELECT a.account_id, check_name, stored, computed
    FROM trading_tradingaccount a
    LEFT JOIN (
        SELECT account_id, sum(frozen_margin) AS margin, sum(frozen_commission) AS fees
        FROM trading_order
        WHERE venue_id = %(venue)s AND status IN ('Submitted', 'PartiallyFilled')
        GROUP BY account_id
    ) o USING (account_id)
    CROSS JOIN LATERAL (VALUES
        ('frozen_margin', a.frozen_margin, coalesce(o.margin, 0)),
        ('frozen_commission', a.frozen_commission, coalesce(o.fees, 0))
    ) checks (check_name, stored, computed)
    WHERE a.venue_id = %(venue)s AND stored <> computed
"""

CHECKS = (DAYS, NOW, LOTS, FROZEN)


def audit(number: int) -> list[Difference]:
    """Every difference in the venue with this number; [] when the ledger is proven."""
    found: list[Difference] = []
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        for query in CHECKS:
            cursor.execute(query, {"venue": number})
            found.extend(Difference(*row) for row in cursor.fetchall())
    return found


def totals(number: int) -> dict[str, Any]:
    """How much was proven: accounts, flows, trades and the sum of realised balances."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT (SELECT count(*) FROM trading_tradingaccount WHERE venue_id = %(venue)s),"
            " (SELECT count(*) FROM trading_cashflow WHERE venue_id = %(venue)s),"
            " (SELECT count(*) FROM trading_trade WHERE venue_id = %(venue)s),"
            " (SELECT coalesce(sum(pre_balance + deposit - withdraw + close_profit - commission"
            " - premium), 0) FROM trading_tradingaccount WHERE venue_id = %(venue)s)",
            {"venue": number},
        )
        row = cursor.fetchone()
    return dict(zip(("accounts", "flows", "trade_sides", "realised"), row, strict=True))
