"""A plain DIFF client: log in, watch a quote, place an order, cancel it.

    python docs/examples/diff_client.py ws://127.0.0.1:8000/ws/diff USER PASSWORD SHFE.cu2701

Needs `pip install websockets`.
"""

import asyncio
import json
import sys
import uuid
from typing import Any

import websockets


def merge(tree: dict[str, Any], patch: dict[str, Any]) -> None:
    """JSON merge patch (RFC 7386): null deletes, objects merge, anything else replaces."""
    for key, value in patch.items():
        if value is None:
            tree.pop(key, None)
        elif isinstance(value, dict):
            merge(tree.setdefault(key, {}), value)
        else:
            tree[key] = value


async def main(url: str, user: str, password: str, symbol: str) -> None:
    tree: dict[str, Any] = {}
    async with websockets.connect(url, max_size=None) as socket:

        async def send(aid: str, **members: Any) -> None:
            await socket.send(json.dumps({"aid": aid, **members}))

        async def until(condition: Any) -> Any:
            while not (found := condition()):
                await send("peek_message")  # one peek, one answer
                message = json.loads(await socket.recv())
                for patch in message.get("data", ()):
                    merge(tree, patch)
            return found

        def order() -> dict[str, Any]:
            return tree["trade"][user]["orders"].get(order_id, {})

        await send("req_login", bid="main", user_name=user, password=password)
        await send("subscribe_quote", ins_list=symbol)
        await until(lambda: tree.get("trade", {}).get(user, {}).get("trade_more_data") is False)
        quote = await until(lambda: tree.get("quotes", {}).get(symbol))
        print("balance", tree["trade"][user]["accounts"]["CNY"]["balance"], "last", quote["last_price"])

        order_id = uuid.uuid4().hex
        exchange_id, _, instrument_id = symbol.partition(".")
        await send(
            "insert_order", user_id=user, order_id=order_id, exchange_id=exchange_id,
            instrument_id=instrument_id, direction="BUY", offset="OPEN", volume=1, price_type="LIMIT",
            limit_price=quote["lower_limit"], time_condition="GFD", volume_condition="ANY",
        )  # fmt: skip
        await until(lambda: order().get("status") == "ALIVE")
        await send("cancel_order", user_id=user, order_id=order_id)
        print("order", (await until(lambda: order().get("status") == "FINISHED" and order()))["last_msg"])


asyncio.run(main(*sys.argv[1:5]))
