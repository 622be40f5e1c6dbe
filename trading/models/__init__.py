"""Tables of trading state: written by the projector alone, read by everybody (A-7, A-47).

`id` is venue number × 2⁵² + sequence × 16 + n, the n-th row of its event, so newer rows
have larger ids. `seq` is the sequence of the last event that touched the row. Prices and
money are yuan, volumes lots, `_ppm` 10⁻⁶, `_ppb` 10⁻⁹, `_ns` nanoseconds UTC, days yyyymmdd.
"""

from trading.models.ledger import (
    AccountDay,
    CashFlow,
    MoneyReference,
    Position,
    SettlementDay,
    TradingAccount,
)
from trading.models.notices import Notification
from trading.models.operations import AuditLog, DelistingRequest, ProjectorCursor, RejectCount
from trading.models.orders import Order, Trade
from trading.models.reference import (
    Instrument,
    Product,
    RateRow,
    SessionSection,
    SessionTemplate,
    TradingDay,
    Venue,
)
from trading.models.risk import ConditionalOrder, LiquidationRecord, LiquidationStep, RiskNotice

__all__ = [
    "ConditionalOrder",
    "LiquidationRecord",
    "LiquidationStep",
    "RiskNotice",
    "AccountDay",
    "AuditLog",
    "CashFlow",
    "DelistingRequest",
    "Instrument",
    "MoneyReference",
    "Notification",
    "Order",
    "Position",
    "Product",
    "ProjectorCursor",
    "RateRow",
    "RejectCount",
    "SessionSection",
    "SessionTemplate",
    "SettlementDay",
    "Trade",
    "TradingAccount",
    "TradingDay",
    "Venue",
]
