"""Q-9: order submission over HTTP beside an empty view, both through one Daphne."""

import json
import os
import subprocess
import sys
import time
from itertools import islice
from typing import Any

from benchmarks.figures import Figure, Figures, note, percentiles
from benchmarks.site import ROOT, Site, running_site, wait_for_worker, wait_until
from exchange_site.embedded import free_port
from exchange_site.supervisor import DAPHNE
from trading.engine.messages import PlaceOrder
from trading.loadgen import Contract, OrderFlow, Trader, account_commands, make_contracts, venue_commands

VENUE = "main"
CLIENTS, REQUESTS, WARM_UP = 50, 3_000, 500
ROUNDS = 2
SETTINGS = "benchmarks.web_settings"


def submit() -> Figures:
    """Orders a second of 50 clients; the ratio is to the empty view."""
    os.environ["DJANGO_SETTINGS_MODULE"] = SETTINGS
    with running_site(database=True) as site:
        port, token, trader, contracts = serve(site)
        flow = OrderFlow(9, [trader], contracts, prefix="H")
        post(site, port, "/bench/empty", token, bodies(flow, WARM_UP))
        post(site, port, "/api/order/submit", token, bodies(flow, WARM_UP))
        empty = order = 0.0
        latencies: list[float] = []
        for _ in range(ROUNDS):
            done = post(site, port, "/bench/empty", token, bodies(flow, REQUESTS))
            empty = max(empty, done["count"] / done["seconds"])
            done = post(site, port, "/api/order/submit", token, bodies(flow, REQUESTS))
            if done["count"] / done["seconds"] > order:
                order, latencies = done["count"] / done["seconds"], done["latencies"]
        found = percentiles(latencies)
        yield Figure(
            name="Q-9 order submission over HTTP",
            value=order,
            unit="orders/s",
            conditions={
                "clients": CLIENTS, "orders": REQUESTS, "web_processes": 1,
                "p50_ms": round(found["p50"], 1), "p99_ms": round(found["p99"], 1),
            },
            peer={"empty DRF view": empty},
            ratio=order / empty,
            target=round(0.6 * empty),
        )  # fmt: skip


def serve(site: Site) -> tuple[int, str, Trader, list[Contract]]:
    """Start worker, projector and Daphne; (port, token, its account, contracts)."""
    site.manage("migrate", "--verbosity", "0")
    site.spawn("run_matching", "--venue", VENUE)
    wait_for_worker(site, VENUE)
    site.spawn("run_projector", "--venue", VENUE, "--no-archive")
    token, user_id = make_user(site)
    trader = Trader("ACC_" + user_id, user_id)
    contracts = make_contracts(20)
    make_venue(contracts, trader)
    port = free_port()
    where = ("-p", str(port), "-b", "127.0.0.1")
    site.spawn_python("-m", "daphne", *where, *DAPHNE, "exchange_site.asgi:application")
    wait_until(lambda: _is_listening(port), 90, "Daphne")
    time.sleep(1)  # the projector's first rows
    return port, token, trader, contracts


def make_user(site: Site) -> tuple[str, str]:
    """(token, user id) of a new user."""
    site.adopt()
    from django.db import connection

    from accounts.models import AuthToken, User

    user = User.objects.create_user("bench", "", "unused-password")
    _, token = AuthToken.objects.create(user)
    connection.close()
    return token, user.id.hex


def make_venue(contracts: list[Contract], trader: Trader) -> None:
    """The venue, its contracts and the one account."""
    from trading.commands import send_many
    from trading.engine.messages import SetSettings

    commands: list[Any] = venue_commands(VENUE, time.time_ns(), contracts)
    commands += account_commands([trader])
    commands.append(SetSettings({"market_maker_orders_per_second": 100_000, "product_share_ppm": 0}))
    for outcome in send_many(VENUE, commands, origin="bench", wait_s=30):
        if not outcome.ok:
            raise RuntimeError(f"the venue was not made: {outcome}")


def bodies(flow: OrderFlow, count: int) -> list[str]:
    """Orders of the flow as request bodies; one owner, so all on the buying side."""
    orders = (step.command for step in flow if isinstance(step.command, PlaceOrder))
    return [
        json.dumps(
            {
                "account_id": order.account_id, "order_id": order.order_id,
                "instrument_id": order.symbol, "direction": "BUY", "offset": "OPEN",
                "volume": order.volume, "order_type": "LIMIT",
                "price": f"{order.limit_price / 10_000:.4f}",
            }
        )
        for order in islice(orders, count)
    ]  # fmt: skip


def post(site: Site, port: int, path: str, token: str, texts: list[str]) -> dict[str, Any]:
    """Post bodies with fifty clients; RuntimeError when an answer is not 200."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.http_clients", str(port), path, token, str(CLIENTS)],
        input="\n".join(texts), env=site.environment, cwd=ROOT, check=True, text=True,
        stdout=subprocess.PIPE,
    )  # fmt: skip
    answer: dict[str, Any] = json.loads(done.stdout)
    if set(answer["statuses"]) != {"200"}:
        raise RuntimeError(f"{path}: {answer['statuses']} {answer['samples']}\n{site.printed()}")
    note(f"{path}: {answer['count'] / answer['seconds']:.0f}/s")
    return answer


def _is_listening(port: int) -> bool:
    import socket

    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
