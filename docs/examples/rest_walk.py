"""A walk over REST with nothing but the standard library: log in, look, order, cancel, read.

python docs/examples/rest_walk.py http://127.0.0.1:8000 USER PASSWORD SHFE.cu2701
"""

import json
import sys
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen


class Api:
    """Answers are the `data` of the envelope; a refusal raises with its code and text."""

    def __init__(self, base: str) -> None:
        self.base, self.token = base, ""

    def call(self, method: str, path: str, body: Any = None) -> Any:
        headers = {"Content-Type": "application/json"}
        if self.token:
            headers["Authorization"] = f"Token {self.token}"
        data = None if body is None else json.dumps(body).encode()
        request = Request(f"{self.base}/api/{path}", data, headers, method=method)
        try:
            with urlopen(request, timeout=10) as answer:
                return json.load(answer)["data"]
        except HTTPError as refusal:
            error = json.load(refusal)["error"]
            raise SystemExit(f"{path}: {error['code']} {error['message']}") from refusal


def main(base: str, user: str, password: str, symbol: str) -> None:
    api = Api(base)
    signed_in = api.call("POST", "auth/login", {"username": user, "password": password})
    api.token = signed_in["token"]
    accounts = api.call("GET", f"user/{signed_in['user_id']}/accounts")["items"]
    account_id = accounts[0]["account_id"]
    print("balance", accounts[0]["balance"])
    tick = api.call("GET", f"market/tick/{symbol}")
    print(symbol, "last", tick["last_price"], "limits", tick["lower_limit"], tick["upper_limit"])
    order = {
        "account_id": account_id, "instrument_id": symbol, "direction": "BUY", "offset": "OPEN",
        "volume": 1, "order_type": "LIMIT", "price": tick["lower_limit"],
    }  # fmt: skip
    placed = api.call("POST", "order/submit", order)
    print("submitted", placed["order_id"], placed["status"])
    cancelled = {"account_id": account_id, "order_id": placed["order_id"]}
    print("order", api.call("POST", "order/cancel", cancelled)["status"])
    for one in api.call("GET", "notifications?limit=2")["items"]:
        print("told:", one["text"])


main(*sys.argv[1:5])
