"""The peer of Q-5: the same quotes by Channels' groups, one group a symbol, as its tutorial does.

``benchmarks.channels_peer:application`` is its own ASGI application; a task of the process
reads the quote stream and sends each update to the symbol's group.
"""

import asyncio
import json
import os
from typing import Any

os.environ["DJANGO_SETTINGS_MODULE"] = "benchmarks.channels_settings"

import django

django.setup()

from channels.generic.websocket import AsyncWebsocketConsumer  # noqa: E402
from channels.layers import get_channel_layer  # noqa: E402
from channels.routing import ProtocolTypeRouter  # noqa: E402
from django.conf import settings  # noqa: E402

from exchange_site.streams import Keys, async_cache_client  # noqa: E402
from trading.quotes_writer import decode_quote  # noqa: E402

_readers: list["asyncio.Task[None]"] = []


def group_of(symbol: str) -> str:
    return f"quote.{symbol}"


async def read_quotes() -> None:
    """Every update of the stream to the group of its symbol."""
    layer: Any = get_channel_layer()
    client, cursor = async_cache_client(), "$"
    key = Keys(settings.EXCHANGE_VENUE).quotes
    while True:
        for _stream, entries in await client.xread({key: cursor}, count=100, block=1_000) or []:
            for entry_id, fields in entries:
                cursor = entry_id
                view = decode_quote(fields[b"q"])
                symbol = view["symbol"]
                message = {"type": "quote", "symbol": symbol, "quote": view}
                await layer.group_send(group_of(symbol), message)


class QuoteConsumer(AsyncWebsocketConsumer):  # type: ignore[misc]
    """Subscribes by the same message and pushes what its groups get."""

    async def connect(self) -> None:
        if not _readers:
            _readers.append(asyncio.create_task(read_quotes()))
        await self.accept()

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        for symbol in json.loads(text_data or "{}").get("ins_list", "").split(","):
            await self.channel_layer.group_add(group_of(symbol), self.channel_name)

    async def quote(self, message: dict[str, Any]) -> None:
        quote = {message["symbol"]: message["quote"]}
        data = {"aid": "rtn_data", "data": [{"quotes": quote}]}
        await self.send(json.dumps(data, separators=(",", ":")))


application = ProtocolTypeRouter({"websocket": QuoteConsumer.as_asgi()})
