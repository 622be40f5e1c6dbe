"""A supervised process and its log: started, watched, echoed, stopped (A-30)."""

import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from exchange_site.embedded import die_with_parent
from exchange_site.env import BASE_DIR

FIRST_WAIT_S = 0.2
LONGEST_WAIT_S = 30.0
STEADY_S = 20.0
"""A process that lived this long begins again with the shortest wait."""
MAX_LOG_BYTES = 32 << 20
ECHO_BYTES = 64 << 10
"""More than this between two looks is left to the log file."""


class LogTail:
    """What was appended to a log file since the last look, as whole lines."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.offset = path.stat().st_size if path.exists() else 0

    def lines(self) -> list[str]:
        """The new whole lines; the last ones only when there are very many."""
        if not self.path.exists():
            return []
        size = self.path.stat().st_size
        self.offset = max(0 if size < self.offset else self.offset, size - ECHO_BYTES)
        with self.path.open("rb") as file:
            file.seek(self.offset)
            text = file.read(size - self.offset)
        whole, newline, _ = text.rpartition(b"\n")
        self.offset += len(whole) + len(newline)
        return whole.decode("utf-8", "replace").splitlines()


@dataclass
class Child:
    """One supervised process: how to start it and what to do when it died."""

    name: str
    command: list[str]
    logs: Path
    keep_open: tuple[int, ...] = ()
    """Descriptors it inherits: the data folder stays locked until the last child is gone."""
    on_death: Callable[[int], None] = field(default=lambda pid: None)
    """Called with the process id of one that ended by itself."""
    process: "subprocess.Popen[bytes] | None" = None
    started_at: float = 0.0
    wait_s: float = FIRST_WAIT_S
    restart_at: float = 0.0
    restarts: int = 0
    tail: LogTail = field(init=False)
    log_start: int = 0

    def __post_init__(self) -> None:
        self._rotate()
        self.tail = LogTail(self.log_path)

    @property
    def log_path(self) -> Path:
        return self.logs / f"{self.name}.log"

    def _rotate(self) -> None:
        if self.log_path.exists() and self.log_path.stat().st_size > MAX_LOG_BYTES:
            self.log_path.replace(self.log_path.with_suffix(".log.1"))

    def start(self, variables: dict[str, str]) -> None:
        """Start it with this environment; what it prints goes to its log."""
        self._rotate()
        with self.log_path.open("ab") as log:
            self.log_start = log.tell()
            self.process = subprocess.Popen(
                self.command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd=BASE_DIR,
                env=variables, pass_fds=self.keep_open, preexec_fn=die_with_parent(signal.SIGTERM),
            )  # fmt: skip
        self.started_at = time.monotonic()
        self.restart_at = 0.0

    def is_alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    @property
    def exit_code(self) -> int | None:
        return self.process.poll() if self.process is not None else None

    def bury(self, now: float) -> str:
        """Note a death and when to start again; a sentence about it."""
        if self.process is not None:
            self.on_death(self.process.pid)
        if now - self.started_at > STEADY_S:
            self.wait_s = FIRST_WAIT_S
        pause_s, self.wait_s = self.wait_s, min(self.wait_s * 2, LONGEST_WAIT_S)
        self.restart_at = now + pause_s
        self.restarts += 1
        return f"ended with {self.exit_code}; again in {pause_s:.1f} s"

    def stop(self, timeout_s: float) -> None:
        """Ask it to end; kill it when it does not."""
        if self.process is None or not self.is_alive():
            return
        self.process.terminate()
        try:
            self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def said(self) -> list[str]:
        """The lines it has printed since its last start."""
        if not self.log_path.exists():
            return []
        with self.log_path.open("rb") as log:
            log.seek(self.log_start)
            return log.read().decode("utf-8", "replace").splitlines()

    def last_words(self) -> str:
        """The end of what it said."""
        return "\n".join(self.said()[-15:])
