"""From measurements to the small file of results: medians, ranges, and ratios within rounds."""

from __future__ import annotations

import os
import platform
import statistics
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from benchmarks.cases import Case
from benchmarks.disk import kind_of
from benchmarks.peers import NBFLOW, ROOT, Contender

RESULTS: Final = ROOT / "benchmarks" / "results" / "latest.json"

Sample = Mapping[str, Any]


def summary(
    samples: Sequence[Sample],
    contenders: Iterable[Contender],
    cases: Iterable[Case],
    facts: Mapping[str, Mapping[str, str]],
    folder: Path,
    rounds: int,
) -> dict[str, Any]:
    """All that the table and the pictures are made from, as JSON."""
    everybody = list(contenders)
    engines = {
        each.name: {"durability": each.durability, "setting": each.setting, "facts": dict(facts[each.name])}
        for each in everybody
    }
    rows = [_row(case, samples, everybody) for case in cases]
    disks = [each["disk"] for each in samples if "disk" in each]
    disk = {name: spread([each[name] for each in disks]) for name in (disks[0] if disks else ())}
    return {"machine": machine(folder), "rounds": rounds, "engines": engines, "disk": disk, "rows": rows}


def machine(folder: Path) -> dict[str, Any]:
    """What it was measured on."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return {
        "measured": datetime.now(UTC).date().isoformat(),
        "system": f"{platform.system()} {platform.machine()}",
        "processor": models[0] if models else platform.processor(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "disk": kind_of(folder),
    }


def spread(values: Sequence[float]) -> dict[str, float]:
    """Median and range."""
    return {
        "median": _short(statistics.median(values)),
        "min": _short(min(values)),
        "max": _short(max(values)),
    }


def _row(case: Case, samples: Sequence[Sample], contenders: Sequence[Contender]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    of_nbflow = {each["round"]: each["figure"] for each in _measured(samples, NBFLOW, case)}
    for contender in contenders:
        measured = _measured(samples, contender, case)
        if not measured:
            why = contender.cannot(case) if case.asks(contender.name) else ""
            failed = [
                each for each in samples if each["case"] == case.key and each["engine"] == contender.name
            ]
            found[contender.name] = {"missing": "failed" if failed else why}
            continue
        figures = {each["round"]: each["figure"] for each in measured}
        entry: dict[str, Any] = {**spread(list(figures.values())), "rounds": len(measured)}
        entry["details"] = _details(measured)
        entry["per_disk"] = spread([each["figure"] / each["disk"]["append"] for each in measured])
        both = [number for number in figures if number in of_nbflow]
        if contender is not NBFLOW and both and case.better != "neither":
            entry["ratio"] = spread([_times(case, of_nbflow[each], figures[each]) for each in both])
        found[contender.name] = entry
    units = [each["unit"] for each in samples if each["case"] == case.key and "unit" in each]
    return {
        "key": case.key,
        "workload": case.workload,
        "title": case.words,
        "size": case.size,
        "better": case.better,
        "unit": units[0] if units else "",
        "details": dict(case.details),
        "engines": found,
    }


def _measured(samples: Sequence[Sample], contender: Contender, case: Case) -> list[Sample]:
    return [
        each
        for each in samples
        if (each["engine"], each["case"]) == (contender.name, case.key) and "figure" in each
    ]


def _times(case: Case, ours: float, theirs: float) -> float:
    """How many times as good nbflow is, in one round."""
    return ours / theirs if case.better == "more" else theirs / ours


def _details(measured: Sequence[Sample]) -> dict[str, float]:
    """The median of each number beside the figure."""
    names = dict.fromkeys(name for each in measured for name in each["details"])
    return {
        name: _short(statistics.median(each["details"][name] for each in measured if name in each["details"]))
        for name in names
    }


def _short(value: float) -> float:
    """Four digits that count: no more are meant."""
    return float(f"{value:.4g}")
