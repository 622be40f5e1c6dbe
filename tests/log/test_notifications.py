"""What events tell people: types, channels, priorities, ids (W-10)."""

import pytest
from django.utils import translation

from tests.db.events import EventMaker, market
from trading.engine import messages as m
from trading.notification_texts import text_of
from trading.notifications import (
    CHANNELS,
    FIGURES,
    KINDS,
    PLACES,
    RISK,
    Notification,
    message_id,
    notifications_of,
    position_of,
)
from trading.notified import ACCOUNT_A_SECOND, VENUE_A_SECOND, Notified, oldest_kept

ALICE, BOB = f"ACC_{0:032x}", f"ACC_{1:032x}"
COPPER = "SHFE.cu2700"


def told(event: list[object]) -> list[Notification]:
    return list(notifications_of(event))


def kinds(event: list[object], account_id: str) -> list[str]:
    return [one.kind for one in told(event) if one.account_id == account_id]


def test_a_fill_tells_both_sides_their_trade_order_and_figures() -> None:
    maker = market()
    resting, taking = maker.accept(ALICE, COPPER, 1), maker.accept(BOB, COPPER, 0)
    maker.trade(taking, resting)
    event = maker.events[-1]
    for account_id in (ALICE, BOB):
        assert kinds(event, account_id) == [
            "trade_executed", "order_filled", "account_update", "position_update",
        ]  # fmt: skip
    trade = next(one for one in told(event) if one.account_id == BOB)
    assert trade.payload["trade_id"] == f"S{taking}|{event[6]}"
    assert (trade.payload["price"], trade.payload["volume"], trade.payload["is_taker"]) == (80_000.0, 1, True)


def test_places_are_unique_within_an_event_and_so_are_ids() -> None:
    maker = market()
    resting, taking = maker.accept(ALICE, COPPER, 1), maker.accept(ALICE, COPPER, 0)
    maker.trade(taking, resting)
    maker.cancel(maker.accept(BOB, COPPER, 1), int(m.EndReason.LIQUIDATION))
    positions = [one.position for event in maker.events for one in told(event)]
    assert len(positions) == len(set(positions))
    assert all(0 <= one.place < PLACES for event in maker.events for one in told(event))


def test_an_id_names_its_place_and_nothing_else_is_an_id() -> None:
    assert position_of("main", message_id("main", 4711)) == 4711
    for text in ("", "main", "main-", "main-x", "other-4711", "main--1", "main-" + "9" * 30, "main-²"):
        assert position_of("main", text) is None


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        (m.EndReason.BY_USER, "order_canceled"),
        (m.EndReason.REMAINDER, "order_canceled"),
        (m.EndReason.DAY_END, "order_expired"),
        (m.EndReason.CONTRACT_EXPIRED, "order_expired"),
    ],
)
def test_an_order_that_ends_says_how(reason: m.EndReason, kind: str) -> None:
    maker = market()
    maker.cancel(maker.accept(ALICE, COPPER, 1), int(reason))
    assert kinds(maker.events[-1], ALICE)[0] == kind


def test_refusals_go_at_once_and_say_why_in_both_languages() -> None:
    from django.utils import translation

    maker = market()
    maker.accept(ALICE, COPPER, 0)
    order = maker.events[-1][5]
    maker.add(m.OrderRejected(order, 1002, {"lots": 7, "limit": 5}))
    first, second = told(maker.events[-1])
    assert (first.kind, first.priority, second.kind, second.channel) == (
        "order_rejected", RISK, "position_limit", "risk",
    )  # fmt: skip
    with translation.override("en"):
        assert "7 lots after the order, limit 5" in text_of(first.kind, ALICE, first.payload)
    with translation.override("zh-hans"):
        assert "超过持仓限额" in text_of(first.kind, ALICE, first.payload)


def test_every_kind_has_a_channel_a_priority_and_a_text() -> None:
    for kind, (channel, priority) in KINDS.items():
        assert channel in CHANNELS and 0 <= priority <= FIGURES
        assert text_of(kind, ALICE, {})


def test_halts_and_sessions_concern_everybody() -> None:
    maker = EventMaker()
    maker.add(m.VenueHalted("drill"))
    maker.add(m.PhaseChanged("day", int(m.Phase.CONTINUOUS), 20261123))
    maker.add(m.PhaseChanged("day", int(m.Phase.CLOSED), 20261123))
    maker.add(m.PhaseChanged("day", int(m.Phase.AUCTION_ORDER), 20261123, COPPER))
    found = [one for event in maker.events for one in told(event)]
    assert [one.kind for one in found] == [
        "market_halt", "trading_session_start", "trading_session_end", "market_halt",
    ]  # fmt: skip
    assert {one.account_id for one in found} == {""}


def test_nothing_is_kept_for_robots_and_market_makers() -> None:
    maker = EventMaker()
    maker.account(ALICE, "alice")
    maker.account(BOB, "robot", is_robot=True)
    resting, taking = maker.accept(ALICE, COPPER, 1), maker.accept(BOB, COPPER, 0)
    maker.trade(taking, resting)
    kept = Notified({})
    found = [(one.account_id, user) for event in maker.events for one, user in kept.of(event)]
    assert {account for account, _ in found} == {ALICE} and {user for _, user in found} == {"alice"}
    maker.account(ALICE, "alice", is_market_maker=True)
    maker.accept(ALICE, COPPER, 1)
    assert not [one for event in maker.events[-2:] for one in kept.of(event)]


def test_a_flood_is_bounded_and_told_and_a_restart_goes_on_counting() -> None:
    maker = EventMaker()
    maker.account(ALICE, "alice")
    maker.account(BOB, "bob")
    for _ in range(ACCOUNT_A_SECOND + 50):
        maker.accept(ALICE, COPPER, 1)
    maker.accept(BOB, COPPER, 1)
    for event in maker.events:
        event[3] = 5_000_000_000
    kept = Notified({})
    found = [one for event in maker.events for one, _ in kept.of(event)]
    alices = [one for one in found if one.account_id == ALICE]
    assert len(alices) == ACCOUNT_A_SECOND + 1
    assert alices[-1].payload["notice"] == "left_out"
    assert [one.kind for one in found if one.account_id == BOB] == ["system_notice", "order_accepted"]
    first, second = maker.events[:80], maker.events[80:]
    begun = Notified({})
    before = [pair for event in first for pair in begun.of(event)]
    last = [(one.account_id, one.payload.get("notice", ""), one.time_ns) for one, _ in reversed(before)]
    restarted = Notified(dict(begun.owners), last)
    after = [pair for event in second for pair in restarted.of(event)]
    assert [one for one, _ in before + after] == found
    assert VENUE_A_SECOND > ACCOUNT_A_SECOND


def test_days_are_kept_by_the_calendar() -> None:
    assert oldest_kept(20260315) == 20260213


def risk_events() -> dict[str, list[object]]:
    """One event of each type of the risk watch and of conditional orders, as the core writes it."""
    head = [1, 1, 10**9, ""]
    levels = ["ACC_A", "u", 1, 3, 960_000, 1_000_000_0000, 960_000_0000]
    call = ["ACC_A", "u", 10_526_3159, 960_000, 1_000_000_0000, 960_000_0000, "price"]
    liquidation = ["LIQ1", "ACC_A", "u", 2, "risk", "", "", 20261123, 1, -1, 700_000, 5, 4, 3, 2, 0]
    row = [1, "ACC_A", "stop-1", "STOP_LOSS", 5, 20261123, 1, 2, False, [], [], [], 2, 0, True, "", 1001]
    fields = {
        "RiskAlert": levels, "MarginCall": call, "LiquidationChanged": liquidation,
        "ConditionalChanged": [row],
    }  # fmt: skip
    return {kind: [head[0], kind, *head[1:], *values] for kind, values in fields.items()}


@pytest.mark.parametrize(
    ("event", "kind", "english", "chinese"),
    [
        ("RiskAlert", "risk_alert", "risk level Critical, risk ratio 96.00%", "风险等级"),
        ("MarginCall", "margin_call", "needs 10526.3159 yuan more of margin", "追加"),
        ("LiquidationChanged", "liquidation", "Liquidation LIQ1 of account ACC_A: Done", "强平"),
        ("ConditionalChanged", "system_notice", "Conditional order stop-1: Failed", "条件单"),
    ],
)
def test_risk_and_conditional_orders_are_told_in_both_languages(
    event: str, kind: str, english: str, chinese: str
) -> None:
    made = risk_events()[event]
    (one,) = told(made)
    assert (one.kind, one.account_id, one.is_kept) == (kind, "ACC_A", True)
    with translation.override("en"):
        assert english in text_of(one.kind, one.account_id, one.payload)
    with translation.override("zh-hans"):
        assert chinese in text_of(one.kind, one.account_id, one.payload)
    kept = list(Notified({"ACC_A": "u"}).of(made))
    assert kept == [(one, "u")] and not list(Notified({}).of(made))


def test_a_call_at_the_settlement_and_ones_own_cancel_are_not_told_twice() -> None:
    call, changed = risk_events()["MarginCall"], risk_events()["ConditionalChanged"]
    call[-1] = "settlement"
    changed[5][4] = 3  # type: ignore[index]
    assert told(call) == [] == told(changed)
