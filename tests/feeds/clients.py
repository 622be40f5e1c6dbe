"""A feed process in a thread of its own, and clients that speak JSON to its port."""

import asyncio
import json
import socket
import threading
import time
import uuid
from collections.abc import Coroutine
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

from marketdata.feeds.configuration import FeedConfig
from marketdata.feeds.process import FeedOptions, FeedProcess
from marketdata.feeds.simulated import Listing
from tests.feeds.fronts import connections


def listings(count: int = 40) -> list[Listing]:
    return [Listing(f"x{n:05d}", "SHFE", 5_000.0) for n in range(count)]


def options(**given: Any) -> FeedOptions:
    """A simulated feed with a port of its own and without Redis."""
    config = FeedConfig(connections=given.pop("connections", connections(3)))
    given = {"listings": listings(), "port": 0, "use_redis": False, "rate": 400, **given}
    return FeedOptions(venue=f"g{uuid.uuid4().hex[:10]}", config=config, **given)


class RunningFeed:
    """The process on an event loop in a thread."""

    def __init__(self, given: FeedOptions) -> None:
        self.process: FeedProcess = None  # type: ignore[assignment]
        self.error: BaseException | None = None
        self._given = given
        self._up = threading.Event()
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()
        assert self._up.wait(30)
        if self.error:
            raise self.error

    def _run(self) -> None:
        try:
            self.loop.run_until_complete(self._main())
        except BaseException as error:  # noqa: BLE001  told to the test
            self.error = error
        finally:
            self._up.set()

    async def _main(self) -> None:
        self.process = FeedProcess(self._given)
        ready = asyncio.create_task(self._tell())
        await self.process.run()
        await ready

    async def _tell(self) -> None:
        await self.process.ready.wait()
        self._up.set()

    def call(self, work: Coroutine[Any, Any, Any], seconds: float = 30) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(seconds)

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.process.port}/md"

    def stop(self) -> None:
        self.loop.call_soon_threadsafe(self.process.stop)
        self.thread.join(20)
        assert not self.thread.is_alive()
        if self.error:
            raise self.error


class Client:
    """One connection; what it read and did not want yet is kept in order."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection
        self.seen: list[dict[str, Any]] = []

    async def send(self, **message: Any) -> None:
        await self.connection.send(json.dumps(message))

    async def read(self, seconds: float = 15) -> dict[str, Any]:
        message: dict[str, Any] = json.loads(await asyncio.wait_for(self.connection.recv(), seconds))
        self.seen.append(message)
        return message

    async def until(self, seconds: float = 15, **wanted: Any) -> dict[str, Any]:
        """The next message with these fields."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            message = await self.read(seconds)
            if all(message.get(name) == value for name, value in wanted.items()):
                return message
        raise AssertionError(f"no {wanted} in {self.seen[-3:]}")


def _small_socket(port: int) -> socket.socket:
    """A client that buffers little, so that one that does not read is soon behind."""
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16_384)
    made.connect(("127.0.0.1", port))
    made.setblocking(False)
    return made


def talk(feed: RunningFeed, scenario: Any, path: str = "") -> Any:
    """Run `scenario(client)` over a fresh connection."""

    async def run() -> Any:
        url = feed.url if not path else f"ws://127.0.0.1:{feed.process.port}{path}"
        small = _small_socket(feed.process.port)
        async with connect(url, max_size=1 << 24, sock=small, compression=None) as connection:
            return await scenario(Client(connection))

    return asyncio.run(run())
