"""The kinds that commands, rows and events name by small ints."""

from enum import IntEnum


class Direction(IntEnum):
    BUY = 0
    SELL = 1


class Offset(IntEnum):
    OPEN = 0
    CLOSE = 1
    CLOSETODAY = 2
    CLOSEYESTERDAY = 3


class PriceType(IntEnum):
    LIMIT = 0
    ANY = 1
    BEST = 2
    FIVELEVEL = 3


class TimeCondition(IntEnum):
    IOC = 0
    GFS = 1
    GFD = 2
    GTD = 3
    GTC = 4
    GFA = 5


class VolumeCondition(IntEnum):
    ANY = 0
    MIN = 1
    ALL = 2


class OrderStatus(IntEnum):
    """T-33; PENDING_RISK exists only at the edge, while no verdict has been read."""

    PENDING_RISK = 0
    SUBMITTED = 1
    PARTIALLY_FILLED = 2
    FILLED = 3
    CANCELLED = 4
    REJECTED = 5


class Phase(IntEnum):
    CLOSED = 0
    AUCTION_ORDER = 1
    AUCTION_MATCH = 2
    CONTINUOUS = 3
    BREAK = 4


class InstrumentStatus(IntEnum):
    CREATED = 0
    TRADING = 1
    SUSPENDED = 2
    DELISTED = 3
    EXPIRED = 4


class AccountStatus(IntEnum):
    PENDING = 0
    ACTIVE = 1
    FROZEN = 2
    CLOSED = 3


class FreezeMode(IntEnum):
    NONE = 0
    TRADING_ONLY = 1
    WITHDRAW_ONLY = 2
    FULL = 3


class SelfTradeMode(IntEnum):
    REFUSE = 0
    CANCEL_RESTING = 1
    CANCEL_BOTH = 2


class ClockMode(IntEnum):
    REAL = 0
    ALWAYS = 1


class EndReason(IntEnum):
    """Why an order ended unfilled; refusals carry their code from the one table instead."""

    BY_USER = 1
    BY_OPERATOR = 2
    REMAINDER = 3  # what an immediate order could not trade
    SECTION_END = 4  # GFS
    AUCTION_END = 5  # GFA
    DAY_END = 6  # GFD
    DATE_REACHED = 7  # GTD
    CONTRACT_EXPIRED = 8
    SELF_TRADE = 9
    ACCOUNT_FROZEN = 10
    VENUE_HALTED = 11
    LIQUIDATION = 12
    NOT_CARRIED = 13  # T-38; `code` says why
