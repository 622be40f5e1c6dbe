"""Calls from an event loop: in order, sent at most once, and honest about what became of them (A-5)."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
import redis

from exchange_site.embedded import free_port
from exchange_site.looplink import LoopLink, NotSent, fields_of
from exchange_site.streams import CommandLog, LogRefused, LogUncertain, WorkerNotRunning

ENTRY = ("Tick", 1, "0" * 32, "test", "", b"\x90")
Server = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def against(server: Server, story: Callable[[LoopLink], Awaitable[None]], options: str = "") -> None:
    """Run a story with a link to a server of a few lines."""

    async def run() -> None:
        listening = await asyncio.start_server(server, "127.0.0.1", 0)
        port = listening.sockets[0].getsockname()[1]
        link = LoopLink(f"redis://{options.partition('/')[0]}127.0.0.1:{port}/{options.partition('/')[2]}")
        try:
            async with asyncio.timeout(30):
                await story(link)
        finally:
            link.close()
            listening.close()

    asyncio.run(run())


async def read_call(reader: asyncio.StreamReader) -> list[bytes]:
    """One call as its arguments."""
    count = int((await reader.readline())[1:])
    found = []
    for _ in range(count):
        size = int((await reader.readline())[1:])
        found.append((await reader.readexactly(size + 2))[:-2])
    return found


def saying(*answers: bytes) -> Server:
    """A server that answers each call with the next of these, then hangs up."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for answer in answers:
            await read_call(reader)
            writer.write(answer)
            await writer.drain()
        await read_call(reader)
        writer.close()

    return serve


def test_answers_go_to_the_calls_in_order() -> None:
    async def story(link: LoopLink) -> None:
        assert await asyncio.gather(*(link.call("GET", n) for n in range(3))) == [b"a", 7, None]

    against(saying(b"$1\r\na\r\n", b":7\r\n", b"*-1\r\n"), story)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (b"-NOSCRIPT No matching script\r\n", redis.exceptions.NoScriptError),
        (b"-OOM command not allowed\r\n", redis.exceptions.OutOfMemoryError),
        (b"-READONLY You can't write\r\n", redis.ReadOnlyError),
        (b"-HELD by the clock\r\n", redis.ResponseError),
    ],
)
def test_errors_have_the_types_of_the_client_library(answer: bytes, kind: type[Exception]) -> None:
    async def story(link: LoopLink) -> None:
        with pytest.raises(kind):
            await link.call("X")

    against(saying(answer), story)


def test_user_password_and_database_are_given_before_the_first_call() -> None:
    seen: list[list[bytes]] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            seen.append(await read_call(reader))
            writer.write(b"+OK\r\n")

    async def story(link: LoopLink) -> None:
        await link.call("PING")
        assert seen == [[b"AUTH", b"me", b"secret"], [b"SELECT", b"3"], [b"PING"]]

    against(serve, story, "me:secret@/3")


def test_a_server_that_is_not_there_has_got_nothing() -> None:
    async def story() -> None:
        with pytest.raises(NotSent):
            await LoopLink(f"redis://127.0.0.1:{free_port()}").call("PING")

    asyncio.run(story())


def test_a_lost_answer_is_no_refusal_and_the_next_call_connects_again() -> None:
    async def story(link: LoopLink) -> None:
        for _ in range(2):
            with pytest.raises(redis.ConnectionError) as caught:
                await link.call("XADD")
            assert not isinstance(caught.value, NotSent)

    against(saying(), story)


def test_who_gives_up_waiting_takes_nobody_elses_answer() -> None:
    async def story(link: LoopLink) -> None:
        assert await link.call("FIRST") == b"first"
        slow = asyncio.create_task(link.call("SLOW"))
        after = asyncio.create_task(link.call("NEXT"))
        await asyncio.sleep(0)
        slow.cancel()
        assert await after == b"next"

    against(saying(b"$5\r\nfirst\r\n", b"$4\r\nslow\r\n", b"$4\r\nnext\r\n"), story)


@pytest.mark.parametrize(
    ("server", "error", "code"),
    [
        (saying(), LogUncertain, None),
        (saying(b"-OOM no memory\r\n"), LogRefused, 5002),
        (saying(b"-HELD by the clock\r\n"), LogRefused, 9005),
        (saying(b"$-1\r\n"), WorkerNotRunning, 4001),
    ],
)
def test_an_append_says_what_a_threads_append_would(
    server: Server, error: type[Exception], code: int | None
) -> None:
    async def story(link: LoopLink) -> None:
        with pytest.raises(error) as caught:
            await CommandLog("main").append_over(link, [ENTRY])
        assert getattr(caught.value, "code", None) == code

    against(server, story)


def test_an_unknown_script_is_sent_whole() -> None:
    async def story(link: LoopLink) -> None:
        assert await CommandLog("main").append_over(link, [ENTRY]) == ["5-1"]

    against(saying(b"-NOSCRIPT unknown\r\n", b"*1\r\n$3\r\n5-1\r\n"), story)


def test_fields_come_in_pairs() -> None:
    assert fields_of([b"s", b"X", b"q", b"1"]) == {b"s": b"X", b"q": b"1"}
