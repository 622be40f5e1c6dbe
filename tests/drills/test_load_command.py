"""`manage.py load` measures a running venue and checks its books (O-60)."""

import re
import socket
from collections.abc import Iterator

import pytest

from benchmarks.site import Site, running_site, wait_for_worker, wait_until
from exchange_site.embedded import free_port
from exchange_site.supervisor import DAPHNE

VENUE = "main"


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    """A venue with contracts, a worker and a projector."""
    with running_site(database=True) as site:
        site.manage("migrate", "--verbosity", "0")
        site.spawn("run_matching", "--venue", VENUE)
        wait_for_worker(site, VENUE)
        site.run_python("-m", "tests.drills.venue", VENUE)
        site.spawn("run_projector", "--venue", VENUE)
        yield site


def load(site: Site, *arguments: str) -> str:
    return site.manage("load", "--venue", VENUE, *arguments)


def test_it_prints_rates_latencies_and_rejects_and_finds_the_books_sound(site):
    text = load(site, "--orders", "1500", "--accounts", "3")
    assert re.search(r"commands: 1500 in [\d.]+ s, \d+/s", text), text
    assert re.search(r"answered: 1500, without a verdict: 0", text)
    assert re.search(r"latency, ms: p50 [\d.]+, p90 [\d.]+, p99 [\d.]+, p999 [\d.]+, max [\d.]+", text)
    assert re.search(r"rejected: 1005 self trade: \d+", text)
    assert re.search(r"books: sound, \d+ orders exactly once", text)


def test_it_keeps_to_one_instrument_and_to_a_rate(site):
    text = load(site, "--orders", "300", "--accounts", "5", "--rate", "200", "--instrument", "SHFE.lt2703")
    assert "contracts: SHFE.lt2703\n" in text
    seconds = float(re.search(r"in ([\d.]+) s", text)[1])
    assert seconds >= 1.4


@pytest.fixture(scope="module")
def url(site: Site) -> str:
    """Where a web process of the site serves DIFF."""
    port = free_port()
    site.spawn_python(
        "-m", "daphne", "-p", str(port), "-b", "127.0.0.1", *DAPHNE, "exchange_site.asgi:application"
    )
    wait_until(lambda: is_listening(port), 60, "Daphne")
    return f"ws://127.0.0.1:{port}/ws/diff"


def is_listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_sockets_watch_the_load_and_the_age_of_what_they_see_is_printed(site, url):
    text = load(site, "--orders", "400", "--accounts", "5", "--sockets", "7", "--url", url)
    assert "sockets: 7, closed early: 0, without an update: 0" in text
    assert int(re.search(r"pushes: (\d+) in [\d.]+ s, \d+/s", text)[1]) >= 7
    assert re.search(r"push latency, ms: p50 [\d.]+, p90 [\d.]+, p99 [\d.]+, p999 [\d.]+, max [\d.]+", text)
    assert "books: sound" in text


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--instrument", "SHFE.none"], "SHFE.none does not trade"),
        (["--orders", "0"], "at least 1 order"),
        (["--venue", "nobody"], "no contract of nobody trades now"),
        (["--sockets", "-1"], "0 to 10000 sockets"),
        (["--sockets", "2", "--url", "ws://127.0.0.1:9/ws/diff"], "sockets could not be opened: "),
    ],
)
def test_it_says_why_it_cannot_run(site, arguments, said):
    with pytest.raises(RuntimeError, match=said):
        load(site, *arguments)
