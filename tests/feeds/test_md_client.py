"""`manage.py md_client` against a running gateway (G-25), and the gateway's token (G-22)."""

import io
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from tests.feeds.clients import Client, RunningFeed, options, talk


@pytest.fixture(scope="module")
def feed() -> Iterator[RunningFeed]:
    running = RunningFeed(options(token="open sesame"))
    yield running
    running.stop()


def run(feed: RunningFeed, *words: str, dialect: str = "flat", token: str = "open sesame") -> str:
    out = io.StringIO()
    first = ["--url", feed.url, "--dialect", dialect, "--token", token]
    call_command("md_client", *first, *words, stdout=out, stderr=out)
    return out.getvalue()


@pytest.mark.parametrize("dialect", ["flat", "data", "aid"])
def test_the_client_shows_ticks_in_each_dialect(feed: RunningFeed, dialect: str) -> None:
    shown = run(feed, "sub", "SHFE.x00001", "x00002", "--seconds", "2", dialect=dialect)
    assert "SHFE.x00001" in shown and "2 symbols" in shown
    assert "0 still subscribed" in run(feed, "unsub", "x00001", dialect=dialect)


def test_the_client_lists_searches_and_shows_the_state(feed: RunningFeed) -> None:
    assert run(feed, "list").endswith("40 instruments\n")
    assert run(feed, "search", "X0001").startswith("SHFE.x00010\n")
    status = run(feed, "status")
    assert "connections LOGGED_IN" in status and "least_connections" not in status


def test_the_load_of_many_clients_is_measured(feed: RunningFeed) -> None:
    shown = run(feed, "stress", "--clients", "3", "--symbols", "10", "--seconds", "2")
    assert "3 clients × 10 symbols" in shown and "delay p99, ms" in shown
    assert "errors" in shown and "error:" not in shown


def test_without_the_right_token_nothing_is_served(feed: RunningFeed) -> None:
    with pytest.raises(CommandError, match="9001"):
        run(feed, "list", token="wrong")

    async def scenario(client: Client) -> list[int]:
        codes = []
        await client.send(action="list")
        codes.append((await client.until(type="error"))["code"])
        for _ in range(4):
            await client.send(action="ping", token="wrong")
            codes.append((await client.until(type="error"))["code"])
        await client.send(action="ping", token="open sesame")
        codes.append((await client.until(type="error"))["code"])
        return codes

    first, *rest = talk(feed, scenario)
    assert first != rest[0] and len(set(rest)) == 1  # after three wrong ones the right one is too late

    async def at_once(client: Client) -> Any:
        await client.send(action="ping", token="open sesame")
        await client.send(action="list")
        return (await client.until(type="instrument_list"))["total_count"]

    assert talk(feed, at_once) == 40


def test_more_symbols_than_a_client_may_have_are_refused(feed: RunningFeed) -> None:
    many = [f"y{n}" for n in range(40_000)]

    async def scenario(client: Client) -> None:
        await client.send(action="subscribe", instruments=many[:10_000], token="open sesame")
        answer = await client.until(type="subscribe_response")
        assert (answer["status"], len(answer["failed"])) == ("error", 10_000)
        await client.send(action="subscribe", instruments=many)
        assert (await client.until(type="error"))["code"] == 9004
        await client.send(aid="subscribe_quote", ins_list=",".join(many))
        assert (await client.until(type="error"))["code"] == 9004

    talk(feed, scenario)
    assert not feed.process.engine.pool.refused


def test_without_a_gateway_the_client_says_so() -> None:
    with pytest.raises(CommandError, match="no gateway"):
        call_command("md_client", "--url", "ws://127.0.0.1:9/md", "list", stdout=io.StringIO())
