"""The watcher: every 15 s it reads all processes, evaluates the rules, keeps the alerts (O-33)."""

import threading
import time
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

import psycopg
import redis
import structlog
from django.db import DatabaseError, connections, transaction
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from exchange_site import advisory
from exchange_site.metrics.endpoint import endpoints
from exchange_site.metrics.meter import Meter
from exchange_site.streams import cache_client
from monitoring import observed, telling
from monitoring.models import Alert, AlertState
from monitoring.promql import Labels, Series
from monitoring.rules import Evaluator, Firing, Rule, load_rules
from monitoring.scraping import read_text

EVERY_S = 15.0
REPEATED = timedelta(hours=1)
STAMP_KEY = "exchange:watcher:{venue}"
TEXT_LIMIT = 300
log = structlog.get_logger(__name__)
Sample = tuple[str, Labels, float]


class Watcher:
    """Watches one venue; `run` until `stop`."""

    def __init__(self, venue: str, rules: list[Rule], meter: Meter) -> None:
        self.venue = venue
        self.meter = meter
        self.series = Series()
        self.evaluator = Evaluator(rules)
        self.stopping = threading.Event()
        self.failures = 0

    def stop(self, *_: Any) -> None:
        """End at the next turn; usable as a signal handler."""
        self.stopping.set()

    def reload(self, payload: dict[str, Any]) -> dict[str, Any]:
        """Read the rules anew, for the process bus; BadRules leaves the old ones (O-21)."""
        rules = load_rules()
        self.evaluator = Evaluator(rules)
        return {"rules": len(rules)}

    def run(self) -> None:
        """Wait to be the only one, then look every 15 s; a look that fails is made again."""
        while not self.stopping.is_set():
            try:
                with advisory.try_lock(f"watcher:{self.venue}") as is_ours:
                    while is_ours and not self.stopping.is_set():
                        began = time.monotonic()
                        self.look(time.time())
                        self.stopping.wait(max(0.0, EVERY_S - (time.monotonic() - began)))
            except (psycopg.Error, DatabaseError, redis.RedisError, OSError) as error:
                self.failures += 1
                log.warning("watcher_waits", venue=self.venue, reason=str(error))
            finally:
                connections.close_all()
            self.stopping.wait(1.0)

    def look(self, at: float) -> list[Firing]:
        """Read, evaluate, write down; the alerts that hold now."""
        for process_id, text in read_all(self.venue, self.meter.part):
            self.series.add(at, parsed(text, process_id))
        own = f"{self.meter.part}.own"
        self.series.add(at, parsed(self.meter.text().decode(), own))
        firing = self.evaluator.firing(self.series, at)
        keep_alerts(self.venue, firing, timezone.now())
        with cache_client() as client:
            client.set(STAMP_KEY.format(venue=self.venue), f"{at:.3f}")
        return firing


def read_all(venue: str, own_part: str) -> Iterable[tuple[str, str]]:
    """(process, text) of every process that can be read, the watcher's own aside."""
    for row in endpoints(venue):
        if row["part"] == own_part:
            continue
        text = read_text(row["url"])
        if text is not None:
            yield row["process_id"], text


def parsed(text: str, process_id: str) -> list[Sample]:
    """An exposition as samples, `instance` naming the process."""
    return [
        (sample.name, frozenset({**sample.labels, "instance": process_id}.items()), sample.value)
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    ]


def watching_meter(venue: str) -> Meter:
    """The watcher's own meter: what it finds from outside."""
    meter = Meter("watcher", venue)
    meter.read_from(lambda: observed.samples(venue))
    return meter


def keep_alerts(venue: str, firing: Sequence[Firing], now: datetime) -> None:
    """Open what began, renew what holds, close what is over, tell who is to be told."""
    with transaction.atomic():
        rows = Alert.objects.select_for_update().filter(venue=venue).exclude(state=AlertState.CLOSED)
        living = {(row.name, row.target): row for row in rows}
        for one in firing:
            row = living.pop(one.key, None)
            if row is None:
                row = Alert(venue=venue, name=one.rule.name, target=one.target, opened_at=now)
                log.warning("alert_opened", venue=venue, alert=one.rule.name, target=one.target)
            row.severity, row.summary = one.rule.severity, one.summary[:TEXT_LIMIT]
            row.value, row.seen_at = one.value, now
            row.save()
        for row in living.values():
            row.state, row.closed_at = AlertState.CLOSED, now
            row.save()
            log.info("alert_closed", venue=venue, alert=row.name, target=row.target)
    tell_due(venue, list(living.values()), now)


def tell_due(venue: str, closed: list[Alert], now: datetime) -> None:
    """New and unacknowledged alerts at most hourly, and the end of those that were told."""
    if not telling.is_set():
        return
    waiting = Alert.objects.filter(venue=venue, state=AlertState.OPEN)
    due = [row for row in waiting if row.told_at is None or now - row.told_at >= REPEATED]
    due += [row for row in closed if row.told]
    if due and telling.tell(due):
        for row in due:
            row.told_at, row.told = now, row.told + 1
            row.save(update_fields=["told_at", "told"])


def last_look(venue: str) -> float | None:
    """Seconds since the watcher last looked; None when it never did."""
    with cache_client() as client:
        value: Any = client.get(STAMP_KEY.format(venue=venue))
    return None if value is None else max(0.0, time.time() - float(value))
