"""A supervised process: its log, its echo, its waits between starts."""

import os
import sys
from pathlib import Path

import pytest

from exchange_site import children
from exchange_site.children import Child, LogTail


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "web.log"


def test_only_new_whole_lines_are_echoed(log: Path) -> None:
    log.write_text("of the last run\n")
    tail = LogTail(log)
    with log.open("a") as file:
        file.write("one\ntwo\nhalf")
        file.flush()
        assert tail.lines() == ["one", "two"]
        file.write(" a line\n")
    assert tail.lines() == ["half a line"]
    assert tail.lines() == []


def test_a_log_begun_anew_is_read_from_its_start(log: Path) -> None:
    log.write_text("a long first line\n")
    tail = LogTail(log)
    log.write_text("new\n")
    assert tail.lines() == ["new"]


def test_a_flood_is_left_to_the_file(log: Path) -> None:
    tail = LogTail(log)
    log.write_text("x" * 99 + "\n" + ("y" * 99 + "\n") * 2_000)
    assert len(tail.lines()) <= children.ECHO_BYTES // 100 + 1


def test_a_missing_log_has_no_lines(log: Path) -> None:
    assert LogTail(log).lines() == []


def run(child: Child) -> None:
    child.start(dict(os.environ))
    assert child.process is not None
    child.process.wait(20)


def test_its_words_since_the_last_start_are_known(tmp_path: Path) -> None:
    child = Child("web", [sys.executable, "-c", "print('here'); raise SystemExit(3)"], tmp_path)
    run(child)
    run(child)
    assert child.said() == ["here"]
    assert child.exit_code == 3
    assert child.log_path.read_text() == "here\nhere\n"


def test_the_wait_doubles_up_to_a_limit_and_is_short_again_after_steady_work(tmp_path: Path) -> None:
    reaped: list[int] = []
    child = Child("web", [sys.executable, "-c", "pass"], tmp_path, on_death=reaped.append)
    run(child)
    assert child.process is not None
    now = child.started_at
    waits = [child.bury(now) and child.restart_at - now for _ in range(10)]
    assert waits[:3] == pytest.approx([0.2, 0.4, 0.8])
    assert waits[-1] == pytest.approx(children.LONGEST_WAIT_S)
    child.bury(now + children.STEADY_S + 1)
    assert child.restart_at - (now + children.STEADY_S + 1) == pytest.approx(0.2)
    assert set(reaped) == {child.process.pid}


def test_a_process_that_ignores_the_request_is_killed(tmp_path: Path) -> None:
    ignore = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)"
    code = f"{ignore}; print('up', flush=True); signal.pause()"
    child = Child("web", [sys.executable, "-c", code], tmp_path)
    child.start(dict(os.environ))
    while child.said() != ["up"]:
        assert child.is_alive()
    child.stop(timeout_s=0.2)
    assert child.exit_code == -9


def test_a_large_log_is_put_aside_at_the_next_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(children, "MAX_LOG_BYTES", 10)
    (tmp_path / "web.log").write_text("more than ten bytes")
    child = Child("web", [sys.executable, "-c", "print('new')"], tmp_path)
    run(child)
    assert child.log_path.read_text() == "new\n"
    assert (tmp_path / "web.log.1").read_text() == "more than ten bytes"
