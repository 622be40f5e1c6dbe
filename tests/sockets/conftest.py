"""The venue of the API tests, and an event loop that runs beside the test."""

import asyncio
import threading
from collections.abc import Coroutine, Iterator
from typing import Any, TypeVar

import pytest

from marketdata.fanout.hub import end_fanout
from marketdata.fanout.threads import drain_threads
from tests.api.conftest import (  # noqa: F401  the same venue and cast
    CONTRACTS,
    COPPER,
    Person,
    Site,
    alice,
    bob,
    charlie,
    db,
    forget_limits,
    site,
)
from trading import commands
from trading.engine.messages import PlaceOrder

_T = TypeVar("_T")


class Loop:
    """An event loop in a thread of its own."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()

    def run(self, work: Coroutine[Any, Any, _T], seconds: float = 30) -> _T:
        """Run to the end and return what it gave."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(seconds)

    def stop(self) -> None:
        self.run(end_fanout())
        self.run(drain_threads())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)
        self.loop.close()


@pytest.fixture(scope="module")
def loop(site: Site) -> Iterator[Loop]:  # noqa: F811
    made = Loop()
    yield made
    made.stop()


def order(
    person: Person, direction: int, price: int = 0, volume: int = 1, offset: int = 0, **terms: Any
) -> PlaceOrder:
    """A limit order of a person, `price` ticks from the contract's middle."""
    contract = terms.pop("contract", COPPER)
    limit = contract.middle + price * contract.price_tick
    order_id = terms.pop("order_id", "")
    return PlaceOrder(
        person.account_id, order_id, contract.symbol, direction, offset, volume, limit_price=limit, **terms
    )


def place(site: Site, person: Person, *args: Any, **terms: Any) -> commands.Outcome:  # noqa: F811
    """Place it as REST would."""
    outcome = commands.send(site.venue, order(person, *args, **terms), user_id=person.user_id, wait_s=10)
    assert outcome.decided, outcome
    return outcome
