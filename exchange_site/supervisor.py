"""The supervisor behind `manage.py exchange`: starts, watches, restarts and drains (A-30)."""

import fcntl
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import redis

from exchange_site import running
from exchange_site.children import Child
from exchange_site.embedded import EmbeddedServers, Server, ServerFailed
from exchange_site.env import Environment, environment
from exchange_site.streams import Keys, last_stream_id, stream_id

DRAIN_S = 30.0
READY_S = 60.0
POLL_S = 0.1
LEFT_OVER_S = 20.0
"""How long processes of a killed supervisor get to end before the next one gives up."""

DAPHNE = (
    "--websocket_timeout", "-1", "--ping-interval", "20", "--ping-timeout", "60",
    "--websocket-max-message-size", "524288", "--no-server-name", "-v", "0",
)  # fmt: skip
"""A-48: Daphne's own defaults would close every socket after a day with code 1000."""

MIGRATED, COLLECTED = "prepare: tables are up to date", "prepare: static files are collected"
NOTE = "note: "
"""What `manage.py prepare` says when it is so far, and before what the operator must know."""

FREE_LEASE = """
local holder = redis.call('GET', KEYS[1])
if holder and string.find(holder, ARGV[1], 1, true) then return redis.call('DEL', KEYS[1]) end
return 0
"""
"""KEYS lease; ARGV ":pid:" of the reaped worker: its lease goes, a successor's stays."""


class CannotStart(RuntimeError):
    """The exchange cannot start; the text tells the operator why."""


class Supervisor:
    """Runs all processes of one site on one machine."""

    def __init__(self, env: Environment, say: Callable[[str], None]) -> None:
        self.env = env
        self.say = say
        self.stopping = threading.Event()
        self.directory = env.DATA_DIR.resolve()
        self.logs = self.directory / "logs"
        self.servers = self._own_servers()
        self.variables = {**os.environ, "DATA_DIR": str(self.directory), "PYTHONUNBUFFERED": "1"}
        self.keys = Keys(env.EXCHANGE_VENUE)
        self.children: list[Child] = []
        self.notes: list[str] = []
        self._seed_seq = -1
        self._lock = -1
        self._server_deaths: dict[str, float] = {}

    def _own_servers(self) -> EmbeddedServers | None:
        """Embedded servers, or None when the environment names all of them."""
        given = {"DATABASE_URL": self.env.DATABASE_URL, "REDIS_URL": self.env.REDIS_URL}
        missing = [name for name, url in given.items() if not url]
        if not missing:
            return None
        if len(missing) < len(given):
            raise CannotStart(f"{missing[0]} is missing: name both servers or neither")
        return EmbeddedServers(self.directory, self.env.EXCHANGE_LOG_FSYNC)

    # ------------------------------------------------------------------ start

    def run(self) -> None:
        """Start everything, watch until told to stop, drain. CannotStart says why not."""
        began = time.monotonic()
        self.logs.mkdir(parents=True, exist_ok=True)
        self._lock_directory()
        self._refuse_taken_port()
        try:
            self._start_all()
            if not self.stopping.is_set():
                self._announce(time.monotonic() - began)
            while not self.stopping.wait(POLL_S):
                self._watch()
        except ServerFailed as error:
            raise CannotStart(str(error)) from error
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
                where = f"port {self.env.PORT} on {self.env.BIND}"
                raise CannotStart(f"{where} is taken; choose another: PORT=8001 make run") from error

    def _lock_directory(self) -> None:
        """Two supervisors must not share a DATA_DIR.

        Children inherit the lock, so those of a supervisor that was killed are waited for.
        """
        path = self.directory / "supervisor.lock"
        self._lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        until = time.monotonic() + LEFT_OVER_S
        while not self._try_lock():
            if _is_running(path) or time.monotonic() > until:
                raise CannotStart(f"an exchange already runs on {self.directory}")
            time.sleep(POLL_S)
        os.truncate(self._lock, 0)
        os.pwrite(self._lock, str(os.getpid()).encode(), 0)

    def _try_lock(self) -> bool:
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _start_all(self) -> None:
        """Each as soon as what it needs is there: the log, the tables, the static files."""
        if self.servers is not None:
            self.servers.log.start()
            self.servers.cache.start()
            self.variables |= self.servers.variables()
        worker = self._add("worker", *self._manage("run_matching"), on_death=self._free_lease)
        if self.servers is not None:
            self.servers.postgres.start()
            running.tell(self.directory, self.servers.variables())
        demo = ["--demo"] if self.servers is not None else []
        prepare = self._add("prepare", sys.executable, "manage.py", "prepare", *demo)
        self._await(lambda: MIGRATED in prepare.said(), prepare)
        projector = self._add("projector", *self._manage("run_projector"))
        self._await(lambda: COLLECTED in prepare.said(), prepare)
        web = self._add("web", *self._daphne())
        self._await(self._worker_is_ready, worker)
        self._await(lambda: prepare.exit_code == 0, prepare)
        self._dismiss(prepare)
        self._add("marketdata", *self._manage("run_marketdata"))
        if self.env.FEED != "off":
            self._add("feed", *self._manage("run_feed"), "--database")
        if self.env.ROBOTS:
            self._add("robots", *self._manage("run_robots"))
        self._await(self._web_is_ready, web)
        self._await(self._seed_is_projected, projector)
        if self.env.EXCHANGE_JOBS:
            self._add(
                "celery",
                *self._celery("worker", "--concurrency", "2", "--without-mingle", "--without-gossip"),
            )
            self._add("beat", *self._celery("beat", "--schedule", str(self.directory / "beat")))
        self._add("watcher", *self._manage("run_watcher"))

    def _manage(self, command: str) -> tuple[str, ...]:
        return (sys.executable, "manage.py", command, "--venue", self.env.EXCHANGE_VENUE)

    def _daphne(self) -> tuple[str, ...]:
        where = ("-b", self.env.BIND, "-p", str(self.env.PORT))
        return (sys.executable, "-m", "daphne", *DAPHNE, *where, "exchange_site.asgi:application")

    def _celery(self, *arguments: str) -> tuple[str, ...]:
        level = ("--loglevel", "WARNING")
        return (sys.executable, "-m", "celery", "-q", "-A", "exchange_site", *arguments, *level)

    def _add(self, name: str, *command: str, on_death: Callable[[int], None] = lambda pid: None) -> Child:
        child = Child(name, list(command), self.logs, (self._lock,), on_death)
        if not self.stopping.is_set():
            self.children.append(child)
            child.start(self.variables)
        return child

    def _dismiss(self, prepare: Child) -> None:
        """The site is prepared: nothing to watch any more; keep what the operator must know."""
        self._echo()
        if prepare in self.children and prepare.exit_code == 0:
            self.children.remove(prepare)
        notes = (line.partition(NOTE) for line in prepare.said())
        self.notes = [text for _, mark, text in notes if mark]

    def _await(self, is_ready: Callable[[], bool], child: Child) -> None:
        """Wait until it is so; CannotStart when the child ends before. Returns when stopping."""
        deadline = time.monotonic() + READY_S
        while not self.stopping.is_set() and not is_ready():
            if not child.is_alive() and child.exit_code:
                raise CannotStart(f"{child.name} ended at once:\n{child.last_words()}")
            if time.monotonic() > deadline:
                raise CannotStart(f"{child.name} was not ready in {READY_S:.0f} s:\n{child.last_words()}")
            self._echo()
            self.stopping.wait(0.02)

    # ------------------------------------------------------------- conditions

    def _redis(self) -> "redis.Redis":
        url = self.variables["REDIS_URL"]
        return redis.Redis.from_url(url, socket_timeout=2, socket_connect_timeout=2, retry=None)

    def _worker_is_ready(self) -> bool:
        """The worker holds the lease."""
        try:
            with self._redis() as client:
                return bool(client.exists(self.keys.lease))
        except redis.RedisError:
            return False

    def _seed_is_projected(self) -> bool:
        """The tables have caught up once with what the seed sent."""
        try:
            with self._redis() as client:
                cursor: Any = client.hget(self.keys.cursors, "projector")
                return cursor is not None and int(cursor) >= self._seeded(client)
        except redis.RedisError:
            return False

    def _seeded(self, client: "redis.Redis") -> int:
        """Sequence of the last event when this was asked first; trading goes on meanwhile."""
        if self._seed_seq < 0:
            self._seed_seq = stream_id(last_stream_id(client, self.keys.events))[0]
        return self._seed_seq

    def _web_is_ready(self) -> bool:
        host = "127.0.0.1" if self.env.BIND in ("0.0.0.0", "::") else self.env.BIND
        try:
            with urlopen(f"http://{host}:{self.env.PORT}/health/live", timeout=2) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def _free_lease(self, pid: int) -> None:
        """A reaped worker cannot renew its lease: let its successor start at once (A-9)."""
        try:
            with self._redis() as client:
                client.eval(FREE_LEASE, 1, self.keys.lease, f":{pid}:")
        except redis.RedisError as error:
            self.say(f"the worker's lease could not be freed: {type(error).__name__}")

    # ------------------------------------------------------------------ watch

    def _watch(self) -> None:
        """Restart what died, servers first, each with a growing wait."""
        now = time.monotonic()
        for server in self.servers.all if self.servers is not None else []:
            if not server.is_alive():
                self._revive(server, now)
        for child in self.children:
            if child.is_alive():
                continue
            if not child.restart_at:
                self.say(f"{child.name} {child.bury(now)}")
            elif now >= child.restart_at:
                child.start(self.variables)
        self._echo()

    def _revive(self, server: Server, now: float) -> None:
        """Start a server again, at most once a second."""
        if now - self._server_deaths.get(server.name, -1.0) < 1.0:
            return
        self._server_deaths[server.name] = now
        self.say(f"{server.name} died; starting it again")
        try:
            server.start()
        except ServerFailed as error:
            self.say(str(error))

    def _echo(self) -> None:
        """New lines of every process's log, each with its name."""
        for child in self.children:
            for line in child.tail.lines():
                self.say(f"{child.name:>10} | {line}")

    # ------------------------------------------------------------------ drain

    def _drain(self) -> None:
        """Stop in reverse order, so that nothing is asked of a part that has gone."""
        for child in reversed(self.children):
            child.stop(DRAIN_S)
            self._echo()
        if self.servers is not None:
            running.forget(self.directory)
            self.servers.stop()
        self.say("stopped")

    def _announce(self, seconds: float) -> None:
        base = f"http://{self.env.BIND}:{self.env.PORT}"
        lines = [
            f"\nThe exchange is open after {seconds:.1f} s ({self.env.VENUE_MODE} hours).",
            f"  terminal            {base}/",
            f"  control room        {base}/admin/",
            f"  API                 {base}/api/docs",
            f"  health              {base}/health",
        ]
        for note in self.notes:
            name, _, value = note.partition(": ")
            lines.append(f"  {name:<19} {value.format(base=base, host=base.partition('//')[2])}")
        lines.append(f"  data and logs       {self.directory}\n")
        self.say("\n".join(lines))


def _is_running(path: Path) -> bool:
    """Does the supervisor that wrote this lock file still run?"""
    text = path.read_text().strip()
    if not text.isdigit():
        return False
    command = Path(f"/proc/{text}/cmdline")
    try:
        return b"exchange" in command.read_bytes()
    except OSError:
        return False


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def main() -> int:
    """Run until SIGTERM or Ctrl-C; the exit status."""
    supervisor: Supervisor | None = None
    try:
        supervisor = Supervisor(environment(), _say)
        signal.signal(signal.SIGTERM, supervisor.stop)
        signal.signal(signal.SIGINT, supervisor.stop)
        supervisor.run()
    except CannotStart as error:
        sys.stderr.write(f"The exchange cannot start: {error}\n")
        return 1
    return 0
