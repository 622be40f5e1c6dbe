"""The real CTP library in its child processes; only loopback is dialled (G-3, G-4)."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from exchange_site.embedded import free_port
from marketdata.feeds import ctp_setup, mdapi
from marketdata.feeds.engine import Engine
from marketdata.feeds.link import CONNECT_TIMEOUT_S, LinkConfig, State
from marketdata.feeds.pool import Pool
from marketdata.feeds.ticks import Sanitiser
from marketdata.feeds.wires import LINKS, ChildWires

ROOT = Path(__file__).resolve().parents[2]

CALL_THE_SPI = """
import sys
from openctp_ctp import mdapi
from marketdata.feeds.mdapi import make_spi
from marketdata.feeds.ticks import Sanitiser
seen = []
spi = make_spi(mdapi, "one", seen.append)
tick = mdapi.CThostFtdcDepthMarketDataField()
tick.InstrumentID, tick.TradingDay, tick.UpdateTime = "cu2701", "20261123", "21:00:00"
tick.ActionDay, tick.UpdateMillisec, tick.Volume = "20261123", 500, 7
tick.LastPrice, tick.BidPrice1, tick.AskPrice1 = 74000.0, 73990.0, sys.float_info.max
spi.OnFrontConnected()
spi.OnRspUserLogin(mdapi.CThostFtdcRspUserLoginField(), mdapi.CThostFtdcRspInfoField(), 1, True)
name = mdapi.CThostFtdcSpecificInstrumentField()
name.InstrumentID = "cu2701"
spi.OnRspSubMarketData(name, None, 1, True)
spi.OnRtnDepthMarketData(tick)
spi.OnFrontDisconnected(0x1001)
tick.LastPrice = 1.0
made = Sanitiser().tick(seen[3][2], "one")
print([event[0] for event in seen], made.last_price, made.bid_price1, made.ask_price1, made.datetime)
"""


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A data folder with the locale in it."""
    folder = tmp_path_factory.mktemp("ctp")
    ctp_setup.build_locale(folder)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def run_python(code: str, data_dir: Path) -> "subprocess.CompletedProcess[str]":
    env = {**ctp_setup.environment_for(data_dir), "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=60, check=False
    )


def test_the_locale_is_built_without_root_and_the_library_shows_its_version(
    data_dir: Path, settings: Any
) -> None:
    settings.DATA_DIR = data_dir
    out = StringIO()
    call_command("setup_ctp", stdout=out)
    assert "zh_CN.GB18030: found" in out.getvalue()
    assert "v6.7.11" in out.getvalue()


def test_without_the_locale_the_start_says_so_and_nothing_aborts(tmp_path: Path) -> None:
    with pytest.raises(ctp_setup.CtpUnavailable, match="setup_ctp"):
        ctp_setup.check(tmp_path)


def test_without_the_library_the_start_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(ctp_setup, "has_library", lambda: False)
    with pytest.raises(ctp_setup.CtpUnavailable, match="requirements-ctp.txt"):
        ctp_setup.check(tmp_path)


def test_without_localedef_the_command_names_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, settings: Any
) -> None:
    settings.DATA_DIR = tmp_path
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CommandError, match="apt-get install locales"):
        call_command("setup_ctp", stdout=StringIO())


def test_structs_of_the_library_become_ticks(data_dir: Path) -> None:
    done = run_python(CALL_THE_SPI, data_dir)
    assert done.stdout.strip() == ("[0, 2, 3, 4, 1] 74000.0 73990.0 None 2026-11-20 21:00:00.500000"), (
        done.stderr
    )


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1:1",
        "tcp://127.0.0.1",
        "tcp://:1",
        "tcp://127.0.0.1:0",
        "tcp://127.0.0.1:70000",
        "tcp://a b:1",
        "",
    ],
)
def test_an_address_that_would_end_the_process_never_reaches_the_library(address: str) -> None:
    with pytest.raises(mdapi.BadAddress):
        mdapi.check_config(LinkConfig("one", address))


def test_requests_are_ascii_and_short(tmp_path: Path) -> None:
    for given in ({"user_id": "用户"}, {"password": "x" * 41}, {"broker_id": "12345678901"}):
        with pytest.raises(mdapi.BadAddress):
            mdapi.check_config(LinkConfig("one", "tcp://127.0.0.1:1", **given))
    for name in ("..", "a/b", "", "x" * 65):
        with pytest.raises(mdapi.BadAddress):
            mdapi.flow_folder(tmp_path, name)
    assert mdapi.flow_folder(tmp_path, "one") == tmp_path / "ctpflow" / "one"


class Site:
    """An engine over child processes, stepped until a condition holds."""

    def __init__(self, data_dir: Path, count: int, port: int) -> None:
        self.ahead_s = 0.0
        self.engine = Engine(Pool("round_robin"), Sanitiser(), self.clock)
        self.wires = ChildWires(data_dir, self.engine.receive)
        configs = [LinkConfig(f"c{n:02d}", f"tcp://127.0.0.1:{port}") for n in range(count)]
        self.engine.open(self.wires, configs)

    def clock(self) -> float:
        return asyncio.get_running_loop().time() + self.ahead_s

    async def until(self, condition: Any, seconds: float = 60) -> None:
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        while not condition():
            assert loop.time() < end, self.engine.status()
            self.engine.step()
            await asyncio.sleep(0.02)

    def states(self) -> set[str]:
        return {str(member.link.state) for member in self.engine.pool.members.values()}


def drive(data_dir: Path, count: int, port: int, scenario: Any) -> None:
    async def run() -> None:
        site = Site(data_dir, count, port)
        try:
            await scenario(site)
        finally:
            await site.wires.aclose()

    asyncio.run(run())


def test_an_unreachable_front_is_given_up_in_our_own_time(data_dir: Path) -> None:
    async def scenario(site: Site) -> None:
        await site.until(lambda: site.wires.pids() and site.states() == {"CONNECTING"})
        site.ahead_s = CONNECT_TIMEOUT_S + 1
        await site.until(lambda: State.ERROR in site.states())
        link = site.engine.pool.members["c00"].link
        assert "no answer in 15 s" in link.error
        await site.until(lambda: (data_dir / "ctpflow" / "c00").exists())

    drive(data_dir, 1, 1, scenario)


def test_a_front_that_hangs_up_is_told_by_the_library(data_dir: Path) -> None:
    async def scenario(site: Site) -> None:
        async def hang_up(_: Any, writer: asyncio.StreamWriter) -> None:
            writer.close()

        async with await asyncio.start_server(hang_up, "127.0.0.1", port):
            link = site.engine.pool.members["c00"].link
            await site.until(lambda: "0x1001" in link.error)

    port = free_port()
    drive(data_dir, 1, port, scenario)


def test_links_live_in_children_of_fifteen_and_a_killed_child_is_a_failed_link(data_dir: Path) -> None:
    async def scenario(site: Site) -> None:
        await site.until(lambda: len(site.wires.pids()) == 2 and site.states() == {"CONNECTING"})
        assert [len(child.configs) for child in site.wires.children] == [LINKS, 1]
        victim = site.wires.children[1].process
        assert victim is not None
        os.kill(victim.pid, signal.SIGKILL)
        link = site.engine.pool.members["c15"].link
        await site.until(lambda: link.error == "the process of the link ended")
        await site.until(lambda: len(site.wires.pids()) == 2 and victim.pid not in site.wires.pids())
        assert site.wires.children[1].restarts == 1
        assert site.engine.pool.members["c00"].link.transitions["CONNECTING->ERROR"] == 0
        await site.until(lambda: link.state is State.CONNECTING)

    drive(data_dir, LINKS + 1, 1, scenario)


def test_a_child_ends_with_its_parent(data_dir: Path) -> None:
    async def scenario(site: Site) -> None:
        await site.until(lambda: site.wires.pids())
        process = site.wires.children[0].process
        assert process is not None
        await site.wires.aclose()
        assert process.poll() is not None

    drive(data_dir, 1, 1, scenario)
