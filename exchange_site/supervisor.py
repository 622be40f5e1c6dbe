"""The supervisor behind `manage.py exchange`: starts, watches, restarts and drains (A-30)."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import redis

from exchange_site.embedded import EmbeddedServers, ServerFailed, die_with_parent
from exchange_site.env import BASE_DIR, Environment
from exchange_site.streams import Keys

FIRST_WAIT_S = 0.2
LONGEST_WAIT_S = 30.0
STEADY_S = 20.0
"""A process that lived this long begins again with the shortest wait."""
DRAIN_S = 30.0
READY_S = 60.0
POLL_S = 0.1

DAPHNE = (
    "--websocket_timeout", "-1", "--ping-interval", "20", "--ping-timeout", "60",
    "--websocket-max-message-size", "524288", "--no-server-name",
)  # fmt: skip
"""A-48: Daphne's own defaults would close every socket after a day with code 1000."""


class CannotStart(RuntimeError):
    """The exchange cannot start; the text tells the operator why."""


@dataclass
class Child:
    """One supervised process: how to start it, when it is ready, what to do when it died."""

    name: str
    command: list[str]
    is_ready: Callable[[], bool]
    on_death: Callable[[], None] = field(default=lambda: None)
    process: "subprocess.Popen[bytes] | None" = None
    started_at: float = 0.0
    wait_s: float = FIRST_WAIT_S
    restart_at: float = 0.0
    restarts: int = 0

    def start(self, logs: Path, variables: dict[str, str]) -> None:
        with (logs / f"{self.name}.log").open("ab") as log:
            self.process = subprocess.Popen(
                self.command, stdout=log, stderr=log, cwd=BASE_DIR, env=variables,
                preexec_fn=die_with_parent(signal.SIGTERM),
            )  # fmt: skip
        self.started_at = time.monotonic()

    def is_alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def stop(self, timeout_s: float) -> None:
        if self.process is None or not self.is_alive():
            return
        self.process.terminate()
        try:
            self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Supervisor:
    """Runs all processes of one site on one machine."""

    def __init__(self, env: Environment, say: Callable[[str], None]) -> None:
        self.env = env
        self.say = say
        self.stopping = threading.Event()
        self.directory = env.DATA_DIR.resolve()
        self.logs = self.directory / "logs"
        own = not env.DATABASE_URL and not env.REDIS_URL
        self.servers = EmbeddedServers(self.directory, env.EXCHANGE_LOG_FSYNC) if own else None
        self.variables = dict(os.environ)
        self.keys = Keys(env.EXCHANGE_VENUE)
        self.children: list[Child] = []

    # ------------------------------------------------------------------ start

    def run(self) -> None:
        """Start everything, watch until told to stop, drain."""
        self._refuse_taken_port()
        self.logs.mkdir(parents=True, exist_ok=True)
        self._lock_directory()
        began = time.monotonic()
        try:
            self._start_servers()
            self._manage("migrate", "--noinput", "-v", "0")
            self._manage("collectstatic", "--noinput", "-v", "0")
            self._start_children()
            if not self.stopping.is_set():
                self._announce(time.monotonic() - began)
            while not self.stopping.wait(POLL_S):
                self._watch()
        finally:
            self._drain()

    def stop(self, *_: object) -> None:
        """Signal handler: drain and end."""
        self.stopping.set()

    def _refuse_taken_port(self) -> None:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((self.env.BIND, self.env.PORT))
            except OSError as error:
                raise CannotStart(
                    f"port {self.env.PORT} on {self.env.BIND} is taken; choose another: PORT=8001 make run"
                ) from error

    def _lock_directory(self) -> None:
        """Two supervisors must not share a DATA_DIR; the lock goes with the process."""
        import fcntl

        self._lock = (self.directory / "supervisor.lock").open("w")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise CannotStart(f"an exchange already runs on {self.directory}") from error

    def _start_servers(self) -> None:
        if self.servers is not None:
            try:
                self.servers.start()
            except ServerFailed as error:
                raise CannotStart(str(error)) from error
            self.variables.update(self.servers.variables())
        self.variables["DATA_DIR"] = str(self.directory)

    def _manage(self, *arguments: str) -> str:
        """Run a management command to its end; CannotStart with its words when it fails."""
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments], cwd=BASE_DIR, env=self.variables,
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            raise CannotStart(f"manage.py {arguments[0]} failed:\n{done.stdout}{done.stderr}")
        return done.stdout

    def _start_children(self) -> None:
        """In order; each waits until the one before is ready."""
        venue = self.env.EXCHANGE_VENUE
        manage = [sys.executable, "manage.py"]
        self._add("worker", [*manage, "run_matching", "--venue", venue], self._worker_ready, self._free_lease)
        self._add("projector", [*manage, "run_projector", "--venue", venue], self._projector_ready)
        if self.stopping.is_set():
            return
        self._seed()
        web = [sys.executable, "-m", "daphne", *DAPHNE, "-b", self.env.BIND, "-p", str(self.env.PORT)]
        self._add("web", [*web, "exchange_site.asgi:application"], self._web_ready)
        self._add("settlement", [*manage, "run_settlement", "--venue", venue], lambda: True)
        if self.env.ROBOTS:
            self._add("robots", [*manage, "run_robots", "--venue", venue], lambda: True)

    def _seed(self) -> None:
        demo = ["--demo"] if self.servers is not None else []
        text = self._manage("seed", "--venue", self.env.EXCHANGE_VENUE, "--mode", self.env.VENUE_MODE, *demo)
        for line in text.splitlines():
            self.say(f"  {line}")

    def _add(
        self, name: str, command: list[str], is_ready: Callable[[], bool],
        on_death: Callable[[], None] = lambda: None,
    ) -> None:  # fmt: skip
        if self.stopping.is_set():
            return
        child = Child(name, command, is_ready, on_death)
        self.children.append(child)
        child.start(self.logs, self.variables)
        deadline = time.monotonic() + READY_S
        while not child.is_ready():
            if not child.is_alive():
                raise CannotStart(f"{name} ended at once:\n{self._log_end(name)}")
            if time.monotonic() > deadline:
                raise CannotStart(f"{name} was not ready in {READY_S:.0f} s:\n{self._log_end(name)}")
            if self.stopping.wait(0.05):
                return

    def _log_end(self, name: str) -> str:
        lines = (self.logs / f"{name}.log").read_text(errors="replace").splitlines()
        return "\n".join(lines[-15:])

    # ------------------------------------------------------------- conditions

    def _redis(self) -> "redis.Redis":
        url = self.variables["REDIS_URL"]
        return redis.Redis.from_url(url, socket_timeout=2, socket_connect_timeout=2, retry=None)

    def _worker_ready(self) -> bool:
        """The worker holds the lease and has reported."""
        client = self._redis()
        try:
            return bool(client.exists(self.keys.lease))
        except redis.RedisError:
            return False
        finally:
            client.close()

    def _projector_ready(self) -> bool:
        return True  # a fresh venue has no event to project before it is seeded

    def _web_ready(self) -> bool:
        try:
            with socket.create_connection((self.env.BIND, self.env.PORT), timeout=1):
                return True
        except OSError:
            return False

    def _free_lease(self) -> None:
        """A reaped worker cannot renew its lease: let its successor start at once (A-9)."""
        client = self._redis()
        try:
            client.delete(self.keys.lease)
        except redis.RedisError as error:
            self.say(f"the worker's lease could not be freed: {type(error).__name__}")
        finally:
            client.close()

    # ------------------------------------------------------------------ watch

    def _watch(self) -> None:
        """Restart what died, servers first, each with a growing wait."""
        if self.servers is not None:
            for server in self.servers.all:
                if not server.is_alive():
                    self.say(f"{server.name} died; starting it again")
                    try:
                        server.start()
                    except ServerFailed as error:
                        self.say(str(error))
        now = time.monotonic()
        for child in self.children:
            if child.is_alive():
                continue
            if not child.restart_at:
                self._bury(child, now)
            elif now >= child.restart_at:
                child.restart_at = 0.0
                child.restarts += 1
                child.start(self.logs, self.variables)

    def _bury(self, child: Child, now: float) -> None:
        code = child.process.returncode if child.process is not None else None
        child.on_death()
        if now - child.started_at > STEADY_S:
            child.wait_s = FIRST_WAIT_S
        child.restart_at = now + child.wait_s
        self.say(f"{child.name} ended with {code}; again in {child.wait_s:.1f} s")
        child.wait_s = min(child.wait_s * 2, LONGEST_WAIT_S)

    # ------------------------------------------------------------------ drain

    def _drain(self) -> None:
        """Stop in reverse order, so that nothing is asked of a part that has gone."""
        for child in reversed(self.children):
            child.stop(DRAIN_S)
        if self.servers is not None:
            self.servers.stop()
        self.say("stopped")

    def _announce(self, seconds: float) -> None:
        from trading.management.commands.seed import DEMO_PASSWORD

        base = f"http://{self.env.BIND}:{self.env.PORT}"
        self.say(f"\nThe exchange is open after {seconds:.1f} s ({self.env.VENUE_MODE} hours).")
        self.say(f"  control room  {base}/admin/")
        self.say(f"  API           {base}/api/docs")
        self.say(f"  health        {base}/health")
        if self.servers is not None:
            self.say(f"  demonstration user  demo / {DEMO_PASSWORD}")
            self.say("  administrator       admin / the password shown at the first start")
        self.say(f"  data and logs {self.directory}\n")
