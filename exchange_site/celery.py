"""The Celery application: `celery -A exchange_site worker` and `… beat` (R2.*).

A job is "bring to the due state", so a message that is lost, late or doubled does no harm;
the broker is the cache instance, never the log.
"""

import os
from typing import Any

from celery import Celery
from celery.signals import (
    beat_init,
    before_task_publish,
    celeryd_after_setup,
    setup_logging,
    worker_ready,
    worker_shutdown,
)

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "exchange_site.settings")

app = Celery("exchange")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@setup_logging.connect
def keep_our_logging(**_options: Any) -> None:
    """Celery would replace the handlers of the root logger."""


@celeryd_after_setup.connect
def serve_worker_figures(**_options: Any) -> None:
    """The worker's main process tells what its children were given (O-30)."""
    from celery.worker import state

    from exchange_site.metrics import endpoint
    from exchange_site.metrics.meter import METER, Sample

    def samples() -> list[Sample]:
        return [
            ("exchange_celery_tasks_total", {}, sum(state.total_count.values())),
            ("exchange_celery_tasks_active", {}, len(state.active_requests)),
        ]

    METER.read_from(samples)
    endpoint.serve("celery")


@worker_ready.connect
def join_bus(**_options: Any) -> None:
    """The worker's main process, once its children are there, answers on the bus (O-21)."""
    from exchange_site import ipc

    worker_shutdown.connect(_leave_bus(ipc.serve("celery")), weak=False)


def _leave_bus(bus: Any) -> Any:
    def leave(**_options: Any) -> None:
        bus.stop()

    return leave


@beat_init.connect
def serve_beat_figures(**_options: Any) -> None:
    """Beat counts what it sends and answers on the bus (O-21, O-30)."""
    from exchange_site import ipc
    from exchange_site.metrics import endpoint
    from exchange_site.metrics.meter import METER

    def sent(**_sent: Any) -> None:
        METER.count("exchange_beat_sent_total")

    before_task_publish.connect(sent, weak=False)
    endpoint.serve("beat")
    ipc.serve("beat")


@app.task(name="exchange.canary", ignore_result=True)
def canary() -> None:
    """Shows that a worker takes and carries out tasks (R2.7)."""
    from exchange_site.stamps import CANARY_KEY, stamp  # settings are read by now

    stamp(CANARY_KEY)
