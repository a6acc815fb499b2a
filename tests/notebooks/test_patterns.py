"""The pattern notebooks as people run them: all cells, and all cells again in a new kernel on the same history.

nbmake leaves these notebooks out (`collect_ignore_glob` in the root's conftest.py): it would run each of them a third
time, and could only say that no cell failed.
"""

import ast
import json
import re
from collections.abc import Callable
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.notebooks.pages import NOTEBOOKS, Desk, Page

CONFTEST = Path(__file__).parents[2] / "conftest.py"


def _left_out() -> list[Path]:
    """The notebooks that nbmake does not collect."""
    found = re.search(r"^collect_ignore_glob = (.*)$", CONFTEST.read_text(encoding="utf-8"), re.MULTILINE)
    assert found is not None
    return sorted(path for glob in ast.literal_eval(found[1]) for path in CONFTEST.parent.glob(glob))


PATTERNS = _left_out()


@pytest.fixture
def desk(tmp_path: Path, jupyter_env: dict[str, str]) -> Desk:
    return Desk(tmp_path / "work", jupyter_env)


@pytest.fixture
def run_twice(desk: Desk) -> Callable[[str], list[Page]]:
    """Runs all cells of a notebook, and then again in a new kernel on the same history."""
    return lambda name: [desk.run(name), desk.run(name)]


# -- what the notebooks say is so -------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.kernel
@pytest.mark.semantics(53)
def test_chaining(run_twice: Callable[[str], list[Page]]) -> None:
    for page in run_twice("01_chaining"):
        assert page.value("run-chinstrap") == "Chinstrap: 34.6 g a mm, 68 birds, R² 0.41"

        history = page.table("history")
        rows = [(row["event"], row["name"]) for row in history]
        assert rows.index(("TaskScheduled", "extract")) == 2
        assert (history[4]["seq"], history[4]["event"], history[4]["of"]) == ("5", "TaskCompleted", "1")
        assert rows.index(("TaskScheduled", "fit")) == 5

        error = page.error("run-adelie")
        own, below = error.split("That ended the workflow:")
        assert "----> 18     flippers = list(map(float" in own
        assert "ValueError: could not convert string to float: 'NA'" in own
        assert "----> 3     line = await fit(sample)" in below
        assert "nbflow/" not in error
        assert [(row["name"], row["status"]) for row in page.table("sql")] == [
            ("extract", "COMPLETED"),
            ("fit", "FAILED"),
        ]

        assert page.value("run-gentoo") == "Gentoo: no line, since could not convert string to float: 'NA'"
        assert page.value("left") == ["birds-Adelie.csv", "birds-Chinstrap.csv"]


@pytest.mark.slow
@pytest.mark.kernel
@pytest.mark.semantics(54, 55)
def test_fan_out(run_twice: Callable[[str], list[Page]]) -> None:
    for page in run_twice("02_fan_out"):
        assert "35 parts, from Preamble to Amendment XXVII" in page.text("run-all")
        assert "Preamble            52 words" in page.text("run-all")
        assert "read-by-semaphore is COMPLETED: 7405" in page.text("run-bounded")
        assert "read-by-loop is COMPLETED: 7405" in page.text("run-bounded")
        assert {row["instance_id"]: row["most_at_once"] for row in page.table("count")} == {
            "read-all": "35",
            "read-by-loop": "4",
            "read-by-semaphore": "4",
        }

        steps = {(row["instance"], row["status"]): int(row["steps"]) for row in page.table("statuses")}
        assert steps["too-many-when_all", "COMPLETED"] == 36  # the list of the parts, and 35 of them
        for how in ("when_all", "gather", "TaskGroup"):
            assert steps[f"too-many-{how}", "FAILED"] == 1
            assert sum(count for (run, _), count in steps.items() if run == f"too-many-{how}") == 37
            assert f"too-many-{how} is FAILED" in page.text("run-failing")
        assert {status for run, status in steps if run == "too-many-gather"} <= {
            "ABANDONED",
            "COMPLETED",
            "FAILED",
        }
        assert {status for run, status in steps if run == "too-many-TaskGroup"} <= {
            "CANCELLED",
            "COMPLETED",
            "FAILED",
        }


@pytest.mark.slow
@pytest.mark.kernel
@pytest.mark.semantics(25, 28, 29, 33)
def test_timers_and_retries(run_twice: Callable[[str], list[Page]]) -> None:
    for page in run_twice("03_timers_and_retries"):
        assert "       4  1 s                1.75 s" in page.text("policy")
        assert "Dream: 124 birds, the middle one has 3688 g" in page.text("run-dream")
        assert "3 attempts" in page.text("run-dream")

        attempts = page.table("attempts")
        assert [row["status"] for row in attempts] == ["FAILED", "TIMED_OUT", "COMPLETED"]
        assert attempts[0]["error"] == "HTTPError: HTTP Error 503: Service Unavailable"
        assert float(attempts[1]["waited"]) >= 0.25
        assert float(attempts[2]["waited"]) >= 0.5

        own, below = page.error("run-atlantis").split("That ended the workflow:")
        assert "----> 8             raise NoSuchIsland(island) from None" in own
        assert "TaskFailedError: fetch failed: NoSuchIsland: Atlantis" in below

        assert len(page.value("run-regularly")) == 2
        assert [(row["purpose"], row["status"]) for row in page.table("timers")] == [("timer", "FIRED")]
        assert "2 timers fired · monthly is COMPLETED" in page.text("months")
        days = [date.fromisoformat(line.split()[0]) for line in page.value("months")]
        assert [(after - before).days for before, after in pairwise(days)] == [30, 30]


@pytest.mark.slow
@pytest.mark.kernel
@pytest.mark.semantics(36, 58)
def test_approval(run_twice: Callable[[str], list[Page]]) -> None:
    for page in run_twice("04_approval"):
        assert "review-culmen waits for 'decision': answer it, then `await run`" in page.text("ask")
        assert page.value("status") == {"would leave out": ["N56A2: 59.6", "N71A2: 58", "N63A1: 40.9"]}
        assert page.error("rejected") == (
            "EventRejectedError: the payload of 'decision' doesn't fit Decision: "
            "Expected `bool`, got `str` - at `$.approved`"
        )
        assert page.value("answer") == "published/reviewed/culmen.csv, approved by Ada"

        events = [row["event"] for row in page.table("history")]
        told = ("EventWaitCreated", "TimerCreated", "EventRaised", "EventRejected", "TimerCancelled")
        assert [event for event in events if event in told] == [
            "EventWaitCreated",
            "TimerCreated",
            "EventRaised",
            "EventRejected",
            "EventRaised",
            "TimerCancelled",
        ]

        assert page.value("no") == "not published: Grace says '2700 g is a thin bird, not a wrong one'"
        assert "review-flipper is COMPLETED" in page.text("nobody")
        assert page.value("nobody") == "not published: nobody has answered"
        assert page.value("left") == ["culmen.csv"]


@pytest.mark.slow
@pytest.mark.kernel
@pytest.mark.semantics(13, 14, 57)
def test_monitor(run_twice: Callable[[str], list[Page]]) -> None:
    for page in run_twice("05_monitor"):
        assert "{'birds': 151, 'mean_mass': 3700.662}" in page.text("status")
        assert "{'birds': 274, 'mean_mass': 4318.066}" in page.text("status")

        rounds = page.table("generations")
        assert [int(row["generation"]) for row in rounds] == list(range(len(rounds)))
        assert {row["status"] for row in rounds[:-1]} == {"CONTINUED_AS_NEW"}
        assert rounds[-1]["status"] == "RUNNING"
        assert max(int(row["events"]) for row in rounds) <= 13
        assert rounds[0]["input"] == '{"birds":0,"mean_mass":0.0}'
        assert rounds[1]["input"] == '{"birds":151,"mean_mass":3700.662}'

        assert "Seen(birds=274, mean_mass=4318.066)" in page.text("stop")
        history = page.table("history")
        assert [row["event"] for row in history].count("TaskScheduled") == 1
        assert history[1]["what"].startswith('{"birds":274,"mean_mass":4318.066}')


@pytest.mark.slow
@pytest.mark.kernel
@pytest.mark.semantics(20, 21, 23, 44)
def test_children(run_twice: Callable[[str], list[Page]]) -> None:
    for page in run_twice("06_children"):
        assert "Survey(island='Dream', masses={'Adelie': 3575.0, 'Chinstrap': 3700.0})" in page.text("run")
        events = [row["event"] for row in page.table("history")]
        assert events.count("ChildWorkflowCreated") == 3
        assert events.count("ChildWorkflowCompleted") == 3
        assert (
            events.count("TaskScheduled") == 1
        )  # the list of the islands; what the children did is in theirs

        children = page.table("children")
        assert [re.sub(r"\w{8}", "…", row["instance_id"]) for row in children] == [
            "survey:…:0001",
            "survey:…:0002",
            "survey:…:0003",
        ]
        assert [row["status"] for row in children] == ["COMPLETED"] * 3

        assert page.value("run-failing") == {
            "Dream": "2 species",
            "Atlantis": "list_species failed: LookupError: there is no Atlantis on the map",
        }
        assert "sign-all waits for sign-Biscoe, sign-Dream, sign-Torgersen" in page.text("run-waiting")
        assert "sign-Biscoe is COMPLETED: 'Biscoe: Kristen'" in page.text("sign-one")
        terminated = page.text("terminate")  # its table follows what happens later: the purge
        assert "sign-Dream is TERMINATED" in terminated
        assert "sign-Torgersen is TERMINATED" in terminated
        assert "no runs" in page.text("purge")


@pytest.mark.slow
@pytest.mark.kernel
@pytest.mark.semantics(48, 70)
def test_async_and_generators(run_twice: Callable[[str], list[Page]]) -> None:
    for page in run_twice("07_async_and_generators"):
        assert "34 and 34" in page.text("run-two")
        rows = page.table("same")
        assert [row["name"] for row in rows] == ["list_articles", *["count"] * 7]
        assert {row["asked_for_by"] for row in rows} == {"count-async and count-generator"}

        assert page.value("run-first") == "'jury' stands in Article III first"
        assert page.text("run-first").count("which word, please?") == 1
        events = {row["kind"]: int(row["events"]) for row in page.table("asked")}
        assert events["TaskScheduled"] == 1 + 3  # the list of the articles, and three of them
        assert events["TimerCancelled"] == 2

        assert page.text("run-patient").count("this is the first line") == 1
        assert page.text("run-patient").count("and so is this, more or less") == 1
        again = page.text("reload")
        assert "on-request waits for 'word'" in again
        assert "on-request is COMPLETED: 17" in again
        assert "counting 'Senate'" in again
        assert "first line" not in again
        assert "more or less" not in again

        assert "----> 2     return await asyncio.to_thread" in page.error("run-refused")
        assert "put it in an activity" in page.error("run-refused")


@pytest.mark.slow
@pytest.mark.kernel
def test_the_card(run_twice: Callable[[str], list[Page]], tmp_path: Path) -> None:
    for page in run_twice("09_the_card"):
        assert page.value("answer") == "3 lines on recycled paper, 2 people told"
        cards = [output.data for output in page.outputs["run"] + page.outputs["replay"] if "data" in output]
        widgets = [data for data in cards if "application/vnd.jupyter.widget-view+json" in data]
        twins = [data["text/html"] for data in cards if "text/html" in data]
        assert (len(widgets), len(twins)) == (2, 2)
        assert "print_table" in twins[0]
        assert "completed" in twins[0]
        assert "event 8 of" in twins[1]
        assert "schedules mean_mass #4" in twins[1]

        timeline = page.text("timeline")
        assert re.search(r"✓ print_table .*✗.*✗.*█ +completed.*\n +3 attempts", timeline)
        assert timeline.count("✓ count_birds") == timeline.count("✓ mean_mass") == 3
        moment = page.text("moment")
        assert "schedules mean_mass #4" in moment.splitlines()[0]
        assert re.search(r"^\S+ > +3 +birds = await count_birds\(island\)$", moment, re.MULTILINE)
        assert re.search(r"^\S+,\* > +4 +grams = await mean_mass\(island\)$", moment, re.MULTILINE)
        assert moment.count("birds: ") == len(re.findall(r"birds: \d+ \(new\)", moment)) == 1
        assert "○ return f'not printed: {decision.… · never reached" in page.text("graph")
        assert "%wf raise survey-2 approval {" in page.text("inbox")
        assert "survey-1 is written to published/survey-1.html" in page.text("export")
        exported = (tmp_path / "work" / "published" / "survey-1.html").read_text(encoding="utf-8")
        assert "survey-1 of survey" in exported


@pytest.mark.slow
@pytest.mark.kernel
@pytest.mark.semantics(12, 50, 51, 79)
def test_changing_code(run_twice: Callable[[str], list[Page]]) -> None:
    for page in run_twice("10_changing_code"):
        assert "through LIGHT · changed" in page.text("constant")
        (row,) = page.table("constant")
        assert row["runs in flight"] == "survey-Torgersen, survey-Dream, survey-Biscoe"
        assert row["with the changed code"] == "fit"
        assert "survey-Torgersen is COMPLETED: 'Torgersen: 18 birds below 3500 g'" in page.text("old")

        for cell in ("change", "adopt"):
            dream, biscoe = page.table(cell)
            assert (dream["runs in flight"], dream["with the changed code"]) == ("survey-Dream", "fits")
            assert list(biscoe.values()) == [
                "survey-Biscoe",
                "would diverge",
                "6",
                "3",
                'call of activity ask_for_help("Biscoe")',
                "wait for event 'visit'",
            ]
        assert "all keep the code that they were started with" in page.text("change")
        assert "1 changed over to the new code; 1 keep the code" in page.text("adopt")
        assert "survey-Dream is COMPLETED: 'Dream: 15 birds below 3300 g'" in page.text("new")

        versions = {(row["name"], row["runs in flight"]) for row in page.table("versions")}
        assert versions == {("with-help", "1"), ("with-help", "0"), ("alone", "0")}
        assert "1 version of survey forgotten" in page.text("all")
        report = page.text("all")
        assert "survey-Biscoe is stalled: the code no longer matches its history: event 6" in report
        assert "line 3: if not await ctx.wait_for_external_event" in report
        assert 'Likely cause: the call ask_for_help("Biscoe") was removed' in report
        assert "survey-Biscoe is COMPLETED: 'Biscoe: 13 birds below 3500 g'" in page.text("back")

        assert "line 2: NBF001 datetime.now() gives another value on replay" in page.text("clock")
        assert "NBF" not in page.text("fixed")


@pytest.mark.slow
@pytest.mark.kernel
@pytest.mark.semantics(10)
def test_the_time_machine(run_twice: Callable[[str], list[Page]]) -> None:
    for page in run_twice("11_time_machine"):
        assert "heavy-gentoo is FAILED" in page.text("fail")
        assert "heavy-gentoo is taken back to event 14: publish is tried again" in page.text("rewind")
        assert page.value("rewind") == "published/heavy.txt: 61 birds above 5000 g"
        history = page.table("history")
        assert [row["event"] for row in history[10:16]] == [
            "WorkflowStarted",
            "EventRaised",
            "TaskScheduled",
            "WorkflowStarted",
            "ExecutionForked",
            "WorkflowStarted",
        ]
        assert [row["name"] for row in history if row["event"] == "TaskScheduled"] == [
            "middle",
            "heavier_than",
            "publish",
        ]
        assert "heavy-no is forked from heavy-gentoo at event 12, which has another value" in page.text("no")
        assert page.value("no") == "not published: 61 birds above 5000 g"
        assert page.value("limit") == "not published: 172 birds above 4000 g"
        assert "the result of middle doesn't fit float: Expected `float`, got `str`" in page.text("refused")
        assert "they part at middle #1 (activity result)" in page.text("compare")
        assert {(row["instance_id"], row["how"], row["at"]) for row in page.table("origins")} == {
            ("heavy-4000", "fork", "4"),
            ("heavy-gentoo", "rewind", "14"),
            ("heavy-no", "fork", "11"),
        }


@pytest.mark.slow
@pytest.mark.kernel
def test_history_is_data(run_twice: Callable[[str], list[Page]], tmp_path: Path) -> None:
    published = tmp_path / "work" / "published"
    for page in run_twice("12_history_is_data"):
        assert page.value("run") == ({"Adelie": 3701, "Chinstrap": 3733}, {"Gentoo": 5076})
        attempts = [(row["species"], row["attempt"], row["status"]) for row in page.table("attempts")]
        assert attempts == [
            ("Adelie", "1", "COMPLETED"),
            ("Chinstrap", "1", "FAILED"),
            ("Chinstrap", "2", "FAILED"),
            ("Chinstrap", "3", "COMPLETED"),
        ]
        weights = {row["species"]: row["grams"] for row in page.table("weights")}
        assert weights == {"Adelie": "3701", "Chinstrap": "3733", "Gentoo": "5076"}
        assert "fire_at" in page.text("columns")
        assert page.value("json")[:3] == ["WorkflowStarted", "ExecutionStarted", "TaskScheduled"]
        assert [row["runs"] for row in page.table("parquet")] == ["2"]
        assert page.text("test").splitlines()[-1] == "passed"
        report = page.text("change").strip().splitlines()
        assert report[0].endswith("weigh_all no longer matches its history at event 3")
        assert report[1].strip() == 'history: call of activity weigh("Adelie")'
        assert report[2].strip() == 'code:    call of activity weigh("Chinstrap")'
        assert any("weights.py" in line for line in report[3:])
        assert any(line.strip().startswith("cause:") for line in report[3:])
        listed = [line.split()[:3] for line in page.text("copy").splitlines()[-2:]]
        assert sorted(listed) == [[f"weights-{n}", "weigh_all", "COMPLETED"] for n in (1, 2)]
        assert "sorted" not in (published / "weights.py").read_text(encoding="utf-8")


@pytest.mark.slow
@pytest.mark.kernel
@pytest.mark.parametrize(
    ("name", "last", "attached", "end", "result"),
    [
        ("04_approval", "ask", "review-culmen", "answer", "'published/reviewed/culmen.csv, approved by Ada'"),
        ("05_monitor", "status", "watch-arrivals", "stop", "Seen(birds=274, mean_mass=4318.066)"),
        ("06_children", "sign-one", "sign-all", "terminate", "terminated sign-all"),
    ],
    ids=["approval", "monitor", "children"],
)
def test_all_cells_after_a_kill_go_on_with_the_run(
    desk: Desk, name: str, last: str, attached: str, end: str, result: str
) -> None:
    desk.kill_after(name, last)
    page = desk.run(name)
    assert f"attached to {attached}, which was started before" in "".join(map(page.text, page.outputs))
    assert result in page.text(end)
    if name == "04_approval":
        scheduled = [row["name"] for row in page.table("history") if row["event"] == "TaskScheduled"]
        assert scheduled == [
            "write_draft",
            "publish_draft",
        ]  # the draft was written before the kill, and once


# -- the files themselves -----------------------------------------------------------------------------------


@pytest.fixture(params=PATTERNS, ids=lambda path: path.stem)
def book(request: pytest.FixtureRequest) -> dict[str, Any]:
    return {"path": request.param, **json.loads(request.param.read_text(encoding="utf-8"))}


def _code(book: dict[str, Any]) -> list[dict[str, Any]]:
    return [cell for cell in book["cells"] if cell["cell_type"] == "code"]


def test_it_is_kept_as_the_quickstart_is(book: dict[str, Any]) -> None:
    quickstart = json.loads((NOTEBOOKS / "00_quickstart.ipynb").read_text(encoding="utf-8"))
    assert [cell["id"] for cell in _code(book) if cell["outputs"] or cell["execution_count"]] == []
    assert book["metadata"] == quickstart["metadata"]
    assert (book["nbformat"], book["nbformat_minor"]) == (
        quickstart["nbformat"],
        quickstart["nbformat_minor"],
    )


def test_it_is_short_and_fits_on_the_page(book: dict[str, Any]) -> None:
    assert 8 <= len(_code(book)) <= 14
    lines = [line.rstrip("\n") for cell in _code(book) for line in cell["source"]]
    assert [line for line in lines if len(line) > 96] == []


def test_its_work_is_real(book: dict[str, Any]) -> None:
    code = ["".join(cell["source"]) for cell in _code(book)]
    assert [text for text in code if "time.sleep" in text] == []
    assert any("data/" in text for text in code)


def test_its_links_lead_somewhere_and_the_last_one_to_the_next(book: dict[str, Any]) -> None:
    text = ["".join(cell["source"]) for cell in book["cells"] if cell["cell_type"] == "markdown"]
    links = re.findall(r"\]\(([^)#:]+)\)", "\n".join(text))
    assert [link for link in links if not (NOTEBOOKS / link).exists()] == []
    following = [path.name for path in sorted(NOTEBOOKS.glob("*.ipynb")) if path > book["path"]]
    assert links[-1] == (following or ["README.md"])[0]


def test_what_nbmake_leaves_out_is_run_here() -> None:
    run = re.findall(r'in run_twice\("(\w+)"\)', Path(__file__).read_text(encoding="utf-8"))
    assert run == [path.stem for path in PATTERNS]
    assert len(run) == 11


def test_the_list_names_every_notebook() -> None:
    listed = re.findall(r"\]\((\w+\.ipynb)\)", (NOTEBOOKS / "README.md").read_text(encoding="utf-8"))
    assert listed == sorted(path.name for path in NOTEBOOKS.glob("*.ipynb"))
