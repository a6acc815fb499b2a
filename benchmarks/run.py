"""Run the benchmarks: ``make bench``, ``make bench-quick``, or ``python -m benchmarks.run --help``.

Rounds are interleaved: within a round each case is measured with one engine after the other. Each
measurement is a line of ``samples.jsonl`` as soon as it is there, so that a run that was stopped goes on
with ``--resume``. At the end come the small file of results, and from that the README's table and the pictures.
"""

from __future__ import annotations

import argparse
import json
import shutil
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

from benchmarks import measuring
from benchmarks.cases import Case, chosen, scaled
from benchmarks.peers import NBFLOW, PEERS, ROOT, Contender, prepare
from benchmarks.report import plain, write_all
from benchmarks.summary import RESULTS, summary

BUDGET: Final = 25
"""Seconds that one case may take for one engine in all rounds: who is slow is measured less often, at least once."""

Sample = dict[str, Any]


class Samples:
    """Measurements in a file of lines.

    Args:
        path: The file.
        resume: Whether to go on with what it holds.
    """

    def __init__(self, path: Path, resume: bool) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        if not resume:
            path.write_text("")
        lines = path.read_text().splitlines() if path.exists() else []
        self.all: list[Sample] = [json.loads(line) for line in lines]

    def add(self, sample: Sample) -> None:
        self.all.append(sample)
        with self._path.open("a") as file:
            file.write(json.dumps(sample) + "\n")

    def of(self, contender: Contender, case: Case) -> list[Sample]:
        return [each for each in self.all if (each["engine"], each["case"]) == (contender.name, case.key)]

    def is_due(self, contender: Contender, case: Case, number: int, rounds: int) -> bool:
        """Whether a case is to be measured in a round: not yet, not given up, and not too dear."""
        before = self.of(contender, case)
        if number > case.rounds or any("error" in each or each["round"] == number for each in before):
            return False
        spent = sum(each["took"] for each in before)
        return not before or spent * (len(before) + 1) / len(before) <= BUDGET * rounds / 5


def due(
    samples: Samples, contenders: Iterable[Contender], cases: Iterable[Case], rounds: int
) -> Iterator[tuple[int, Contender, Case]]:
    """What is to be measured next, asked anew after each measurement."""
    for number in range(1, rounds + 1):
        for case in cases:
            for contender in contenders:
                is_asked = case.asks(contender.name) and not contender.cannot(case)
                if is_asked and samples.is_due(contender, case, number, rounds):
                    yield number, contender, case


def sample_of(number: int, contender: Contender, case: Case, disk: measuring.Disk) -> Sample:
    """One measurement, or the error that came of it."""
    began = time.perf_counter()
    head = {"round": number, "engine": contender.name, "case": case.key}
    try:
        found = disk.measured(contender, case)
    except measuring.ProgramError as failure:
        print(failure, flush=True)
        found = {"error": str(failure)}
    return {**head, **found, "took": time.perf_counter() - began}


def possible(case: Case, contenders: Iterable[Contender], modes: str) -> bool:
    """Whether anybody here is asked, and this nbflow has what a case asks for."""
    is_asked = any(case.asks(contender.name) for contender in contenders)
    return is_asked and case.options.get("durability", "full") in modes


def main() -> None:
    """Measure, and write down what came of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default="", help="workloads, such as W1,W3")
    parser.add_argument(
        "--peers", default=",".join(peer.name for peer in PEERS), help="names, or nothing at all"
    )
    parser.add_argument("--quick", action="store_true", help="nbflow alone, once, without what takes long")
    parser.add_argument("--resume", action="store_true", help="go on with a run that was stopped")
    parser.add_argument("--folder", type=Path, default=ROOT / ".benchmarks", help="on the disk that is meant")
    parser.add_argument("--scale", type=float, default=1.0, help="other sizes, to try this out")
    parser.add_argument(
        "--write", action="store_true", help="write the results, the README's table and the pictures"
    )
    asked = parser.parse_args()
    names = [] if asked.quick else [name for name in asked.peers.split(",") if name]
    contenders = [NBFLOW, *(peer for peer in PEERS if peer.name in names)]
    rounds = 1 if asked.quick else asked.rounds
    asked.folder.mkdir(parents=True, exist_ok=True)
    if not (asked.quick or asked.resume):
        shutil.rmtree(asked.folder / "stores", ignore_errors=True)  # another nbflow may have made them
    for contender in list(contenders):
        if trouble := prepare(contender):
            print(trouble, flush=True)
            contenders.remove(contender)
    measuring.compile_checkout()
    facts = {contender.name: measuring.facts(contender) for contender in contenders}
    only = frozenset(name for name in asked.only.split(",") if name)
    cases = [scaled(case, asked.scale) for case in chosen(only, asked.quick)]
    cases = [case for case in cases if possible(case, contenders, facts[NBFLOW.name]["durability"])]
    samples = Samples(asked.folder / "samples.jsonl", asked.resume)
    disk, began = measuring.Disk(asked.folder), time.perf_counter()
    for number, contender, case in due(samples, contenders, cases, rounds):
        sample = sample_of(number, contender, case, disk)
        samples.add(sample)
        figure = f"{sample['figure']:.4g} {sample['unit']}" if "figure" in sample else "failed"
        print(f"{number}/{rounds} {case.key}: {contender.name} {figure} ({sample['took']:.1f} s)", flush=True)
    found = summary(samples.all, contenders, cases, facts, asked.folder, rounds)
    print(f"\nmeasured in {time.perf_counter() - began:.0f} s\n\n{plain(found)}")
    if asked.write:
        RESULTS.parent.mkdir(exist_ok=True)
        RESULTS.write_text(json.dumps(found, indent=1) + "\n")
        write_all(found)


if __name__ == "__main__":
    main()
