"""Where the servers of a running embedded exchange are, for commands of another shell (A-30).

The supervisor writes their addresses into DATA_DIR once they answer and takes them away when
it ends; `manage.py` reads them when the environment names no servers.
"""

import json
import os
from collections.abc import MutableMapping
from pathlib import Path

from exchange_site.env import BASE_DIR

FILE = "servers.json"
SERVERS = ("DATABASE_URL", "REDIS_URL")


def tell(directory: Path, variables: dict[str, str]) -> None:
    """Write the variables that point a process at the servers; for this user alone."""
    path = directory / FILE
    new = path.with_suffix(".new")
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(variables, file)
    new.rename(path)


def forget(directory: Path) -> None:
    """The servers are no more."""
    (directory / FILE).unlink(missing_ok=True)


def join(environ: MutableMapping[str, str]) -> None:
    """Point this process at the exchange that runs on DATA_DIR, unless servers are named."""
    if any(environ.get(name) for name in SERVERS):
        return
    path = Path(environ.get("DATA_DIR") or BASE_DIR / "data") / FILE
    if path.exists():
        environ.update(json.loads(path.read_text()))
