"""Venue settings that hold in the core: one table, changed with a reason through the log (O-8)."""

from decimal import Decimal
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminDecimalFieldWidget

from accounts.models import VenueSetting
from exchange_site.admin_operations import OperationForm
from trading.admin.forms import switch_field, whole_field
from trading.admin.operations import CommandOperation
from trading.engine import messages as core
from trading.engine.settings import SETTINGS, Setting

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
}
MONEY = frozenset({"max_order_amount"})
MONEY_SCALE = 10_000
PER_CENT_SCALE = 10_000


def is_switch(setting: Setting) -> bool:
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
    if is_switch(SETTINGS[name]):
        return _("yes") if value else _("no")
    figure = Decimal(value) / scale(name)
    return f"{figure.normalize():,f} {unit(name)}".strip()


def setting_field(name: str) -> forms.Field:
    """The form field of one setting, within the core's bounds."""
    setting, label = SETTINGS[name], LABELS.get(name, name)
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
        for name in SETTINGS:
            self.fields[name] = setting_field(name)
        self.fields["reason"] = self.fields.pop("reason")


def current_values(venue: str) -> dict[str, int]:
    """Every setting of a venue, the default where none is stored."""
    stored = VenueSetting.objects.filter(venue=venue, name__in=SETTINGS)
    values = {name: setting.default for name, setting in SETTINGS.items()}
    values.update((row.name, int(row.value)) for row in stored)
    return values


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
        current = current_values(rows[0].code)
        return {
            name: bool(value) if is_switch(SETTINGS[name]) else Decimal(value) / scale(name)
            for name, value in current.items()
        }

    def venue(self, row: Any) -> str:
        return str(row.code) if row is not None else ""

    def before(self, row: Any) -> dict[str, Any]:
        return dict(current_values(row.code))

    def changed(self, row: Any, data: dict[str, Any]) -> dict[str, int]:
        current = current_values(row.code)
        given = {name: to_core(name, data[name]) for name in SETTINGS}
        return {name: value for name, value in given.items() if value != current[name]}

    def effect(self, row: Any, data: dict[str, Any]) -> Any:
        current = current_values(row.code)
        lines = [
            f"{LABELS.get(name, name)}: {shown(name, current[name])} → {shown(name, value)}"
            for name, value in self.changed(row, data).items()
        ]
        return "\n".join(lines) or _("Nothing changes.")

    def command(self, row: Any, data: dict[str, Any]) -> core.SetSettings:
        return core.SetSettings(self.changed(row, data), data["reason"])


def table(venue: str) -> list[dict[str, Any]]:
    """Lines of the settings page: name, label, value, default, clause, whether it differs."""
    stored = {row.name: row for row in VenueSetting.objects.filter(venue=venue)}
    current = {name: setting.default for name, setting in SETTINGS.items()}
    current.update((name, int(stored[name].value)) for name in SETTINGS if name in stored)
    return [
        {
            "name": name,
            "label": LABELS.get(name, name),
            "value": shown(name, current[name]),
            "default": shown(name, setting.default),
            "differs": current[name] != setting.default,
            "clause": setting.clause,
            "row": stored.get(name),
        }
        for name, setting in SETTINGS.items()
    ]
