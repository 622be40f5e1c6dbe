"""A client of the gateway: one class a dialect, and the load of many of them (G-25)."""

import asyncio
import json
import random
import time
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from typing import Any

import msgspec
from websockets.asyncio.client import ClientConnection, connect

MAX_MESSAGE = 64 << 20
OPEN_S = 10.0
ANSWER_S = 10.0
_decode = msgspec.json.Decoder(dict[str, Any]).decode
Message = dict[str, Any]
Ticks = list[tuple[str, Message]]
"""(symbol in the client's spelling, fields), of the `aid` form only those that changed."""


class Dialect:
    """The `action` form with flat ticks."""

    name = "flat"
    opening: Message = {}

    def subscribe(self, symbols: list[str]) -> list[Message]:
        """Messages that ask for symbols."""
        return [{"action": "subscribe", "instruments": symbols, **self.opening}]

    def unsubscribe(self, symbols: list[str]) -> list[Message]:
        """Messages that give symbols up; all without names."""
        return [{"action": "unsubscribe", **({"instruments": symbols} if symbols else {})}]

    def after(self, message: Message) -> list[Message]:
        """What is to be sent when a message came."""
        return []

    def ticks(self, message: Message) -> Ticks:
        """Ticks of a message; [] for any other."""
        if message.get("type") != "market_data":
            return []
        return [(str(message["instrument_id"]), message)]


class DataDialect(Dialect):
    """The `action` form with ticks as `data`."""

    name = "data"
    opening: Message = {"dialect": "data"}

    def ticks(self, message: Message) -> Ticks:
        if message.get("action") != "market_data":
            return []
        return [(str(message["instrument_id"]), message["data"])]


class AidDialect(Dialect):
    """The `aid` form: quotes are asked for, and only what changed comes."""

    name = "aid"

    def subscribe(self, symbols: list[str]) -> list[Message]:
        return [{"aid": "subscribe_quote", "ins_list": ",".join(symbols)}, {"aid": "peek_message"}]

    def unsubscribe(self, symbols: list[str]) -> list[Message]:
        return [{"aid": "subscribe_quote", "ins_list": ""}]

    def after(self, message: Message) -> list[Message]:
        return [{"aid": "peek_message"}] if message.get("aid") == "rtn_data" else []

    def ticks(self, message: Message) -> Ticks:
        if message.get("aid") != "rtn_data":
            return []
        return [pair for part in message["data"] for pair in part.get("quotes", {}).items()]


DIALECTS: dict[str, type[Dialect]] = {made.name: made for made in (Dialect, DataDialect, AidDialect)}


class GatewayRefused(Exception):
    """The gateway answered with an error; the text is its."""


class MdClient:
    """One connection. `TimeoutError` when an answer does not come, `OSError` without a gateway."""

    def __init__(self, connection: ClientConnection, dialect: Dialect) -> None:
        self.connection = connection
        self.dialect = dialect

    @classmethod
    async def open(cls, url: str, dialect: str = "flat", token: str = "") -> "MdClient":
        """Connect, read the greeting, show the token."""
        connection = await connect(url, max_size=MAX_MESSAGE, open_timeout=OPEN_S, compression=None)
        client = cls(connection, DIALECTS[dialect]())
        await client.read()
        if token:
            await client.send({"action": "ping", "token": token})
            await client.answer("pong")
        return client

    async def send(self, *messages: Message) -> None:
        for message in messages:
            await self.connection.send(json.dumps(message))

    async def read(self) -> Message:
        """The next message, and what the dialect says to it."""
        message: Message = _decode(await self.connection.recv())
        await self.send(*self.dialect.after(message))
        return message

    async def answer(self, kind: str) -> Message:
        """The next message of a type; GatewayRefused for an error."""
        async with asyncio.timeout(ANSWER_S):
            while True:
                message = await self.read()
                if message.get("type") == "error":
                    raise GatewayRefused(f"{message['code']} {message['message']}")
                if message.get("type") == kind:
                    return message

    async def ask(self, action: str, kind: str, **fields: Any) -> Message:
        """One question of the `action` form, which every gateway understands, and its answer."""
        await self.send({"action": action, **fields})
        return await self.answer(kind)

    async def subscribe(self, symbols: list[str]) -> None:
        await self.send(*self.dialect.subscribe(symbols))

    async def messages(self) -> AsyncIterator[Message]:
        """Everything that comes."""
        while True:
            yield await self.read()

    async def close(self) -> None:
        await self.connection.close()


# ----------------------------------------------------------------------- load


@dataclass
class Load:
    """What came of many clients: ticks, messages, ms from the tick's stamp to its arrival."""

    clients: int
    symbols: int
    seconds: float = 0.0
    ticks: int = 0
    messages: int = 0
    errors: list[str] = field(default_factory=list)
    delays_ms: list[float] = field(default_factory=list)

    def percentile(self, share: float) -> float | None:
        """A delay; None when no tick came."""
        if not self.delays_ms:
            return None
        ordered = sorted(self.delays_ms)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


KEPT = 200_000
"""Delays kept for the percentiles, of all clients together."""


async def stress(url: str, dialect: str, token: str, load: Load, seconds: float, seed: int = 1) -> Load:
    """Open clients that follow symbols drawn by seed; counting begins when all have asked."""
    clients: list[MdClient] = []
    try:
        clients = [await MdClient.open(url, dialect, token) for _ in range(load.clients)]
        names = (await clients[0].ask("list", "instrument_list"))["instruments"]
        dice = random.Random(seed)
        for client in clients:
            await client.subscribe(dice.sample(names, min(load.symbols, len(names))))
        await _count(clients, load, seconds)
    finally:
        await asyncio.gather(*(client.close() for client in clients), return_exceptions=True)
    return load


async def _count(clients: Iterable[MdClient], load: Load, seconds: float) -> None:
    began = time.monotonic()
    tasks = [asyncio.create_task(_follow(client, load)) for client in clients]
    await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_EXCEPTION)
    load.seconds = time.monotonic() - began
    for task in tasks:
        task.cancel()
    for found in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(found, Exception):
            load.errors.append(f"{type(found).__name__}: {found}")


async def _follow(client: MdClient, load: Load) -> None:
    async for message in client.messages():
        load.messages += 1
        if message.get("type") == "error":
            load.errors.append(f"{message['code']} {message['message']}"[:200])
        for _, fields in client.dialect.ticks(message):
            load.ticks += 1
            stamp = fields.get("timestamp")
            if stamp is not None and len(load.delays_ms) < KEPT:
                load.delays_ms.append(time.time() * 1_000 - stamp)
