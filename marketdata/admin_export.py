"""The admin's page that hands out ticks, bars, orders and trades of a range of days (M-22)."""

import tempfile
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import FileResponse, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminIntegerFieldWidget, UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from exchange_site import audit
from marketdata.exporting import FORMATS, KINDS, Range, export
from marketdata.periods import period_of
from trading.engine.sessions import is_day
from trading.selectors import current_venue

PERMISSIONS = ("trading.view_order", "trading.view_trade")
"""Orders and trades are everybody's: who may see neither exports nothing."""
PERIODS = ("3s", "1min", "5min", "15min", "30min", "60min", "day")
TYPES = {"csv": "text/csv; charset=utf-8", "parquet": "application/vnd.apache.parquet"}


class ExportForm(forms.Form):
    """What to export."""

    kind = forms.ChoiceField(
        label=_("Rows"), choices=[(kind, kind) for kind in KINDS], widget=UnfoldAdminSelectWidget
    )
    first = forms.IntegerField(
        label=_("First trading day"), widget=UnfoldAdminIntegerFieldWidget, help_text="yyyymmdd"
    )
    last = forms.IntegerField(
        label=_("Last trading day"), widget=UnfoldAdminIntegerFieldWidget, help_text="yyyymmdd"
    )
    symbol = forms.RegexField(
        r"^[A-Za-z0-9_.@-]{0,64}$", label=_("Instrument"), required=False,
        widget=UnfoldAdminTextInputWidget, help_text=_("Empty: every one."),
    )  # fmt: skip
    period = forms.ChoiceField(
        label=_("Period of bars"), choices=[(name, name) for name in PERIODS], required=False,
        widget=UnfoldAdminSelectWidget,
    )  # fmt: skip
    form = forms.ChoiceField(
        label=_("Format"), choices=[(name, name) for name in FORMATS], widget=UnfoldAdminSelectWidget
    )

    def clean_first(self) -> int:
        return self._day("first")

    def clean_last(self) -> int:
        return self._day("last")

    def _day(self, name: str) -> int:
        day = int(self.cleaned_data[name])
        if not is_day(day):
            raise forms.ValidationError(_("No day such as 20261121."))
        return day

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if data.get("first", 0) > data.get("last", 99_991_231):
            raise forms.ValidationError(_("The first day comes after the last."))
        return data

    def range(self) -> Range:
        """The rows that were asked for."""
        data = self.cleaned_data
        period = period_of(data["period"] or "1min")
        assert isinstance(period, int)
        return Range(data["kind"], data["first"], data["last"], data["symbol"], period)


def export_page(request: HttpRequest) -> HttpResponse | FileResponse:
    """The form; with its answers, the file. Each export is recorded."""
    if not request.user.has_perms(PERMISSIONS):
        raise PermissionDenied(f"export needs {', '.join(PERMISSIONS)}")
    asked = ExportForm(request.GET if "kind" in request.GET else None)
    if asked.is_bound and asked.is_valid():
        return _file(request, asked)
    context = {**admin.site.each_context(request), "title": _("Export"), "form": asked}
    status = 400 if asked.is_bound else 200
    return TemplateResponse(request, "admin/exchange/export.html", context, status=status)


def _file(request: HttpRequest, asked: ExportForm) -> FileResponse:
    wanted, form = asked.range(), asked.cleaned_data["form"]
    out = tempfile.TemporaryFile()  # noqa: SIM115  the answer closes it
    count = export(current_venue(), wanted, form, out)
    out.seek(0)
    after = {**wanted._asdict(), "form": form, "rows": count}
    audit.record(request, "data_export", target_type="rows", target=wanted.kind, after=after)
    name = f"{wanted.kind}_{wanted.first_day}_{wanted.last_day}.{form}"
    return FileResponse(out, as_attachment=True, filename=name, content_type=TYPES[form])
