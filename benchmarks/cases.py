"""What is measured, in the order of the table: workloads at their sizes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal

Program = Literal["engine", "killed", "syncs", "busy", "card", "growth"]
"""Who measures: an engine's module, that in two halves or under strace, or a module of nbflow's own."""

NBFLOW: Final = ("nbflow",)


@dataclass(frozen=True, kw_only=True)
class Case:
    """One row of the table.

    Attributes:
        workload: W1 to W8; S for syncs, G for growth.
        title: What is done, in words, with ``{size}`` in them.
        work: The workload's name on the program's command line.
        size: How many.
        options: Settings of the engine.
        engines: Who is asked; everybody, if none is named.
        better: Which figures are better.
        quick: Its size in ``make bench-quick``; 0: it isn't there.
        rounds: Rounds in which it is measured at the most.
        details: What is shown beside the figure, by its name among the details, with its title.
    """

    workload: str
    title: str
    work: str = ""
    size: int
    program: Program = "engine"
    options: Mapping[str, Any] = field(default_factory=dict[str, Any])
    engines: tuple[str, ...] = ()
    better: Literal["more", "less", "neither"] = "more"
    quick: int = 0
    rounds: int = 100
    details: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def key(self) -> str:
        """Its name in files of results."""
        marks = "".join(f" {name}={value}" for name, value in self.options.items())
        return f"{self.workload} {self.work or self.program} {self.size}{marks}"

    @property
    def words(self) -> str:
        """Its title with its size."""
        return self.title.format(size=f"{self.size:,}")

    def asks(self, engine: str) -> bool:
        """Whether an engine is measured with it."""
        return not self.engines or engine in self.engines


def _sequence(size: int, *, quick: int = 0) -> Case:
    title = "{size} activities in sequence"
    return Case(workload="W1", title=title, work="sequence", size=size, quick=quick)


def _variant(title: str, engine: str, options: Mapping[str, Any]) -> Case:
    return Case(
        workload="W1",
        title="{size} in sequence, " + title,
        work="sequence",
        size=1000,
        options=options,
        engines=(engine,),
        quick=1000,
    )


def _growth(size: int) -> Case:
    return Case(
        workload="G",
        title="a step, with {size} rows of history",
        program="growth",
        size=size,
        engines=NBFLOW,
        better="less",
        rounds=3,
        details={"opening_ms": "opening", "first_run_ms": "first run"},
    )


CASES: Final = (
    _sequence(100, quick=100),
    _sequence(1000, quick=1000),
    _sequence(3000),
    _sequence(10_000),
    _variant("`async def` activities", "nbflow", {"activities": "loop"}),
    _variant("relaxed durability", "nbflow", {"durability": "relaxed"}),
    _variant("local activities", "temporal", {"activities": "local"}),
    Case(workload="W2", title="{size} activities at once", work="fan_out", size=1000, quick=1000),
    Case(workload="W3", title="{size} workflows of 3 activities at once", work="many", size=500, quick=500),
    Case(
        workload="W4",
        title="start to result of one activity, p50 of {size}",
        work="latency",
        size=300,
        better="less",
        quick=100,
        details={"p99": "p99"},
    ),
    Case(
        workload="W5",
        title="{size} waiting runs answered after kill -9",
        program="killed",
        size=1000,
        better="less",
        quick=500,
        details={"opening": "opening", "imports": "imports before"},
    ),
    Case(
        workload="W5",
        title="{size} waiting runs answered after kill -9, beside 1M rows of history",
        program="killed",
        size=1000,
        options={"rows": 1_000_000},
        engines=NBFLOW,
        better="less",
        rounds=3,
        details={"opening": "opening"},
    ),
    Case(
        workload="W6",
        title="memory of each waiting run, up to {size}",
        work="memory",
        size=2000,
        options={"cache_size": 100_000},
        better="less",
        quick=1000,
    ),
    Case(
        workload="W6",
        title="memory of each waiting run, evicted, up to {size}",
        work="memory",
        size=10_000,
        options={"cache_size": 100},
        engines=NBFLOW,
        better="less",
        rounds=3,
    ),
    Case(
        workload="W7",
        title="an empty cell while the kernel runs W3, median of {size}",
        program="busy",
        size=200,
        engines=NBFLOW,
        better="less",
        quick=50,
        details={"p99": "p99", "max": "slowest", "idle": "idle kernel"},
    ),
    Case(
        workload="W8",
        title="a card opened on {size} events",
        program="card",
        size=10_000,
        engines=NBFLOW,
        better="less",
        quick=1500,
        rounds=3,
        details={
            "step_ms": "a step",
            "first_moment_ms": "first moment",
            "output_kb": "kB in the notebook",
            "memory_mb": "MB",
        },
    ),
    Case(
        workload="S",
        title="fsyncs for each of {size} steps",
        program="syncs",
        work="sequence",
        size=200,
        better="neither",
        rounds=1,
    ),
    *(_growth(10**exponent) for exponent in range(3, 8)),
)


def scaled(case: Case, scale: float) -> Case:
    """The case at another size, for those who try the programs out."""
    return replace(case, size=max(5, round(case.size * scale)))


def chosen(only: frozenset[str], quick: bool) -> Iterator[Case]:
    """The cases of these workloads (all, if none is named); the quick ones at their quick size, if that is wanted."""
    for case in CASES:
        if (not only or case.workload in only) and (case.quick or not quick):
            yield replace(case, size=case.quick) if quick else case
