"""Is the CTP library usable here? Its locale and itself, looked at without risk (G-3, G-4).

Importing the library where the locale is missing aborts the process, so the locale is
probed first and the library is imported in child processes alone.
"""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

LOCALE = "zh_CN.GB18030"
_PROBE = f"import locale; locale.setlocale(locale.LC_CTYPE, {LOCALE!r})"
_VERSION = "from openctp_ctp import mdapi; print(mdapi.CThostFtdcMdApi.GetApiVersion())"


class CtpUnavailable(RuntimeError):
    """CTP links cannot run here; the text tells what is missing and how to get it."""


def locale_folder(data_dir: Path) -> Path:
    """Where `manage.py setup_ctp` builds the locale."""
    return data_dir / "locale"


def environment_for(data_dir: Path) -> dict[str, str]:
    """The environment of a process that imports the library."""
    folder = locale_folder(data_dir)
    built = {"LOCPATH": str(folder)} if (folder / LOCALE).exists() else {}
    return {**os.environ, **built}


def has_locale(data_dir: Path) -> bool:
    """Does a process of ours find the locale the library needs?"""
    return _run([sys.executable, "-c", _PROBE], environment_for(data_dir)).returncode == 0


def has_library() -> bool:
    """Is the library installed? It is not imported."""
    return importlib.util.find_spec("openctp_ctp") is not None


def api_version(data_dir: Path) -> str:
    """The library's version; CtpUnavailable when it cannot be used."""
    check(data_dir)
    done = _run([sys.executable, "-c", _VERSION], environment_for(data_dir))
    if done.returncode:
        raise CtpUnavailable(f"openctp-ctp does not load: {done.stderr.strip()[-300:]}")
    return done.stdout.strip()


def check(data_dir: Path) -> None:
    """CtpUnavailable naming the first thing that is missing."""
    if not has_library():
        raise CtpUnavailable("openctp-ctp is not installed: pip install -r requirements-ctp.txt")
    if not has_locale(data_dir):
        raise CtpUnavailable(f"the locale {LOCALE} is missing: run manage.py setup_ctp")


def build_locale(data_dir: Path) -> Path:
    """Build the locale into the data folder without root; CtpUnavailable says why not."""
    folder = locale_folder(data_dir)
    folder.mkdir(parents=True, exist_ok=True)
    command = ["localedef", "--no-archive", "-i", "zh_CN", "-f", "GB18030", str(folder / LOCALE)]
    try:
        done = _run(command, dict(os.environ))
    except FileNotFoundError as error:
        raise CtpUnavailable("localedef is missing: apt-get install locales") from error
    if not (folder / LOCALE).exists():
        raise CtpUnavailable(f"localedef failed: {done.stderr.strip()[-300:]}")
    return folder / LOCALE


def _run(command: list[str], env: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=120, check=False)
