"""The instruments of a venue as CSV, out of and into the admin (T-14)."""

from collections import Counter
from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from exchange_site.admin_operations import Result
from trading.admin.market_forms import InstrumentsForm
from trading.admin.operations import CommandOperation
from trading.engine import messages as core
from trading.instrument_csv import export_csv
from trading.models import Venue

IMPORTED_AT_ONCE = 200


class ImportInstruments(CommandOperation):
    """The whole table as CSV: copy it out, or change and add lines (T-14)."""

    name = "import"
    label = _("Import or export CSV")
    permission = "trading.operate_instruments"
    icon = "table_view"
    needs_rows = False
    in_list = True
    form_class = InstrumentsForm
    explanation = _(
        "These are the present instruments, to copy out or to edit. A line of a known symbol changes it, "
        "another creates it; every line that is wrong is named, and then nothing is changed."
    )

    def initial(self, rows: Any) -> dict[str, Any]:
        first = Venue.objects.order_by("id").first()
        return {"lines": export_csv(first.code)} if first is not None else {}

    def effect(self, row: Any, data: dict[str, Any]) -> Any:
        counts = Counter(type(command) for command in data["commands"])
        return _("%(created)s created, %(changed)s changed, %(rates)s with new rates") % {
            "created": counts[core.CreateInstrument],
            "changed": counts[core.UpdateInstrument],
            "rates": counts[core.SetRates],
        }

    def perform(self, request: HttpRequest, rows: Any, data: dict[str, Any]) -> list[Result]:
        """One result for each change."""
        venue, found = data["venue"].code, []
        for start in range(0, len(data["commands"]), IMPORTED_AT_ONCE):
            part = data["commands"][start : start + IMPORTED_AT_ONCE]
            found += self.send(request, venue, part, data)
        return found or [Result(venue, text=_("Nothing to change."))]

    def command(self, row: Any, data: dict[str, Any]) -> Any:
        return row

    def result(self, row: Any, one: str, outcome: Any, data: dict[str, Any]) -> Result:
        symbol = row.target if isinstance(row, core.SetRates) else getattr(row, "symbol", "")
        if isinstance(row, core.CreateInstrument):
            symbol = "{}.{}".format(*core.InstrumentRow(*row.row)[:2])
        done = super().result(None, one, outcome, data)
        done.target = f"{type(row).__name__} {symbol}"
        return done
