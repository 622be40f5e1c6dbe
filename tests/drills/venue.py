"""``python -m tests.drills.venue VENUE``: makes the venue that the sender's orders go to."""

import sys
import time
from typing import Any

import django

django.setup()

from tests.drills.sender import CONTRACTS, TRADERS  # noqa: E402
from trading.commands import send_many  # noqa: E402
from trading.loadgen import (  # noqa: E402
    account_commands,
    make_contracts,
    make_traders,
    venue_commands,
)


def main(venue: str) -> None:
    """Send everything; SystemExit with the first refusal."""
    commands: list[Any] = venue_commands(venue, time.time_ns(), make_contracts(CONTRACTS))
    commands += account_commands(make_traders(TRADERS))
    for outcome in send_many(venue, commands, origin="drill", wait_s=60):
        if not outcome.ok:
            raise SystemExit(f"refused: {outcome}")


if __name__ == "__main__":
    main(sys.argv[1])
