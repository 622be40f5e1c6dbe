"""`apply(state, envelope, command)`: the one way the state changes (A-2)."""

from collections.abc import Callable
from typing import Any

from trading.engine import (
    accounts,
    codes,
    conditional,
    instruments,
    liquidation,
    messages,
    orders,
    rates,
    settlement,
    venue,
)
from trading.engine.clock import advance
from trading.engine.messages import Envelope
from trading.engine.reaction import on_tick, react
from trading.engine.state import CODE_BITS, CODE_MASK, ENGINE_VERSION, Context, Event, State
from trading.engine.units import NS_PER_MINUTE
from trading.engine.work import advance_work

_REMEMBER_NS = 10 * NS_PER_MINUTE
_REMEMBER_AT_MOST = 500_000

Handler = Callable[[Context, Any], int]


def apply(state: State, envelope: Envelope, command: Any) -> tuple[int, list[Event]]:
    """Carry out what is due by the command's log time, then the command.

    Returns its code (0 = done) and the events. Events of boundaries carry an empty
    command_id; the first event with the command's id decides it. Only a Tick may give no
    event, and anything before `CreateVenue`, which is answered by its code alone.
    """
    state.last_stream_id = envelope.stream_id
    kind = type(command)
    if not state.venue and kind is not messages.CreateVenue:
        return codes.CONFIGURATION_ERROR, []
    context = Context(state, "", envelope.user_id)
    time_ns = envelope.time_ns
    if time_ns >= state.due_ns:
        _bring_due(context, time_ns, kind)
    elif time_ns > state.time_ns:
        state.time_ns = context.time_ns = time_ns
    if kind is messages.Tick:
        advance_work(context)
        if state.reactive:
            on_tick(context)
        return codes.OK, context.events
    command_id = context.command_id = envelope.command_id
    known = state.recent_commands.get(command_id)
    if known is not None:
        code = known & CODE_MASK
        context.emit("CommandRepeated", kind.__name__, known >> CODE_BITS, code, "", "")
        return code, context.events
    idle = not state.work
    first_seq = state.event_seq + 1
    code = _HANDLERS[kind](context, command)
    if idle and state.work:
        advance_work(context)
    times, now = state.recent_times, state.time_ns
    state.recent_commands[command_id] = first_seq << CODE_BITS | code
    state.recent_order.append(command_id)
    times.append(now)
    if times[0] < now - _REMEMBER_NS or len(times) > _REMEMBER_AT_MOST:
        _forget_commands(state)
    if state.reactive:
        react(context)
    return code, context.events


def _bring_due(context: Context, time_ns: int, kind: type[Any]) -> None:
    """Carry out the boundaries that the command's time has passed."""
    state = context.state
    idle = not state.work
    advance(context, time_ns)
    if state.reactive:
        react(context)
    if idle and state.work and kind is not messages.Tick:
        advance_work(context)


def _bring_time(context: Context, time_ns: int) -> None:
    """Log time never goes back (A-42)."""
    state = context.state
    advance(context, max(time_ns, state.time_ns))
    if state.reactive:
        react(context)


def _forget_commands(state: State) -> None:
    """Keep command ids for ten minutes of log time, at most 500 000 (A-5)."""
    recent, order, times = state.recent_commands, state.recent_order, state.recent_times
    oldest = state.time_ns - _REMEMBER_NS
    while times[0] < oldest or len(order) > _REMEMBER_AT_MOST:
        times.popleft()
        del recent[order.popleft()]


def reject(
    state: State,
    envelope: Envelope,
    command_type: str,
    code: int,
    params: dict[str, Any],
) -> list[Event]:
    """Pass over an entry that does not decode (A-23a)."""
    state.last_stream_id = envelope.stream_id
    if not state.venue:
        return []
    context = Context(state, "", envelope.user_id)
    _bring_time(context, envelope.time_ns)
    context.command_id = envelope.command_id
    context.emit("CommandRejected", command_type, code, params, envelope.user_id, "")
    return context.events


def quarantine(state: State, envelope: Envelope, reason: str) -> list[Event]:
    """Skip a command at which `apply` had raised (A-23a)."""
    state.last_stream_id = envelope.stream_id
    context = Context(state, "", envelope.user_id)
    _bring_time(context, envelope.time_ns)
    context.command_id = envelope.command_id
    context.emit("CommandQuarantined", envelope.stream_id, reason)
    return context.events


def upgrade(state: State) -> list[Event]:
    """Go on under the present engine version after a drain (A-14)."""
    context = Context(state, "", "")
    context.emit("EngineUpgraded", state.engine_version, ENGINE_VERSION)
    state.engine_version = ENGINE_VERSION
    return context.events


_HANDLERS: dict[type[Any], Handler] = {
    messages.CreateVenue: venue.create_venue,
    messages.SetCalendar: venue.set_calendar,
    messages.SetSessions: venue.set_sessions,
    messages.SetSettings: venue.set_settings,
    messages.HaltVenue: venue.halt_venue,
    messages.ResumeVenue: venue.resume_venue,
    messages.SetProduct: instruments.set_product,
    messages.CreateInstrument: instruments.create_instrument,
    messages.UpdateInstrument: instruments.update_instrument,
    messages.SuspendInstrument: instruments.suspend_instrument,
    messages.ResumeInstrument: instruments.resume_instrument,
    messages.DelistInstrument: instruments.delist_instrument,
    messages.SetRates: rates.set_rates,
    messages.OpenAccount: accounts.open_account,
    messages.ApproveAccount: accounts.approve_account,
    messages.SetAccount: accounts.set_account,
    messages.FreezeAccount: accounts.freeze_account,
    messages.UnfreezeAccount: accounts.unfreeze_account,
    messages.CloseAccount: accounts.close_account,
    messages.Deposit: accounts.deposit,
    messages.Withdraw: accounts.withdraw,
    messages.ReverseFlow: accounts.reverse_flow,
    messages.PlaceOrder: orders.place_order,
    messages.CancelOrder: orders.cancel_order,
    messages.CancelAll: orders.cancel_all,
    messages.ModifyOrder: orders.modify_order,
    messages.ResolveOrder: orders.resolve_order,
    messages.CheckOrder: orders.check_order,
    messages.BeginSettlement: settlement.begin_settlement,
    messages.PlaceConditional: conditional.place_conditional,
    messages.ChangeConditional: conditional.change_conditional,
    messages.ForceLiquidate: liquidation.force_liquidate,
    messages.HoldLiquidation: liquidation.hold_liquidation,
}
