"""Phases carried out by log time, before the command that brings the time (T-24)."""

from trading.engine.auction import (
    cut_breaker,
    end_breaker,
    queue_short_lived,
    start_uncross,
)
from trading.engine.entities import Instrument
from trading.engine.messages import EndReason, InstrumentStatus, Phase, TimeCondition
from trading.engine.sessions import build_boundaries, phase_at
from trading.engine.state import Context, State

_AUCTION_ORDER = int(Phase.AUCTION_ORDER)
_CONTINUOUS = int(Phase.CONTINUOUS)
_CLOSED = int(Phase.CLOSED)


def advance(context: Context, time_ns: int) -> None:
    """Carry out every boundary at or before the command's log time, in order."""
    state = context.state
    while state.due_ns <= time_ns:
        due_ns = state.due_ns
        context.time_ns = max(due_ns, state.time_ns)
        if state.breakers and state.breakers[0][0] == due_ns:
            symbol = state.breakers.pop(0)[1]
            state.find_due()
            end_breaker(context, symbol)
            continue
        _, template, phase = state.boundaries[state.next_boundary]
        state.next_boundary += 1
        state.find_due()
        if not state.halted and state.settlement is None:
            enter_phase(context, template, phase)
    state.time_ns = context.time_ns = time_ns


def enter_phase(context: Context, template: str, phase: int) -> None:
    """Bring a template and its instruments into a phase; tell it once."""
    state = context.state
    if state.phases.get(template, _CLOSED) == phase:
        return
    state.phases[template] = phase
    context.emit("PhaseChanged", template, phase, state.trading_day, "")
    for instrument in state.instruments.values():
        if instrument.session_template == template:
            enter_instrument_phase(context, instrument, phase)


def enter_instrument_phase(context: Context, instrument: Instrument, phase: int) -> None:
    """Uncross when an auction ends, end what was good for the section only."""
    state = context.state
    before = instrument.phase
    if before == phase:
        return
    in_section = before == _CONTINUOUS or instrument.breaker_until_ns > 0
    cut_breaker(state, instrument)
    instrument.phase = phase
    state.dirty_quotes[instrument.symbol] = None
    if before == _AUCTION_ORDER or phase == _CONTINUOUS:
        # A suspension may have kept a crossed book past the end of its auction.
        if instrument.status == InstrumentStatus.TRADING:
            start_uncross(context, instrument)
    if before == _AUCTION_ORDER:
        queue_short_lived(context, instrument, TimeCondition.GFA, EndReason.AUCTION_END)
    if in_section:
        queue_short_lived(context, instrument, TimeCondition.GFS, EndReason.SECTION_END)


def rebuild_boundaries(context: Context) -> None:
    """Lay out the day's boundaries anew and enter the phases that hold now (T-24: late)."""
    state = context.state
    lay_out(state)
    if not state.halted and state.settlement is None:
        restore_phases(context)


def lay_out(state: State) -> None:
    """Derive the boundaries and skip those already carried out."""
    state.boundaries = build_boundaries(state)
    state.next_boundary = 0
    while (
        state.next_boundary < len(state.boundaries)
        and state.boundaries[state.next_boundary][0] <= state.time_ns
    ):
        state.next_boundary += 1
    state.find_due()


def restore_phases(context: Context) -> None:
    """Enter the phase that the day's table names for now, template by template."""
    state = context.state
    for template in state.templates:
        enter_phase(context, template, phase_at(state.boundaries, template, state.time_ns))


def close_venue(context: Context) -> None:
    """Every template CLOSED, whatever its table says (settlement, kill switch)."""
    for template in context.state.templates:
        enter_phase(context, template, _CLOSED)
