"""Risk watch: trades mark instruments, Ticks revalue holders, crossings are events (T-80, T-81).

A round takes the instruments marked so far and visits their holders once, 500 a Tick; the
next begins a second of log time after it, so an account is revalued at most once a second.
"""

from trading.engine.entities import Account
from trading.engine.figures import reaches, risk_ratio_ppm
from trading.engine.liquidation import begin_liquidation
from trading.engine.state import Context, State
from trading.engine.units import NS_PER_SECOND, PPM
from trading.engine.watchstate import RiskLevel

HOLDERS_PER_TICK = 500
_LIQUIDATION, _CRITICAL = int(RiskLevel.LIQUIDATION), int(RiskLevel.CRITICAL)


def watch(context: Context) -> None:
    """A Tick's share of the round; begins one when it is time."""
    state = context.state
    risk = state.risk
    if not state.settings["risk_watch"] or state.settlement is not None or state.halted:
        return
    if not risk.is_round_open():
        if not (risk.marked or risk.extra) or context.time_ns < risk.round_ns + NS_PER_SECOND:
            return
        _begin_round(state, context.time_ns)
    budget = HOLDERS_PER_TICK
    while budget and risk.is_round_open():
        if risk.position >= len(risk.holders):
            instrument = state.instruments[risk.symbols.popleft()]
            risk.holders, risk.position = list(instrument.holders), 0
        stop = min(risk.position + budget, len(risk.holders))
        budget -= stop - risk.position
        visited, risk.position = risk.holders[risk.position : stop], stop
        for account_id in visited:
            if account_id not in risk.seen:
                risk.seen[account_id] = None
                revalue(context, state.accounts[account_id])
    if not risk.is_round_open():
        risk.seen, risk.holders, risk.position = {}, [], 0


def _begin_round(state: State, time_ns: int) -> None:
    risk = state.risk
    risk.symbols.extend(risk.marked)
    risk.holders, risk.position = list(risk.extra), 0
    risk.marked, risk.extra, risk.seen = {}, {}, {}
    risk.round_ns = time_ns


def level_of(state: State, margin: int, balance: int) -> int:
    """RiskLevel of a margin on a balance (T-80)."""
    settings = state.settings
    weighted = margin * PPM
    if balance > 0 and weighted < settings["risk_warning_ppm"] * balance or not margin:
        return 0
    thresholds = ("liquidation_ppm", "risk_critical_ppm", "risk_high_ppm", "risk_warning_ppm")
    for level, name in zip(range(_LIQUIDATION, 0, -1), thresholds, strict=True):
        if reaches(margin, balance, settings[name]):
            return level
    return 0


def revalue(context: Context, account: Account) -> None:
    """Compare an account's level with the one before; tell a crossing (T-81)."""
    state = context.state
    margin, account_id = account.margin, account.account_id
    before = state.risk.levels.get(account_id, 0)
    if not margin and not before:
        return
    balance = account.balance()
    level = level_of(state, margin, balance)
    if level == before:
        return
    if level:
        state.risk.levels[account_id] = level
    else:
        del state.risk.levels[account_id]
    ratio = risk_ratio_ppm(margin, balance)
    context.emit("RiskAlert", account_id, account.user_id, before, level, ratio, balance, margin)
    if level >= _CRITICAL > before:
        call_margin(context, account, balance, "price")
    if level == _LIQUIDATION:
        begin_liquidation(context, account, "risk")


def call_margin(context: Context, account: Account, balance: int, cause: str) -> None:
    """Ask for the sum that brings the account below the critical level."""
    margin = account.margin
    needed = margin * PPM // context.state.settings["risk_critical_ppm"] + 1 - balance
    ratio = risk_ratio_ppm(margin, balance)
    context.emit(
        "MarginCall", account.account_id, account.user_id, max(needed, 0), ratio, balance, margin, cause
    )


def after_settlement(context: Context, account: Account, balance: int) -> None:
    """An account that settled at its liquidation level is called and liquidated (T-92).

    `balance` is the settled one: the instruments still carry the day's marks, which its lots,
    now at their settlement prices, must not be compared with.
    """
    state = context.state
    if not state.settings["risk_watch"]:
        return
    before = state.risk.levels.get(account.account_id, 0)
    if before != _LIQUIDATION:
        state.risk.levels[account.account_id] = _LIQUIDATION
        ratio = risk_ratio_ppm(account.margin, balance)
        context.emit(
            "RiskAlert", account.account_id, account.user_id, before, _LIQUIDATION, ratio, balance,
            account.margin,
        )  # fmt: skip
    call_margin(context, account, balance, "settlement")
    begin_liquidation(context, account, "settlement", balance=balance)
