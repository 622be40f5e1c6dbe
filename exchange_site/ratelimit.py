"""Rate limits of the web, counted by one atomic Redis script (H-5, R6.4).

Token buckets: `rate` a second, at most `burst` at once, refilled by the server's clock. A
call names every bucket it draws from (user, address); it takes from all of them or from
none. While the cache instance is away nothing is limited: the core has limits of its own
(T section 7) and log-ins are locked by the database.
"""

import asyncio
import time
from collections.abc import Sequence
from concurrent.futures import Future
from typing import Any, NamedTuple

from django.conf import settings
from django.http import HttpRequest

from exchange_site.cachepipe import CacheAway, CacheScript, cache_call
from exchange_site.exceptions import ExchangeError
from trading.engine.codes import TOO_MANY_REQUESTS


class Limit(NamedTuple):
    """Tokens a second and how many may be saved up."""

    rate: float
    burst: int


LOGIN = Limit(10 / 60, 10)
READS = Limit(50, 100)
ADDRESS_FACTOR = 20
"""An address may stand for so many users behind one gateway."""
_SMALL = 0.05
"""A draw of more than this part of its bucket is always waited for."""
_ENOUGH, _KNOWN_S = 0.5, 10.0
_SETTLE_S = 0.01
_MOST_CREDITS = 10_000

_SCRIPT = CacheScript("""
local now = redis.call('TIME')
now = now[1] + now[2] / 1000000
local left, wait = {}, 0
for i = 1, #KEYS do
  local rate, burst, cost = tonumber(ARGV[3 * i - 2]), tonumber(ARGV[3 * i - 1]), tonumber(ARGV[3 * i])
  local known = redis.call('HMGET', KEYS[i], 't', 'n')
  local tokens = burst
  if known[1] then tokens = math.min(burst, known[2] + (now - known[1]) * rate) end
  left[i] = tokens - cost
  if left[i] < 0 then wait = math.max(wait, -left[i] / rate) end
end
if wait > 0 then return tostring(wait) end
local least = 1
for i = 1, #KEYS do
  local rate, burst = tonumber(ARGV[3 * i - 2]), tonumber(ARGV[3 * i - 1])
  redis.call('HSET', KEYS[i], 't', string.format('%.6f', now), 'n', left[i])
  redis.call('EXPIRE', KEYS[i], math.ceil(burst / rate) + 1)
  least = math.min(least, left[i] / burst)
end
return 'L' .. string.format('%.6f', least)
""")
"""Seconds to wait, or `L` and how full the emptiest of the buckets is afterwards, 0 to 1."""


class Draw(NamedTuple):
    """How many tokens to take from a bucket."""

    bucket: str
    limit: Limit
    cost: int = 1


def _arguments(draws: Sequence[Draw], times: int = 1) -> list[Any]:
    keys = [f"limit:{draw.bucket}" for draw in draws]
    figures = [figure for draw in draws for figure in (*draw.limit, min(draw.cost * times, draw.limit.burst))]
    return [len(keys), *keys, *figures]


def take(draws: Sequence[Draw]) -> None:
    """Draw tokens; ExchangeError 9004 with `retry_after` seconds when a bucket is empty."""
    try:
        answer = _SCRIPT.call(*_arguments(draws))
    except CacheAway:
        return
    _judge(answer)


async def atake(draws: Sequence[Draw]) -> None:
    """`take` for the event loop.

    While the buckets were more than half full when last seen, the caller goes on at once and
    the draw is made a moment later; below that, together with what is owed, it is waited for.
    So one process is exact, and several let through at most what they draw at the same moment.
    """
    credit = _credit_of(tuple(draws))
    if credit.spend():
        return
    try:
        answer = await _SCRIPT.acall(*_arguments(draws, 1 + credit.claim()))
    except CacheAway:
        return
    credit.learn(answer)
    _judge(answer)


class _Credit:
    """What a process knows of the buckets of one kind of draw."""

    __slots__ = ("_at", "_draws", "_fullness", "_owed", "_step")

    def __init__(self, draws: tuple[Draw, ...]) -> None:
        self._draws = draws
        self._step = max(draw.cost / draw.limit.burst for draw in draws)
        self._fullness = self._at = 0.0
        self._owed = 0

    def spend(self) -> bool:
        """Go on without asking? Then the draw is owed."""
        now = time.monotonic()
        if self._step > _SMALL or self._fullness < _ENOUGH or now - self._at > _KNOWN_S:
            return False
        self._fullness -= self._step
        if not self._owed:
            asyncio.get_running_loop().call_later(_SETTLE_S, self._settle)
        self._owed += 1
        return True

    def claim(self) -> int:
        """How many draws are owed; the caller makes them with its own."""
        owed, self._owed = self._owed, 0
        return owed

    def learn(self, answer: bytes) -> None:
        """What the script said of the buckets."""
        self._fullness = float(answer[1:]) if answer.startswith(b"L") else 0.0
        self._at = time.monotonic()

    def _settle(self) -> None:
        owed = self.claim()
        if owed:
            cache_call("EVALSHA", _SCRIPT.sha, *_arguments(self._draws, owed)).add_done_callback(
                self._settled
            )

    def _settled(self, future: "Future[Any]") -> None:
        if future.exception() is None:
            self.learn(future.result())
        else:
            self._fullness = 0.0  # the next draw asks, and finds out why


def _credit_of(draws: tuple[Draw, ...]) -> _Credit:
    found = _credits.get(draws)
    if found is None:
        if len(_credits) >= _MOST_CREDITS:
            _credits.clear()
        found = _credits[draws] = _Credit(draws)
    return found


_credits: dict[tuple[Draw, ...], _Credit] = {}


def _judge(answer: bytes) -> None:
    if not answer.startswith(b"L"):
        raise ExchangeError(TOO_MANY_REQUESTS, {}, {"retry_after": round(float(answer), 3)})


def client_address(request: HttpRequest) -> str:
    """The caller's address; of X-Forwarded-For only what our own proxies added (R6.4)."""
    proxies: int = settings.NUM_PROXIES
    forwarded = str(request.META.get("HTTP_X_FORWARDED_FOR", ""))
    if proxies and forwarded:
        hops = [hop.strip() for hop in forwarded.split(",")]
        return hops[-min(proxies, len(hops))][:64]
    return str(request.META.get("REMOTE_ADDR", ""))[:64]


def by_user_or_address(request: Any, kind: str, limit: Limit, cost: int = 1) -> list[Draw]:
    """The buckets of a request: its user's and its address's, or, unknown, the address's own."""
    address = client_address(request)
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return [Draw(f"{kind}:a:{address}", limit, cost)]
    wide = Limit(limit.rate * ADDRESS_FACTOR, limit.burst * ADDRESS_FACTOR)
    return [Draw(f"{kind}:u:{user.pk.hex}", limit, cost), Draw(f"{kind}:w:{address}", wide, cost)]
