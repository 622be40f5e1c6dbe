"""Notify 325: a settled day's statement, shown until the client confirms it (D-12).

What was confirmed is remembered in the cache: a cache that begins anew shows the last
statement once more, which harms nobody.
"""

import logging
from typing import TYPE_CHECKING

import redis
from django.db import DatabaseError

from exchange_site.exceptions import ExchangeError
from exchange_site.streams import Keys, cache_client
from marketdata.fanout.threads import in_database_thread
from marketdata.sockets.diff import hooks
from marketdata.sockets.diff.branch import Branch
from trading.diff_texts import SETTLEMENT
from trading.models import AccountDay
from trading.selectors import venue_number, wait_for_projector

if TYPE_CHECKING:
    from marketdata.sockets.diff.trade import TradeDesk

PROJECTOR_S = 10.0
"""How long a statement waits for the tables to hold the settlement."""
_log = logging.getLogger(__name__)


def _key(venue: str) -> str:
    return f"{Keys(venue).prefix}settlements-confirmed"


def _last_settled(venue: str, account_id: str) -> int:
    """The account's newest settled day; 0 before the first."""
    days = AccountDay.objects.filter(venue=venue_number(venue), account_id=account_id)
    return days.order_by("-id").values_list("trading_day", flat=True).first() or 0


def _unconfirmed(venue: str, account_id: str, seq: int) -> tuple[int, str]:
    """(day, text) of the last statement unless it was confirmed; (0, "") otherwise. Blocking."""
    wait_for_projector(venue, seq, PROJECTOR_S)
    day = _last_settled(venue, account_id)
    with cache_client() as client:
        confirmed = int(client.hget(_key(venue), account_id) or 0)
    if hooks.statement is None or day <= confirmed:
        return 0, ""
    return day, hooks.statement(venue, account_id, day)


def _remember(venue: str, account_id: str) -> None:
    """The account's holder has seen the last statement. Blocking."""
    day = _last_settled(venue, account_id)
    if day:
        with cache_client() as client:
            client.hset(_key(venue), account_id, day)


async def show(desk: "TradeDesk", branch: Branch) -> None:
    """Send the last statement if nobody has confirmed it and nobody does meanwhile."""
    hub, image = desk.socket.hub, branch.image
    if image is None:
        return
    try:
        async with hub.statements:
            day, text = await in_database_thread(_unconfirmed, hub.venue, image.account_id, image.seq)
    except (ExchangeError, DatabaseError, redis.RedisError, OSError) as error:
        _log.warning("the statement of %s cannot be shown: %s", branch.account_id, error)
        return
    if day and not branch.is_confirmed:
        desk.socket.notify(SETTLEMENT, "INFO", text, type="SETTLEMENT", user_id=branch.name, trading_day=day)


async def confirm(desk: "TradeDesk") -> None:
    """`confirm_settlement`: every log-in of this socket has seen its statement."""
    try:
        for branch in tuple(desk.branches.values()):
            await in_database_thread(_remember, desk.socket.hub.venue, branch.account_id)
    except (DatabaseError, redis.RedisError, OSError) as error:
        _log.warning("a confirmation was not kept, the statement comes again: %s", error)
