"""The data service's configuration: YAML, then the environment (G-33)."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import yaml

SOURCES = ("mock", "venue", "ctp", "replay", "tdx", "yahoo", "qmt")
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")


class BadConfig(ValueError):
    """A configuration that cannot be used; the text names the entry."""


class Rule(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Symbols that match (`*.SZ`, `cu*`; without the exchange in front) come from a source."""

    match: str
    source: str


class Config(msgspec.Struct, forbid_unknown_fields=True):
    """What a service runs with; intervals in seconds."""

    host: str = "127.0.0.1"
    port: int = 8765
    log_level: str = "INFO"
    update_interval: float = 0.5
    max_connections: int = 1_000
    max_subscriptions_per_client: int = 100
    allowed_origins: list[str] = []
    enable_auth: bool = False
    sources: list[Rule] = msgspec.field(default_factory=lambda: [Rule("*", "mock")])
    replay_file: str = ""
    replay_speed: float = 1.0
    tdx_host: str = ""
    tdx_port: int = 7709


def load(path: Path | None, environ: Mapping[str, str]) -> Config:
    """The configuration; BadConfig for an unknown name or a value out of range."""
    try:
        given = yaml.safe_load(path.read_text("utf-8")) or {} if path is not None else {}
        return checked(msgspec.convert(_with_environment(given, environ), Config))
    except (OSError, UnicodeDecodeError, yaml.YAMLError, msgspec.ValidationError) as error:
        raise BadConfig(str(error)) from error


def _with_environment(given: Any, environ: Mapping[str, str]) -> Any:
    if not isinstance(given, dict):
        return given
    found = dict(given)
    for name, key in (("WEBSOCKET_HOST", "host"), ("LOG_LEVEL", "log_level")):
        if environ.get(name):
            found[key] = environ[name]
    if environ.get("WEBSOCKET_PORT"):
        if not environ["WEBSOCKET_PORT"].isdecimal():
            raise BadConfig("WEBSOCKET_PORT is no port")
        found["port"] = int(environ["WEBSOCKET_PORT"])
    if environ.get("DATASOURCE_TYPE"):
        found["sources"] = [{"match": "*", "source": environ["DATASOURCE_TYPE"]}]
    if environ.get("ENABLE_AUTH"):
        found["enable_auth"] = environ["ENABLE_AUTH"].lower() in ("1", "true", "yes", "on")
    return found


def checked(config: Config) -> Config:
    """The same, or BadConfig naming what is out of range."""
    wrong = [f"source {rule.source!r}" for rule in config.sources if rule.source not in SOURCES]
    limits = {
        "port": (config.port, 0, 65_535), "update_interval": (config.update_interval, 0.05, 3_600),
        "max_connections": (config.max_connections, 1, 100_000),
        "max_subscriptions_per_client": (config.max_subscriptions_per_client, 1, 10_000),
        "replay_speed": (config.replay_speed, 1, 1_000),
    }  # fmt: skip
    wrong += [f"{name} {value}" for name, (value, low, high) in limits.items() if not low <= value <= high]
    if config.log_level.upper() not in LEVELS:
        wrong.append(f"log_level {config.log_level!r}")
    if wrong:
        raise BadConfig("cannot be used: " + ", ".join(wrong))
    config.log_level = config.log_level.upper()
    return config
