"""Every setting that comes from the environment, typed, in one place (A-24).

An unknown ``EXCHANGE_*`` variable or a bad value stops the start and names itself.
"""

import os
from functools import lru_cache
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

BASE_DIR = Path(__file__).resolve().parent.parent


class BadEnvironment(SystemExit):
    """The process must not start with this environment; the text names the variable."""


class Environment(BaseSettings):
    """The environment of one process. Names in capitals are the variables."""

    model_config = SettingsConfigDict(case_sensitive=True, extra="ignore")

    DATABASE_URL: str = ""
    PROJECTOR_DATABASE_URL: str = ""
    REDIS_URL: str = ""
    CACHE_URL: str = ""
    DATA_DIR: Path = BASE_DIR / "data"
    PORT: int = Field(8000, ge=1, le=65535)
    BIND: str = "127.0.0.1"
    VENUE_MODE: Literal["real", "always"] = "always"
    ROBOTS: bool = True
    FEED: Literal["off", "simulated", "ctp"] = "off"
    FEED_SYMBOLS: str = "all"
    FEED_INSTRUMENTS: Path | None = None
    MD_TOKEN: str = ""

    WEB_PROCESSES: int = Field(1, ge=1, le=64)

    EXCHANGE_VENUE: str = Field("main", pattern=r"^[a-z0-9][a-z0-9_-]{0,31}$")
    EXCHANGE_SECRET_KEY: str = ""
    EXCHANGE_DEBUG: bool = False
    EXCHANGE_EMBEDDED: bool = False
    EXCHANGE_ALLOWED_HOSTS: str = "localhost,127.0.0.1,[::1]"
    EXCHANGE_CSRF_TRUSTED_ORIGINS: str = ""
    EXCHANGE_CORS_ORIGINS: str = Field("", pattern=r"^(https?://[a-zA-Z0-9.:\[\]-]+(, *)?)*$")
    EXCHANGE_TLS: bool = False
    EXCHANGE_NUM_PROXIES: int = Field(0, ge=0, le=10)
    EXCHANGE_LOG_FSYNC: Literal["always", "everysec", "no"] = "always"
    EXCHANGE_LOG_LEVEL: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    EXCHANGE_ARCHIVE_DAYS: int | None = Field(None, ge=1, le=10_000)
    EXCHANGE_REGISTRATION: bool | None = None
    EXCHANGE_PRACTICE_MONEY: bool | None = None
    EXCHANGE_JOBS: bool = True
    EXCHANGE_IPC_PEERS: str = ""
    EXCHANGE_METRICS_BIND: str = "127.0.0.1"
    EXCHANGE_METRICS_PORT: int = Field(0, ge=0, le=65_471)
    EXCHANGE_METRICS_TOKEN: str = ""
    EXCHANGE_ALERT_RULES: str = ""
    EXCHANGE_ALERT_EMAIL: str = ""
    EXCHANGE_ALERT_WEBHOOK: str = Field("", pattern=r"^(https?://\S+)?$")
    EXCHANGE_SMTP_HOST: str = ""
    EXCHANGE_SMTP_PORT: int = Field(25, ge=1, le=65_535)
    EXCHANGE_SMTP_USER: str = ""
    EXCHANGE_SMTP_PASSWORD: str = ""
    EXCHANGE_SMTP_TLS: bool = False
    EXCHANGE_SMTP_FROM: str = "exchange@localhost"
    EXCHANGE_DB_POOL: int = Field(8, ge=1, le=200)
    EXCHANGE_MARKET_INTERVAL_MS: int = Field(80, ge=0, le=1_000)

    @model_validator(mode="after")
    def _keep_metrics_private(self) -> Self:
        """Figures leave the host only to who has the token (H-2)."""
        is_local = self.EXCHANGE_METRICS_BIND in ("127.0.0.1", "::1", "localhost")
        if not is_local and len(self.EXCHANGE_METRICS_TOKEN) < 16:
            raise ValueError(
                "EXCHANGE_METRICS_BIND beyond loopback needs an EXCHANGE_METRICS_TOKEN of 16 characters"
            )
        return self

    @property
    def is_embedded(self) -> bool:
        """Does this site run its own servers (and may it therefore make up a key)?"""
        return self.EXCHANGE_EMBEDDED or not self.DATABASE_URL

    @property
    def archive_days(self) -> int:
        """How long archived log segments are kept (A-13)."""
        return self.EXCHANGE_ARCHIVE_DAYS or (7 if self.is_embedded else 400)


def unknown_variables(names: "os._Environ[str] | dict[str, str]") -> list[str]:
    """`EXCHANGE_*` variables that mean nothing here."""
    known = set(Environment.model_fields)
    return sorted(name for name in names if name.startswith("EXCHANGE_") and name not in known)


@lru_cache(maxsize=1)
def environment() -> Environment:
    """The environment, read once; BadEnvironment when it cannot be used."""
    unknown = unknown_variables(os.environ)
    if unknown:
        raise BadEnvironment(f"Unknown environment variable: {', '.join(unknown)}")
    try:
        return Environment()
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise BadEnvironment(f"Bad environment: {faults}") from error
