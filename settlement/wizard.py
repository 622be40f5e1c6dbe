"""Where a settlement run stands and what comes next, as its page shows it (O-6, T-91)."""

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _

from exchange_site.exceptions import message
from settlement.models import SettlementRun
from settlement.run_selectors import missing_prices

STEPS = (_("Prices"), _("Preview and settle"), _("Run"), _("Result and statements"))
STEP_OF = {
    SettlementRun.DRAFT: 0, SettlementRun.PRICED: 1, SettlementRun.FAILED: 1, SettlementRun.RUNNING: 2,
    SettlementRun.DONE: 3,
}  # fmt: skip
OPERATIONS = {
    0: ("prices", "set-price", "import"),
    1: ("settle", "prices", "set-price", "import"),
}
"""What is offered at a step by the names of its operations; the first is the next thing to do."""
NAMED = 12


@dataclass(frozen=True)
class Stand:
    """A run's place in the wizard: steps as (number, label, "done" | "now" | "later")."""

    steps: list[tuple[int, Any, str]]
    text: Any
    operations: tuple[str, ...]
    is_running: bool
    is_done: bool


def stand(run: SettlementRun) -> Stand:
    """Where the run stands."""
    now = STEP_OF[run.state]
    is_done = run.state == SettlementRun.DONE
    steps = [
        (n + 1, label, "done" if n < now or is_done else "now" if n == now else "later")
        for n, label in enumerate(STEPS)
    ]
    return Stand(
        steps, _what_to_do(run), OPERATIONS.get(now, ()), run.state == SettlementRun.RUNNING, is_done
    )


def _what_to_do(run: SettlementRun) -> Any:
    """One sentence: what the run waits for."""
    if run.state == SettlementRun.DRAFT:
        return _about_prices(run)
    if run.state == SettlementRun.PRICED:
        if run.asked_at:
            return _("One person has asked for the settlement; a second one has to settle.")
        return _("Every held instrument has a price. See what becomes of each account, then settle.")
    if run.state == SettlementRun.RUNNING:
        return _("The settlement is under way; this page looks again by itself.")
    if run.state == SettlementRun.FAILED:
        return _("It did not go through: %(why)s Nothing has changed; try again.") % {
            "why": f"{message(run.code, run.params)} ({run.code})."
        }
    return _("The day is settled. Every account has its statement.")


def _about_prices(run: SettlementRun) -> Any:
    if not run.prices.exists():
        return _("There is no price yet: compute today's prices, or import your own.")
    missing = missing_prices(run)
    if not missing:
        return _("Compute the prices once more: what is held has changed.")
    more = f" + {len(missing) - NAMED}" if len(missing) > NAMED else ""
    return _("Held without a price: %(symbols)s. Set these, or import a file.") % {
        "symbols": ", ".join(missing[:NAMED]) + more
    }
