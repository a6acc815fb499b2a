"""What the disk can do: how often a second a short record can be made durable in a file, one after the other."""

from __future__ import annotations

import os
import time
from pathlib import Path

RECORD = b"x" * 199 + b"\n"
PREALLOCATED = 2_000_000


def appends(folder: Path, seconds: float = 0.1) -> float:
    """Writes and fdatasyncs a second, at a file's end."""
    return _rate(folder / "append", b"", seconds)


def overwrites(folder: Path, seconds: float = 0.1) -> float:
    """Writes and fdatasyncs a second, into a file whose bytes were written before."""
    return _rate(folder / "preallocated", b"\n" * PREALLOCATED, seconds)


def _rate(path: Path, before: bytes, seconds: float) -> float:
    sync = getattr(os, "fdatasync", os.fsync)  # macOS has no other
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC)
    try:
        os.write(file, before)
        os.fsync(file)
        count, began = 0, time.perf_counter()
        while time.perf_counter() - began < seconds:
            os.pwrite(file, RECORD, count * len(RECORD))
            sync(file)
            count += 1
        return count / (time.perf_counter() - began)
    finally:
        os.close(file)
        path.unlink()


def kind_of(folder: Path) -> str:
    """The file system that a folder is on, where the system tells."""
    mounts = Path("/proc/mounts")
    if not mounts.exists():
        return "unknown"
    found = ("", "unknown")
    for line in mounts.read_text().splitlines():
        _, point, kind, *_ = line.split()
        if folder.resolve().is_relative_to(point) and len(point) > len(found[0]):
            found = (point, kind)
    return found[1]
