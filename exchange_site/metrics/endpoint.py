"""`/metrics` of one process on a port of its own, and where all of them are (O-30, H-2).

The server is a few lines and one thread: the matching worker runs without the collector of
cycles, so nothing that answers here may leave any behind.
"""

import hmac
import logging
import os
import socket
import threading
import time
from typing import Any

import msgspec
import redis
from django.conf import settings
from prometheus_client import CONTENT_TYPE_LATEST

from exchange_site.env import environment
from exchange_site.metrics.meter import METER, Meter
from exchange_site.streams import Keys, Link, LogRefused, LogUncertain, cache_client

TOLD_EVERY_S = 5.0
KNOWN_S = 20
"""A process that has not told its address for so long is gone."""
MAX_HEAD = 8_192
PORTS = 64
"""With a first port given, so many are tried: each process of a host takes one."""
LOOPBACK = ("127.0.0.1", "::1", "localhost")
_log = logging.getLogger(__name__)


def address_key(venue: str, process_id: str) -> str:
    return f"{Keys(venue).prefix}metrics:{process_id}"


class Endpoint:
    """Serves a meter until `stop`; `url` says where."""

    def __init__(
        self, meter: Meter, host: str = "", port: int | None = None, token: str | None = None
    ) -> None:
        env = environment()
        self.meter = meter
        self.host = host or env.EXCHANGE_METRICS_BIND
        self.token = env.EXCHANGE_METRICS_TOKEN if token is None else token
        self.process_id = f"{meter.part}.{socket.gethostname()}.{os.getpid()}"
        first = env.EXCHANGE_METRICS_PORT if port is None else port
        self._socket = _listen(self.host, first)
        self.port = int(self._socket.getsockname()[1])
        self.url = f"http://{_reachable(self.host)}:{self.port}/metrics"
        self._stop = threading.Event()
        self._link: Link | None = None
        self._told_at = 0.0
        self._thread = threading.Thread(target=self._serve, daemon=True, name="metrics")
        self._thread.start()

    def stop(self) -> None:
        """Close the port and take the address back."""
        self._stop.set()
        self._thread.join(5.0)
        self._socket.close()

    def _serve(self) -> None:
        self._socket.settimeout(0.5)
        while not self._stop.is_set():
            if time.monotonic() - self._told_at >= TOLD_EVERY_S:
                self._told_at = time.monotonic()
                self._tell("SET", self._address(), "EX", KNOWN_S)
            try:
                client, _ = self._socket.accept()
            except TimeoutError:
                continue
            except OSError:
                return
            try:
                with client:
                    client.settimeout(2.0)
                    client.sendall(self._answer(_head(client)))
            except OSError as error:
                _log.info("metrics: a reader went away: %s", error)
            except Exception:  # noqa: BLE001  a figure that cannot be read must not end the others
                _log.exception("metrics could not be read")
        self._tell("DEL")

    def _address(self) -> bytes:
        body = {"process_id": self.process_id, "part": self.meter.part, "pid": os.getpid(), "url": self.url}
        return msgspec.json.encode(body)

    def _tell(self, verb: str, *arguments: Any) -> None:
        """Write the address into the cache; a cache that is away is told next time."""
        try:
            if self._link is None:
                self._link = Link(url=settings.CACHE_URL)
            self._link.call(verb, address_key(self.meter.venue, self.process_id), *arguments)
        except (LogRefused, LogUncertain, redis.RedisError, OSError):
            if self._link is not None:
                self._link.close()
                self._link = None

    def _answer(self, head: str) -> bytes:
        request, _, fields = head.partition("\r\n")
        method, _, rest = request.partition(" ")
        path = rest.partition(" ")[0].partition("?")[0]
        if method not in ("GET", "HEAD") or path != "/metrics":
            return _response("404 Not Found", b"not found\n")
        if self.token and not is_bearer(_field(fields, "authorization"), self.token):
            return _response("401 Unauthorized", b"a bearer token is needed\n")
        return _response("200 OK", self.meter.text(), CONTENT_TYPE_LATEST)


def is_bearer(given: str, token: str) -> bool:
    """Whether an Authorization header carries the token."""
    return hmac.compare_digest(given.encode(), f"Bearer {token}".encode())


def serve(part: str, venue: str = "", meter: Meter = METER) -> Endpoint | None:
    """Serve this process's figures from now on; None, with a line in the log, when no port is free."""
    meter.part, meter.venue = part, venue or settings.VENUE
    try:
        return Endpoint(meter)
    except OSError as error:
        _log.error("no port for metrics: %s", error)
        return None


def endpoints(venue: str = "") -> list[dict[str, Any]]:
    """Where the processes of a venue are read: `{process_id, part, pid, url}` each."""
    with cache_client() as client:
        keys = list(client.scan_iter(address_key(venue or settings.VENUE, "*"), count=500))
        found: Any = client.mget(keys) if keys else []
    rows = [msgspec.json.decode(data) for data in found if data]
    return sorted(rows, key=lambda row: str(row["process_id"]))


def _listen(host: str, first: int) -> socket.socket:
    """A listening socket on the first port that is free, or on any for 0."""
    ports = range(first, min(first + PORTS, 65_536)) if first else (0,)
    for port in ports:
        try:
            return socket.create_server((host, port), family=_family(host))
        except OSError:
            if port == ports[-1]:
                raise
    raise OSError("no port")


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def _reachable(host: str) -> str:
    if host in LOOPBACK:
        return f"[{host}]" if ":" in host else host
    return socket.gethostname() if host in ("0.0.0.0", "::") else host


def _head(client: socket.socket) -> str:
    data = b""
    while b"\r\n\r\n" not in data and len(data) < MAX_HEAD:
        more = client.recv(4_096)
        if not more:
            break
        data += more
    return data.partition(b"\r\n\r\n")[0].decode("latin-1")


def _field(fields: str, wanted: str) -> str:
    for line in fields.split("\r\n"):
        name, _, value = line.partition(":")
        if name.strip().lower() == wanted:
            return value.strip()
    return ""


def _response(status: str, body: bytes, kind: str = "text/plain; charset=utf-8") -> bytes:
    fields = {"Content-Type": kind, "Content-Length": len(body), "Connection": "close"}
    lines = (f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in fields.items()), "", "")
    head = "\r\n".join(lines)
    return head.encode("latin-1") + body
