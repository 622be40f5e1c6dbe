"""Scheduled jobs: run once at a time, recorded, seeded, and carried out by a real Celery (O-10, O-11)."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.contrib import admin
from django.core.management import call_command
from django.db import connections
from django.test import Client
from django_celery_beat.models import PeriodicTask
from django_celery_beat.schedulers import DatabaseScheduler

from exchange_site import advisory, health
from exchange_site.beat import LOCK, LockedScheduler
from exchange_site.celery import app, canary
from exchange_site.stamps import BEAT_KEY, CANARY_KEY
from exchange_site.streams import cache_client
from settlement import jobs
from settlement.models import Job
from settlement.tasks import run_job
from tests.api.conftest import await_until

pytestmark = pytest.mark.django_db(transaction=True)
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def job(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """A job "probe" whose runs are noted; it does what the last entry of the list says."""
    said: list[str] = []

    def probe(venue: str) -> str:
        said.append(venue)
        if venue == "bad":
            raise jobs.Attention("look here")
        if venue == "broken":
            raise RuntimeError("no\x00 way")
        return "all is due"

    monkeypatch.setitem(jobs.BY_NAME, "probe", jobs.Kind("probe", "Probe", 60, probe))
    yield said


def stamps(*keys: str) -> list[bytes | None]:
    with cache_client() as client:
        return [client.get(key) for key in keys]  # type: ignore[misc]


def test_a_run_is_recorded_with_its_result(job: list[str]) -> None:
    assert jobs.run("main", "probe", started_by="alice") is True
    row = Job.objects.get()
    assert (row.venue, row.name, row.is_ok, row.result) == ("main", "probe", True, "all is due")
    assert row.started_at <= row.ended_at == row.done_at and row.started_by == "alice"
    jobs.run("main", "probe")
    row.refresh_from_db()
    assert (row.runs, row.failures, row.started_by) == (2, 0, "")


@pytest.mark.parametrize("venue,result", [("bad", "look here"), ("broken", "RuntimeError: no way")])
def test_what_an_operator_must_see_to_is_kept(job: list[str], venue: str, result: str) -> None:
    assert jobs.run(venue, "probe") is False
    row = Job.objects.get()
    assert (row.is_ok, row.result, row.failures, row.done_at) == (False, result, 1, None)


def test_a_job_under_way_is_not_run_a_second_time(job: list[str]) -> None:
    session = advisory.hold("job:main:probe")
    assert jobs.run("main", "probe") is None
    assert job == [] and not Job.objects.exists()
    assert jobs.run("other", "probe") is True
    session.close()
    assert jobs.run("main", "probe") is True


def test_an_unknown_job_is_refused() -> None:
    with pytest.raises(KeyError):
        jobs.run("main", "nothing")


def test_every_job_brings_an_empty_venue_to_its_due_state(db: None) -> None:
    assert jobs.run("main", "clean-up") is True
    assert jobs.run("nobody", "settlement") is True
    assert Job.objects.get(name="settlement").result == "the worker has not reported yet"


def test_schedules_are_seeded_once_and_old_ones_go() -> None:
    for _ in range(2):
        call_command("seed_schedules", venue="main", stdout=StringIO())
    names = set(PeriodicTask.objects.values_list("name", flat=True))
    assert names == {"canary", *(f"main: {kind.name}" for kind in jobs.JOBS)}
    PeriodicTask.objects.filter(name="main: integrity").update(name="main: gone")
    call_command("seed_schedules", venue="main", stdout=StringIO())
    assert set(PeriodicTask.objects.values_list("name", flat=True)) == names
    assert Job.objects.filter(venue="main", started_at=None).count() == len(jobs.JOBS)


def test_nobody_edits_schedules_in_the_admin() -> None:
    assert not admin.site.is_registered(PeriodicTask)


def test_a_second_beat_waits_for_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(DatabaseScheduler, "tick", lambda self, *args, **kwargs: 60.0)
    first = advisory.hold(LOCK)
    with cache_client() as client:
        client.delete(BEAT_KEY)
    waits: list[float] = []

    def beat() -> None:
        scheduler = LockedScheduler(app=app, lazy=True)
        waits.append(scheduler.tick())
        scheduler.session.close()
        connections.close_all()

    second = threading.Thread(target=beat)
    second.start()
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'advisory'"
    await_until(lambda: first.execute(waiting).fetchone()[0])
    assert waits == [] and stamps(BEAT_KEY) == [None]
    first.close()
    second.join(15)
    assert waits == [5.0] and stamps(BEAT_KEY) != [None]


def test_a_beat_that_lost_its_lock_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(DatabaseScheduler, "tick", lambda self, *args, **kwargs: 60.0)
    scheduler = LockedScheduler(app=app, lazy=True)
    scheduler.tick()
    scheduler.session.close()
    scheduler.stamped = 0.0
    with pytest.raises(Exception, match="closed"):
        scheduler.tick()


def test_health_tells_celery_and_beat_apart(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.JOBS = True
    monkeypatch.setattr(health, "STARTED", time.monotonic() - health.STARTING_S - 1)
    with cache_client() as client:
        client.set(CANARY_KEY, f"{time.time() - 5:.3f}")
        client.set(BEAT_KEY, f"{time.time() - health.STAMP_STALE_S - 1:.3f}")
    parts = Client().get("/health").json()["parts"]
    assert parts["celery"]["status"] == "ok" and parts["beat"]["status"] == "failed"
    with cache_client() as client:
        client.delete(CANARY_KEY, BEAT_KEY)
    assert health.report("nobody")["celery"]["status"] == "failed"


def test_run_now_hands_the_job_to_a_worker(
    job: list[str], admin_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_job, "delay", run_job)
    row = Job.objects.create(venue="main", name="probe")
    form = {"stage": "confirm", "ids": row.pk, "reason": "now", "token": "0" * 32}
    page = admin_client.post("/admin/settlement/job/operate/run/", form)
    assert page.status_code == 200 and job == ["main"]
    row.refresh_from_db()
    assert row.is_ok and row.started_by == "admin"
    listed = admin_client.get("/admin/settlement/job/").content.decode()
    assert "all is due" in listed


def test_a_real_worker_carries_jobs_out(job: list[str]) -> None:
    with cache_client() as client:
        client.delete(CANARY_KEY)
    name = connections["default"].settings_dict["NAME"]
    url = os.environ["DATABASE_URL"].replace("/exchange?", f"/{name}?")
    command = [sys.executable, "-m", "celery", "-q", "-A", "exchange_site", "worker", "--pool", "solo"]
    worker = subprocess.Popen(command, cwd=ROOT, env={**os.environ, "DATABASE_URL": url})
    try:
        canary.delay()
        run_job.delay("nobody", "settlement", "beat")
        await_until(lambda: stamps(CANARY_KEY) != [None], 60)
        await_until(lambda: Job.objects.filter(venue="nobody", is_ok=True).exists(), 30)
    finally:
        worker.terminate()
        assert worker.wait(30) == 0
