"""What DIFF offers when another app provides it: statements and banks (D-12).

`marketdata` may not import `settlement` (A-20), so whoever has a service registers it, in its
`AppConfig.ready`. All of them block and are called in a thread.
"""

from collections.abc import Callable
from typing import Any

from accounts.socket_login import Credential

Statement = Callable[[str, str, int], str]
"""(venue, account id, trading day; 0 = the last settled) → the statement's text, "" for none."""
Banks = Callable[[str, str], list[dict[str, Any]]]
"""(venue, account id) → [{"id", "name", …}] of the account's banks."""
Transfer = Callable[[str, Credential, str, dict[str, Any]], None]
"""(venue, who asks, account id, {bank_id, amount (1/10 000 yuan, + in, - out), currency,
bank_password, future_password}); raises ExchangeError. Its FundsMoved event tells the rest."""

statement: Statement | None = None
banks: Banks | None = None
transfer: Transfer | None = None


def register(
    *, statement_of: Statement | None = None, banks_of: Banks | None = None, move: Transfer | None = None
) -> None:
    """Provide one or more of the services; a later call replaces what it names."""
    global statement, banks, transfer
    statement = statement_of or statement
    banks = banks_of or banks
    transfer = move or transfer
