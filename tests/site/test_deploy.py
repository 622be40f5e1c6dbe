"""The files of deploy/ say what the code says: commands, options, ports, variables (A-34)."""

import asyncio
import configparser
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.core.management import get_commands

from exchange_site.cors import with_cors
from exchange_site.env import Environment
from exchange_site.supervisor import DAPHNE, Supervisor

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
OPTIONS = list(DAPHNE[: DAPHNE.index("-v")])
PORT = Environment.model_fields["PORT"].default
PROCESSES = {
    "matching": "run_matching", "projector": "run_projector", "marketdata": "run_marketdata",
    "watcher": "run_watcher",
}  # fmt: skip
SERVERS = {"postgres", "log", "cache"}


def unit(name: str) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read(DEPLOY / "systemd" / name)
    return parser


def command_of(name: str) -> list[str]:
    return shlex.split(unit(f"exchange-{name}.service")["Service"]["ExecStart"])[1:]


def test_every_variable_is_one_the_code_reads() -> None:
    named = set(COMPOSE["x-exchange"]["environment"])
    named |= set(re.findall(r"^([A-Z_]+)=", (DEPLOY / "exchange.env.example").read_text(), re.M))
    named |= set(re.findall(r"([A-Z_]{3,})=", (DEPLOY / "Dockerfile").read_text())) - {"PYTHONUNBUFFERED"}
    assert named <= set(Environment.model_fields), named - set(Environment.model_fields)


@pytest.mark.parametrize(("name", "command"), PROCESSES.items())
def test_every_process_runs_the_command_of_the_supervisor(name: str, command: str) -> None:
    assert command in get_commands()
    wanted = ["manage.py", command, "--venue", "main"]
    assert command_of(name) == wanted
    assert COMPOSE["services"][name]["command"] == ["python", *wanted]


@pytest.mark.parametrize("name", ["celery", "beat"])
def test_celery_runs_as_under_the_supervisor(name: str) -> None:
    wanted = command_of(name)
    assert wanted[:5] == ["-m", "celery", "-q", "-A", "exchange_site"]
    assert COMPOSE["services"][name]["command"] == ["python", *wanted]


def test_daphne_has_the_options_of_the_product_everywhere() -> None:
    cmd = re.findall(r'"([^"]*)"', (DEPLOY / "Dockerfile").read_text().rpartition("CMD [")[2])
    for found in (command_of("web@"), cmd[1:]):
        assert found[:2] == ["-m", "daphne"]
        assert found[-1] == "exchange_site.asgi:application"
        start = found.index(OPTIONS[0])
        assert found[start : start + len(OPTIONS)] == OPTIONS


def test_ports_agree_from_the_proxy_to_the_process() -> None:
    nginx = (DEPLOY / "nginx.conf").read_text()
    ports = [int(port) for port in re.findall(r"server 127\.0\.0\.1:(\d+)", nginx)]
    count = int(re.findall(r"WEB_PROCESSES=(\d+)", (DEPLOY / "exchange.env.example").read_text())[0])
    assert ports == [PORT + n for n in range(count)]
    wanted = unit("exchange.target")["Unit"]["Wants"].split()
    assert [f"exchange-web@{port}.service" for port in ports] == [one for one in wanted if "web@" in one]
    assert f"EXPOSE {PORT}" in (DEPLOY / "Dockerfile").read_text()
    assert COMPOSE["services"]["web"]["ports"][0].endswith(f":{PORT}")
    assert "/health/live" in (DEPLOY / "Dockerfile").read_text()


def test_the_proxy_keeps_sockets_for_a_day_and_overwrites_what_is_trusted() -> None:
    nginx = (DEPLOY / "nginx.conf").read_text()
    assert nginx.count("{") == nginx.count("}")
    for line in (
        "least_conn;", "gzip on;", "proxy_read_timeout 24h;", "ssl_protocols TLSv1.2 TLSv1.3;",
        "proxy_set_header Upgrade $http_upgrade;", "proxy_set_header X-Forwarded-Proto $scheme;",
        "proxy_set_header X-Forwarded-For $remote_addr;",
    ):  # fmt: skip
        assert line in nginx


def test_nothing_runs_as_root_and_everything_comes_back() -> None:
    assert re.search(r"^USER exchange$", (DEPLOY / "Dockerfile").read_text(), re.M)
    units = sorted((DEPLOY / "systemd").glob("*.service"))
    target = unit("exchange.target")["Unit"]["Wants"]
    for path in units:
        service = unit(path.name)["Service"]
        assert (service["User"], service["Restart"]) == ("exchange", "always")
        assert int(service["TimeoutStopSec"]) > 30
        assert path.name.replace("@.service", "@8000.service") in target
    names = set(COMPOSE["services"]) - SERVERS - {"prepare"}
    assert names == {path.stem.removeprefix("exchange-").rstrip("@") for path in units}
    assert hasattr(Supervisor, "_daphne")


def test_the_log_is_never_evicted_and_is_synced() -> None:
    log, cache = (COMPOSE["services"][name]["command"] for name in ("log", "cache"))
    assert "--appendonly yes" in log and "--appendfsync always" in log
    assert all("--maxmemory-policy noeviction" in command for command in (log, cache))


# ------------------------------------------------------------------------------ CORS


def answered(origins: str, origin: str, method: str = "POST", path: str = "/api/orders") -> dict[str, Any]:
    """Status and headers of a request from a page of an origin."""
    sent: list[dict[str, Any]] = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"x"})

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    headers = [(b"origin", origin.encode()), (b"access-control-request-method", b"POST")]
    scope = {"type": "http", "method": method, "path": path, "headers": headers}
    asyncio.run(with_cors(application, origins)(scope, None, send))
    return {"status": sent[0]["status"], **{name.decode(): value for name, value in sent[0]["headers"]}}


def test_listed_origins_may_call_the_api_and_no_other() -> None:
    listed = "https://a.test, https://b.test"
    answer = answered(listed, "https://b.test")
    assert answer["access-control-allow-origin"] == b"https://b.test"
    assert "access-control-allow-credentials" not in answer
    preflight = answered(listed, "https://a.test", "OPTIONS")
    assert preflight["status"] == 204 and b"authorization" in preflight["access-control-allow-headers"]
    for origins, origin, path in (
        (listed, "https://a.test.evil", "/api/orders"), ("", "https://a.test", "/api/orders"),
        (listed, "null", "/api/orders"), (listed, "https://a.test", "/admin/"),
    ):  # fmt: skip
        assert set(answered(origins, origin, path=path)) == {"status"}
