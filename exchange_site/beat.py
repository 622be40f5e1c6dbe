"""Beat's scheduler: the tables' schedules, under a lock so that a second beat waits (O-11, R2.2)."""

import time
from typing import Any

from django_celery_beat.schedulers import DatabaseScheduler

from exchange_site import advisory
from exchange_site.stamps import BEAT_KEY, stamp

LOCK = "exchange-beat"
STAMP_S = 5.0


class LockedScheduler(DatabaseScheduler):  # type: ignore[misc]
    """Sends nothing before it holds the lock; ends with an error when the lock's session is lost."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.session: Any = None
        self.stamped = 0.0
        super().__init__(*args, **kwargs)

    def tick(self, *args: Any, **kwargs: Any) -> float:
        """Celery's tick; waits for the lock before the first one."""
        if self.session is None:
            self.session = advisory.hold(LOCK)
        now = time.monotonic()
        if now - self.stamped >= STAMP_S:
            self.session.execute("SELECT 1")  # raises when the session, and so the lock, is gone
            stamp(BEAT_KEY)
            self.stamped = now
        return min(float(super().tick(*args, **kwargs)), STAMP_S)
