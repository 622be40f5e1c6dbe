"""Asks what became of orders whose verdict did not come, until the core says so (D-30)."""

import asyncio
import logging

from exchange_site.exceptions import ExchangeError
from trading import commands
from trading.engine.messages import ResolveOrder

MOST = 5_000
_WAIT_S = 2.0
_PAUSE_S = 0.5
_log = logging.getLogger(__name__)


class Resolver:
    """One question at a time for each order; answers come as events to whom they concern."""

    def __init__(self, venue: str) -> None:
        self._venue = venue
        self._tasks: dict[tuple[str, str], asyncio.Task[None]] = {}

    def __len__(self) -> int:
        return len(self._tasks)

    def ask(self, account_id: str, order_id: str, user_id: str) -> None:
        """Have `ResolveOrder` appended, however long the log is away."""
        key = (account_id, order_id)
        if key in self._tasks or len(self._tasks) >= MOST:
            return
        task = asyncio.create_task(self._ask(*key, user_id), name=f"resolve-{order_id}")
        self._tasks[key] = task
        task.add_done_callback(lambda _: self._tasks.pop(key, None))

    async def _ask(self, account_id: str, order_id: str, user_id: str) -> None:
        command_id = commands.new_command_id()
        while True:
            try:
                outcome = await commands.asend(
                    self._venue, ResolveOrder(account_id, order_id), user_id=user_id, origin="resolve",
                    command_id=command_id, wait_s=_WAIT_S,
                )  # fmt: skip
            except ExchangeError as error:
                _log.info("order %s cannot be asked for yet: %s", order_id, error)
            else:
                if outcome.decided:
                    return
            await asyncio.sleep(_PAUSE_S)

    async def stop(self) -> None:
        """End asking; for tests."""
        for task in tuple(self._tasks.values()):
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
