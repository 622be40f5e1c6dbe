"""Contests and their contestants in the admin (O-53)."""

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from accounts.admin import AuditedChanges
from exchange_site.admin_base import ExchangeModelAdmin, ReadOnlyAdmin
from exchange_site.admin_operations import Operation, OperationsMixin, Result
from exchange_site.exceptions import ExchangeError, message
from settlement import contest_figures as calc
from settlement import contest_services as services
from settlement.contest_selectors import track_of
from settlement.models import Contest, ContestEntry

PHASES = {
    "announced": _("announced"), "entry": _("entry is open"), "waiting": _("before trading"),
    "running": _("running"), "ended": _("being closed"), "finished": _("finished"),
}  # fmt: skip


@admin.register(Contest)
class ContestAdmin(AuditedChanges, ExchangeModelAdmin):
    """Set one up; what contestants rely on can no longer change once somebody takes part."""

    list_display = (
        "title", "phase_shown", "ranking", "entry_until", "starts_at", "ends_at", "contestants",
        "is_published", "links",
    )  # fmt: skip
    fields = (
        "venue", "code", "title", "text", "entry_from", "entry_until", "starts_at", "ends_at", "start_money",
        "ranking", "min_trades", "sample_s", "is_published",
    )  # fmt: skip
    search_fields = ("code", "title")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).annotate(entered=Count("entries"))

    @display(description=_("phase"))
    def phase_shown(self, row: Contest) -> Any:
        return PHASES[row.phase(timezone.now())]

    @display(description=_("contestants"), ordering="entered")
    def contestants(self, row: Any) -> int:
        return int(row.entered)

    @display(description=_("results"))
    def links(self, row: Contest) -> Any:
        page = reverse("contest-page", args=[row.code])
        table = reverse("contest-results", args=[row.code])
        return format_html(
            '<a href="{}">{}</a> · <a href="{}?format=csv">CSV</a>', page, _("Public page"), table
        )


class EntryOperation(Operation):
    permission = "settlement.operate_contests"

    def target(self, row: ContestEntry) -> str:
        return f"{row.contest_id} {row.nickname}"

    def venue(self, row: ContestEntry) -> str:
        return row.contest.venue if row is not None else ""

    def change(self, row: ContestEntry, reason: str) -> int:
        """Do it; the last sequence."""
        raise NotImplementedError

    def perform(self, request: HttpRequest, rows: Sequence[Any], data: dict[str, Any]) -> list[Result]:
        return [self.perform_one(row, data["reason"]) for row in rows]

    def perform_one(self, row: ContestEntry, reason: str) -> Result:
        before = {"disqualified": ContestEntry.objects.get(pk=row.pk).disqualified}
        try:
            seq = self.change(row, reason)
        except ExchangeError as error:
            text = message(error.code, error.params)
            return Result(self.target(row), error.code, text, before, before, row=row)
        after = {"disqualified": row.disqualified}
        return Result(self.target(row), 0, self.label, before, after, seq=seq, row=row)


class Disqualify(EntryOperation):
    name = "disqualify"
    label = _("Disqualify")
    icon = "person_off"
    variant = "danger"
    explanation = _("The account is frozen, its orders are cancelled, and it has no place in the ranking.")

    def change(self, row: ContestEntry, reason: str) -> int:
        return services.disqualify(entry=row, reason=reason)


class Readmit(EntryOperation):
    name = "readmit"
    label = _("Readmit")
    icon = "how_to_reg"

    def change(self, row: ContestEntry, reason: str) -> int:
        return services.readmit(entry=row)


@admin.register(ContestEntry)
class ContestEntryAdmin(OperationsMixin, ReadOnlyAdmin):
    operations = (Disqualify, Readmit)
    list_display = (
        "nickname", "contest", "user", "account_id", "equity", "drawdown", "sharpe", "final_trades",
        "disqualified",
    )  # fmt: skip
    list_filter = ("contest",)
    list_select_related = ("contest", "user")
    search_fields = ("nickname", "account_id")
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("contest", "nickname"),
                    ("user", "account_id"),
                    ("equity", "peak"),
                    ("drawdown", "sharpe"),
                    ("final_profit_ratio", "final_trades"),
                    ("entered_at", "sampled_at"),
                    ("disqualified",),
                )
            },
        ),
    )

    @display(description=_("Sharpe ratio"))
    def sharpe(self, row: ContestEntry) -> Any:
        found = calc.sharpe(track_of(row))
        return "–" if found is None else f"{found:.4f}"
