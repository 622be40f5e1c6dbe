"""`send`: verdicts, refusals, silence, many callers (A-4, D-30)."""

import asyncio
import threading

import pytest

from exchange_site.exceptions import ExchangeError
from tests.log.conftest import ALICE, CHARLIE, await_until, flow, order
from trading.commands import asend, new_command_id, resolve, send, send_many
from trading.engine.messages import CancelOrder, OrderStatus


def test_it_answers_with_the_verdict_and_the_events(venue):
    outcome = send(venue, order(), user_id=ALICE.user_id, wait_s=10)
    assert outcome.decided and outcome.code == 0 and outcome.ok
    assert [event[1] for event in outcome.events] == ["OrderAccepted"]
    assert outcome.first_seq == outcome.last_seq == outcome.events[0][0]
    assert outcome.stream_id


def test_it_answers_a_refusal_with_its_code_and_params(venue):
    outcome = send(venue, order(volume=900_000), user_id=ALICE.user_id, wait_s=10)
    assert outcome.decided and outcome.code == 1008 and not outcome.ok
    assert outcome.first("OrderRejected") is not None
    cancelled = send(venue, CancelOrder(ALICE.account_id, "nosuch"), user_id=ALICE.user_id, wait_s=10)
    assert cancelled.code == 3001


def test_charlie_does_not_place_orders_for_alice(venue):
    outcome = send(venue, order(), user_id=CHARLIE.user_id)
    assert outcome.decided and outcome.code == 1006


def test_it_answers_4001_without_a_worker(name):
    with pytest.raises(ExchangeError) as refused:
        send(name, order(), user_id=ALICE.user_id, wait_s=10)
    assert refused.value.code == 4001


def test_it_leaves_a_command_undecided_when_no_verdict_comes(name, keys, log):
    log.set(keys.lease, "somebody")
    outcome = send(name, order(), user_id=ALICE.user_id, wait_s=0.05)
    assert not outcome.decided and not outcome.refused and outcome.code == 0
    await_until(lambda: log.xlen(keys.commands) == 1)


def test_it_refuses_what_is_out_of_bounds_before_the_log(venue, keys, log):
    before = log.xlen(keys.commands)
    for bad in (order(volume=10**7), order(client_tag="a\x00b"), order(order_id="x" * 200)):
        with pytest.raises(ExchangeError) as refused:
            send(venue, bad, user_id=ALICE.user_id, wait_s=10)
        assert refused.value.code == 1008
    assert log.xlen(keys.commands) == before


def test_it_answers_a_repeated_command_id_with_the_first_result(venue):
    command_id = new_command_id()
    command = order()
    first = send(venue, command, user_id=ALICE.user_id, command_id=command_id)
    second = send(venue, command, user_id=ALICE.user_id, command_id=command_id)
    assert second.decided and second.repeated and second.code == 0
    assert second.first_seq == first.first_seq


def test_it_sends_many_in_order_and_answers_each(venue):
    commands = [order(), order(volume=10**7), order(price_type=0, limit_price=1), order()]
    outcomes = send_many(venue, commands, user_id=ALICE.user_id, wait_s=10)
    assert [outcome.code for outcome in outcomes] == [0, 1008, 1011, 0]
    assert outcomes[1].refused and outcomes[0].first_seq < outcomes[2].first_seq


def test_it_resolves_an_order_whose_verdict_was_missed(venue):
    command = order()
    send(venue, command, user_id=ALICE.user_id, wait_s=10)
    known = resolve(venue, ALICE.account_id, command.order_id, user_id=ALICE.user_id, wait_s=10)
    assert known.ok and known.first("OrderResolved")[5][6] == OrderStatus.SUBMITTED
    unknown = resolve(venue, ALICE.account_id, "never-came", user_id=ALICE.user_id, wait_s=10)
    assert unknown.code == 3003
    late = send(venue, order(order_id="never-came"), user_id=ALICE.user_id, wait_s=10)
    assert late.code == 3003


def test_concurrent_callers_share_appends_and_each_gets_its_own_answer(venue):
    results: dict[int, list[tuple[str, str]]] = {}

    def trade(number: int) -> None:
        sent = [order(client_tag=f"{number}-{n}") for n in range(30)]
        results[number] = [
            (send(venue, command, user_id=ALICE.user_id).events[0][5][14], command.client_tag)
            for command in sent
        ]

    threads = [threading.Thread(target=trade, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 8
    assert all(answered == sent for pairs in results.values() for answered, sent in pairs)


def test_it_serves_the_event_loop_without_blocking_it(venue):
    async def trade() -> list[bool]:
        outcomes = await asyncio.gather(*(asend(venue, order(), user_id=ALICE.user_id) for _ in range(50)))
        return [outcome.ok for outcome in outcomes]

    assert all(asyncio.run(trade()))


def test_it_works_in_a_forked_child(venue):
    import os

    send(venue, order(), user_id=ALICE.user_id, wait_s=10)
    child = os.fork()
    if child == 0:
        code = 1
        try:
            code = 0 if send(venue, order(), user_id=ALICE.user_id, wait_s=10).ok else 2
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    assert send(venue, order(), user_id=ALICE.user_id, wait_s=10).ok


def test_it_reads_on_after_a_batch_of_five_hundred(venue):
    steps = [flow().step() for _ in range(500)]
    outcomes = send_many(venue, [step.command for step in steps], user_id=ALICE.user_id, wait_s=10)
    assert all(outcome.decided for outcome in outcomes)
