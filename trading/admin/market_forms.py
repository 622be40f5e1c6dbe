"""Forms of products, instruments and rates: ratios as people write them, ints in the log."""

from decimal import Decimal
from typing import Any, NamedTuple

from django import forms
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminDecimalFieldWidget

from exchange_site.admin_operations import OperationForm
from trading.admin.forms import (
    VenueForm,
    choice_field,
    long_text_field,
    money_field,
    switch_field,
    text_field,
    whole_field,
)
from trading.choices import SelfTradeMode
from trading.codec import to_units
from trading.engine import messages as core
from trading.instrument_csv import BadFile, parse_csv

LARGEST_INT = 2**31 - 1
CSV_LENGTH = 2**20
FAULTS_SHOWN = 100
EXCHANGES = [(name, name) for name in ("SHFE", "INE", "DCE", "CZCE", "GFEX", "CFFEX")]
ID_PATTERN = r"^[A-Za-z0-9_-]+\Z"


class Rate(NamedTuple):
    """One of the eight rates: how many ints make 1 as typed in (0 = money in units)."""

    label: Any
    scale: int


RATES: dict[str, Rate] = {
    "margin_long_ppm": Rate(_("Margin long (%)"), 10_000),
    "margin_short_ppm": Rate(_("Margin short (%)"), 10_000),
    "open_ratio_ppb": Rate(_("Open fee, share of turnover"), 10**9),
    "open_per_lot": Rate(_("Open fee per lot (yuan)"), 0),
    "close_ratio_ppb": Rate(_("Close fee, share of turnover"), 10**9),
    "close_per_lot": Rate(_("Close fee per lot (yuan)"), 0),
    "close_today_ratio_ppb": Rate(_("Close-today fee, share of turnover"), 10**9),
    "close_today_per_lot": Rate(_("Close-today fee per lot (yuan)"), 0),
}


def rate_field(name: str, required: bool) -> forms.DecimalField:
    """A field for one rate; margin above 0 and at most 100 %, fees not below 0 (T-14)."""
    rate = RATES[name]
    if not rate.scale:
        return money_field(rate.label, required=required)
    is_margin = name.startswith("margin")
    return forms.DecimalField(
        label=rate.label,
        required=required,
        min_value=Decimal("0.0001") if is_margin else Decimal(0),
        max_value=Decimal(100) if is_margin else Decimal(1),
        max_digits=12,
        decimal_places=4 if is_margin else 9,
        widget=UnfoldAdminDecimalFieldWidget(attrs={"step": "any"}),
    )


def rate_to_core(name: str, value: Decimal | None) -> int | None:
    """A rate as typed in → the core's int."""
    if value is None:
        return None
    scale = RATES[name].scale
    return int(value * scale) if scale else to_units(value)


def rate_to_form(name: str, value: Any) -> Decimal | None:
    """A rate as stored → as people write it."""
    if value is None:
        return None
    scale = RATES[name].scale
    return Decimal(value) / scale if scale else Decimal(value)


def rates_of(data: dict[str, Any]) -> list[int | None]:
    """The eight rates in the core's order."""
    return [rate_to_core(name, data.get(name)) for name in core.Rates._fields]


def rates_initial(row: Any) -> dict[str, Any]:
    """What a form with rates starts with."""
    return {name: rate_to_form(name, getattr(row, name)) for name in RATES}


def complete_rates() -> dict[str, forms.Field]:
    return {name: rate_field(name, True) for name in RATES}


def optional_rates() -> dict[str, forms.Field]:
    return {name: rate_field(name, False) for name in RATES}


class RatesMixin:
    """Adds the eight rates at the end of a form."""

    rates_required = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        fields: dict[str, forms.Field] = self.fields  # type: ignore[attr-defined]
        fields.update(complete_rates() if self.rates_required else optional_rates())
        fields["reason"] = fields.pop("reason")


class ProductForm(RatesMixin, OperationForm):
    """T-12, T-56: every rate, since a product has nothing to inherit from."""

    rates_required = True
    name_zh = text_field(_("Chinese name"), 64)
    name_en = text_field(_("English name"), 64)
    larger_side_margin = switch_field(_("Margin of the larger side only"))


class NewProductForm(ProductForm, VenueForm):
    exchange_id = choice_field(_("Exchange"), EXCHANGES)
    product_id = forms.RegexField(
        ID_PATTERN, label=_("Product"), max_length=16, widget=text_field("", 1).widget
    )
    field_order = ("venue", "exchange_id", "product_id")


def ratio_field(label: Any) -> forms.DecimalField:
    """A price limit in per cent: above 0, below 100."""
    return forms.DecimalField(
        label=label,
        min_value=Decimal("0.0001"),
        max_value=Decimal("99.9999"),
        max_digits=8,
        decimal_places=4,
        widget=UnfoldAdminDecimalFieldWidget(attrs={"step": "any"}),
    )


class RatesForm(RatesMixin, OperationForm):
    """Rates of a target; those left empty are inherited, all empty removes the row (T-56)."""

    apply_now = switch_field(
        _("Margin of held positions at once"),
        help_text=_("Otherwise from the next settlement."),
    )


class HolderRatesForm(RatesForm, VenueForm):
    """Rates of a group or an account."""

    holder = text_field(
        _("Holder"), 80, help_text=_("group:NAME or account:ID; whoever is meant by the rates.")
    )
    target = text_field(_("Symbol, or product as EXCHANGE.product"), 48)
    field_order = ("venue", "holder", "target")


class InstrumentsForm(VenueForm):
    """Instruments as CSV; `cleaned_data["commands"]` are the changes it asks for."""

    lines = long_text_field(_("Instruments"), CSV_LENGTH, strip=False)

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        if "lines" in data and "venue" in data:
            try:
                data["commands"] = parse_csv(data["venue"].code, data["lines"])
            except BadFile as error:
                self.add_error("lines", error.faults[:FAULTS_SHOWN])
        return data


class InstrumentForm(OperationForm):
    """T-11, but for the rates, which have an operation of their own."""

    name_zh = text_field(_("Chinese name"), 64)
    name_en = text_field(_("English name"), 64)
    volume_multiple = whole_field(_("Multiple"), 1, 1_000_000)
    price_tick = money_field(_("Price tick"), "0.0001")
    session_template = text_field(_("Session template"), 32)
    limit_up_ppm = ratio_field(_("Limit up (%)"))
    limit_down_ppm = ratio_field(_("Limit down (%)"))
    min_limit_volume = whole_field(_("Fewest lots, limit order"), 1, 1_000_000)
    max_limit_volume = whole_field(_("Most lots, limit order"), 1, 1_000_000)
    min_market_volume = whole_field(_("Fewest lots, market order"), 1, 1_000_000)
    max_market_volume = whole_field(_("Most lots, market order"), 1, 1_000_000)
    position_limit = whole_field(_("Position limit in lots (0 = none)"), 0, LARGEST_INT)
    list_date = whole_field(_("List date, yyyymmdd (0 = at once)"), 0, 99991231)
    expire_date = whole_field(_("Expire date, yyyymmdd (0 = never)"), 0, 99991231)
    self_trade_mode = choice_field(_("Self trade"), SelfTradeMode.choices)


class NewInstrumentForm(RatesMixin, InstrumentForm, VenueForm):
    """A new contract; empty rates are the product's."""

    exchange_id = choice_field(_("Exchange"), EXCHANGES)
    product_id = forms.RegexField(
        ID_PATTERN, label=_("Product"), max_length=16, widget=text_field("", 1).widget
    )
    instrument_id = forms.RegexField(
        ID_PATTERN, label=_("Instrument"), max_length=40, widget=text_field("", 1).widget
    )
    listing_price = money_field(
        _("Listing price"), help_text=_("0 leaves the instrument created, not trading (T-12a).")
    )
    field_order = ("venue", "exchange_id", "product_id", "instrument_id", "listing_price")


PERCENT_FIELDS = ("limit_up_ppm", "limit_down_ppm")
MONEY_FIELDS = ("price_tick", "listing_price")


def instrument_to_core(name: str, value: Any) -> Any:
    """A field of an instrument as typed in → the core's value."""
    if name in PERCENT_FIELDS:
        return int(value * 10_000)
    if name in MONEY_FIELDS:
        return to_units(value)
    if name == "self_trade_mode":
        return int(core.SelfTradeMode[value])
    return value


def instrument_initial(row: Any) -> dict[str, Any]:
    """What the form of an instrument starts with."""
    values = {name: getattr(row, name) for name in InstrumentForm.base_fields if hasattr(row, name)}
    for name in PERCENT_FIELDS:
        values[name] = Decimal(values[name]) / 10_000
    return values
