"""Celery's side of the jobs; beat sends these by the seeded schedules (R2.5)."""

from celery import shared_task

from settlement import jobs


@shared_task(name="settlement.run_job", ignore_result=True)
def run_job(venue: str, name: str, started_by: str = "") -> None:
    """Run one job of a venue; a message for a job that is under way does nothing."""
    jobs.run(venue, name, started_by=started_by)
