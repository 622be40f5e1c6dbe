"""Statements in the admin: every account's settled days, as a page and as files (T-93, O-6)."""

from typing import Any, ClassVar

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from exchange_site.admin_base import ReadOnlyAdmin
from settlement import rendering, statements
from trading.admin.accounts import AccountColumn
from trading.admin.filters import SettledDayFilter
from trading.models import AccountDay, TradingAccount

KINDS: dict[str, tuple[str, Any]] = {
    "text": ("text/plain; charset=utf-8", lambda data: rendering.as_text(data).encode("utf-8")),
    "csv": ("text/csv; charset=utf-8", lambda data: rendering.as_csv(data).encode("utf-8-sig")),
    "pdf": ("application/pdf", rendering.as_pdf),
}


def statement_of(row: AccountDay) -> dict[str, Any]:
    """The statement of a settled day, as the account's owner gets it."""
    account = TradingAccount.objects.get(venue_id=row.venue_id, account_id=row.account_id)
    return statements.statement(account, row.trading_day)


@admin.register(AccountDay)
class StatementAdmin(AccountColumn, ReadOnlyAdmin):
    list_display_links = ("trading_day",)
    list_display = (
        "account_shown",
        "trading_day",
        "pre_balance",
        "deposit",
        "withdraw",
        "close_profit",
        "position_profit",
        "commission",
        "balance",
        "margin",
        "files",
    )
    list_select_related = ("venue",)
    ordering = ("-id",)
    list_filter = (SettledDayFilter, "must_liquidate")
    search_help_text = _("account, or trading day")
    search_rules: ClassVar[Any] = ((r"\d{8}", ("trading_day",)), (r".+", ("account_id",)))
    readonly_fields = ("files", "statement_shown")
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("account_id", "trading_day"),
                    ("files",),
                    ("statement_shown",),
                )
            },
        ),
    )

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view(self.file_view)
        name = "trading_accountday_file"
        return [path("<int:key>/statement.<slug:kind>", view, name=name), *super().get_urls()]

    def file_view(self, request: HttpRequest, key: int, kind: str) -> HttpResponse:
        """The statement as a file; for those who may see the page."""
        row = AccountDay.objects.filter(pk=key).first() if key < 2**63 else None
        if not self.has_view_permission(request, row):
            raise PermissionDenied("statements need trading.view_accountday")
        if row is None or kind not in KINDS:
            raise Http404(kind)
        media_type, render = KINDS[kind]
        answer = HttpResponse(render(statement_of(row)), content_type=media_type)
        if kind != "text":
            name = f"statement-{row.account_id}-{row.trading_day}.{kind}"
            answer["Content-Disposition"] = f'attachment; filename="{name}"'
        return answer

    @display(description=_("files"))
    def files(self, row: AccountDay) -> Any:
        links = [(reverse("admin:trading_accountday_file", args=[row.pk, kind]), kind) for kind in KINDS]
        return format_html_join(" ", '<a class="text-primary-600 underline" href="{}">{}</a>', links)

    @display(description=_("statement"))
    def statement_shown(self, row: AccountDay) -> Any:
        return format_html('<pre class="exchange-statement">{}</pre>', rendering.as_text(statement_of(row)))
