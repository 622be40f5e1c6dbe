"""The three formats of connection lists in and out; every bad entry is named (G-1)."""

import json
from pathlib import Path

import pytest

from marketdata.feeds.configuration import (
    BadConfiguration,
    dump_brokers,
    dump_config,
    dump_xml,
    override,
    read,
    read_file,
)
from marketdata.feeds.link import LinkConfig

SHIPPED = Path(__file__).resolve().parents[2] / "marketdata" / "data" / "brokers.json"
XML = """<?xml version="1.0" encoding="GB2312"?>
<root><broker BrokerID="9999" BrokerName="测试期货" BrokerEName="Test"><Servers>
<Server><Name>电信1</Name><Trading><item>127.0.0.1:1</item></Trading>
<MarketData><item>127.0.0.1:41213</item><item>nonsense</item></MarketData></Server>
<Server><Name>联通</Name><MarketData><item>127.0.0.1:41214</item></MarketData></Server>
</Servers></broker><broker BrokerName="no id"/></root>"""


def test_the_shipped_list_holds_eighty_six_loopback_connections() -> None:
    found = read_file(SHIPPED, {})
    assert (len(found.connections), found.bad) == (86, [])
    assert sum(item.max_subscriptions for item in found.connections) == 25_800
    assert all(item.front_addr.startswith("tcp://127.0.0.1:") for item in found.connections)
    assert (found.config.websocket_port, found.config.load_balance_strategy) == (7799, "connection_quality")


@pytest.mark.parametrize("encoding", ["gb18030", "utf-8", "utf-8-sig"])
def test_broker_xml_is_read_in_gbk_and_utf8_whatever_its_head_says(encoding: str) -> None:
    found = read(XML.encode(encoding))
    first, second = found.connections
    assert (first.connection_id, first.broker_name, first.network) == (
        "9999_127.0.0.1_41213", "测试期货", "电信1",
    )  # fmt: skip
    assert (second.front_addr, second.network) == ("tcp://127.0.0.1:41214", "联通")
    assert len(found.bad) == 2
    assert any("nonsense" in text for text in found.bad) and any("BrokerID" in text for text in found.bad)


def test_broker_data_is_read_and_written_again() -> None:
    rows = [
        {"brokerid": "0001", "broker_name": "甲", "broker_ename": "A", "servers": [
            {"name": "电信", "market_data": ["127.0.0.1:1", "127.0.0.1:2"]},
            {"name": "联通", "market_data": "127.0.0.1:3"}]},
        {"broker_name": "nobody"},
    ]  # fmt: skip
    found = read(json.dumps(rows, ensure_ascii=False).encode("gb18030"))
    assert [item.front_addr for item in found.connections] == ["tcp://127.0.0.1:1", "tcp://127.0.0.1:2"]
    assert len(found.bad) == 2
    assert read(dump_brokers(found.config)).connections == found.connections
    for encoding in ("GBK", "UTF-8"):
        assert read(dump_xml(found.config, encoding)).connections == found.connections


def test_the_configuration_survives_a_round_trip_without_secrets() -> None:
    config = LinkConfig("one", "tcp://127.0.0.1:1", "9999", user_id="u", password="secret", auth_code="code")
    found = read(dump_config(read(SHIPPED.read_bytes()).config))
    assert found.connections == read(SHIPPED.read_bytes()).connections
    found.config.connections = [config]
    assert b"secret" not in dump_config(found.config) and b"code" not in dump_config(found.config)
    assert read(dump_config(found.config, with_secrets=True)).connections == [config]
    assert "secret" not in repr(config)


def test_every_bad_entry_is_named_and_the_sound_ones_are_kept() -> None:
    rows = [
        {"connection_id": "good", "front_addr": "tcp://127.0.0.1:1"},
        {"connection_id": "good", "front_addr": "tcp://127.0.0.1:2"},
        {"connection_id": "../x", "front_addr": "tcp://127.0.0.1:2"},
        {"connection_id": "noport", "front_addr": "tcp://127.0.0.1"},
        {"connection_id": "room", "front_addr": "tcp://127.0.0.1:2", "max_subscriptions": 0},
        {"connection_id": "type", "front_addr": "tcp://127.0.0.1:2", "priority": "1"},
        {"connection_id": "odd", "front_addr": "tcp://127.0.0.1:2", "colour": "red"},
        {"front_addr": "tcp://127.0.0.1:2"},
        7,
    ]
    given = {"connections": rows, "websocket_port": 0, "load_balance_strategy": "moon", "moon": 1}
    found = read(json.dumps(given).encode())
    assert [item.connection_id for item in found.connections] == ["good"]
    assert len(found.bad) == 11
    for words in ("twice", "../x", "noport", "room", "priority", "colour", "websocket_port", "moon"):
        assert any(words in text for text in found.bad), words


def test_the_environment_goes_before_the_file() -> None:
    found = read(b'{"connections": [], "websocket_port": 7799}')
    override(found, {
        "QACTPMD_WEBSOCKET_PORT": "7801", "QACTPMD_AUTO_FAILOVER": "false",
        "QACTPMD_LOAD_BALANCE_STRATEGY": "hash_based", "QACTPMD_REDIS_PORT": "x", "OTHER": "1",
    })  # fmt: skip
    config = found.config
    assert (config.websocket_port, config.auto_failover, config.load_balance_strategy) == (
        7801, False, "hash_based",
    )  # fmt: skip
    assert found.bad == ["redis_port: 'x' cannot be used"]


@pytest.mark.parametrize("data", [b"", b"hello", b"7", b"<a", b"<!DOCTYPE a><a/>", b'{"connections": 1}'])
def test_what_is_none_of_the_formats_is_refused(data: bytes) -> None:
    with pytest.raises(BadConfiguration):
        read(data)
