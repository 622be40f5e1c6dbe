"""Signs of life of Celery's processes, kept in the cache instance (R2.7, A-33)."""

import time

from exchange_site.streams import cache_client

CANARY_KEY, BEAT_KEY = "exchange:canary", "exchange:beat"
"""Seconds since the epoch at which a worker last ran a task, and beat last looked."""


def stamp(key: str) -> None:
    """Write the present moment under a key."""
    with cache_client() as client:
        client.set(key, f"{time.time():.3f}")
