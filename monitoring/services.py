"""Writes of monitoring: reports, acknowledged alerts."""

from django.utils import timezone

from monitoring import selectors
from monitoring.models import Alert, AlertState, Report

KEPT = 1_000


def make_report(*, venue: str, username: str) -> Report:
    """Measure everything and keep it as `RPT` + time; the newest thousand are kept."""
    now = timezone.now()
    report = Report.objects.create(
        venue=venue,
        report_id=f"RPT{timezone.localtime(now):%Y%m%d%H%M%S%f}",
        made_at=now,
        made_by=username,
        figures=selectors.everything(venue),
    )
    kept = Report.objects.filter(venue=venue).values("pk")[KEPT : KEPT + 1]
    oldest = list(kept.values_list("pk", flat=True))
    if oldest:
        Report.objects.filter(venue=venue, pk__lte=oldest[0]).delete()
    return report


def acknowledge(*, alert: Alert, username: str, note: str) -> bool:
    """Somebody sees to it: it is not told again; False when it is not open any more."""
    changed = Alert.objects.filter(pk=alert.pk, state=AlertState.OPEN).update(
        state=AlertState.ACKNOWLEDGED,
        acknowledged_at=timezone.now(),
        acknowledged_by=username,
        note=note,
    )
    return bool(changed)
