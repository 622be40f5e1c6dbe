"""The layout's import directions, purity and sizes (A-20, quality.md "Style")."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
APPS = ("exchange_site", "accounts", "trading", "marketdata", "settlement", "monitoring")
PURE = ("trading/engine", "settlement/calc", "marketdata/bars")
CLOCKS = ("now", "utcnow", "today")
MAX_FILE_LINES = 500
MAX_FUNCTION_LINES = 70
STDLIB = sys.stdlib_module_names
IMPURE = {"time", "random", "secrets", "os", "socket", "threading", "asyncio", "uuid", "pathlib"}

MAY_IMPORT = {
    "accounts": {"accounts", "exchange_site", "trading.engine", "trading.codec", "trading.commands"},
    "trading": {"trading", "accounts", "exchange_site"},
    "marketdata": {"marketdata", "trading", "accounts", "exchange_site"},
    "settlement": {"settlement", "marketdata", "trading", "accounts", "exchange_site"},
    "monitoring": {"monitoring", "settlement", "marketdata", "trading", "accounts", "exchange_site"},
}
SITE_ROOTS = {"urls.py", "routing.py", "asgi.py"}
"""The only files of exchange_site that may import the apps."""


def sources(folder: str) -> list[Path]:
    files = sorted((ROOT / folder).rglob("*.py"))
    return [path for path in files if "migrations" not in path.parts]


def imported(path: Path) -> Iterator[tuple[int, str]]:
    """(line, dotted name) of everything a file imports, `from a import b` as a.b."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, name.name) for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = ".".join(part for part in (base_of(path, node.level), node.module) if part)
            yield from ((node.lineno, f"{module}.{name.name}") for name in node.names)


def base_of(path: Path, level: int) -> str:
    """The package that so many leading dots mean in a file."""
    package = path.relative_to(ROOT).parent.parts
    return ".".join(package[: len(package) - level + 1]) if level else ""


def within(name: str, allowed: set[str]) -> bool:
    return any(name == item or name.startswith(item + ".") for item in allowed)


@pytest.mark.parametrize("folder", PURE)
def test_the_pure_folders_import_the_standard_library_alone(folder: str) -> None:
    breaches = []
    for path in sources(folder):
        for line, name in imported(path):
            own = within(name, {"trading.engine", folder.replace("/", ".")})
            top = name.partition(".")[0]
            if not own and (top not in STDLIB or top in IMPURE):
                breaches.append(f"{path.relative_to(ROOT)}:{line} imports {name}")
    assert breaches == []


@pytest.mark.parametrize("folder", PURE)
def test_the_pure_folders_hold_no_float_and_no_clock(folder: str) -> None:
    breaches = []
    for path in sources(folder):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf8"))):
            is_float = isinstance(node, ast.Constant) and isinstance(node.value, float)
            divides = isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div)
            called = node.func if isinstance(node, ast.Call) else None
            reads_clock = isinstance(called, ast.Attribute) and called.attr in CLOCKS
            if is_float or divides or reads_clock:
                breaches.append(f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 0)}")
    assert breaches == []


@pytest.mark.parametrize("app", list(MAY_IMPORT))
def test_apps_import_only_in_the_stated_direction(app: str) -> None:
    breaches = []
    for path in sources(app):
        for line, name in imported(path):
            if name.partition(".")[0] in APPS and not within(name, MAY_IMPORT[app]):
                breaches.append(f"{path.relative_to(ROOT)}:{line} imports {name}")
    assert breaches == []


def test_only_the_routes_of_the_site_import_the_apps() -> None:
    allowed = {"exchange_site", "trading.engine", "trading.codec"}
    breaches = [
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for path in sources("exchange_site")
        if path.name not in SITE_ROOTS
        for line, name in imported(path)
        if name.partition(".")[0] in APPS and not within(name, allowed)
    ]
    assert breaches == []


def test_the_codec_and_the_engine_import_no_models() -> None:
    paths = [*sources("trading/engine"), ROOT / "trading" / "codec.py"]
    breaches = [
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for path in paths
        for line, name in imported(path)
        if ".models" in name or name.startswith("django.db")
    ]
    assert breaches == []


def test_files_and_functions_stay_small() -> None:
    large = []
    for folder in (*APPS, "tests", "benchmarks"):
        for path in sources(folder):
            text = path.read_text(encoding="utf8")
            if text.count("\n") > MAX_FILE_LINES:
                large.append(f"{path.relative_to(ROOT)}: {text.count(chr(10))} lines")
            for node in ast.walk(ast.parse(text)):
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                    lines = (node.end_lineno or node.lineno) - node.lineno + 1
                    if lines > MAX_FUNCTION_LINES:
                        large.append(f"{path.relative_to(ROOT)}:{node.lineno} {node.name}: {lines} lines")
    assert large == []
