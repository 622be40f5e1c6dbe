"""How many sockets a user has in all web processes of the site together (W-1).

Each socket of a user holds a seat in a sorted set of the cache, good until its process stops
renewing it. While the cache is away each process counts its own sockets alone.
"""

import logging
import os
from collections.abc import Iterable

import redis

from exchange_site.cachepipe import CacheAway, CacheScript

SEAT_S = 30
"""How long the seats of a killed process stay taken."""
RENEW_S = 10.0
_log = logging.getLogger(__name__)

_TAKE = CacheScript("""
local now = tonumber(redis.call('TIME')[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[1]) then return 0 end
redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[3])
redis.call('EXPIRE', KEYS[1], ARGV[2] + 1)
return 1
""")
_RENEW = CacheScript("""
local due = tonumber(redis.call('TIME')[1]) + ARGV[1]
for i = 2, #ARGV do redis.call('ZADD', KEYS[1], due, ARGV[i]) end
redis.call('EXPIRE', KEYS[1], ARGV[1] + 1)
return 1
""")
_LEAVE = CacheScript("return redis.call('ZREM', KEYS[1], ARGV[1])")


def seat_of(number: int) -> str:
    """The name of this process's socket of that number; nobody else's."""
    return f"{_PROCESS}:{number}"


def _key(user_id: str) -> str:
    return f"sockets:u:{user_id}"


async def take(user_id: str, seat: str, limit: int) -> bool:
    """Take a seat; False when the user's are all taken."""
    try:
        return bool(await _TAKE.acall(1, _key(user_id), limit, SEAT_S, seat))
    except (CacheAway, redis.ResponseError) as error:
        _log.warning("sockets are counted by process alone: %s", error)
        return True


async def renew(user_id: str, seats: Iterable[str]) -> None:
    """Keep this process's seats of a user; a cache that lost them learns of them again."""
    try:
        await _RENEW.acall(1, _key(user_id), SEAT_S, *seats)
    except (CacheAway, redis.ResponseError) as error:
        _log.warning("seats are not renewed: %s", error)


async def leave(user_id: str, seat: str) -> None:
    """Give a seat back; one that cannot be given back runs out."""
    try:
        await _LEAVE.acall(1, _key(user_id), seat)
    except (CacheAway, redis.ResponseError) as error:
        _log.warning("a seat runs out by itself: %s", error)


def _name_process() -> None:
    global _PROCESS
    _PROCESS = os.urandom(6).hex()


_PROCESS = ""
_name_process()
os.register_at_fork(after_in_child=_name_process)
