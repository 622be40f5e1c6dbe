"""``python -m benchmarks [names]``: print one JSON object per figure (A-32)."""

import argparse
import importlib
import os
import subprocess
import sys

from benchmarks.figures import note

BENCHMARKS: dict[str, str] = {
    "q1": "benchmarks.book:run",
    "q2": "benchmarks.core:throughput",
    "q11": "benchmarks.core:latency",
    "memory": "benchmarks.size:memory",
    "pause": "benchmarks.size:snapshot_pause",
    "longest": "benchmarks.size:longest_apply",
    "q8": "benchmarks.settlement:settle",
    "q8longest": "benchmarks.settlement:longest",
    "risk": "benchmarks.risk:revaluation",
    "q3": "benchmarks.pipeline:worker",
    "q6": "benchmarks.bars:ticks",
    "q7": "benchmarks.pipeline:replay",
    "projector": "benchmarks.pipeline:projector",
    "q9": "benchmarks.web:submit",
    "q4": "benchmarks.sockets:order",
    "q5": "benchmarks.sockets:quotes",
    "q5b": "benchmarks.sockets:ladder",
    "q5bmany": "benchmarks.sockets:many",
    "cycles": "benchmarks.cycles:cycles",
    "view": "benchmarks.terminal:first_view",
    "frames": "benchmarks.terminal:busy",
    "bus": "benchmarks.bus:ping",
    "failover": "benchmarks.feeds:failover",
    "market": "benchmarks.feeds:market",
}
"""Name on the command line → where its generator of figures lives."""


def main(arguments: list[str]) -> int:
    """Run the named benchmarks, all without names; 1 when one of them failed to run."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("names", nargs="*", choices=[[], *BENCHMARKS], help="default: all")
    parser.add_argument("--require", action="store_true", help="fail when a target is missed")
    options = parser.parse_args(arguments)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "exchange_site.settings")
    names = options.names or list(BENCHMARKS)
    missed = [name for name in names if not (run(name) if len(names) == 1 else run_alone(name))]
    if missed:
        note(f"targets missed: {', '.join(missed)}")
    return 1 if missed and options.require else 0


def run_alone(name: str) -> bool:
    """Run one of several in a process of its own: each makes a site, and Django knows one (A-24)."""
    done = subprocess.run([sys.executable, "-m", "benchmarks", "--require", name], check=False)
    return done.returncode == 0


def run(name: str) -> bool:
    """Print the figures of one benchmark; were its targets met?"""
    module, _, function = BENCHMARKS[name].partition(":")
    met = True
    for figure in getattr(importlib.import_module(module), function)():
        print(figure.line(), flush=True)
        met = met and figure.met() is not False
    return met


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
