"""When new opening orders wait (A-8a)."""

import time
from collections import namedtuple

import pytest

from exchange_site.exceptions import ExchangeError
from tests.log.conftest import ALICE, order
from trading import backpressure
from trading.backpressure import check_opening_allowed, measure, opening_allowed
from trading.codec import encode_events
from trading.commands import send

Usage = namedtuple("Usage", "total used free")


@pytest.fixture(autouse=True)
def fresh():
    backpressure.forget()
    yield
    backpressure.forget()


def test_a_venue_whose_readers_keep_up_is_open(venue, log, keys):
    assert opening_allowed(venue)
    outcome = send(venue, order(), user_id=ALICE.user_id)
    log.hset(keys.cursors, "projector", outcome.last_seq)
    assert measure(venue) == (0, "")
    check_opening_allowed(venue)


def test_200_000_events_behind_are_too_many(name, log, keys):
    log.xadd(keys.events, {"c": "1-0", "e": encode_events([])}, id="200002-0")
    log.hset(keys.cursors, "projector", 2)
    assert measure(name)[0] == 0
    log.hset(keys.cursors, "projector", 1)
    with pytest.raises(ExchangeError) as refused:
        check_opening_allowed(name)
    assert refused.value.code == 9005 and not opening_allowed(name)


@pytest.mark.parametrize(("age_s", "code"), [(30, 0), (90, 9005)])
def test_60_seconds_behind_are_too_many(name, log, keys, age_s, code):
    event = [2, "VenueHalted", 1, time.time_ns() - age_s * 10**9, "c", ""]
    log.xadd(keys.events, {"c": "1-0", "e": encode_events([event])}, id="2-0")
    log.hset(keys.cursors, "projector", 1)
    assert measure(name)[0] == code


def test_a_log_of_2_gib_is_too_long(venue, monkeypatch):
    monkeypatch.setattr(backpressure, "MAX_LOG_BYTES", 100)
    assert measure(venue)[0] == 9005


def test_a_disk_that_is_nearly_full_is_a_storage_error(venue, monkeypatch):
    monkeypatch.setattr(backpressure.shutil, "disk_usage", lambda path: Usage(0, 0, 511 << 20))
    with pytest.raises(ExchangeError) as refused:
        check_opening_allowed(venue)
    assert refused.value.code == 5002


def test_it_looks_once_a_second(venue, monkeypatch):
    looks = []
    monkeypatch.setattr(backpressure, "measure", lambda venue: looks.append(1) or (0, ""))
    for _ in range(100):
        assert opening_allowed(venue)
    assert len(looks) <= 2


def test_a_log_that_does_not_answer_refuses(settings):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    assert measure("nowhere")[0] == 9005
