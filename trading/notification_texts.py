"""A notification in words, in the reader's language."""

from typing import Any

from django.utils.translation import gettext_lazy as _

from exchange_site.exceptions import message
from trading.choices import ConditionalStatus, LiquidationStatus, RiskLevel
from trading.engine.units import PPM

_TEXTS: dict[str, Any] = {
    "order_accepted": _("Order %(order_id)s on %(instrument_id)s accepted"),
    "order_rejected": _("Order %(order_id)s refused: %(why)s"),
    "order_partially_filled": _("Order %(order_id)s partially filled, %(remaining_volume)s lots left"),
    "order_filled": _("Order %(order_id)s filled"),
    "order_canceled": _("Order %(order_id)s cancelled, %(remaining_volume)s lots left"),
    "order_expired": _("Order %(order_id)s expired, %(remaining_volume)s lots left"),
    "cancel_rejected": _("Cancel of order %(order_id)s refused: %(why)s"),
    "trade_executed": _("Traded %(volume)s lots of %(instrument_id)s at %(price)s"),
    "trade_canceled": _("Trade %(trade_id)s cancelled"),
    "account_open": _("Account %(account_id)s opened"),
    "account_update": _("Account %(account_id)s changed"),
    "cash_flow": _("Cash flow %(flow_id)s: %(amount)s yuan"),
    "position_update": _("Position in %(instrument_id)s changed"),
    "position_profit": _("Profit of account %(account_id)s changed"),
    "risk_alert": _("Account %(account_id)s: %(status)s %(reason)s"),
    "margin_call": _("Account %(account_id)s needs margin"),
    "position_limit": _("Order %(order_id)s is over the position limit"),
    "liquidation": _("Order %(order_id)s ended by a liquidation"),
    "system_notice": _("Notice"),
    "trading_session_start": _("Trading of %(template)s begins"),
    "trading_session_end": _("Trading of %(template)s ends"),
    "market_halt": _("Trading halted %(instrument_id)s %(reason)s"),
}
_NOTICES: dict[str, Any] = {
    "settled": _("Trading day %(trading_day)s settled, balance %(balance)s"),
    "new_day": _("Trading day %(next_trading_day)s begins"),
    "resumed": _("Trading resumed"),
    "left_out": _("Further notifications of this second were left out; see orders and trades"),
    "risk_level": _("Account %(account_id)s: risk level %(level)s, risk ratio %(risk_ratio)s"),
    "margin_call": _("Account %(account_id)s needs %(amount)s yuan more of margin"),
    "liquidation": _("Liquidation %(record_id)s of account %(account_id)s: %(status)s %(why)s"),
    "conditional": _("Conditional order %(order_id)s: %(status)s %(why)s"),
    "stale": _("A session of yours has stopped answering"),
}


_LABELS: dict[str, dict[str, Any]] = {
    "risk_level": {"level": RiskLevel},
    "liquidation": {"status": LiquidationStatus},
    "conditional": {"status": ConditionalStatus},
}
"""The codes in a payload that a text shows in the reader's language."""


class _Values(dict[str, Any]):
    """What a text may show; nothing for what a payload does not have."""

    def __missing__(self, name: str) -> str:
        return ""


def text_of(kind: str, account_id: str, payload: dict[str, Any]) -> str:
    """The notification in the language that is active."""
    values = _Values(payload, account_id=account_id)
    for name, labels in _LABELS.get(payload.get("notice", ""), {}).items():
        values[name] = labels(payload[name]).label
    if "risk_ratio_ppm" in payload:
        values["risk_ratio"] = (
            "∞" if payload["risk_ratio_ppm"] < 0 else f"{payload['risk_ratio_ppm'] / PPM:.2%}"
        )
    if payload.get("error_code"):
        values["why"] = message(payload["error_code"], payload.get("params") or {})
    template = _NOTICES.get(payload.get("notice", "")) or _TEXTS.get(kind, "%(account_id)s")
    return " ".join((str(template) % values).split())
