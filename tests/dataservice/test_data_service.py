"""The data service: protocol, limits, sources and what they answer (G-30 … G-33)."""

import asyncio
import json
from collections.abc import Callable
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.request import urlopen

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from marketdata import recorded
from marketdata.dataservice.config import BadConfig, Config, Rule, load
from marketdata.dataservice.extras import Qmt, Tdx, Yahoo
from marketdata.dataservice.router import Router, make_source
from marketdata.dataservice.server import DataServer
from marketdata.dataservice.sources import Mock, Replay, SourceUnavailable
from tests.feeds.clients import Client

DAY = date(2026, 11, 20)
Scenario = Callable[[DataServer, str], Any]


class Counting(Mock):
    """A mock that knows how often each symbol was asked for, and can go away."""

    def __init__(self) -> None:
        super().__init__()
        self.rounds: list[list[str]] = []
        self.away = ""

    def latest(self, symbols: Any) -> Any:
        self.rounds.append(list(symbols))
        if self.away:
            raise SourceUnavailable(self.away)
        return super().latest(symbols)


def run(scenario: Scenario, source: Any = None, check: Any = None, **given: Any) -> Any:
    """A scenario against a service on a free port; nobody has `x*`, Yahoo has `*.US`."""
    config = Config(port=0, update_interval=0.05, **given)
    rules = [Rule("*.US", "yahoo"), Rule("[!x]*", "mock")]

    async def whole() -> Any:
        sources: dict[str, Any] = {"mock": source or Mock(), "yahoo": Yahoo()}
        router = Router(rules, sources, config.update_interval)
        server = DataServer(router, config, check)
        port = await server.start()
        try:
            return await asyncio.wait_for(scenario(server, f"127.0.0.1:{port}"), 120)
        finally:
            await server.stop()

    return asyncio.run(whole())


async def ask(client: Client, kind: str, **data: Any) -> None:
    await client.send(type=kind, data=data)


def test_every_type_of_data_comes_in_the_envelope() -> None:
    async def scenario(server: DataServer, host: str) -> None:
        async with connect(f"ws://{host}/ws/data") as connection:
            client = Client(connection)
            assert set(await client.until(60, type="HEARTBEAT")) == {"type", "data", "timestamp"}
            kinds = ["quote", "tick", "kline", "trade"]
            await ask(client, "SUBSCRIBE", symbols=["000001.SZ"], data_types=kinds, period="1min")
            assert (await client.until(60, type="SUBSCRIBED"))["data"]["symbols"] == ["000001.SZ"]
            seen: dict[str, Any] = {}
            while set(seen) != set(kinds):
                data = (await client.until(60, type="DATA"))["data"]
                assert data["symbol"] == "000001.SZ"
                seen[data["type"]] = data[data["type"]]
            assert {"price", "volume", "timestamp"} <= set(seen["quote"])
            assert {"price", "volume", "direction", "timestamp"} <= set(seen["trade"])
            assert {"period", "datetime", "open", "high", "low", "close"} <= set(seen["kline"])
            await ask(client, "UNSUBSCRIBE", symbols=["000001.SZ"])
            assert (await client.until(60, type="UNSUBSCRIBED"))["data"]["symbols"] == ["000001.SZ"]
            text = (await asyncio.to_thread(urlopen, f"http://{host}/metrics")).read().decode()
            for name in ("connections_total", "messages_sent_total", "latency_seconds_count", "errors_total"):
                assert f"websocket_{name}" in text
            health = json.load(await asyncio.to_thread(urlopen, f"http://{host}/health"))
            assert health["sources"]["mock"] == "ok" and health["sockets"] == 1

    run(scenario)


def test_a_symbol_is_asked_for_once_an_interval_whoever_wants_it() -> None:
    source = Counting()

    async def scenario(server: DataServer, host: str) -> None:
        async with connect(f"ws://{host}/") as one, connect(f"ws://{host}/") as two:
            for connection in (one, two):
                client = Client(connection)
                await ask(client, "SUBSCRIBE", symbols=["600000.SH", "SHFE.cu2701"])
                await client.until(60, type="DATA")
            assert all(len(names) == len(set(names)) for names in source.rounds)
            assert set(source.rounds[-1]) == {"600000.SH", "cu2701"}

    run(scenario, source)


@pytest.mark.parametrize(
    ("kind", "data", "code"),
    [
        ("SUBSCRIBE", {"symbols": ["xau"]}, 9007),
        ("SUBSCRIBE", {"symbols": ["a", "b", "c"]}, 9004),
        ("SUBSCRIBE", {"symbols": ["a"], "data_types": ["moon"]}, 9008),
        ("SUBSCRIBE", {"symbols": ["a"], "period": "2min"}, 9008),
        ("HISTORY", {"symbol": "a", "start": "2026-13-40", "end": "2026-11-20"}, 9008),
        ("HISTORY", {"symbol": "a", "start": "2026-11-20", "end": "2026-11-19"}, 9008),
        ("HISTORY", {"symbol": "a", "start": "2020-01-01", "end": "2026-11-19", "period": "1min"}, 9004),
        ("HISTORY", {"symbol": "xau", "start": "2026-11-20", "end": "2026-11-20"}, 9007),
        ("SUBSCRIBE", {"symbols": ["AAPL.US"]}, 9005),
        ("MOON", {}, 9003),
    ],
)
def test_what_cannot_be_is_refused_with_a_code_and_the_socket_stays(
    kind: str, data: dict[str, Any], code: int
) -> None:
    async def scenario(server: DataServer, host: str) -> None:
        async with connect(f"ws://{host}/") as connection:
            client = Client(connection)
            await ask(client, kind, **data)
            assert (await client.until(60, type="ERROR"))["data"]["code"] == code
            await ask(client, "HISTORY", symbol="a", start="2026-11-20", end="2026-11-21", period="1h")
            assert len((await client.until(60, type="HISTORY"))["data"]["klines"]) == 48

    run(scenario, max_subscriptions_per_client=2)


def test_connections_origins_and_tokens_are_limited() -> None:
    async def known(token: str) -> bool:
        return token == "right"

    async def scenario(server: DataServer, host: str) -> None:
        with pytest.raises(InvalidStatus, match="403"):
            await connect(f"ws://{host}/", additional_headers={"Origin": "https://evil.example"})
        async with connect(f"ws://{host}/", additional_headers={"Origin": "https://good.example"}) as one:
            client = Client(one)
            await client.until(60, type="HEARTBEAT")
            with pytest.raises(InvalidStatus, match="503"):
                await connect(f"ws://{host}/")
            await ask(client, "SUBSCRIBE", symbols=["a"])
            assert (await client.until(60, type="ERROR"))["data"]["code"] == 9002
            await ask(client, "AUTH", token="wrong")
            assert (await client.until(60, type="ERROR"))["data"]["code"] == 9001
            await ask(client, "AUTH", token="right")
            await client.until(60, type="HEARTBEAT", data={"authenticated": True})
            await ask(client, "SUBSCRIBE", symbols=["a"])
            await client.until(60, type="DATA")

    run(scenario, check=known, max_connections=1, allowed_origins=["https://good.example"])


def test_an_outage_is_told_once_and_ends_by_itself() -> None:
    source = Counting()

    async def scenario(server: DataServer, host: str) -> None:
        async with connect(f"ws://{host}/") as connection:
            client = Client(connection)
            await ask(client, "SUBSCRIBE", symbols=["a"])
            await client.until(60, type="DATA")
            source.away = "the line is cut"
            error = await client.until(60, type="ERROR")
            assert error["data"]["code"] == 9005 and "the line is cut" in error["data"]["message"]
            assert server.health()["status"] == "degraded"
            source.away = ""
            client.seen.clear()
            await client.until(60, type="DATA")
            assert not [row for row in client.seen if row["type"] == "ERROR"]

    run(scenario, source)


def test_a_missing_library_is_named() -> None:
    for source, word in ((Yahoo(), "yfinance"), (Qmt(), "xtquant"), (Tdx("127.0.0.1"), "pytdx")):
        assert word in source.missing()
        with pytest.raises(SourceUnavailable, match=word):
            source.latest(["600000.SH"])
    assert "address" in Tdx(library=SimpleNamespace()).missing()


def answers_of(name: str) -> Any:
    return json.loads((Path(__file__).parent / "answers.json").read_text("utf-8"))[name]


class TdxApi:
    def __init__(self, **_: Any) -> None: ...
    def connect(self, *_: Any, **__: Any) -> "TdxApi":
        return self

    def __enter__(self) -> "TdxApi":
        return self

    def __exit__(self, *_: Any) -> None: ...
    def get_security_quotes(self, pairs: Any) -> Any:
        return [row for row in answers_of("tdx_quotes") if (row["market"], row["code"]) in pairs]

    def get_security_bars(self, *_: Any) -> Any:
        return answers_of("tdx_bars")


class Frame:
    def __init__(self, rows: Any) -> None:
        self.rows = [SimpleNamespace(**row) for row in rows]

    def itertuples(self) -> Any:
        return iter(self.rows)


class YahooTicker:
    def __init__(self, name: str) -> None:
        self.fast_info = answers_of("yahoo_info")[name]

    def history(self, **_: Any) -> Any:
        rows = answers_of("yahoo_bars")
        return Frame({**row, "Index": date.fromisoformat(row["Index"])} for row in rows)


class QmtData:
    def get_full_tick(self, names: Any) -> Any:
        return {name: row for name, row in answers_of("qmt_ticks").items() if name in names}

    def download_history_data(self, *_: Any) -> None: ...
    def get_market_data_ex(self, fields: Any, names: Any, *_: Any) -> Any:
        return {names[0]: Frame(answers_of("qmt_bars"))}


@pytest.mark.parametrize(
    "source",
    [
        Tdx("127.0.0.1", library=SimpleNamespace(TdxHq_API=TdxApi)),
        Yahoo(SimpleNamespace(Ticker=YahooTicker)),
        Qmt(QmtData()),
    ],
    ids=["tdx", "yahoo", "qmt"],
)
def test_the_extras_read_their_answers_of(source: Any) -> None:
    (tick,) = source.latest(["600000.SH"])
    assert (tick.instrument_id, tick.last_price, tick.source) == ("600000.SH", 11.47, source.name)
    assert tick.volume > 0 and tick.pre_close_price == 11.52 and not source.missing()
    bars = source.history("600000.SH", "1d", DAY, DAY)
    assert [(row["datetime"][:10], row["close"]) for row in bars] == [("2026-11-20", 11.47)]


def test_a_recorded_day_is_played_and_begins_again() -> None:
    ticks = list(recorded.read_ticks(recorded.SAMPLE))
    assert len(ticks) > 300 and {tick.source for tick in ticks} == {"replay"}
    assert all(a.timestamp <= b.timestamp for a, b in zip(ticks, ticks[1:], strict=False))
    replay = Replay(speed=2.0)
    name = ticks[0].instrument_id
    replay._advance(1_000.0)
    replay._advance(1_005.0)
    assert replay._newest[name].timestamp == ticks[0].timestamp + 10_000
    replay._advance(1_100.0)
    replay._advance(1_101.0)
    assert replay._newest[name].timestamp <= ticks[-1].timestamp and replay._at <= 12


def test_csv_and_parquet_of_one_day_give_the_same_ticks(tmp_path: Path) -> None:
    import pyarrow.csv
    from pyarrow import parquet

    parquet.write_table(pyarrow.csv.read_csv(recorded.SAMPLE), tmp_path / "day.parquet")
    assert list(recorded.read_ticks(tmp_path / "day.parquet")) == list(recorded.read_ticks(recorded.SAMPLE))


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("a,b\n1,2\n", "lacks InstrumentID"),
        ("InstrumentID,TradingDay,UpdateTime,LastPrice\ncu,20261120,99:00:00,1\n", "line 2"),
        ("InstrumentID,TradingDay,UpdateTime,LastPrice\ncu,20261120,09:00:00,moon\n", "line 2"),
    ],
)
def test_a_file_that_is_no_recorded_day_names_the_line(text: str, word: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.csv"
    path.write_text(text)
    with pytest.raises(recorded.BadRecording, match=word):
        list(recorded.read_ticks(path))


def test_the_configuration_is_yaml_then_the_environment(tmp_path: Path) -> None:
    path = tmp_path / "service.yaml"
    path.write_text(
        "port: 9001\nsources:\n  - {match: '*.SZ', source: tdx}\n  - {match: '*', source: venue}\n"
    )
    config = load(path, {"WEBSOCKET_PORT": "9002", "LOG_LEVEL": "debug", "ENABLE_AUTH": "true"})
    assert (config.port, config.log_level, config.enable_auth) == (9002, "DEBUG", True)
    assert [rule.source for rule in config.sources] == ["tdx", "venue"]
    assert load(path, {"DATASOURCE_TYPE": "mock"}).sources == [Rule("*", "mock")]
    for text in ("port: x", "moon: 1", "- 1", "sources: [{match: '*', source: moon}]", "update_interval: 0"):
        path.write_text(text)
        with pytest.raises(BadConfig):
            load(path, {})
    for name in ("mock", "venue", "ctp", "replay", "tdx", "yahoo", "qmt"):
        assert make_source(name, Config(), "main", "p").name == name
