"""Texts that the tables keep for the core's enums, in the core's order (T-13, T-30, T-33, T-63)."""

from enum import IntEnum

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from trading.engine import conditions, messages, watchstate


class Direction(models.TextChoices):
    BUY = "BUY", _("Buy")
    SELL = "SELL", _("Sell")


class Offset(models.TextChoices):
    OPEN = "OPEN", _("Open")
    CLOSE = "CLOSE", pgettext_lazy("offset", "Close")
    CLOSETODAY = "CLOSETODAY", _("Close today")
    CLOSEYESTERDAY = "CLOSEYESTERDAY", _("Close yesterday")


class PriceType(models.TextChoices):
    LIMIT = "LIMIT", _("Limit")
    ANY = "ANY", _("Market")
    BEST = "BEST", _("Best price")
    FIVELEVEL = "FIVELEVEL", _("Five levels")


class TimeCondition(models.TextChoices):
    IOC = "IOC", _("Immediate or cancel")
    GFS = "GFS", _("Good for section")
    GFD = "GFD", _("Good for day")
    GTD = "GTD", _("Good till date")
    GTC = "GTC", _("Good till cancelled")
    GFA = "GFA", _("Good for auction")


class VolumeCondition(models.TextChoices):
    ANY = "ANY", _("Any volume")
    MIN = "MIN", _("Minimum volume")
    ALL = "ALL", _("All or none")


class OrderStatus(models.TextChoices):
    PENDING_RISK = "PendingRisk", _("Pending risk")
    SUBMITTED = "Submitted", _("Submitted")
    PARTIALLY_FILLED = "PartiallyFilled", _("Partially filled")
    FILLED = "Filled", _("Filled")
    CANCELLED = "Cancelled", _("Cancelled")
    REJECTED = "Rejected", _("Rejected")


class EndReason(models.TextChoices):
    BY_USER = "BY_USER", _("Cancelled by the user")
    BY_OPERATOR = "BY_OPERATOR", _("Cancelled by an operator")
    REMAINDER = "REMAINDER", _("Remainder cancelled")
    SECTION_END = "SECTION_END", _("End of section")
    AUCTION_END = "AUCTION_END", _("End of auction")
    DAY_END = "DAY_END", _("End of day")
    DATE_REACHED = "DATE_REACHED", _("Date reached")
    CONTRACT_EXPIRED = "CONTRACT_EXPIRED", _("Contract expired")
    SELF_TRADE = "SELF_TRADE", _("Self trade prevented")
    ACCOUNT_FROZEN = "ACCOUNT_FROZEN", _("Account frozen")
    VENUE_HALTED = "VENUE_HALTED", _("Venue halted")
    LIQUIDATION = "LIQUIDATION", _("Liquidation")
    NOT_CARRIED = "NOT_CARRIED", _("Not carried to the next day")


class Phase(models.TextChoices):
    CLOSED = "CLOSED", _("Closed")
    AUCTION_ORDER = "AUCTION_ORDER", _("Auction, orders")
    AUCTION_MATCH = "AUCTION_MATCH", _("Auction, matching")
    CONTINUOUS = "CONTINUOUS", _("Continuous")
    BREAK = "BREAK", _("Break")


class InstrumentStatus(models.TextChoices):
    CREATED = "CREATED", _("Created")
    TRADING = "TRADING", _("Trading")
    SUSPENDED = "SUSPENDED", _("Suspended")
    DELISTED = "DELISTED", _("Delisted")
    EXPIRED = "EXPIRED", _("Expired")


class AccountStatus(models.TextChoices):
    PENDING = "PENDING", _("Pending")
    ACTIVE = "ACTIVE", _("Active")
    FROZEN = "FROZEN", _("Frozen")
    CLOSED = "CLOSED", _("Closed")


class FreezeMode(models.TextChoices):
    NONE = "NONE", _("None")
    TRADING_ONLY = "TRADING_ONLY", _("Trading only")
    WITHDRAW_ONLY = "WITHDRAW_ONLY", _("Withdrawals only")
    FULL = "FULL", _("Full")


class SelfTradeMode(models.TextChoices):
    REFUSE = "REFUSE", _("Refuse the newcomer")
    CANCEL_RESTING = "CANCEL_RESTING", _("Cancel the resting order")
    CANCEL_BOTH = "CANCEL_BOTH", _("Cancel both")


class ClockMode(models.TextChoices):
    REAL = "REAL", _("Exchange hours")
    ALWAYS = "ALWAYS", _("Open around the clock")


class FlowStatus(models.TextChoices):
    PENDING = "pending", _("Pending")
    COMPLETED = "completed", _("Completed")
    FAILED = "failed", _("Failed")
    CANCELLED = "cancelled", _("Cancelled")


class SettlementState(models.TextChoices):
    DRAFT = "DRAFT", _("Draft")
    PRICED = "PRICED", _("Priced")
    RUNNING = "RUNNING", _("Running")
    DONE = "DONE", _("Done")
    FAILED = "FAILED", _("Failed")


class ConditionalStatus(models.TextChoices):
    WAITING = "WAITING", _("Waiting")
    SUSPENDED = "SUSPENDED", _("Suspended")
    TRIGGERED = "TRIGGERED", _("Triggered")
    CANCELLED = "CANCELLED", _("Cancelled")
    EXPIRED = "EXPIRED", _("Expired")
    FAILED = "FAILED", _("Failed")


class RiskLevel(models.TextChoices):
    NORMAL = "Normal", _("Normal")
    WARNING = "Warning", _("Warning")
    HIGH = "High", pgettext_lazy("risk level", "High")
    CRITICAL = "Critical", _("Critical")
    LIQUIDATION = "Liquidation", _("Liquidation")


class LiquidationStatus(models.TextChoices):
    WAITING = "WAITING", _("Waiting")
    RUNNING = "RUNNING", _("Running")
    DONE = "DONE", _("Done")
    CURED = "CURED", _("Cured")
    HELD = "HELD", _("Held back")


def texts(core: type[IntEnum], table: type[models.TextChoices]) -> dict[int, str]:
    """The table's text for each value of a core enum, by member name."""
    return {int(member): table[member.name].value for member in core}


DIRECTION = texts(messages.Direction, Direction)
OFFSET = texts(messages.Offset, Offset)
PRICE_TYPE = texts(messages.PriceType, PriceType)
CONDITIONAL_STATUS = texts(conditions.ConditionalStatus, ConditionalStatus)
RISK_LEVEL = texts(watchstate.RiskLevel, RiskLevel)
LIQUIDATION_STATUS = texts(watchstate.LiquidationStatus, LiquidationStatus)
TIME_CONDITION = texts(messages.TimeCondition, TimeCondition)
VOLUME_CONDITION = texts(messages.VolumeCondition, VolumeCondition)
ORDER_STATUS = texts(messages.OrderStatus, OrderStatus)
END_REASON = texts(messages.EndReason, EndReason)
PHASE = texts(messages.Phase, Phase)
INSTRUMENT_STATUS = texts(messages.InstrumentStatus, InstrumentStatus)
ACCOUNT_STATUS = texts(messages.AccountStatus, AccountStatus)
FREEZE_MODE = texts(messages.FreezeMode, FreezeMode)
SELF_TRADE_MODE = texts(messages.SelfTradeMode, SelfTradeMode)
CLOCK_MODE = texts(messages.ClockMode, ClockMode)
