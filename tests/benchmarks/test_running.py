"""The benchmarks run, at sizes that measure nothing; what they found is what the README says."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks import measuring, report
from benchmarks.cases import CASES, Case
from benchmarks.peers import NBFLOW, PEERS, ROOT, Contender
from benchmarks.run import BUDGET, Samples, due
from benchmarks.summary import RESULTS, summary

UNHINGED = PEERS[0]
SEQUENCE = Case(workload="W1", title="{size} in sequence", work="sequence", size=5)
LATENCY = Case(workload="W4", title="latency", work="latency", size=5, better="less")


def bench(folder: Path, *arguments: str) -> tuple[str, list[dict[str, Any]]]:
    line = [sys.executable, "-m", "benchmarks.run", "--quick", "--folder", str(folder), *arguments]
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = (folder / "samples.jsonl").read_text().splitlines()
    return done.stdout, [json.loads(each) for each in lines]


def sample(number: int, contender: Contender, case: Case, figure: float, **more: Any) -> dict[str, Any]:
    disk = {"append": 1000.0, "preallocated": 2000.0}
    head = {"round": number, "engine": contender.name, "case": case.key, "took": 1.0}
    return {**head, "figure": figure, "unit": "u", "details": {}, "disk": disk, **more}


# -- end to end ------------------------------------------------------------------------------------


def test_the_quick_run_measures_all_that_needs_no_kernel_and_goes_on_where_it_was(tmp_path: Path) -> None:
    _, before = bench(tmp_path, "--scale", "0.01", "--only", "W4")
    output, samples = bench(tmp_path, "--scale", "0.01", "--only", "W2,W3,W4,W5,W6", "--resume")

    assert [each.get("error") for each in samples] == [None] * len(samples)
    assert samples[:1] == before
    assert [each["case"].split()[0] for each in samples] == ["W4", "W2", "W3", "W5", "W6"]
    assert all(each["figure"] > 0 and each["disk"]["append"] > 0 for each in samples[:4])
    assert "10 activities at once\n      nbflow" in output


@pytest.mark.kernel
def test_a_cell_and_a_card_are_measured_in_a_real_kernel(tmp_path: Path) -> None:
    _, samples = bench(tmp_path, "--scale", "0.05", "--only", "W7,W8")

    assert [each.get("error") for each in samples] == [None, None]
    card = next(each for each in samples if each["case"].startswith("W8"))
    assert card["details"]["events"] >= 75
    assert card["details"]["output_kb"] > card["details"]["snapshot_kb"] > 1


def test_a_step_is_synced_before_the_next(tmp_path: Path) -> None:
    if shutil.which("strace") is None:
        pytest.skip("no strace here")
    found = measuring.syncs(NBFLOW, SEQUENCE, tmp_path)

    assert found["figure"] >= 1


def test_a_program_that_ends_without_a_figure_is_an_error_with_its_words(tmp_path: Path) -> None:
    wrong = Case(workload="W1", title="wrong", work="sequence", size=5, options={"no_such_setting": 1})

    with pytest.raises(measuring.ProgramError, match="no_such_setting"):
        measuring.asked(NBFLOW, wrong, tmp_path)


# -- whose turn it is --------------------------------------------------------------------------------


def turns(samples: Samples, rounds: int, took: dict[str, float]) -> list[tuple[int, str]]:
    found: list[tuple[int, str]] = []
    for number, contender, case in due(samples, [NBFLOW, UNHINGED], [SEQUENCE], rounds):
        found.append((number, contender.name))
        samples.add(sample(number, contender, case, 1.0, took=took[contender.name]))
    return found


def test_rounds_are_interleaved(tmp_path: Path) -> None:
    found = turns(Samples(tmp_path / "samples", resume=False), 2, {"nbflow": 1, "unhinged": 1})

    assert found == [(1, "nbflow"), (1, "unhinged"), (2, "nbflow"), (2, "unhinged")]


def test_who_takes_long_is_measured_less_often(tmp_path: Path) -> None:
    found = turns(Samples(tmp_path / "samples", resume=False), 5, {"nbflow": 1, "unhinged": BUDGET * 0.45})

    assert [name for _, name in found].count("nbflow") == 5
    assert [number for number, name in found if name == "unhinged"] == [1, 2]


def test_who_failed_is_not_asked_again(tmp_path: Path) -> None:
    samples = Samples(tmp_path / "samples", resume=False)
    samples.add({"round": 1, "engine": "unhinged", "case": SEQUENCE.key, "error": "it broke", "took": 1.0})

    assert turns(samples, 2, {"nbflow": 1}) == [(1, "nbflow"), (2, "nbflow")]


# -- what comes of it --------------------------------------------------------------------------------


def summed(samples: list[dict[str, Any]], case: Case) -> dict[str, Any]:
    facts = {NBFLOW.name: {"version": "1"}, UNHINGED.name: {"version": "2"}}
    found = summary(samples, [NBFLOW, UNHINGED], [case], facts, ROOT, 3)
    return found["rows"][0]["engines"]


def test_a_ratio_is_the_median_of_those_within_a_round() -> None:
    ours, theirs = [10.0, 40.0, 90.0], [1.0, 20.0, 30.0]
    samples = [sample(n, NBFLOW, SEQUENCE, figure) for n, figure in enumerate(ours)]
    samples += [sample(n, UNHINGED, SEQUENCE, figure) for n, figure in enumerate(theirs)]
    found = summed(samples, SEQUENCE)

    assert (found["nbflow"]["median"], found["nbflow"]["min"], found["nbflow"]["max"]) == (40, 10, 90)
    assert (found["unhinged"]["ratio"]["median"], found["unhinged"]["ratio"]["max"]) == (3, 10)
    assert found["nbflow"]["per_disk"]["median"] == 0.04


def test_where_less_is_better_half_the_time_is_twice_as_good() -> None:
    found = summed([sample(1, NBFLOW, LATENCY, 2.0), sample(1, UNHINGED, LATENCY, 4.0)], LATENCY)

    assert found["unhinged"]["ratio"]["median"] == 2


def test_who_failed_has_no_figure() -> None:
    failed = {"round": 1, "engine": "unhinged", "case": SEQUENCE.key, "error": "it broke", "took": 1.0}

    assert summed([sample(1, NBFLOW, SEQUENCE, 1.0), failed], SEQUENCE)["unhinged"] == {"missing": "failed"}


def test_each_case_has_a_name_of_its_own() -> None:
    assert len({case.key for case in CASES}) == len(CASES)


def test_each_peer_has_a_program_and_says_how_durable_it_is() -> None:
    for each in (NBFLOW, *PEERS):
        assert (ROOT / "benchmarks" / "engines" / f"{each.name}.py").exists()
        assert each.durability
        assert each.setting


@pytest.mark.skipif(not RESULTS.exists(), reason="nothing was measured yet: make bench")
def test_the_readme_and_the_pictures_are_made_from_the_results() -> None:
    found = json.loads(RESULTS.read_text())

    assert report.BEGIN + report.section(found) + report.END in report.README.read_text()
    for name, draw in report.PICTURES.items():
        assert RESULTS.with_name(name).read_text() == draw(found)
