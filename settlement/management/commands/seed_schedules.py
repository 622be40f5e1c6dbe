"""`manage.py seed_schedules`: what beat sends and how often; nothing else writes it (R2.5)."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db import transaction
from django_celery_beat.models import IntervalSchedule, PeriodicTask, PeriodicTasks

from exchange_site.env import environment
from settlement.jobs import JOBS, schedules
from settlement.models import Job

CANARY_S = 30


class Command(BaseCommand):
    help = "Write the schedules of a venue's jobs; running it again changes nothing."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--venue", default=environment().EXCHANGE_VENUE)

    def handle(self, *args: Any, **options: Any) -> None:
        wanted = [("canary", CANARY_S, "exchange.canary", [])]
        venue = options["venue"]
        wanted += [(name, every_s, "settlement.run_job", given) for name, every_s, given in schedules(venue)]
        with transaction.atomic():
            for name, every_s, task, given in wanted:
                self.write(name, every_s, task, given)
            names = [name for name, *_rest in wanted]
            PeriodicTask.objects.filter(name__startswith=f"{venue}: ").exclude(name__in=names).delete()
            PeriodicTasks.update_changed()
            for kind in JOBS:  # the page shows those that have not run yet, too
                Job.objects.get_or_create(venue=venue, name=kind.name)
        self.stdout.write(f"{len(wanted)} schedules")

    def write(self, name: str, every_s: int, task: str, given: list[str]) -> None:
        interval, _made = IntervalSchedule.objects.get_or_create(every=every_s, period="seconds")
        fields = {"interval": interval, "task": task, "args": json.dumps(given), "expire_seconds": every_s}
        PeriodicTask.objects.update_or_create(name=name, defaults=fields)
