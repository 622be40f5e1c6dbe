"""An account's figures at the prices of this moment, as REST and the terminal show them (O-2, T-58a)."""

from typing import Any

from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from trading import selectors
from trading.codec import to_decimal
from trading.engine.figures import AccountFigures
from trading.models import TradingAccount
from trading.representations import position_data, ratio_of

NAMES = (
    ("balance", _("balance")), ("available", _("available")), ("float_profit", _("float profit")),
    ("position_profit", _("position profit")),
)  # fmt: skip
TITLES = (_("Instrument"), _("long"), _("short"), _("float profit"), _("margin"))


class LiveFigures:
    """Mixin: figures and positions of the account whose page is shown; no column of a list."""

    @display(description=_("at this moment's prices"))
    def live_shown(self, row: TradingAccount) -> Any:
        figures: AccountFigures = selectors.figures_of(row.venue.code, [row])[row.account_id]
        money = [(label, f"{to_decimal(getattr(figures, name)):,.2f}") for name, label in NAMES]
        lines = [*money, (_("risk ratio"), f"{ratio_of(figures.risk_ratio_ppm):.2%}")]
        return format_html_join(" · ", "{} <b>{}</b>", lines)

    @display(description=_("open positions"))
    def positions_shown(self, row: TradingAccount) -> Any:
        rows = selectors.open_positions(row.venue.code, [row.account_id])[row.account_id]
        marks = selectors.marks_for(row.venue.code, (one.symbol for one in rows))
        shown = [position_line(one, *marks[one.symbol]) for one in rows]
        if not shown:
            return "–"
        head = format_html_join("", "<th>{}</th>", [(title,) for title in TITLES])
        body = format_html_join("", f"<tr>{'<td>{}</td>' * len(TITLES)}</tr>", shown)
        return format_html(
            '<div class="exchange-scroll"><table class="exchange-prices" id="positions">'
            "<thead><tr>{}</tr></thead><tbody>{}</tbody></table></div>",
            head, body,
        )  # fmt: skip


def position_line(row: Any, mark: int, multiple: int) -> tuple[Any, ...]:
    """A position: lots of both sides, profit and margin in yuan."""
    data = position_data(row, mark, multiple)
    money = (f"{data[name + '_long'] + data[name + '_short']:,.2f}" for name in ("float_profit", "margin"))
    return (row.symbol, data["volume_long"], data["volume_short"], *money)
