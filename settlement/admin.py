"""The jobs page: last run, result, next run, run now (O-10)."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django_celery_beat import models as beat
from unfold.decorators import display

from exchange_site.admin_base import ReadOnlyAdmin, figure
from exchange_site.admin_operations import Operation, OperationsMixin, Result
from settlement import admin_runs as admin_runs
from settlement import admin_statements as admin_statements
from settlement import contest_admin as contest_admin
from settlement.jobs import BY_NAME
from settlement.models import Job
from settlement.tasks import run_job

# Schedules are seeded by one command; edited here they would be lost or not be seen (R2.5).
for _name in ("PeriodicTask", "IntervalSchedule", "CrontabSchedule", "SolarSchedule", "ClockedSchedule"):
    if admin.site.is_registered(getattr(beat, _name)):
        admin.site.unregister(getattr(beat, _name))

STATES = {"ok": "success", "running": "info", "failed": "danger", "waiting": "warning"}


class RunNow(Operation):
    name = "run"
    label = _("Run now")
    icon = "play_arrow"
    permission = "settlement.run_job"
    explanation = _("Every job brings something to its due state: running it once more does no harm.")

    def target(self, row: Job) -> str:
        return str(row)

    def effect(self, row: Job, data: dict[str, Any]) -> Any:
        return BY_NAME[row.name].label if row.name in BY_NAME else _("This job is no more.")

    def perform(self, request: HttpRequest, rows: Sequence[Any], data: dict[str, Any]) -> list[Result]:
        found = []
        for row in rows:
            run_job.delay(row.venue, row.name, request.user.get_username())
            found.append(Result(target=str(row), text=_("Handed to a worker."), row=row))
        return found


@admin.register(Job)
class JobAdmin(OperationsMixin, ReadOnlyAdmin):
    operations = (RunNow,)
    list_display = ("label_shown", "venue", "state_shown", "started_at", "ended_at", "next_shown", "result")
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("label_shown", "venue"),
                    ("state_shown", "result"),
                    ("started_at", "ended_at"),
                    ("done_at", "next_shown"),
                    ("runs", "failures"),
                    ("started_by",),
                )
            },
        ),
    )

    @display(description=_("job"), ordering="name")
    def label_shown(self, row: Job) -> Any:
        return BY_NAME[row.name].label if row.name in BY_NAME else row.name

    @display(description=_("state"), label=STATES)
    def state_shown(self, row: Job) -> tuple[str, Any]:
        if row.started_at is None:
            return "waiting", _("not run yet")
        if row.ended_at is None:
            return "running", _("running")
        return ("ok", _("done")) if row.is_ok else ("failed", _("failed"))

    @display(description=_("next run"))
    def next_shown(self, row: Job) -> Any:
        kind = BY_NAME.get(row.name)
        if kind is None or row.started_at is None:
            return "–"
        return figure(row.started_at + timedelta(seconds=kind.every_s))
