"""The environment is typed, and a bad one stops the start by name (A-24)."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from exchange_site.env import Environment, unknown_variables

ROOT = Path(__file__).resolve().parents[2]


def start_with(tmp_path: Path, **variables: str) -> "subprocess.CompletedProcess[str]":
    """Read the settings in a process of their own."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("EXCHANGE_")}
    env |= {"DATA_DIR": str(tmp_path), **variables}
    code = "import exchange_site.settings as s; print('started', s.VENUE_MODE, s.DEBUG)"
    return subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=env, capture_output=True, text=True, check=False
    )


def test_it_starts_with_defaults_and_without_debug(tmp_path: Path) -> None:
    done = start_with(tmp_path, EXCHANGE_EMBEDDED="1")
    assert done.stdout.strip() == "started always False"


def test_it_names_an_unknown_variable(tmp_path: Path) -> None:
    done = start_with(tmp_path, EXCHANGE_LOG_FSINK="always")
    assert done.returncode != 0
    assert "Unknown environment variable: EXCHANGE_LOG_FSINK" in done.stderr


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("EXCHANGE_LOG_FSYNC", "sometimes"),
        ("PORT", "70000"),
        ("PORT", "eighty"),
        ("VENUE_MODE", "weekends"),
        ("EXCHANGE_VENUE", "Main Venue"),
        ("ROBOTS", "perhaps"),
        ("EXCHANGE_DB_POOL", "0"),
    ],
)
def test_it_names_a_bad_value(tmp_path: Path, name: str, value: str) -> None:
    done = start_with(tmp_path, **{name: value})
    assert done.returncode != 0
    assert name in done.stderr and "Bad environment" in done.stderr


def test_a_secret_key_is_required_with_servers_of_ones_own(tmp_path: Path) -> None:
    done = start_with(tmp_path, DATABASE_URL="postgresql://u:p@127.0.0.1/x", EXCHANGE_EMBEDDED="0")
    assert done.returncode != 0
    assert "EXCHANGE_SECRET_KEY" in done.stderr


def test_the_embedded_run_makes_one_key_and_keeps_it_to_itself(tmp_path: Path) -> None:
    start_with(tmp_path, EXCHANGE_EMBEDDED="1")
    first = (tmp_path / "secret_key").read_text()
    start_with(tmp_path, EXCHANGE_EMBEDDED="1")
    assert (tmp_path / "secret_key").read_text() == first
    assert (tmp_path / "secret_key").stat().st_mode & 0o077 == 0
    assert len(first) >= 50


def test_a_database_url_of_another_kind_is_refused(tmp_path: Path) -> None:
    done = start_with(tmp_path, DATABASE_URL="mysql://x/y", EXCHANGE_SECRET_KEY="k")
    assert "DATABASE_URL must look like" in done.stderr


def test_the_example_lists_every_variable() -> None:
    text = (ROOT / ".env.example").read_text()
    listed = {line.lstrip("#").partition("=")[0] for line in text.splitlines() if "=" in line}
    assert listed == set(Environment.model_fields)


def test_known_variables_are_not_unknown() -> None:
    assert unknown_variables({"EXCHANGE_VENUE": "main", "PATH": "/bin"}) == []
