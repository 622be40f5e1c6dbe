"""The typed protocol: sign in by token, follow the book, place an order, cancel it.

    python docs/examples/typed_client.py ws://127.0.0.1:8000/ws TOKEN SHFE.cu2701

Needs `pip install websockets`.
"""

import asyncio
import itertools
import json
import sys
from typing import Any

import websockets


async def main(url: str, token: str, symbol: str) -> None:
    numbers = itertools.count(1)
    async with websockets.connect(url) as socket:

        async def until(**wanted: Any) -> dict[str, Any]:
            """The next message whose members are so; the others are shown."""
            while True:
                message: dict[str, Any] = json.loads(await socket.recv())
                if all(message.get(name) == value for name, value in wanted.items()):
                    return message
                print("  ", message["type"], message.get("message_type") or message.get("status") or "")

        async def ask(kind: str, **members: Any) -> dict[str, Any]:
            request_id = next(numbers)
            await socket.send(json.dumps({"type": kind, "request_id": request_id, **members}))
            return await until(request_id=request_id)

        account_id = (await ask("auth", token=token))["account_ids"][0]
        await ask("subscribe", channels=["snapshot", "orderbook"], instruments=[symbol], depth=5)
        snapshot = await until(type="snapshot")
        answer = await ask(
            "submit_order", account_id=account_id, instrument_id=symbol, order_id=f"typed-{id(socket)}",
            direction="BUY", offset="OPEN", volume=1, price=snapshot["lower_limit"],
        )  # fmt: skip
        print("submitted", answer["success"], answer.get("status"), answer["error_message"])
        cancelled = await ask("cancel_order", account_id=account_id, order_id=answer["order_id"])
        print("order", cancelled["status"])


asyncio.run(main(*sys.argv[1:4]))
