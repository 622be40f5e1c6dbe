"""What the risk desk does to an account: liquidate it, hold it back, let it go (T-82)."""

from typing import Any

from accounts.models import User
from trading.account_services import pending, send
from trading.choices import LIQUIDATION_STATUS
from trading.engine import messages as m
from trading.order_services import Answer


def force_liquidate(*, venue: str, user: User, command_id: str, account_id: str, reason: str) -> Answer:
    """Close every position whatever the ratio; 9008 for a flat account or one held back."""
    command = m.ForceLiquidate(account_id, reason)
    outcome = send(venue, command, user_id=user.pk.hex, command_id=command_id)
    if not outcome.decided:
        return pending(outcome)
    event = outcome.first("LiquidationChanged")
    data: dict[str, Any] = {"account_id": account_id, "record_id": "", "status": "", "reason": reason}
    if event is not None:
        changed = m.LiquidationChanged(*event[m.EVENT_HEADER :])
        data |= {"record_id": changed.record_id, "status": LIQUIDATION_STATUS[changed.status]}
    return Answer(data, outcome.last_seq)


def hold_back(
    *, venue: str, user: User, command_id: str, account_id: str, reason: str, is_held: bool
) -> Answer:
    """Keep one account from being liquidated, with a reason that is kept, or let it go."""
    command = m.HoldLiquidation(account_id, is_held, reason)
    outcome = send(venue, command, user_id=user.pk.hex, command_id=command_id)
    if not outcome.decided:
        return pending(outcome)
    return Answer({"account_id": account_id, "is_held": is_held, "reason": reason}, outcome.last_seq)
