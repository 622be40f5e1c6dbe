"""What carries out a pool's orders: links in this process, or in supervised children (G-3)."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

import msgspec
import structlog

from exchange_site.embedded import die_with_parent
from exchange_site.env import BASE_DIR
from marketdata.feeds.ctp_child import LINKS, frame
from marketdata.feeds.ctp_setup import environment_for
from marketdata.feeds.link import LinkConfig
from marketdata.feeds.mdapi import DISCONNECTED, MdLink
from marketdata.feeds.pool import Order
from marketdata.feeds.simulated import Fronts

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 30.0
STEADY_S = 60.0
CHILD_DIED = 0xFFFF
"""Reason of a disconnection that was the end of the child process."""

Events = list[Any]
log = structlog.get_logger(__name__)


class Wires(Protocol):
    """Carries orders to links and brings their events."""

    def open(self, configs: Iterable[LinkConfig]) -> None:
        """Know these connections."""

    def carry_out(self, order: Order) -> None:
        """Begin an order; what comes of it are events."""

    def close(self) -> None:
        """Let go of everything."""


class LocalWires:
    """Simulated fronts in this process; `poll` lets their time pass."""

    def __init__(self, fronts: Fronts, receive: Callable[[Events], None]) -> None:
        self.fronts = fronts
        self.receive = receive
        self.links: dict[str, MdLink] = {}
        self._events: Events = []

    def open(self, configs: Iterable[LinkConfig]) -> None:
        for config in configs:
            self.fronts.front(config.front_addr)
            self.links[config.connection_id] = MdLink(self.fronts, config, self._events.append)

    def carry_out(self, order: Order) -> None:
        link = self.links[order.connection_id]
        if order.action is not None:
            getattr(link, order.action.value)()
        if order.unsubscribe:
            link.unsubscribe(order.unsubscribe)
        if order.subscribe:
            link.subscribe(order.subscribe)

    def poll(self, now: float, updates: int = 0) -> None:
        """Let fronts answer what is due and play so many updates."""
        self.fronts.scheduler.run(now)
        if updates:
            self.fronts.market.play(updates)
        if self._events:
            events, self._events[:] = list(self._events), []
            self.receive(events)

    def close(self) -> None:
        for link in self.links.values():
            link.release()


class ChildProcess:
    """One supervised process of links, started again with a growing wait."""

    def __init__(self, number: int, configs: list[LinkConfig], owner: "ChildWires") -> None:
        self.number = number
        self.configs = configs
        self.owner = owner
        self.process: subprocess.Popen[bytes] | None = None
        self.restarts = 0
        self.started_at = 0.0
        self.pause_s = FIRST_PAUSE_S
        self._writer: Any = None
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Keep it running until closed."""
        self._task = asyncio.create_task(self._keep(), name=f"ctp-child-{self.number}")

    async def _keep(self) -> None:
        while True:
            self.started_at = time.monotonic()
            try:
                await self._live()
            finally:
                self._end()
            self._died()
            if time.monotonic() - self.started_at > STEADY_S:
                self.pause_s = FIRST_PAUSE_S
            await asyncio.sleep(self.pause_s)
            self.pause_s = min(2 * self.pause_s, LONGEST_PAUSE_S)
            self.restarts += 1

    async def _live(self) -> None:
        """Start it, configure it, read what it says until it ends."""
        orders_out, orders_in = os.pipe()
        events_out, events_in = os.pipe()
        command = [sys.executable, "-m", "marketdata.feeds.ctp_child", str(orders_out), str(events_in)]
        with self.owner.log_path(self.number).open("ab") as output:
            self.process = subprocess.Popen(
                command, stdout=output, stderr=output, stdin=subprocess.DEVNULL, cwd=BASE_DIR,
                env=environment_for(self.owner.data_dir), pass_fds=(orders_out, events_in),
                preexec_fn=die_with_parent(9),
            )  # fmt: skip
        os.close(orders_out)
        os.close(events_in)
        self._writer = os.fdopen(orders_in, "wb", buffering=0)
        self.send(["configure", [asdict(config) for config in self.configs], str(self.owner.data_dir)])
        reader = asyncio.StreamReader(limit=1 << 26)
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(events_out, "rb")
        )
        try:
            await self._read(reader)
        finally:
            transport.close()

    async def _read(self, reader: asyncio.StreamReader) -> None:
        decode = msgspec.msgpack.Decoder().decode
        try:
            while True:
                size = int.from_bytes(await reader.readexactly(4), "big")
                self.owner.receive(decode(await reader.readexactly(size)))
        except asyncio.IncompleteReadError:
            return

    def send(self, message: list[Any]) -> None:
        """An order; a child that is gone gets it again after its next login."""
        if self._writer is None:
            return
        try:
            self._writer.write(frame(message))
        except (BrokenPipeError, OSError):
            return  # its end is read by `_read`

    def _died(self) -> None:
        code = self.process.poll() if self.process else None
        log.warning("ctp_child_ended", child=self.number, exit_code=code, again_in_s=self.pause_s)
        self.owner.receive([(DISCONNECTED, config.connection_id, CHILD_DIED) for config in self.configs])

    def _end(self) -> None:
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.close()
        if self.process is not None:
            self.process.kill()
            self.process.wait(5)

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)


class ChildWires:
    """CTP links in children of at most `LINKS` each."""

    def __init__(self, data_dir: Path, receive: Callable[[Events], None]) -> None:
        self.data_dir = data_dir
        self.receive = receive
        self.children: list[ChildProcess] = []
        self._of: dict[str, ChildProcess] = {}

    def log_path(self, number: int) -> Path:
        """Where a child's own words and the library's go."""
        folder = self.data_dir / "logs"
        folder.mkdir(parents=True, exist_ok=True)
        return folder / f"ctp-{number}.log"

    def open(self, configs: Iterable[LinkConfig]) -> None:
        fresh = list(configs)
        for start in range(0, len(fresh), LINKS):
            part = fresh[start : start + LINKS]
            child = ChildProcess(len(self.children), part, self)
            self.children.append(child)
            self._of.update(dict.fromkeys((config.connection_id for config in part), child))
            child.start()

    def carry_out(self, order: Order) -> None:
        child, name = self._of[order.connection_id], order.connection_id
        if order.action is not None:
            child.send([order.action.value, name])
        if order.unsubscribe:
            child.send(["unsubscribe", name, order.unsubscribe])
        if order.subscribe:
            child.send(["subscribe", name, order.subscribe])

    def pids(self) -> list[int]:
        """Processes that run now."""
        return [
            child.process.pid for child in self.children if child.process and child.process.poll() is None
        ]

    def close(self) -> None:
        for child in self.children:
            child._end()

    async def aclose(self) -> None:
        """End every child and wait for it."""
        await asyncio.gather(*(child.close() for child in self.children))
