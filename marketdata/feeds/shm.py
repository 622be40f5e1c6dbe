"""The table in shared memory for processes of the same host (G-26).

Little-endian. Head, 64 bytes: 8 magic `QAMDDAT1`, u32 version 1, u32 row size 192, u32 rows,
u32 0, u64 creator's process id, zeros. Then the rows, 192 bytes each, one a symbol, sorted:

  offset  type      field
       0  u64       version: odd while the row is being written, +2 with every change
       8  char[64]  symbol, UTF-8, zeros behind
      72  u8        expired (0 or 1)
      73  char[7]   product_class ("1" futures), zeros behind
      80  i64       volume_multiple
      88  f64       margin      96 f64 commission   104 f64 price_tick
     112  f64       last_price 120 f64 pre_settlement
     128  f64       upper_limit 136 f64 lower_limit
     144  f64       ask_price1 152 f64 bid_price1
     160  i64       volume
     168  i64       time, ms since 1970
     176  16 zeros

A price that is not there is NaN. A reader copies a row, and takes it when the version before
and after is the same even number (`examples` in docs/gateway.md).
"""

import os
import struct
from collections.abc import Iterable
from multiprocessing import resource_tracker
from multiprocessing.shared_memory import SharedMemory
from typing import Any

from marketdata.feeds.simulated import Listing
from marketdata.feeds.ticks import Tick, bare_symbol

MAGIC = b"QAMDDAT1"
HEAD = struct.Struct("<8sIIIIQ")
HEAD_SIZE, ROW_SIZE = 64, 192
STATIC = struct.Struct("<64sB7sqddd")
MOVING = struct.Struct("<ddddddqq")
VERSION = struct.Struct("<Q")
STATIC_AT, MOVING_AT = 8, 112
NAN = float("nan")


class SharedTable:
    """The writer's side; one writer."""

    def __init__(self, memory: SharedMemory, names: list[str]) -> None:
        self.memory = memory
        self.rows = {bare_symbol(name): HEAD_SIZE + n * ROW_SIZE for n, name in enumerate(names)}

    @classmethod
    def create(cls, name: str, symbols: Iterable[str]) -> "SharedTable":
        """Make the table; one of the same name that a killed writer left is replaced."""
        names = sorted(set(symbols))
        size = HEAD_SIZE + max(1, len(names)) * ROW_SIZE
        try:
            memory = SharedMemory(name, create=True, size=size)
        except FileExistsError:
            _remove_left_over(name)
            memory = SharedMemory(name, create=True, size=size)
        table = cls(memory, names)
        HEAD.pack_into(table.buffer, 0, MAGIC, 1, ROW_SIZE, len(names), 0, os.getpid())
        for item, at in zip(names, table.rows.values(), strict=True):
            STATIC.pack_into(table.buffer, at + STATIC_AT, item.encode()[:64], 0, b"1", 0, NAN, NAN, NAN)
            MOVING.pack_into(table.buffer, at + MOVING_AT, *[NAN] * 6, 0, 0)
        return table

    @property
    def buffer(self) -> Any:
        return self.memory.buf

    def describe(self, listings: Iterable[Listing]) -> None:
        """What does not move: multiple and tick; margin and commission are the venue's, NaN here."""
        for item in listings:
            at = self.rows.get(item.symbol)
            if at is not None:
                struct.pack_into("<q", self.buffer, at + 80, item.multiple)
                struct.pack_into("<d", self.buffer, at + 104, item.price_tick)

    def take(self, ticks: list[Tick], stamps: list[int]) -> None:
        """A sink of the engine."""
        for tick in ticks:
            at = self.rows.get(tick.instrument_id)
            if at is not None:
                self._write(at, tick)

    def _write(self, at: int, tick: Tick) -> None:
        buffer = self.buffer
        (version,) = VERSION.unpack_from(buffer, at)
        VERSION.pack_into(buffer, at, version + 1)
        prices = (
            tick.last_price, tick.pre_settlement_price, tick.upper_limit_price, tick.lower_limit_price,
            tick.ask_price1, tick.bid_price1,
        )  # fmt: skip
        shown = [NAN if value is None else value for value in prices]
        MOVING.pack_into(buffer, at + MOVING_AT, *shown, tick.volume, tick.timestamp)
        VERSION.pack_into(buffer, at, version + 2)

    def remove(self) -> None:
        """Take the table away; readers that have it open keep their view."""
        self.memory.close()
        self.memory.unlink()


def _remove_left_over(name: str) -> None:
    """The table of a writer that was killed; RuntimeError when its writer lives."""
    old = SharedMemory(name)
    _, _, _, _, _, pid = HEAD.unpack_from(old.buf, 0)
    old.close()
    if pid != os.getpid() and os.path.exists(f"/proc/{pid}"):  # noqa: PTH110
        resource_tracker.unregister(old._name, "shared_memory")  # type: ignore[attr-defined]
        raise RuntimeError(f"shared memory {name} is in use by process {pid}")
    old.unlink()
