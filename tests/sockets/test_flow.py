"""The short way of frames in and out of Daphne's sockets, and the market's pace (W-7)."""

import os

import pytest

from exchange_site.flow import framed, unmasked
from marketdata.fanout.pace import SLOWEST_S, Pace


def client_frame(payload: bytes, mask: bytes, first: int = 0x81) -> bytes:
    """A frame as a client sends it."""
    size = len(payload)
    head = bytes((first, 0x80 | size)) if size < 126 else bytes((first, 0xFE)) + size.to_bytes(2, "big")
    return head + mask + bytes(byte ^ mask[place % 4] for place, byte in enumerate(payload))


@pytest.mark.parametrize("text", ["", "{}", '{"aid":"peek_message"}', "市价" * 30, "x" * 125, "x" * 65_535])
def test_a_whole_frame_is_read_as_autobahn_would(text: str) -> None:
    for mask in (b"\0\0\0\0", b"\x01\xff\x80\x7f", os.urandom(4)):
        assert unmasked(client_frame(text.encode(), mask)) == text


def test_whatever_is_not_exactly_one_text_frame_is_left_to_autobahn() -> None:
    whole = client_frame(b"{}", b"abcd")
    assert unmasked(whole[:-1]) is None
    assert unmasked(whole + whole) is None
    assert unmasked(whole[:1]) is None
    assert unmasked(b"\x81\x02{}") is None, "a client must mask"
    assert unmasked(client_frame(b"\xff\xfe", b"abcd")) is None, "no UTF-8"
    assert unmasked(b"\x81\xff" + (70_000).to_bytes(8, "big") + b"abcd" + b"x" * 70_000) is None


@pytest.mark.parametrize("size", [0, 125, 126, 65_535, 65_536, 300_000])
def test_a_server_frame_carries_its_length(size: int) -> None:
    frame = framed(b"x" * size)
    assert frame.endswith(b"x" * size)
    head = frame[: len(frame) - size]
    assert head[0] == 0x81
    long = {2: head[1], 4: int.from_bytes(head[2:], "big"), 10: int.from_bytes(head[2:], "big")}
    assert long[len(head)] == size


def test_the_market_slows_down_while_the_process_is_late_and_recovers() -> None:
    pace = Pace(0.08)
    for _ in range(20):
        pace.observe(0.5)
    assert pace.interval_s == SLOWEST_S
    pace.observe(0.01)
    assert pace.interval_s == SLOWEST_S
    for _ in range(20):
        pace.observe(0.001)
    assert pace.interval_s == 0.08
