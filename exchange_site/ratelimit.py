"""Rate limits of the web, counted by one atomic Redis script (H-5, R6.4).

Token buckets: `rate` a second, at most `burst` at once, refilled by the server's clock. A
call names every bucket it draws from (user, address); it takes from all of them or from
none. While the cache instance is away nothing is limited: the core has limits of its own
(T section 7) and log-ins are locked by the database.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from django.conf import settings
from django.http import HttpRequest

from exchange_site.cachepipe import CacheAway, CacheScript
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
for i = 1, #KEYS do
  local rate, burst = tonumber(ARGV[3 * i - 2]), tonumber(ARGV[3 * i - 1])
  redis.call('HSET', KEYS[i], 't', string.format('%.6f', now), 'n', left[i])
  redis.call('EXPIRE', KEYS[i], math.ceil(burst / rate) + 1)
end
return ''
""")


class Draw(NamedTuple):
    """How many tokens to take from a bucket."""

    bucket: str
    limit: Limit
    cost: int = 1


def _arguments(draws: Sequence[Draw]) -> list[Any]:
    keys = [f"limit:{draw.bucket}" for draw in draws]
    figures = [figure for draw in draws for figure in (*draw.limit, min(draw.cost, draw.limit.burst))]
    return [len(keys), *keys, *figures]


def take(draws: Sequence[Draw]) -> None:
    """Draw tokens; ExchangeError 9004 with `retry_after` seconds when a bucket is empty."""
    try:
        answer = _SCRIPT.call(*_arguments(draws))
    except CacheAway:
        return
    _judge(answer)


async def atake(draws: Sequence[Draw]) -> None:
    """`take` for the event loop."""
    try:
        answer = await _SCRIPT.acall(*_arguments(draws))
    except CacheAway:
        return
    _judge(answer)


def _judge(answer: bytes | str) -> None:
    if answer:
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
