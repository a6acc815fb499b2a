"""`nbflow demo` fails, saying why in one line, when something isn't as it promises."""

import os
from pathlib import Path

import pytest

from tests.demo.conftest import Played, play, quickstart_with

pytestmark = pytest.mark.kernel


def complaint(played: Played) -> str:
    """The one line that it says, after it has failed."""
    assert played.status == 1, played.stdout
    assert "The proof" not in played.stdout
    assert played.stderr.count("\n") == 1, played.stderr
    for pid in played.pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
    return played.stderr.removeprefix("nbflow demo failed: ").rstrip("\n")


def play_with(place: Path, cell_id: str, old: str, new: str, within: float = 100) -> Played:
    path = quickstart_with(place, cell_id, old, new)
    return play(place, "--notebook", str(path), "--within", str(within))


def broken_module(place: Path, name: str, source: str) -> str:
    """A folder for PYTHONPATH in which a module is another one."""
    (place / "modules").mkdir()
    (place / "modules" / f"{name}.py").write_text(source)
    return str(place / "modules")


# -- the proof ------------------------------------------------------------------------------------------


def test_an_activity_that_runs_twice_before_the_kill_is_noticed(tmp_path: Path) -> None:
    line = "islands = await find_islands(source)"
    played = play_with(tmp_path, "workflow", line, f"await find_islands(source)\n{line}")
    (first,) = played.pids
    assert complaint(played) == f"'find_islands' ran 2 times instead of once: in process {first} and {first}"


@pytest.mark.slow
def test_an_activity_that_runs_again_after_the_kill_is_noticed(tmp_path: Path) -> None:
    line = "await asyncio.sleep(embargo)"
    played = play_with(tmp_path, "workflow", line, f'await check(source, "Dream")\n{line}')
    first, second = played.pids
    assert complaint(played) == f"'check Dream' ran 2 times instead of once: in process {first} and {second}"


@pytest.mark.slow
def test_an_activity_that_runs_again_before_the_answer_is_noticed(tmp_path: Path) -> None:
    # The cell that loads nbflow is run in both kernels: the second time it finds the proof.
    again = "import os\nif os.path.exists(os.environ['NBFLOW_PROOF']):\n    "
    again += "print(f'{os.getpid()} check Dream', file=open(os.environ['NBFLOW_PROOF'], 'a'))"
    played = play_with(tmp_path, "load", "%load_ext nbflow", f"%load_ext nbflow\n{again}")
    assert complaint(played) == "an activity ran again before the run was answered"


def test_activities_that_sign_nothing_prove_nothing(tmp_path: Path) -> None:
    played = play_with(tmp_path, "audit", 'log.write(f"{os.getpid()} {step}\\n".encode())', "pass")
    assert complaint(played) == "no activity had signed before the kill, so that nothing is proved"


@pytest.mark.slow
def test_a_run_that_is_rejected_proves_nothing(tmp_path: Path) -> None:
    played = play_with(tmp_path, "approve", '"approved": true', '"approved": false')
    assert complaint(played) == "no activity ran after the kill, so that nothing is proved"


# -- the run --------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_result_that_never_comes_ends_with_the_time(tmp_path: Path) -> None:
    played = play_with(tmp_path, "run", "embargo=3", "embargo=3600", within=30)
    assert played.seconds < 300
    assert (
        complaint(played)
        == "30 s were over while the cell 'await run' ran: it may take longer with --within SECONDS"
    )


def test_a_run_that_waits_for_something_else_is_noticed(tmp_path: Path) -> None:
    played = play_with(tmp_path, "workflow", '"approval"', '"consent"')
    assert complaint(played) == "penguins-1 waits for event 'consent', and not for 'approval'"


@pytest.mark.slow
def test_a_run_that_never_asks_ends_with_the_time(tmp_path: Path) -> None:
    # The timer is in the way; and the cells that wait for the question, and for the report, only look.
    ask = "decision = await"
    path = quickstart_with(tmp_path, "workflow", ask, f"await asyncio.sleep(3600)\n{ask}")
    cells = path.read_text().replace("%wf wait penguins-1 --timeout 1m", "%wf ps")
    path.write_text(cells.replace(r"print((PUBLISHED / \"report.txt\").read_text())", "%wf ps"))
    said = complaint(play(tmp_path, "--notebook", str(path), "--within", "20"))
    assert said.startswith("20 s were over while ")


def test_a_run_that_ends_too_early_is_noticed(tmp_path: Path) -> None:
    played = play_with(tmp_path, "workflow", "ctx.set_custom_status(summary)", "return summary")
    assert complaint(played) == "penguins-1 is COMPLETED and never waited for 'approval'"


@pytest.mark.slow
def test_a_run_that_fails_is_noticed(tmp_path: Path) -> None:
    played = play_with(tmp_path, "publish", 'sign("publish")', 'sign("publish")\nraise OSError("disk full")')
    said = complaint(played)
    assert said.startswith("the cell 'await run' failed: ")
    assert "disk full" in said


def test_a_cell_that_fails_is_named(tmp_path: Path) -> None:
    played = play_with(tmp_path, "types", "birds: int", "birds: number")
    assert complaint(played) == "the cell '@dataclass' failed: NameError: name 'number' is not defined"


# -- the kernels ----------------------------------------------------------------------------------------


def test_a_kernel_that_cannot_start_is_told_of_with_its_last_words(tmp_path: Path) -> None:
    modules = broken_module(tmp_path, "ipykernel_launcher", "raise SystemExit('no kernel today')\n")
    said = complaint(play(tmp_path, PYTHONPATH=modules))
    assert said.startswith("kernel ")
    assert said.endswith(" ended (status 1: no kernel today) while the kernel was starting")


def test_a_kernel_that_says_nothing_ends_with_the_time(tmp_path: Path) -> None:
    modules = broken_module(tmp_path, "ipykernel_launcher", "import time\ntime.sleep(60)\n")
    said = complaint(play(tmp_path, "--within", "3", PYTHONPATH=modules))
    assert said.startswith("3 s were over while the kernel was starting")


def test_a_kernel_that_dies_by_itself_was_not_killed_by_the_demo(tmp_path: Path) -> None:
    played = play_with(tmp_path, "ps", "%wf ps", "os._exit(7)")
    assert " ended (status 7) while the cell 'os._exit(7)' ran" in complaint(played)
