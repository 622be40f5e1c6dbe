"""The atomic buckets of the web (H-5): refill, all or none, and no cache at all."""

import asyncio
import threading

import pytest
from django.http import HttpRequest

from exchange_site import cachepipe, ratelimit
from exchange_site.exceptions import ExchangeError
from exchange_site.ratelimit import Draw, Limit, atake, client_address, take
from tests.api.conftest import Person, await_until

SLOW = Limit(0.01, 3)


def test_a_bucket_gives_its_burst_and_then_says_how_long_to_wait():
    for _ in range(3):
        take([Draw("t:a", SLOW)])
    with pytest.raises(ExchangeError) as refused:
        take([Draw("t:a", SLOW)])
    assert refused.value.code == 9004 and 90 < refused.value.extra["retry_after"] <= 100


def test_it_takes_from_all_buckets_or_from_none():
    take([Draw("t:b", SLOW, 3)])
    for _ in range(5):
        with pytest.raises(ExchangeError):
            take([Draw("t:c", SLOW), Draw("t:b", SLOW)])
    take([Draw("t:c", SLOW, 3)])


def test_it_fills_again_with_time():
    fast = Limit(20, 1)
    take([Draw("t:d", fast)])

    def filled() -> bool:
        try:
            take([Draw("t:d", fast)])
        except ExchangeError:
            return False
        return True

    assert await_until(filled, 5)


def test_concurrent_callers_never_get_more_than_there_is():
    taken: list[int] = []

    def draw() -> None:
        for _ in range(20):
            try:
                take([Draw("t:e", Limit(0.001, 50))])
            except ExchangeError:
                continue
            taken.append(1)

    threads = [threading.Thread(target=draw) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(taken) == 50


def test_without_the_cache_nothing_is_limited_and_nothing_fails(
    alice: Person, charlie: Person, settings, monkeypatch
):
    settings.CACHE_URL = "redis://127.0.0.1:1/0"
    monkeypatch.setattr(cachepipe, "_pipe", cachepipe.CachePipe())
    for _ in range(5):
        take([Draw("t:f", SLOW)])
    assert alice.get("orders").status == 200
    assert charlie.get(f"account/{alice.account_id}").code == 1006


def test_an_address_is_taken_from_our_own_proxies_only(settings):
    request = HttpRequest()
    request.META = {"REMOTE_ADDR": "10.0.0.1", "HTTP_X_FORWARDED_FOR": "6.6.6.6, 1.2.3.4"}
    assert client_address(request) == "10.0.0.1"
    settings.NUM_PROXIES = 1
    assert client_address(request) == "1.2.3.4"
    assert ratelimit.by_user_or_address(request, "x", SLOW)[0].bucket == "x:a:1.2.3.4"


def test_one_wrong_token_after_another_is_too_many(alice: Person, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("accounts.authentication.WRONG_TOKENS", Limit(0.001, 2))
    stranger = Person(user=alice.user, token="no" * 32)
    codes = [stranger.get("orders").code for _ in range(3)]
    codes += [stranger.post("order/submit").code for _ in range(2)]
    assert codes == [9001, 9001, 9004, 9004, 9004]
    assert alice.get("orders").status == 200


def test_draws_that_follow_later_are_never_more_than_the_bucket_held(monkeypatch):
    """Of a bucket that was more than half full the draw is owed; what is owed is paid with the next."""
    monkeypatch.setattr(cachepipe, "TIMEOUT_S", 60.0)
    monkeypatch.setattr(cachepipe, "_pipe", cachepipe.CachePipe())
    draws = [Draw("t:owed", Limit(0.001, 40))]

    async def draw() -> bool:
        try:
            await atake(draws)
        except ExchangeError:
            return False
        return True

    async def story() -> list[bool]:
        return [await draw() for _ in range(60)]

    allowed = asyncio.run(story())
    assert allowed == [True] * 40 + [False] * 20
