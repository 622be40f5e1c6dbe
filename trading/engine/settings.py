"""Venue settings that touch trading: held in the state, changed by `SetSettings` (O-8)."""

from typing import NamedTuple

JOINT_EXCHANGES = ("DCE", "CZCE", "GFEX", "CFFEX")
"""Exchanges where CLOSE takes today's lots and history lots alike (T-55)."""


class Setting(NamedTuple):
    default: int
    minimum: int
    maximum: int
    clause: str


SETTINGS: dict[str, Setting] = {
    "max_order_amount": Setting(10_000_000 * 10_000, 0, 10**13 * 10_000, "T 7, 1003"),
    "product_share_ppm": Setting(500_000, 0, 10_000_000, "T 7, 1002; 0 = off"),
    "max_risk_ppm": Setting(950_000, 1, 10_000_000, "T 7, 1004"),
    "orders_per_second": Setting(100, 1, 100_000, "T 7, 9004"),
    "orders_burst": Setting(500, 1, 1_000_000, "T 7, 9004"),
    "market_maker_orders_per_second": Setting(2_000, 1, 100_000, "T 7, 9004"),
    "market_maker_orders_burst": Setting(10_000, 1, 1_000_000, "T 7, 9004"),
    "client_ids_per_day": Setting(50_000, 1, 1_000_000, "A-5"),
    "market_maker_client_ids_per_day": Setting(500_000, 1, 5_000_000, "A-5"),
    "withdraw_excludes_profit": Setting(0, 0, 1, "T-100"),
    "liquidation_ppm": Setting(1_000_000, 1, 10_000_000, "T-80"),
    "close_history_first": Setting(0, 0, 1, "T-55"),
    "conditionals_per_day": Setting(20, 0, 10_000, "T-70"),
    "conditionals_valid": Setting(50, 0, 10_000, "T-70"),
    "risk_watch": Setting(0, 0, 1, "T-81; 0 = off, a new venue is seeded with 1"),
    "risk_warning_ppm": Setting(600_000, 1, 10_000_000, "T-80"),
    "risk_high_ppm": Setting(800_000, 1, 10_000_000, "T-80"),
    "risk_critical_ppm": Setting(950_000, 1, 10_000_000, "T-80"),
    "liquidate_to_ppm": Setting(800_000, 1, 10_000_000, "T-82"),
    "liquidate_all": Setting(0, 0, 1, "T-82; 0 = enough, 1 = all"),
    **{
        f"close_history_first_{exchange_id.lower()}": Setting(
            2, 0, 2, "T-55; 0 = today's lots first, 1 = history first, 2 = as close_history_first"
        )
        for exchange_id in JOINT_EXCHANGES
    },
}

FIRST_SETTINGS = frozenset(
    {
        "max_order_amount", "product_share_ppm", "max_risk_ppm", "orders_per_second",
        "orders_burst", "market_maker_orders_per_second", "market_maker_orders_burst",
        "client_ids_per_day", "market_maker_client_ids_per_day", "withdraw_excludes_profit",
        "liquidation_ppm", "close_history_first",
    }
)  # fmt: skip
"""Settings that every state names; later ones only once they differ from their default, so
that logs from before them replay to their hashes (A-14)."""
