"""W1 to W6: what every engine is asked to do, and what of it is measured.

A workload knows no engine: it sees a `Session`, which does the same thing with each engine's own means.
Each returns a `Figure`. W5 has two halves, for two processes: the first is killed while everything waits.
"""

from __future__ import annotations

import gc
import os
import resource
import statistics
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

WARM_UP = 20
"""Steps before a clock starts, in a run of their own."""

REST = 2.0
"""Seconds for what is done behind a start, before memory is looked at."""

ACTIVITIES = 3
"""Sequential activities of each run in W3."""


class Session(Protocol):
    """An engine that is open, and runs workflows whose activities do next to nothing."""

    def sequence(self, steps: int) -> None:
        """One run with so many activities, one behind the other; returns when its result is here."""
        ...

    def fan_out(self, width: int) -> None:
        """One run with so many activities at once; returns when its result is here."""
        ...

    def many(self, runs: int) -> None:
        """So many runs of `ACTIVITIES` activities each, all started at once; returns when all results are here."""
        ...

    def wait(self, first: int, runs: int) -> None:
        """Start so many runs that wait for an event, numbered from `first`; returns when all of them wait."""
        ...

    def answer(self, runs: int) -> None:
        """Raise the event of each of the runs 0 to `runs`; returns when all results are here."""
        ...


class Engine(Protocol):
    """How an engine is opened, and what it promises."""

    name: str

    def open(self, folder: Path, options: Mapping[str, Any]) -> AbstractContextManager[Session]:
        """Open it on a folder of its own."""
        ...

    def facts(self) -> dict[str, str]:
        """Versions, and the settings that decide how durable it is, as they are at runtime."""
        ...


@dataclass(frozen=True, kw_only=True)
class Figure:
    """What a program found out: one figure, and what else it saw."""

    figure: float
    unit: str
    details: dict[str, Any] = field(default_factory=dict[str, Any])


def rate(session: Session, work: Callable[[], None], count: int, unit: str) -> Figure:
    """How many a second; with the processor time of this process for each."""
    session.sequence(WARM_UP)
    gc.collect()
    before, began = time.process_time(), time.perf_counter()
    work()
    seconds, cpu = time.perf_counter() - began, time.process_time() - before
    details = {"seconds": seconds, "cpu_us_each": cpu / count * 1e6}
    return Figure(figure=count / seconds, unit=unit, details=details)


def sequence(engine: Engine, folder: Path, size: int, options: Mapping[str, Any]) -> Figure:
    """W1: one run, `size` activities one behind the other."""
    with engine.open(folder, options) as session:
        return rate(session, lambda: session.sequence(size), size, "activities/s")


def fan_out(engine: Engine, folder: Path, size: int, options: Mapping[str, Any]) -> Figure:
    """W2: one run, `size` activities at once."""
    with engine.open(folder, options) as session:
        return rate(session, lambda: session.fan_out(size), size, "activities/s")


def many(engine: Engine, folder: Path, size: int, options: Mapping[str, Any]) -> Figure:
    """W3: `size` runs of three activities each, from the first start to the last result."""
    with engine.open(folder, options) as session:
        return rate(session, lambda: session.many(size), size, "workflows/s")


def latency(engine: Engine, folder: Path, size: int, options: Mapping[str, Any]) -> Figure:
    """W4: one run with one activity, from its start to its result, `size` times one after the other."""
    with engine.open(folder, options) as session:
        for _ in range(WARM_UP):
            session.sequence(1)
        gc.collect()
        times: list[float] = []
        for _ in range(size):
            began = time.perf_counter()
            session.sequence(1)
            times.append((time.perf_counter() - began) * 1e3)
    details = {"p99": percentile(times, 99), "max": max(times), "runs": size}
    return Figure(figure=statistics.median(times), unit="ms", details=details)


def after_the_kill(engine: Engine, folder: Path, size: int, options: Mapping[str, Any]) -> Figure:
    """W5, second half: opens what the killed process left, raises `size` events, and has all results."""
    began = time.perf_counter()
    with engine.open(folder, options) as session:
        opened = time.perf_counter()
        session.answer(size)
        ended = time.perf_counter()
    return Figure(figure=ended - began, unit="s", details={"opening": opened - began})


def memory(engine: Engine, folder: Path, size: int, options: Mapping[str, Any]) -> Figure:
    """W6: kilobytes of this process for each run that waits: the slope over 0.2 `size` to `size` of them, at rest."""
    steps = 5
    counts: list[float] = []
    sizes: list[float] = []
    with engine.open(folder, options) as session:
        session.sequence(WARM_UP)
        for number in range(steps):
            session.wait(number * size // steps, size // steps)
            counts.append((number + 1) * size // steps)
            time.sleep(REST)
            sizes.append(resident_kb())
    slope, _ = statistics.linear_regression(counts, sizes)
    return Figure(figure=slope, unit="kB", details={"resident_mb": sizes[-1] / 1e3, "runs": size})


def percentile(values: list[float], percent: int) -> float:
    """The value that so many percent don't exceed."""
    return sorted(values)[min(len(values) - 1, len(values) * percent // 100)]


def resident_kb() -> float:
    """What this process holds in memory now, in kilobytes of 1,000 bytes, garbage not counted."""
    gc.collect()
    statm = Path("/proc/self/statm")
    if statm.exists():
        return int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e3
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
