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
    """Stop the servers and leave nothing behind; more than once does no harm."""
    SERVERS.stop()
    shutil.rmtree(_DIRECTORY, ignore_errors=True)


atexit.register(_end)
for _name in [name for name in os.environ if name.startswith("EXCHANGE_")]:
    del os.environ[_name]
os.environ.update(
    SERVERS.variables(),
    DATA_DIR=str(_DIRECTORY / "data"),
    EXCHANGE_JOBS="0",  # no Celery; tests of jobs turn it on
    DJANGO_SETTINGS_MODULE="exchange_site.settings",
)

import django  # noqa: E402  its settings are read here, after the servers are known

django.setup()

from django.conf import settings  # noqa: E402

# Left in the environment, it would make pytest-django read the settings in every process
# of pytest-xdist before that process has servers of its own.
del os.environ["DJANGO_SETTINGS_MODULE"]

# The real one is slow by design.
settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


def pytest_unconfigure() -> None:
    """Runs in processes that never come to their exit handlers, too."""
    _end()
