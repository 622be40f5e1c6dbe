"""Holds senders' records, event stream with archive, and database against each other (R-1).

``python -m tests.drills.checker VENUE FOLDER`` prints one JSON object: ``faults`` and figures.
"""

import json
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import django

django.setup()

from django.db import connection  # noqa: E402

from exchange_site.streams import Keys, log_client  # noqa: E402
from trading.archive import read_events  # noqa: E402
from trading.choices import ORDER_STATUS  # noqa: E402
from trading.codec import decode_events  # noqa: E402
from trading.loadaudit import EventAudit, OrderKey  # noqa: E402

MOST_SHOWN = 10


def all_events(venue: str) -> Iterator[list[Any]]:
    """Every event of the venue from the first one on: archive, then stream."""
    last = 0
    for event in read_events(venue, 0):
        last = event[0]
        yield event
    after = f"{last}-0"
    with log_client() as client:
        while entries := client.xrange(Keys(venue).events, f"({after}", count=200):
            for entry_id, fields in entries:
                after = entry_id.decode()
                yield from (event for event in decode_events(fields[b"e"]) if event[0] > last)


def read_records(folder: Path) -> dict[str, list[OrderKey]]:
    """Orders by the letter of how their sending ended; a last line cut short is left out."""
    found: dict[str, list[OrderKey]] = {"A": [], "R": [], "U": []}
    for path in sorted(folder.glob("orders.*")):
        for line in path.read_text().splitlines(keepends=True):
            if line.endswith("\n"):
                letter, account_id, order_id, _ = line.split(" ")
                found[letter].append((account_id, order_id))
    return found


def sending_faults(audit: EventAudit, sent: dict[str, list[OrderKey]]) -> list[str]:
    """Acknowledged orders there exactly once, refused ones not at all."""
    refused = [key for key in sent["R"] if key in audit.orders]
    return audit.order_faults(sent["A"]) + [f"{key}: refused, yet decided" for key in refused]


def database_faults(audit: EventAudit) -> list[str]:
    """Orders, trades and funds in PostgreSQL against what the events said last."""
    return order_row_faults(audit) + trade_row_faults(audit) + funds_faults(audit)


def order_row_faults(audit: EventAudit) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT account_id, order_id, status, volume_left FROM trading_order")
        rows = cursor.fetchall()
    counted = Counter((account_id, order_id) for account_id, order_id, _, _ in rows)
    found = [f"{key}: {count} rows" for key, count in counted.items() if count != 1]
    found += [f"{key}: in the events, not in the database" for key in audit.orders if key not in counted]
    for account_id, order_id, status, left in rows:
        seen = audit.orders.get((account_id, order_id))
        if seen is None or (ORDER_STATUS[seen.status], seen.left) != (status, left):
            found.append(f"{account_id} {order_id}: the row says {status}, {left} left")
    return found


def trade_row_faults(audit: EventAudit) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM trading_trade")
        count = cursor.fetchone()[0]
    return [] if count == 2 * audit.trades else [f"{count} trade rows of {audit.trades} trades"]


def funds_faults(audit: EventAudit) -> list[str]:
    """Realised figures of every account, to the last 1/10 000 yuan."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT account_id, (close_profit * 10000)::bigint, (commission * 10000)::bigint,"
            " (margin * 10000)::bigint, (frozen_margin * 10000)::bigint FROM trading_tradingaccount"
        )
        rows = {row[0]: tuple(row[1:]) for row in cursor.fetchall()}
    found = []
    for account_id, funds in audit.funds.items():
        told = (funds.close_profit, funds.commission, funds.margin, funds.frozen_margin)
        if rows.get(account_id) != told:
            found.append(f"{account_id}: the row says {rows.get(account_id)}, the events {told}")
    return found


def main(venue: str, folder: Path) -> None:
    """Check everything; print what was found."""
    audit = EventAudit()
    audit.learn(all_events(venue))
    sent = read_records(folder)
    faults = audit.faults() + sending_faults(audit, sent) + database_faults(audit)
    figures = {letter: len(keys) for letter, keys in sent.items()}
    print(
        json.dumps(
            {
                "faults": faults[:MOST_SHOWN], "fault_count": len(faults), "sent": figures,
                "first_seq": audit.first_seq, "last_seq": audit.last_seq, "trades": audit.trades,
                "orders": len(audit.orders), "refusals": dict(audit.refusals),
            }
        )
    )  # fmt: skip


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
