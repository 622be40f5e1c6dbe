"""Real connections to a real web process: closing codes, slow readers, revoked log-ins (W-2, W-3, W-7)."""

import json
import signal
import socket
import time
from typing import Any

import psutil
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from accounts.services import revoke_tokens
from tests.tqsdk.conftest import CONTRACTS, Person, Web

PEEK = '{"aid":"peek_message"}'


def open_socket(web: Web, **options: Any) -> ClientConnection:
    return connect(web.socket, proxy=None, max_size=None, **options)


def log_in(link: ClientConnection, person: Person) -> None:
    name = person.user.username
    link.send(json.dumps({"aid": "req_login", "bid": "x", "user_name": name, "password": person.token}))
    text = ""
    while '"trade_more_data":false' not in text:
        link.send(PEEK)
        text = str(link.recv(30))


def code_of(link: ClientConnection, seconds: float = 15) -> int | None:
    """The code the server closes with."""
    try:
        while True:
            link.recv(seconds)
    except ConnectionClosed as closed:
        return closed.rcvd.code if closed.rcvd else None


def test_a_revoked_token_closes_its_socket_within_a_second(web: Web, alice: Person) -> None:
    with open_socket(web) as link:
        log_in(link, alice)
        revoke_tokens(user=alice.user)
        began = time.monotonic()
        assert code_of(link) == 4001
        assert time.monotonic() - began < 3  # a second, on a machine that has one to spare


def test_an_unknown_path_is_refused_and_bad_frames_hurt_nobody(web: Web) -> None:
    with socket.create_connection(("127.0.0.1", web.port)) as half:
        half.sendall(b"GET /ws/diff HTTP/1.1\r\nUpgrade: websocket\r\n")  # and never the rest
        with open_socket(web) as link:
            link.send(b'{"aid":"ping"}')
            found = [json.loads(link.recv(10))["aid"] for _ in range(2)]
            assert found == ["rtn_brokers", "pong"]
            link.send("x" * 600_000)
            assert code_of(link) in (1009, None)


def frame(text: str) -> bytes:
    """A client's text frame, masked with zeros."""
    data = text.encode()
    head = bytes([0x81, 0x80 | len(data)]) if len(data) < 126 else b"\x81\xfe" + len(data).to_bytes(2, "big")
    return head + b"\0\0\0\0" + data


UPGRADE = (
    "GET /ws/diff HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


def test_a_reader_that_stops_reading_costs_little_and_is_let_go(web: Web) -> None:
    assert web.process is not None
    memory = psutil.Process(web.process.pid).memory_info
    everything = ",".join(contract.symbol for contract in CONTRACTS)
    ask = frame(json.dumps({"aid": "subscribe_quote", "ins_list": everything})) + frame(PEEK)
    with socket.socket() as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        slow.connect(("127.0.0.1", web.port))
        slow.sendall(UPGRADE.encode())
        slow.settimeout(5)
        before, until, ended = memory().rss, time.monotonic() + 60, False
        while time.monotonic() < until and not ended:
            try:
                slow.sendall(ask * 40)
            except OSError:
                ended = True
            time.sleep(0.5)  # the sender's own pace, below the message limit
        assert ended, "the reader was kept for ever"
        assert memory().rss - before < 8 << 20


def test_a_server_that_is_stopped_says_so_with_1012(web: Web) -> None:
    with open_socket(web) as link:
        link.recv(10)
        web.kill(signal.SIGTERM)
        assert code_of(link) in (1012, None)
    web.start()


def test_connections_that_come_and_go_leave_nothing(web: Web, alice: Person) -> None:
    assert web.process is not None
    process = psutil.Process(web.process.pid)

    def cycle(count: int) -> None:
        for _ in range(count):
            with open_socket(web) as link:
                log_in(link, alice)

    cycle(40)
    memory, handles = process.memory_info().rss, process.num_fds()
    cycle(120)
    assert process.num_fds() <= handles + 8
    assert process.memory_info().rss - memory < 6 << 20
