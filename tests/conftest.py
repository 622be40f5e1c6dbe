"""Embedded servers for the whole run; started before Django reads its settings."""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

from exchange_site.embedded import EmbeddedServers

_DIRECTORY = Path(tempfile.mkdtemp(prefix="exchange-tests-", dir="/tmp"))
_DIRECTORY.chmod(0o755)
SERVERS = EmbeddedServers(_DIRECTORY, fast=True)
SERVERS.start()


def _end() -> None:
    SERVERS.stop()
    shutil.rmtree(_DIRECTORY, ignore_errors=True)


atexit.register(_end)
for _name in [name for name in os.environ if name.startswith("EXCHANGE_")]:
    del os.environ[_name]
os.environ.update(
    SERVERS.variables(),
    DATA_DIR=str(_DIRECTORY / "data"),
    DJANGO_SETTINGS_MODULE="exchange_site.settings",
)

import django  # noqa: E402  its settings are read here, after the servers are known

django.setup()
