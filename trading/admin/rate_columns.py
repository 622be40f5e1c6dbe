"""How the pages of instruments, products and rate rows show the eight rates (T-56)."""

from typing import Any

from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from trading.admin.market_forms import RATES, rate_to_form


def shown_rate(value: Any) -> str:
    """A rate, or a dash where it is inherited."""
    return "–" if value is None else f"{value.normalize():f}"


def ratio_text(name: str, row: Any) -> str:
    """A rate of a row as people write it."""
    return shown_rate(rate_to_form(name, getattr(row, name)))


RATES_SHOWN = (
    ("margin_shown", "margin_short_shown"),
    ("open_ratio_shown", "open_lot_shown"),
    ("close_ratio_shown", "close_lot_shown"),
    ("close_today_ratio_shown", "close_today_lot_shown"),
)
"""The lines of a fieldset that shows them all."""


class RatesColumnsShown:
    """Mixin: a column for each rate."""

    @display(description=_("margin long (%)"))
    def margin_shown(self, row: Any) -> str:
        return ratio_text("margin_long_ppm", row)

    @display(description=RATES["margin_short_ppm"].label)
    def margin_short_shown(self, row: Any) -> str:
        return ratio_text("margin_short_ppm", row)

    @display(description=_("open fee (share)"))
    def open_ratio_shown(self, row: Any) -> str:
        return ratio_text("open_ratio_ppb", row)

    @display(description=RATES["open_per_lot"].label)
    def open_lot_shown(self, row: Any) -> str:
        return ratio_text("open_per_lot", row)

    @display(description=_("close fee (share)"))
    def close_ratio_shown(self, row: Any) -> str:
        return ratio_text("close_ratio_ppb", row)

    @display(description=RATES["close_per_lot"].label)
    def close_lot_shown(self, row: Any) -> str:
        return ratio_text("close_per_lot", row)

    @display(description=RATES["close_today_ratio_ppb"].label)
    def close_today_ratio_shown(self, row: Any) -> str:
        return ratio_text("close_today_ratio_ppb", row)

    @display(description=RATES["close_today_per_lot"].label)
    def close_today_lot_shown(self, row: Any) -> str:
        return ratio_text("close_today_per_lot", row)
