"""Conditional orders from outside: commands out, verdicts back as JSON (T-70)."""

from typing import Any

from exchange_site.exceptions import ExchangeError
from trading import commands, selectors
from trading.account_services import WAIT_S, pending
from trading.commands import Outcome
from trading.condition_selectors import conditional_by_uid, conditional_data, table_data
from trading.engine.messages import ChangeConditional, ConditionalRow, PlaceConditional
from trading.order_services import Answer

CANCEL, SUSPEND, RESUME = 0, 1, 2
_SHOWN_FIELDS = {"price": "trigger_price", "price2": "trigger_price2", "limit_price": "price"}


def refusal_of(outcome: Outcome, command: Any) -> ExchangeError:
    """The refusal in the words of the request: the core's fields by their names outside."""
    params = dict(outcome.params)
    field = params.get("field")
    if field == "price" and getattr(command, "label", "") == "TRAILING":
        params["field"] = "distance"
    elif field in _SHOWN_FIELDS:
        params["field"] = _SHOWN_FIELDS[field]
    extra = {"order_id": command.order_id, "event_seq": outcome.last_seq}
    return ExchangeError(outcome.code, params, extra)


def _send(venue: str, command: Any, user_id: str, command_id: str) -> Answer:
    outcome = commands.send(venue, command, user_id=user_id, command_id=command_id or None, wait_s=WAIT_S)
    if not outcome.decided:
        return pending(outcome)
    if outcome.code:
        raise refusal_of(outcome, command)
    changed = outcome.first("ConditionalChanged")
    if changed is not None:
        return Answer(conditional_data(ConditionalRow(*changed[5])), outcome.last_seq)
    return Answer(_known(venue, command, outcome), outcome.last_seq)


def _known(venue: str, command: Any, outcome: Outcome) -> dict[str, Any]:
    """What a repeated command is answered: the order as it stands."""
    selectors.wait_for_projector(venue, outcome.first_seq)
    row = conditional_by_uid(venue, outcome.first_seq)
    found = {"order_id": command.order_id} if row is None else table_data(row)
    return {**found, "repeated": True}


def place(*, venue: str, user_id: str, command: PlaceConditional, command_id: str = "") -> Answer:
    """Keep a conditional order; refusals are raised with their code (1008: wrong side)."""
    answer = _send(venue, command, user_id, command_id)
    return answer if answer.status == 202 else answer._replace(status=201)


def change(
    *, venue: str, user_id: str, account_id: str, order_id: str, action: int, command_id: str = ""
) -> Answer:
    """Cancel, suspend or resume; 3001 unknown, 3002 not in a state for it."""
    return _send(venue, ChangeConditional(account_id, order_id, action), user_id, command_id)
