"""One link over a market-data API of the CTP kind, real or simulated (G-3, G-14).

The library's threads only copy what they are given and call `emit`; the API is called from
the outside alone, never from a callback: the library dead-locks or aborts otherwise.
"""

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from time import monotonic_ns
from typing import Any, Protocol

from marketdata.feeds.link import LinkConfig
from marketdata.feeds.ticks import copy_struct

ADDRESS = re.compile(r"tcp://[A-Za-z0-9._-]{1,253}:([0-9]{1,5})")
TEXT_LIMITS = {"broker_id": 10, "user_id": 15, "password": 40, "app_id": 32, "auth_code": 16}

CONNECTED, DISCONNECTED, LOGIN, SUBSCRIBED, TICK, ERROR = range(6)
"""Kinds of events: (kind, connection_id, …); ticks end with their arrival (monotonic ns)."""
Emit = Callable[[tuple[Any, ...]], None]


class BadAddress(ValueError):
    """An address or name that must not reach the library: it would end the process."""


class MdModule(Protocol):
    """What is used of `openctp_ctp.mdapi`, and what the simulated front has likewise."""

    CThostFtdcMdApi: Any
    CThostFtdcMdSpi: Any
    CThostFtdcReqUserLoginField: Any


def check_config(config: LinkConfig) -> None:
    """BadAddress for an address, id or secret that the library would not survive or take."""
    found = ADDRESS.fullmatch(config.front_addr)
    if found is None or not 0 < int(found[1]) < 65_536:
        raise BadAddress(f"{config.connection_id}: the address must look like tcp://host:port")
    for name, limit in TEXT_LIMITS.items():
        value = getattr(config, name)
        if not value.isascii() or len(value) > limit:
            raise BadAddress(f"{config.connection_id}: {name} must be ASCII of at most {limit}")


def flow_folder(data_dir: Path, connection_id: str) -> Path:
    """The folder of a link's flow files, made when it is not there (G-4)."""
    if not re.fullmatch(r"[A-Za-z0-9_.-]{1,64}", connection_id) or set(connection_id) <= {"."}:
        raise BadAddress(f"connection id {connection_id!r} cannot name a folder")
    folder = data_dir / "ctpflow" / connection_id
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def make_spi(module: MdModule, connection_id: str, emit: Emit) -> Any:
    """The callbacks of one link: copy and emit, nothing else."""

    class Spi(module.CThostFtdcMdSpi):  # type: ignore[misc, name-defined]
        def OnFrontConnected(self) -> None:
            emit((CONNECTED, connection_id))

        def OnFrontDisconnected(self, nReason: int) -> None:
            emit((DISCONNECTED, connection_id, nReason))

        def OnRspUserLogin(self, pRspUserLogin: Any, pRspInfo: Any, nRequestID: int, bIsLast: bool) -> None:
            day = pRspUserLogin.TradingDay if pRspUserLogin else ""
            emit((LOGIN, connection_id, *said(pRspInfo), day))

        def OnRspError(self, pRspInfo: Any, nRequestID: int, bIsLast: bool) -> None:
            emit((ERROR, connection_id, *said(pRspInfo)))

        def OnRspSubMarketData(
            self, pSpecificInstrument: Any, pRspInfo: Any, nRequestID: int, bIsLast: bool
        ) -> None:
            if pSpecificInstrument:
                emit((SUBSCRIBED, connection_id, pSpecificInstrument.InstrumentID, *said(pRspInfo)))

        def OnRtnDepthMarketData(self, pDepthMarketData: Any) -> None:
            emit((TICK, connection_id, copy_struct(pDepthMarketData), monotonic_ns()))

    return Spi()


def said(info: Any) -> tuple[int, str]:
    """Code and text of an answer; 0 when there is none."""
    return (int(info.ErrorID), str(info.ErrorMsg)) if info else (0, "")


class MdLink:
    """Drives one API object; makes a new one for every connect, as the library never forgets."""

    def __init__(self, module: MdModule, config: LinkConfig, emit: Emit, flow: Path | None = None) -> None:
        check_config(config)
        self.config = config
        self._module = module
        self._emit = emit
        self._flow = flow
        self._api: Any = None
        self._spi: Any = None
        self._request = 0

    def connect(self) -> None:
        """Begin to connect; an event tells when it is so."""
        self.release()
        path = "" if self._flow is None else f"{self._flow}/"
        self._api = self._module.CThostFtdcMdApi.CreateFtdcMdApi(path)
        self._spi = make_spi(self._module, self.config.connection_id, self._emit)
        self._api.RegisterSpi(self._spi)
        self._api.RegisterFront(self.config.front_addr)
        self._api.Init()

    def login(self) -> None:
        """Send name and password."""
        field = self._module.CThostFtdcReqUserLoginField()
        field.BrokerID = self.config.broker_id
        field.UserID = self.config.user_id
        field.Password = self.config.password
        self._request += 1
        self._call("ReqUserLogin", field, self._request)

    def subscribe(self, symbols: Sequence[str]) -> None:
        self._call("SubscribeMarketData", *_names(symbols))

    def unsubscribe(self, symbols: Sequence[str]) -> None:
        self._call("UnSubscribeMarketData", *_names(symbols))

    def _call(self, name: str, *arguments: Any) -> None:
        if self._api is None:
            return
        code = getattr(self._api, name)(*arguments)
        if code:
            self._emit((ERROR, self.config.connection_id, code, f"{name} was not sent"))

    def release(self) -> None:
        """Close; the callbacks stay referenced until the library lets go of them."""
        api, self._api = self._api, None
        if api is not None:
            api.RegisterSpi(None)
            api.Release()


def _names(symbols: Sequence[str]) -> tuple[list[bytes], int]:
    names = [symbol.encode("gb18030") for symbol in symbols]
    return names, len(names)
