"""Alerts in the admin: what is wrong, since when, who sees to it (O-33)."""

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from exchange_site.admin_base import ReadOnlyAdmin
from exchange_site.admin_operations import Operation, OperationsMixin, Result
from monitoring import services
from monitoring.admin_pages import PagesMixin
from monitoring.models import Alert, AlertState, Report
from monitoring.process_page import ProcessesMixin

STATES = {"open": "danger", "acknowledged": "warning", "closed": "success"}
SEVERITIES = {"critical": "danger", "warning": "warning"}


class Acknowledge(Operation):
    name = "acknowledge"
    label = _("Acknowledge")
    icon = "done"
    permission = "monitoring.acknowledge_alert"
    explanation = _("Says that you see to it: nobody is told again. It closes by itself when it is over.")

    def venue(self, row: Alert) -> str:
        return row.venue if row else ""

    def before(self, row: Alert) -> dict[str, Any]:
        return {"state": row.state}

    def perform(self, request: HttpRequest, rows: Sequence[Any], data: dict[str, Any]) -> list[Result]:
        found = []
        for row in rows:
            done = services.acknowledge(
                alert=row, username=request.user.get_username(), note=data["reason"][:500]
            )
            after = {"state": AlertState.ACKNOWLEDGED} if done else None
            text = _("done") if done else _("It is not open any more.")
            found.append(Result(str(row), 0, text, self.before(row), after, row=row))
        return found


@admin.register(Alert)
class AlertAdmin(ProcessesMixin, PagesMixin, OperationsMixin, ReadOnlyAdmin):
    operations = (Acknowledge,)
    list_display = (
        "name", "target", "severity_shown", "state_shown", "summary", "opened_at", "closed_at",
        "acknowledged_by",
    )  # fmt: skip
    list_filter = ("state", "severity")
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("name", "target"),
                    ("severity_shown", "state_shown"),
                    ("summary", "value"),
                    ("opened_at", "seen_at"),
                    ("closed_at", "told_at", "told"),
                    ("acknowledged_at", "acknowledged_by"),
                    "note",
                )
            },
        ),
    )

    @display(description=_("severity"), label=SEVERITIES, ordering="severity")
    def severity_shown(self, row: Alert) -> tuple[str, Any]:
        return row.severity, row.get_severity_display()

    @display(description=_("state"), label=STATES, ordering="state")
    def state_shown(self, row: Alert) -> tuple[str, Any]:
        return row.state, row.get_state_display()


@admin.register(Report)
class ReportAdmin(ReadOnlyAdmin):
    list_display = ("report_id", "venue", "made_at", "made_by")
    fieldsets = ((None, {"fields": (("report_id", "venue"), ("made_at", "made_by"), "figures")}),)
