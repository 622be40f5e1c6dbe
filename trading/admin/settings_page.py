"""Every setting of a venue in one table, changed with a reason (O-8).

Those that touch trading go through the log; the others are rows of their own.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from django import forms
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminDecimalFieldWidget

from accounts import venue_settings
from accounts.models import VenueSetting
from accounts.venue_settings import DEFINITIONS, Definition
from exchange_site.admin_operations import OperationForm, Result
from trading.admin.forms import switch_field, whole_field
from trading.admin.operations import CommandOperation
from trading.engine import messages as core

LABELS = {
    "max_order_amount": _("Largest amount of one order"),
    "product_share_ppm": _("Largest share of the balance in one product"),
    "max_risk_ppm": _("Largest risk ratio after an opening order"),
    "orders_per_second": _("Orders per second and account"),
    "orders_burst": _("Orders at once and account"),
    "market_maker_orders_per_second": _("Orders per second, market makers"),
    "market_maker_orders_burst": _("Orders at once, market makers"),
    "client_ids_per_day": _("Client order ids a day and account"),
    "market_maker_client_ids_per_day": _("Client order ids a day, market makers"),
    "withdraw_excludes_profit": _("Open profit may not be withdrawn"),
    "liquidation_ppm": _("Risk ratio at which an account is liquidated"),
    "close_history_first": _("CLOSE takes history lots first"),
    "close_history_first_dce": _("The same on DCE (0 today first, 1 history first, 2 as above)"),
    "close_history_first_czce": _("The same on CZCE (0 today first, 1 history first, 2 as above)"),
    "close_history_first_gfex": _("The same on GFEX (0 today first, 1 history first, 2 as above)"),
    "close_history_first_cffex": _("The same on CFFEX (0 today first, 1 history first, 2 as above)"),
}
LABELS.update(
    {
        "registration_open": _("Anybody may register"),
        "practice_money": _("Users may pay practice money in"),
        "practice_money_daily": _("Practice money a user may pay in a day"),
        "practice_init_cash": _("Practice money of a new account, at most"),
        "accounts_need_approval": _("New accounts wait for approval"),
        "withdraw_approval_above": _("Withdrawals above this wait for approval (0 = none)"),
        "two_person_settlement": _("Settlement needs a second person"),
        "two_person_withdrawal": _("Large withdrawals need a second person"),
        "two_person_delisting": _("Delisting needs a second person"),
        "md_needs_token": _("Market-data sockets need a token"),
        "publish_rankings": _("Rankings are public"),
        "warning_ppm": _("Risk level Warning from"),
        "high_ppm": _("Risk level High from"),
        "critical_ppm": _("Risk level Critical from"),
        "liquidate_to_ppm": _("Liquidation stops below"),
        "keep_order_days": _("Days that orders and trades are kept"),
        "keep_tick_days": _("Days that ticks and bars are kept"),
        "keep_log_days": _("Days that logs are kept"),
        "keep_backups": _("Backups kept"),
    }
)
MONEY = frozenset(
    {
        "max_order_amount",
        "practice_money_daily",
        "practice_init_cash",
        "withdraw_approval_above",
    }
)
MONEY_SCALE = 10_000
PER_CENT_SCALE = 10_000


def is_switch(setting: Definition) -> bool:
    return (setting.minimum, setting.maximum) == (0, 1)


def scale(name: str) -> int:
    """How many of the core's units make 1 as shown."""
    if name in MONEY:
        return MONEY_SCALE
    return PER_CENT_SCALE if name.endswith("_ppm") else 1


def unit(name: str) -> Any:
    """What stands behind a value as shown."""
    if name in MONEY:
        return _("yuan")
    return "%" if name.endswith("_ppm") else ""


def shown(name: str, value: int) -> Any:
    """A value as people read it."""
    if is_switch(DEFINITIONS[name]):
        return _("yes") if value else _("no")
    figure = Decimal(value) / scale(name)
    return f"{figure.normalize():,f} {unit(name)}".strip()


def setting_field(name: str) -> forms.Field:
    """The form field of one setting, within the core's bounds."""
    setting, label = DEFINITIONS[name], LABELS.get(name, name)
    if is_switch(setting):
        return switch_field(label)
    if scale(name) == 1:
        return whole_field(label, setting.minimum, setting.maximum)
    return forms.DecimalField(
        label=f"{label} ({unit(name)})",
        min_value=Decimal(setting.minimum) / scale(name),
        max_value=Decimal(setting.maximum) / scale(name),
        max_digits=20,
        decimal_places=4,
        widget=UnfoldAdminDecimalFieldWidget(attrs={"step": "any"}),
    )


class SettingsForm(OperationForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in DEFINITIONS:
            self.fields[name] = setting_field(name)
        self.fields["reason"] = self.fields.pop("reason")


def to_core(name: str, value: Any) -> int:
    """A value as typed in → the core's int."""
    return int(value * scale(name)) if not isinstance(value, bool) else int(value)


class ChangeSettings(CommandOperation):
    """Sends only what differs."""

    name = "settings"
    label = _("Change settings")
    icon = "tune"
    permission = "accounts.change_venuesetting"
    form_class = SettingsForm
    one_row = True
    explanation = _("Holds from the next command.")

    def initial(self, rows: Any) -> dict[str, Any]:
        if not rows:
            return {}
        current = venue_settings.values(rows[0].code)
        return {
            name: bool(value) if is_switch(DEFINITIONS[name]) else Decimal(value) / scale(name)
            for name, value in current.items()
        }

    def venue(self, row: Any) -> str:
        return str(row.code) if row is not None else ""

    def before(self, row: Any) -> dict[str, Any]:
        return dict(venue_settings.values(row.code))

    def changed(self, row: Any, data: dict[str, Any]) -> dict[str, int]:
        current = venue_settings.values(row.code)
        given = {name: to_core(name, data[name]) for name in DEFINITIONS}
        return {name: value for name, value in given.items() if value != current[name]}

    def effect(self, row: Any, data: dict[str, Any]) -> Any:
        current = venue_settings.values(row.code)
        lines = [
            f"{LABELS.get(name, name)}: {shown(name, current[name])} → {shown(name, value)}"
            for name, value in self.changed(row, data).items()
        ]
        return "\n".join(lines) or _("Nothing changes.")

    def command(self, row: Any, data: dict[str, Any]) -> core.SetSettings:
        changed = self.changed(row, data)
        held = {name: value for name, value in changed.items() if DEFINITIONS[name].trading}
        return core.SetSettings(held, data["reason"])

    def perform(self, request: HttpRequest, rows: Sequence[Any], data: dict[str, Any]) -> list[Result]:
        """Send what touches trading; when that is taken, write the rest."""
        row = rows[0]
        before, changed = self.before(row), self.changed(row, data)
        if not changed:
            return [Result(str(row), text=_("Nothing changes."), row=row)]
        others = {name: new for name, new in changed.items() if not DEFINITIONS[name].trading}
        result = Result(str(row), before=before, row=row)
        if len(others) < len(changed):
            result = super().perform(request, rows, data)[0]
        if not result.code and not result.pending and others:
            venue_settings.write(row.code, others, user_id=request.user.pk.hex, reason=data["reason"])
        result.before = {name: before[name] for name in changed}
        result.after = changed if not result.code else None
        return [result]


def table(venue: str) -> list[dict[str, Any]]:
    """Lines of the settings page: name, label, value, default, clause, whether it differs."""
    stored = {row.name: row for row in VenueSetting.objects.filter(venue=venue)}
    return [line(definition, stored.get(name)) for name, definition in DEFINITIONS.items()]


def line(definition: Definition, row: VenueSetting | None) -> dict[str, Any]:
    """One line of the settings page."""
    name = definition.name
    value = definition.default if row is None else int(row.value)
    return {
        "name": name,
        "label": LABELS.get(name, name),
        "value": shown(name, value),
        "default": shown(name, definition.default),
        "differs": value != definition.default,
        "clause": definition.clause,
        "row": row,
    }
