"""`manage.py md_client`: speaks with a gateway from the command line (G-25)."""

import asyncio
import math
import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from rich.console import Console
from rich.live import Live
from rich.table import Table
from websockets.exceptions import WebSocketException

from marketdata.gateway.client import DIALECTS, GatewayRefused, Load, MdClient, stress

DRAW_EVERY_S = 0.2
ROWS = 40
"""Rows of a live table: a screen."""
LISTED = 10_000
WIDTH = 120
ERRORS_SHOWN = 5


class Command(BaseCommand):
    help = "Subscribe, list, search or load a market-data gateway."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--url", default="ws://127.0.0.1:7799/md")
        parser.add_argument("--dialect", choices=sorted(DIALECTS), default="flat")
        parser.add_argument("--token", default="")
        verbs = parser.add_subparsers(dest="verb", required=True)
        for name, text in (("sub", "show ticks as they come"), ("unsub", "subscribe and unsubscribe again")):
            verb = verbs.add_parser(name, help=text)
            verb.add_argument("symbols", nargs="+")
            verb.add_argument("--seconds", type=float, default=0.0, help="end after so long; 0: Ctrl-C")
        verbs.add_parser("list", help="every instrument")
        verbs.add_parser("search", help="instruments whose name contains a text").add_argument("pattern")
        verbs.add_parser("status", help="the gateway's state")
        load = verbs.add_parser("stress", help="many clients")
        load.add_argument("--clients", type=int, default=100)
        load.add_argument("--symbols", type=int, default=100, help="of each client")
        load.add_argument("--seconds", type=float, default=10.0)
        load.add_argument("--seed", type=int, default=1)

    def handle(self, *args: Any, **options: Any) -> None:
        self.console = Console(file=self.stdout._out, width=None if self.stdout.isatty() else WIDTH)
        self.given = options
        try:
            asyncio.run(getattr(self, f"_{options['verb']}")(options))
        except KeyboardInterrupt:
            return
        except GatewayRefused as error:
            raise CommandError(f"the gateway refused: {error}") from error
        except (OSError, TimeoutError, WebSocketException) as error:
            text = str(error) or type(error).__name__
            raise CommandError(f"no gateway at {options['url']}: {text}") from error

    async def _open(self) -> MdClient:
        given = self.given
        return await MdClient.open(given["url"], given["dialect"], given["token"])

    # ------------------------------------------------------------------ verbs

    async def _sub(self, given: dict[str, Any]) -> None:
        client = await self._open()
        try:
            await client.subscribe(given["symbols"])
            await self._show(client, given["seconds"] or math.inf)
        finally:
            await client.close()

    async def _show(self, client: MdClient, seconds: float) -> None:
        """A table that lives until the time is over."""
        quotes: dict[str, dict[str, Any]] = {}
        end = time.monotonic() + seconds
        drawn = count = 0
        with Live(table(quotes, 0), console=self.console, auto_refresh=False) as live:
            while (left := end - time.monotonic()) > 0:
                try:
                    message = await asyncio.wait_for(client.read(), None if left == math.inf else left)
                except TimeoutError:
                    break
                if message.get("type") == "error":
                    raise GatewayRefused(f"{message['code']} {message['message']}")
                if message.get("failed"):
                    self.stderr.write(f"failed: {', '.join(message['failed'])}")
                for symbol, fields in client.dialect.ticks(message):
                    quotes.setdefault(symbol, {}).update(fields)
                    count += 1
                if time.monotonic() - drawn > DRAW_EVERY_S:
                    live.update(table(quotes, count), refresh=True)
                    drawn = time.monotonic()
            live.update(table(quotes, count), refresh=True)

    async def _unsub(self, given: dict[str, Any]) -> None:
        client = await self._open()
        try:
            await client.subscribe(given["symbols"])
            await client.send(*client.dialect.unsubscribe(given["symbols"]))
            if client.dialect.name == "aid":
                status = await client.ask("status", "status")
                self.stdout.write(f"{status['subscribed_count']} still subscribed")
                return
            answer = await client.answer("unsubscribe_response")
            self.stdout.write(
                f"{answer['unsubscribed_count']} unsubscribed, {answer['subscribed_count']} still subscribed"
            )
        finally:
            await client.close()

    async def _list(self, given: dict[str, Any]) -> None:
        await self._names("list", "instrument_list", "total_count")

    async def _search(self, given: dict[str, Any]) -> None:
        await self._names("search", "search_result", "match_count", pattern=given["pattern"])

    async def _names(self, action: str, kind: str, total: str, **fields: Any) -> None:
        client = await self._open()
        try:
            answer = await client.ask(action, kind, **fields)
        finally:
            await client.close()
        for name in answer["instruments"][:LISTED]:
            self.stdout.write(name)
        self.stdout.write(f"{answer[total]} instruments")

    async def _status(self, given: dict[str, Any]) -> None:
        client = await self._open()
        try:
            answer = await client.ask("status", "status")
        finally:
            await client.close()
        shown = Table(title=f"gateway {given['url']}")
        shown.add_column("figure")
        shown.add_column("value", justify="right")
        for name, value in {**answer, **answer["feed"]}.items():
            if name not in ("type", "action", "feed", "states", "waiting_symbols"):
                shown.add_row(name, str(value))
        for name, value in answer["feed"].get("states", {}).items():
            shown.add_row(f"connections {name}", str(value))
        self.console.print(shown)

    async def _stress(self, given: dict[str, Any]) -> None:
        load = Load(given["clients"], given["symbols"])
        if min(load.clients, load.symbols) < 1:
            raise CommandError("--clients and --symbols begin at 1")
        await stress(given["url"], given["dialect"], given["token"], load, given["seconds"], given["seed"])
        self.console.print(figures(load))
        for text in sorted(set(load.errors))[:ERRORS_SHOWN]:
            self.stderr.write(f"error: {text}")


def _text(value: Any) -> str:
    if value is None or value == "-":
        return "-"
    return f"{value:.10g}" if isinstance(value, float) else str(value)


def table(quotes: dict[str, dict[str, Any]], count: int) -> Table:
    """The newest of each symbol."""
    shown = Table(title=f"{len(quotes)} symbols, {count} ticks")
    for name in ("symbol", "last", "bid", "lots", "ask", "lots", "volume", "open interest", "time"):
        shown.add_column(name, justify="left" if name == "symbol" else "right", no_wrap=True)
    for symbol, fields in sorted(quotes.items())[:ROWS]:
        names = (
            "last_price", "bid_price1", "bid_volume1", "ask_price1", "ask_volume1", "volume", "open_interest",
        )  # fmt: skip
        moment = str(fields.get("datetime", ""))[11:23]
        shown.add_row(symbol, *(_text(fields.get(name)) for name in names), moment)
    return shown


def figures(load: Load) -> Table:
    """Rates and delays; a delay is from the tick's own time, so an exchange's clock is in it."""
    shown = Table(title=f"{load.clients} clients × {load.symbols} symbols, {load.seconds:.1f} s")
    shown.add_column("figure")
    shown.add_column("value", justify="right")
    seconds = max(load.seconds, 1e-9)
    shown.add_row("ticks a second", f"{load.ticks / seconds:,.0f}")
    shown.add_row("messages a second", f"{load.messages / seconds:,.0f}")
    for share in (0.5, 0.9, 0.99, 0.999):
        found = load.percentile(share)
        shown.add_row(f"delay p{share * 100:g}, ms", "-" if found is None else f"{found:.2f}")
    shown.add_row("errors", str(len(load.errors)))
    return shown
