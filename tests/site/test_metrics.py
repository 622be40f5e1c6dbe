"""The figures of the processes: their table, their endpoint, what is counted (O-30)."""

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen
from uuid import uuid4

import pytest
from prometheus_client.parser import text_string_to_metric_families

from exchange_site.env import BadEnvironment, Environment, environment
from exchange_site.metrics.catalogue import COUNTER, HISTOGRAM, METRICS, document
from exchange_site.metrics.endpoint import Endpoint, endpoints
from exchange_site.metrics.meter import Histogram, Meter, Worst
from tests.log.conftest import RunningWorker, await_until, open_venue, order
from trading.commands import VERDICTS, send_many
from trading.worker_figures import samples

ROOT = Path(__file__).resolve().parents[2]
TOKEN = "a-token-of-many-characters"


def values(text: str) -> dict[tuple[str, str], float]:
    """(name, value of the label besides venue) → figure of an exposition."""
    found = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            others = [value for name, value in sample.labels.items() if name not in ("venue", "le")]
            if not sample.name.endswith("_bucket"):
                found[sample.name, "".join(others)] = sample.value
    return found


def read(url: str, token: str = "") -> str:
    request = Request(url, headers={"Authorization": f"Bearer {token}"} if token else {})
    with urlopen(request, timeout=10) as answer:
        return str(answer.read().decode())


@pytest.fixture
def meter() -> Meter:
    return Meter("web", f"t{uuid4().hex[:12]}")


@pytest.fixture
def endpoint(meter: Meter) -> Iterator[Endpoint]:
    served = Endpoint(meter)
    yield served
    served.stop()


def test_the_document_is_made_of_the_table() -> None:
    assert (ROOT / "docs" / "metrics.md").read_text() == document()


def test_names_have_the_prefix_base_units_and_labels_without_ids() -> None:
    assert len({metric.name for metric in METRICS}) == len(METRICS)
    for metric in METRICS:
        assert re.fullmatch(r"exchange_[a-z_]+", metric.name)
        assert metric.name.endswith("_total") == (metric.kind == COUNTER)
        assert set(metric.labels) <= {"code", "part"}
        assert not re.search(r"_(ms|milliseconds|percent|kb|mb)(_|$)", metric.name)
        if metric.kind == HISTOGRAM:
            assert metric.name.endswith("_seconds")


def test_an_endpoint_answers_with_the_process_and_its_counts(meter: Meter, endpoint: Endpoint) -> None:
    meter.count("exchange_commands_undecided_total", 3)
    meter.observe("exchange_order_seconds", 0.004)
    found = values(read(endpoint.url))
    assert found["exchange_commands_undecided_total", ""] == 3
    assert found["exchange_order_seconds_count", ""] == 1
    assert found["exchange_process_resident_memory_bytes", "web"] > 1_000_000
    assert found["exchange_process_open_fds", "web"] > 0


def test_processes_are_found_by_what_they_tell_the_cache_until_they_end(meter: Meter) -> None:
    served = Endpoint(meter)
    rows = await_until(lambda: endpoints(meter.venue))
    assert [(row["part"], row["url"]) for row in rows] == [("web", served.url)]
    served.stop()
    assert endpoints(meter.venue) == []


def test_other_paths_are_not_found(endpoint: Endpoint) -> None:
    with pytest.raises(HTTPError) as error:
        read(endpoint.url.replace("/metrics", "/secrets"))
    assert error.value.code == 404


def test_with_a_token_only_its_bearer_reads(meter: Meter) -> None:
    served = Endpoint(meter, token=TOKEN)
    try:
        for wrong in ("", "another"):
            with pytest.raises(HTTPError) as error:
                read(served.url, wrong)
            assert error.value.code == 401
        assert "exchange_process_open_fds" in read(served.url, TOKEN)
    finally:
        served.stop()


def test_figures_leave_the_host_only_with_a_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXCHANGE_METRICS_BIND", "0.0.0.0")
    environment.cache_clear()
    try:
        with pytest.raises(BadEnvironment, match="EXCHANGE_METRICS_TOKEN"):
            environment()
        monkeypatch.setenv("EXCHANGE_METRICS_TOKEN", TOKEN)
        environment.cache_clear()
        assert environment().EXCHANGE_METRICS_BIND == "0.0.0.0"
    finally:
        monkeypatch.undo()
        environment.cache_clear()
    assert isinstance(environment(), Environment)


def test_a_name_that_is_not_in_the_table_cannot_be_exported(meter: Meter) -> None:
    meter.count("exchange_made_up_total")
    with pytest.raises(KeyError):
        meter.text()


def test_a_histogram_keeps_every_duration_below_its_bounds() -> None:
    histogram = Histogram()
    for seconds in (0.00001, 0.004, 0.004, 99.0):
        histogram.observe(seconds)
    buckets = dict(histogram.buckets())
    assert (buckets["1e-05"], buckets["0.0025"], buckets["0.005"], buckets["10.0"]) == (1, 1, 3, 3)
    assert buckets["+Inf"] == 4 and histogram.total == pytest.approx(99.00801)


def test_the_worst_of_the_last_spans_is_kept_and_then_forgotten() -> None:
    now = [0.0]
    worst = Worst(5.0, lambda: now[0])
    worst.note(0.3)
    worst.note(0.1)
    assert worst.value() == 0.3
    now[0] = 6.0
    assert worst.value() == 0.3
    now[0] = 20.0
    assert worst.value() == 0.0


def test_the_worker_counts_what_it_did() -> None:
    venue = f"t{uuid4().hex[:12]}"
    running = RunningWorker(venue)
    try:
        open_venue(venue)
        before = VERDICTS.buckets()[-1][1]
        outcomes = send_many(venue, [order(), order(), order(volume=0)], wait_s=30)
        assert [outcome.code for outcome in outcomes] == [0, 0, 1008]
        meter = Meter("worker", venue)
        meter.read_from(lambda: samples(running.worker))
        found = values(meter.text().decode())
        assert found["exchange_orders_total", ""] == 2
        assert found["exchange_rejects_total", "1008"] == 1
        assert found["exchange_commands_total", ""] == running.worker.house.commands
        assert found["exchange_match_seconds_count", ""] == found["exchange_commands_total", ""]
        assert await_until(lambda: running.worker.figures.publish.buckets()[-1][1]) > 0
        assert VERDICTS.buckets()[-1][1] == before + 3
    finally:
        running.stop()
