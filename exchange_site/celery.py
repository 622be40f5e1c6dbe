"""The Celery application: `celery -A exchange_site worker` and `… beat` (R2.*).

A job is "bring to the due state", so a message that is lost, late or doubled does no harm;
the broker is the cache instance, never the log.
"""

import os
from typing import Any

from celery import Celery
from celery.signals import setup_logging

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "exchange_site.settings")

app = Celery("exchange")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@setup_logging.connect
def keep_our_logging(**_options: Any) -> None:
    """Celery would replace the handlers of the root logger."""


@app.task(name="exchange.canary", ignore_result=True)
def canary() -> None:
    """Shows that a worker takes and carries out tasks (R2.7)."""
    from exchange_site.stamps import CANARY_KEY, stamp  # settings are read by now

    stamp(CANARY_KEY)
