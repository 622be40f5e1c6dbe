"""Audit log and log entries: read-only, searchable, exportable (O-3, R4.4)."""

import csv
import json
from collections.abc import Iterator
from typing import Any, ClassVar

from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.urls import path, reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display
from unfold.enums import ActionVariant

from exchange_site import audit
from exchange_site.admin_base import ReadOnlyAdmin
from exchange_site.exceptions import message
from trading.admin.filters import fixed_filter
from trading.models import AuditLog

CSV_COLUMNS = (
    "at",
    "venue",
    "username",
    "user_id",
    "address",
    "action",
    "target_type",
    "target",
    "before",
    "after",
    "reason",
    "code",
    "command_id",
    "seq",
)
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
EventFilter = fixed_filter(
    _("event"),
    "action",
    {
        "login": _("log-in"),
        "login_failed": _("failed log-in"),
        "logout": _("log-out"),
        "permission_denied": _("permission denied"),
        "row_added": _("row added"),
        "row_changed": _("row changed"),
        "row_deleted": _("row deleted"),
    },
)


class OutcomeFilter(admin.SimpleListFilter):
    title = _("outcome")
    parameter_name = "outcome"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("done", _("Done")), ("refused", _("Refused"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() == "done":
            return queryset.filter(code=0)
        return queryset.exclude(code=0) if self.value() == "refused" else queryset


class Line:
    """A file of one line, so that csv.writer can stream."""

    def write(self, text: str) -> str:
        return text


def cell(value: Any) -> str:
    """A CSV cell that no spreadsheet runs as a formula."""
    if value is None:
        return ""
    text = json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else str(value)
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text


def csv_lines(rows: QuerySet[Any]) -> Iterator[str]:
    """The rows as CSV, a line at a time; a byte-order mark tells spreadsheets it is UTF-8."""
    writer = csv.writer(Line())
    yield "\ufeff" + writer.writerow(CSV_COLUMNS)
    for values in rows.values_list(*CSV_COLUMNS).iterator(chunk_size=2_000):
        yield writer.writerow([cell(value) for value in values])


@admin.register(AuditLog)
class AuditLogAdmin(ReadOnlyAdmin):
    list_display = (
        "at",
        "username",
        "address",
        "action",
        "target",
        "reason",
        "outcome",
    )
    list_filter = (OutcomeFilter, EventFilter)
    ordering = ("-id",)
    search_help_text = _("user, action, target, or date yyyy-mm-dd")
    search_rules: ClassVar[Any] = (
        (r"\d{4}-\d{2}-\d{2}", ("at__date",)),
        (r"[0-9a-f]{32}", ("command_id", "user_id")),
        (r".+", ("username__icontains", "action", "target__icontains", "reason__icontains")),
    )
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("at", "venue"),
                    ("username", "address"),
                    ("action", "target_type"),
                    ("target", "outcome"),
                    ("reason",),
                    ("before_shown", "after_shown"),
                    ("command_id", "seq"),
                )
            },
        ),
    )
    readonly_fields = ("outcome", "before_shown", "after_shown")

    @display(description=_("outcome"))
    def outcome(self, row: AuditLog) -> Any:
        return f"{row.code} {message(row.code, {})}" if row.code else _("done")

    @display(description=_("before"))
    def before_shown(self, row: AuditLog) -> Any:
        return pretty(row.before)

    @display(description=_("after"))
    def after_shown(self, row: AuditLog) -> Any:
        return pretty(row.after)

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view(self.export_view)
        return [path("export/", view, name="trading_auditlog_export"), *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        response = super().changelist_view(request, extra_context)
        if hasattr(response, "context_data"):
            query = request.GET.urlencode()
            response.context_data["actions_list"] = [
                {
                    "title": _("Export CSV"),
                    "icon": "download",
                    "variant": ActionVariant.DEFAULT,
                    "attrs": {},
                    "dialog": None,
                    "path": f"{reverse('admin:trading_auditlog_export')}?{query}",
                }
            ]
        return response

    def export_view(self, request: HttpRequest) -> HttpResponse | StreamingHttpResponse:
        """The rows that the list shows now, as CSV; the export itself is recorded."""
        if not self.has_view_permission(request):
            raise PermissionDenied("export needs trading.view_auditlog")
        rows = self.get_changelist_instance(request).get_queryset(request)
        mark = audit.record(request, "audit_export", target_type="auditlog", target=request.GET.urlencode())
        rows = rows.filter(pk__lt=mark.pk)
        response = StreamingHttpResponse(csv_lines(rows), content_type="text/csv; charset=utf-8")
        response["Content-Disposition"] = 'attachment; filename="audit.csv"'
        return response


def pretty(value: Any) -> Any:
    """JSON as people read it."""
    if value is None:
        return "–"
    text = json.dumps(value, ensure_ascii=False, indent=2)
    return format_html('<pre class="exchange-break" style="white-space: pre-wrap">{}</pre>', text)


@admin.register(LogEntry)
class LogEntryAdmin(ReadOnlyAdmin):
    list_display = ("action_time", "user", "content_type", "object_repr", "what")
    list_select_related = ("user", "content_type")
    list_filter = ("action_flag",)
    ordering = ("-id",)
    search_help_text = _("user or object")
    search_rules: ClassVar[Any] = ((r".+", ("user__username", "object_repr__icontains")),)
    fields = ("action_time", "user", "content_type", "object_id", "object_repr", "what")
    readonly_fields = ("what",)

    @display(description=_("change"))
    def what(self, row: LogEntry) -> str:
        return row.get_change_message()
