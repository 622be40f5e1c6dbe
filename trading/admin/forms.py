"""What the trading operations ask."""

from decimal import Decimal
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminDecimalFieldWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from exchange_site.admin_operations import PRINTABLE, OperationForm
from trading.choices import FreezeMode
from trading.models import Venue

MOST_MONEY = Decimal("100000000000")  # A-23a
METHODS = [
    ("bank_transfer", _("Bank transfer")),
    ("cash", _("Cash")),
    ("correction", _("Correction")),
    ("other", _("Other")),
]


def text_field(label: Any, length: int, **options: Any) -> forms.CharField:
    """A one-line text without control characters."""
    return forms.CharField(
        label=label,
        max_length=length,
        validators=[PRINTABLE],
        widget=UnfoldAdminTextInputWidget,
        **options,
    )


def long_text_field(label: Any, length: int, **options: Any) -> forms.CharField:
    """A text of many lines."""
    widget = UnfoldAdminTextareaWidget(attrs={"rows": 12, "spellcheck": "false"})
    return forms.CharField(label=label, max_length=length, widget=widget, **options)


def choice_field(label: Any, choices: Any, **options: Any) -> forms.ChoiceField:
    """One of a few."""
    return forms.ChoiceField(label=label, choices=choices, widget=UnfoldAdminSelectWidget, **options)


def switch_field(label: Any, **options: Any) -> forms.BooleanField:
    """On or off."""
    return forms.BooleanField(label=label, required=False, widget=UnfoldBooleanSwitchWidget, **options)


def money_field(label: Any, least: str = "0", **options: Any) -> forms.DecimalField:
    """Yuan with at most four decimals, within the bounds of the log (A-23a)."""
    return forms.DecimalField(
        label=label,
        min_value=Decimal(least),
        max_value=MOST_MONEY,
        max_digits=16,
        decimal_places=4,
        widget=UnfoldAdminDecimalFieldWidget(attrs={"step": "any"}),
        **options,
    )


def whole_field(label: Any, least: int, most: int, **options: Any) -> forms.IntegerField:
    """A whole number."""
    return forms.IntegerField(
        label=label,
        min_value=least,
        max_value=most,
        widget=UnfoldAdminIntegerFieldWidget,
        **options,
    )


class VenueForm(OperationForm):
    """For what concerns no row: the venue whose log takes the command."""

    venue = forms.ModelChoiceField(
        label=_("Venue"), queryset=Venue.objects.order_by("id"), widget=UnfoldAdminSelectWidget
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        first = Venue.objects.order_by("id").first()
        if first is not None:
            self.fields["venue"].initial = first.pk
        self.fields["venue"].empty_label = None  # type: ignore[attr-defined]


class FreezeForm(OperationForm):
    """T-63."""

    mode = choice_field(
        _("What is frozen"),
        [
            (FreezeMode.FULL.value, _("Trading and withdrawals")),
            (FreezeMode.TRADING_ONLY.value, _("Trading only")),
            (FreezeMode.WITHDRAW_ONLY.value, _("Withdrawals only")),
        ],
    )
    can_close = switch_field(_("May still close positions"), initial=True)


class MoneyForm(OperationForm):
    """T-100."""

    amount = money_field(_("Amount in yuan"), "0.0001")
    method = choice_field(_("Method"), METHODS)
    remark = text_field(_("Remark"), 200, required=False)


class AccountForm(OperationForm):
    """What may be changed about an account."""

    account_name = text_field(_("Name"), 64, required=False)
    group = text_field(_("Group"), 32, required=False)
    max_order_amount = money_field(
        _("Largest order amount"), help_text=_("0 takes the venue's."), required=False
    )
    is_market_maker = switch_field(_("Market maker"))
