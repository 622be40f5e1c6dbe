"""The three formats of connection lists: configuration, broker data, broker.xml (G-1).

Reading never stops at the first fault: what is sound is returned, what is not is named.
"""

import json
import os
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from marketdata.feeds.link import LinkConfig
from marketdata.feeds.mdapi import ADDRESS, BadAddress, check_config, flow_folder  # noqa: F401
from marketdata.feeds.spread import STRATEGIES

ENV_PREFIX = "QACTPMD_"
MAX_CONNECTIONS = 2_000
DEFAULT_ROOM = 500
_ID = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_SECRETS = ("password", "auth_code")


class BadConfiguration(ValueError):
    """A file that is none of the three formats."""


@dataclass
class FeedConfig:
    """Settings of a feed process, with its connections."""

    websocket_port: int = 7799
    redis_host: str = ""
    redis_port: int = 6379
    load_balance_strategy: str = "connection_quality"
    health_check_interval: float = 30
    maintenance_interval: float = 60
    max_retry_count: int = 3
    auto_failover: bool = True
    connections: list[LinkConfig] = field(default_factory=list)


@dataclass
class Found:
    """What a list held: `bad` names each entry that was left out and why."""

    config: FeedConfig
    bad: list[str] = field(default_factory=list)
    kind: str = "config"

    @property
    def connections(self) -> list[LinkConfig]:
        return self.config.connections


def read(data: bytes) -> Found:
    """A list in whichever format it is; BadConfiguration when it is in none."""
    start = data.lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
    if start == b"<":
        return _read_xml(data)
    try:
        found = json.loads(decoded(data))
    except ValueError as error:
        raise BadConfiguration(f"neither JSON nor XML: {error}") from error
    if isinstance(found, list):
        return _read_brokers(found)
    if isinstance(found, dict):
        return _read_config(found)
    raise BadConfiguration("a list of brokers or a configuration is needed")


def read_file(path: Path, environ: Mapping[str, str] | None = None) -> Found:
    """A list of a file, with the overrides of the environment (`QACTPMD_…`)."""
    found = read(path.read_bytes())
    override(found, os.environ if environ is None else environ)
    return found


def decoded(data: bytes) -> str:
    """Text in UTF-8 or, failing that, GBK's superset."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("gb18030", "replace")


# ---------------------------------------------------------------------- config


_NUMBERS: dict[str, Callable[[Any], bool]] = {
    "websocket_port": lambda value: 0 < value < 65_536,
    "redis_port": lambda value: 0 < value < 65_536,
    "health_check_interval": lambda value: 0 < value <= 86_400,
    "maintenance_interval": lambda value: 0 < value <= 86_400,
    "max_retry_count": lambda value: 0 <= value <= 1_000,
}


def _read_config(given: dict[str, Any]) -> Found:
    found = Found(FeedConfig())
    rows = given.get("connections", [])
    if not isinstance(rows, list):
        raise BadConfiguration("connections must be a list")
    for name, value in given.items():
        if name != "connections":
            _set(found, name, value)
    add_all(found, (_connection(row) for row in rows))
    return found


def _set(found: Found, name: str, value: Any) -> None:
    """One setting; a bad one is named and its default stays."""
    if name in _NUMBERS:
        sound = isinstance(value, int | float) and not isinstance(value, bool) and _NUMBERS[name](value)
    elif name == "load_balance_strategy":
        sound = value in STRATEGIES
    elif name == "auto_failover":
        sound = isinstance(value, bool)
    elif name == "redis_host":
        sound = isinstance(value, str) and len(value) <= 253
    else:
        found.bad.append(f"{name}: unknown setting")
        return
    if sound:
        setattr(found.config, name, value)
    else:
        found.bad.append(f"{name}: {str(value)[:64]!r} cannot be used")


def override(found: Found, environ: Mapping[str, str]) -> None:
    """Settings of the environment go before those of the file."""
    for variable, text in environ.items():
        if not variable.startswith(ENV_PREFIX):
            continue
        name = variable.removeprefix(ENV_PREFIX).lower()
        value: Any = text
        if name in _NUMBERS:
            value = int(text) if text.isdigit() else text
        elif name == "auto_failover":
            value = {"true": True, "1": True, "false": False, "0": False}.get(text.lower(), text)
        _set(found, name, value)


_FIELDS: dict[str, type] = {
    "connection_id": str, "front_addr": str, "broker_id": str, "broker_name": str, "network": str,
    "user_id": str, "password": str, "app_id": str, "auth_code": str,
    "max_subscriptions": int, "priority": int, "enabled": bool,
}  # fmt: skip


def _connection(row: Any) -> tuple[str, dict[str, Any]]:
    """(how to name it, its fields) of one row."""
    if not isinstance(row, dict):
        return str(row)[:40], {"": "not an object"}
    return str(row.get("connection_id", row.get("front_addr", "?")))[:64], row


def add_all(found: Found, rows: Iterable[tuple[str, dict[str, Any]]]) -> None:
    """Take sound rows; name the others by number and id."""
    taken = {config.connection_id for config in found.connections}
    for number, (name, row) in enumerate(rows, 1):
        try:
            config = link_config(row)
            if config.connection_id in taken:
                raise ValueError("the connection_id is there twice")
            if len(taken) >= MAX_CONNECTIONS:
                raise ValueError(f"more than {MAX_CONNECTIONS} connections")
        except ValueError as error:
            found.bad.append(f"entry {number} ({name}): {error}")
            continue
        taken.add(config.connection_id)
        found.connections.append(config)


def link_config(row: dict[str, Any]) -> LinkConfig:
    """A checked connection of a row; ValueError says what is wrong with it."""
    for name, value in row.items():
        kind = _FIELDS.get(name)
        if kind is None:
            raise ValueError(f"unknown field {name!r}" if name else str(value))
        if type(value) is not kind:
            raise ValueError(f"{name} must be {kind.__name__}")
    for name in ("connection_id", "front_addr"):
        if not row.get(name):
            raise ValueError(f"{name} is missing")
    config = LinkConfig(**row)
    if not _ID.fullmatch(config.connection_id) or set(config.connection_id) <= {"."}:
        raise ValueError("connection_id: letters, digits, _ . - and at most 64")
    if not 0 < config.max_subscriptions <= 100_000:
        raise ValueError("max_subscriptions must be from 1 to 100000")
    if not 0 < config.priority <= 1_000:
        raise ValueError("priority must be from 1 to 1000")
    check_config(config)
    return config


def dump_config(config: FeedConfig, with_secrets: bool = False) -> bytes:
    """The configuration format; passwords only when asked for."""
    rows = []
    for item in config.connections:
        row = {name: getattr(item, name) for name in _FIELDS}
        rows.append({n: v for n, v in row.items() if v not in ("",) and (with_secrets or n not in _SECRETS)})
    settings = {name: getattr(config, name) for name in vars(config) if name != "connections"}
    return json.dumps({**settings, "connections": rows}, ensure_ascii=False, indent=1).encode()


# ---------------------------------------------------------------- broker data


def _read_brokers(rows: list[Any]) -> Found:
    """`broker_data.json`: brokers with servers, each with market-data addresses."""
    found = Found(FeedConfig(), kind="broker_data")
    add_all(found, _servers(found, rows))
    return found


def _servers(found: Found, rows: list[Any]) -> Iterable[tuple[str, dict[str, Any]]]:
    for number, row in enumerate(rows, 1):
        if not isinstance(row, dict) or not isinstance(row.get("servers"), list) or not row.get("brokerid"):
            found.bad.append(f"broker {number}: brokerid and servers are needed")
            continue
        for server in row["servers"]:
            if not isinstance(server, dict) or not isinstance(server.get("market_data"), list):
                found.bad.append(f"broker {number} ({row['brokerid']}): market_data must be a list")
                continue
            yield from _addresses(
                str(row["brokerid"]), str(row.get("broker_name", "")),
                str(server.get("name", "")), server["market_data"],
            )  # fmt: skip


def _addresses(
    broker_id: str, broker_name: str, network: str, addresses: list[Any]
) -> Iterable[tuple[str, dict[str, Any]]]:
    """One connection for each address; the address is part of its id, so ids stay."""
    for address in addresses:
        text = str(address).strip().removeprefix("tcp://")
        name = re.sub(r"[^A-Za-z0-9.-]", "_", f"{broker_id}_{text}")[:64]
        yield (
            text[:64],
            {
                "connection_id": name,
                "front_addr": f"tcp://{text}",
                "broker_id": broker_id,
                "broker_name": broker_name[:64],
                "network": network[:32],
                "max_subscriptions": DEFAULT_ROOM,
            },
        )


def dump_brokers(config: FeedConfig) -> bytes:
    """`broker_data.json` of the connections: brokers, then networks, then addresses."""
    brokers: dict[str, dict[str, Any]] = {}
    for item in config.connections:
        broker = brokers.setdefault(item.broker_id, {"broker_name": item.broker_name, "servers": {}})
        address = item.front_addr.removeprefix("tcp://")
        broker["servers"].setdefault(item.network, []).append(address)
    rows = [
        {
            "brokerid": broker_id,
            "broker_name": broker["broker_name"],
            "broker_ename": "",
            "servers": [{"name": name, "market_data": found} for name, found in broker["servers"].items()],
        }
        for broker_id, broker in brokers.items()
    ]
    return json.dumps(rows, ensure_ascii=False, indent=1).encode()


# ----------------------------------------------------------------- broker.xml


def _read_xml(data: bytes) -> Found:
    """The industry's `broker.xml`, in GBK or UTF-8 whatever its head says."""
    text = re.sub(r"^\s*<\?xml[^>]*\?>", "", decoded(data))
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise BadConfiguration("document types are not read")
    try:
        root = ET.fromstring(text)
    except ET.ParseError as error:
        raise BadConfiguration(f"not XML: {error}") from error
    found = Found(FeedConfig(), kind="broker.xml")
    add_all(found, _xml_servers(found, root))
    return found


def _xml_servers(found: Found, root: ET.Element) -> Iterable[tuple[str, dict[str, Any]]]:
    for number, broker in enumerate(root.iter("broker"), 1):
        broker_id = broker.get("BrokerID", "")
        if not broker_id:
            found.bad.append(f"broker {number}: BrokerID is missing")
            continue
        for server in broker.iter("Server"):
            network = (server.findtext("Name") or "").strip()
            addresses = [item.text or "" for item in server.findall("MarketData/item")]
            yield from _addresses(broker_id, broker.get("BrokerName", ""), network, addresses)


def dump_xml(config: FeedConfig, encoding: str = "GBK") -> bytes:
    """`broker.xml` of the connections."""
    root = ET.Element("root")
    for row in json.loads(dump_brokers(config)):
        broker = ET.SubElement(root, "broker", BrokerID=row["brokerid"], BrokerName=row["broker_name"])
        servers = ET.SubElement(broker, "Servers")
        for given in row["servers"]:
            server = ET.SubElement(servers, "Server")
            ET.SubElement(server, "Name").text = given["name"]
            item = ET.SubElement(server, "MarketData")
            for address in given["market_data"]:
                ET.SubElement(item, "item").text = address
    text = ET.tostring(root, encoding="unicode")
    head = f'<?xml version="1.0" encoding="{encoding}"?>\n'
    return (head + text).encode("gb18030" if encoding.upper() == "GBK" else "utf-8")


DUMPS: dict[str, Callable[[FeedConfig], bytes]] = {
    "config": dump_config,
    "broker_data": dump_brokers,
    "broker.xml": dump_xml,
}
