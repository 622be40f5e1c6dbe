"""A hundred sockets watch while the market-data and the web process are killed: all of them recover."""

import asyncio
import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from tests.api.conftest import await_until
from tests.sockets.client import merge
from tests.tqsdk.conftest import MIDDLE, ROOT, SYMBOL, TICK, Person, Site, Web
from tests.tqsdk.test_charts import fill

SOCKETS = 100
MINUTE = 60 * 10**9
PEEK = '{"aid":"peek_message"}'
ASKED = (
    {"aid": "subscribe_quote", "ins_list": SYMBOL},
    {"aid": "set_chart", "chart_id": "c", "ins_list": SYMBOL, "duration": MINUTE, "view_width": 5},
)


class Recorder:
    """The market-data process, to be killed."""

    def __init__(self, web: Web) -> None:
        self.web = web
        self.start()

    def start(self) -> None:
        command = [sys.executable, "manage.py", "run_marketdata", "--venue", self.web.venue]
        self.process = subprocess.Popen(command, cwd=ROOT, env=self.web.environment)

    def kill(self, number: int) -> None:
        self.process.send_signal(number)
        self.process.wait(30)


@pytest.fixture
def recorder(web: Web) -> Iterator[Recorder]:
    made = Recorder(web)
    yield made
    made.kill(signal.SIGTERM)


class Watchers:
    """Clients that reconnect by themselves and ask for the same again."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.trees: list[dict[str, Any]] = [{} for _ in range(SOCKETS)]
        self.connections = 0
        self.stopping = False
        self.thread = threading.Thread(target=lambda: asyncio.run(self._all()), daemon=True)
        self.thread.start()

    async def _all(self) -> None:
        tasks = [asyncio.create_task(self._watch(tree)) for tree in self.trees]
        while not self.stopping:
            await asyncio.sleep(0.05)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _watch(self, tree: dict[str, Any]) -> None:
        while True:
            try:
                await self._connection(tree)
            except (OSError, WebSocketException, TimeoutError):
                await asyncio.sleep(0.2)  # as clients do: the server is away, try again

    async def _connection(self, tree: dict[str, Any]) -> None:
        async with connect(self.url, proxy=None, max_size=None, open_timeout=60) as link:
            self.connections += 1
            tree.clear()
            for message in ASKED:
                await link.send(json.dumps(message))
            while True:
                await link.send(PEEK)
                frame: dict[str, Any] = {}
                while frame.get("aid") != "rtn_data":
                    frame = json.loads(await link.recv())
                for patch in frame["data"]:
                    merge(tree, patch)

    def shown(self) -> list[tuple[Any, ...]]:
        """What each socket has: the last price, and the newest bar's id and close."""
        return [state(tree) for tree in self.trees]

    def converge(self, price: float) -> tuple[Any, ...]:
        """Wait until all show one state with this price; that state."""
        await_until(lambda: len(set(self.shown())) == 1 and self.shown()[0][::2] == (price, price), 300)
        return self.shown()[0]

    def stop(self) -> None:
        self.stopping = True
        self.thread.join(30)


def state(tree: dict[str, Any]) -> tuple[Any, ...]:
    series = tree.get("klines", {}).get(SYMBOL, {}).get(str(MINUTE), {})
    newest = series.get("last_id", -1)
    bar = series.get("data", {}).get(str(newest), {})
    return tree.get("quotes", {}).get(SYMBOL, {}).get("last_price"), newest, bar.get("close")


def test_a_hundred_sockets_converge_after_both_processes_were_killed(
    web: Web, recorder: Recorder, site: Site, alice: Person, bob: Person
) -> None:
    fill(site, alice, bob, 1)
    watchers = Watchers(web.socket)
    try:
        before = watchers.converge(MIDDLE + TICK)
        recorder.kill(signal.SIGKILL)
        fill(site, alice, bob, 2)  # nobody records it now
        recorder.start()
        between = watchers.converge(MIDDLE + 2 * TICK)
        assert between[1] >= before[1], "a bar's id went back"
        assert watchers.connections == SOCKETS, "a dead market-data process must close no socket"
        web.kill(signal.SIGKILL)
        fill(site, alice, bob, 3)
        web.start()
        after = watchers.converge(MIDDLE + 3 * TICK)
        assert after[1] >= between[1]
        assert watchers.connections >= 2 * SOCKETS
    finally:
        watchers.stop()
