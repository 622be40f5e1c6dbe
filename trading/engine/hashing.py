"""Hashes that two equal states share on any machine and day (A-23)."""

import json
from hashlib import sha256
from typing import Any

from trading.engine.audit import validate
from trading.engine.snapshot import dump, dump_trading
from trading.engine.state import State


def hash_of(lists: list[Any]) -> str:
    """sha256 over the lists as compact ASCII JSON."""
    text = json.dumps(lists, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return sha256(text.encode()).hexdigest()


def trading_hash(state: State) -> str:
    """Hash of what trading is about; refusals and repeats leave it unchanged."""
    return hash_of(dump_trading(state))


def full_hash(state: State) -> str:
    """Hash of everything; replay, snapshot and restore compare it."""
    return hash_of(dump(state))


__all__ = ["full_hash", "hash_of", "trading_hash", "validate"]
