"""Sizes of folders."""

from pathlib import Path


def files(folder: Path, pattern: str) -> tuple[int, int]:
    """(number, bytes) of the files below a folder; one that goes meanwhile counts for nothing."""
    count = size = 0
    for path in folder.rglob(pattern):
        try:
            size += path.stat().st_size
        except FileNotFoundError:
            continue
        count += 1
    return count, size
