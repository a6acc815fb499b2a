"""Virtual time in a notebook: ``%wf db :memory: --virtual-clock`` and ``%wf skip``."""

import re
from datetime import datetime, timedelta
from typing import cast

import pytest
from IPython.core.completer import provisionalcompleter

from nbflow.jupyter.session import session_of
from nbflow.jupyter.shell import Shell
from tests.jupyter.conftest import Notebook
from tests.jupyter.kernels import Kernel

MONITOR = """%%workflow monitor(days: int) -> list[str]
import asyncio
seen = []
for _ in range(days):
    await asyncio.sleep(86400)
    seen.append(f"{ctx.current_utc_datetime:%Y-%m-%d %H:%M:%S}")
return seen
"""
ASKS = """%%workflow asks() -> str
try:
    return await ctx.wait_for_external_event("approval", timeout=3600)
except TimeoutError:
    return "nobody answered"
"""


@pytest.fixture
def desk(notebook: Notebook) -> Notebook:
    """A notebook in which time stands still."""
    notebook.run("%wf db :memory: --virtual-clock")
    notebook.run(MONITOR)
    notebook.run(ASKS)
    return notebook


def now(notebook: Notebook) -> datetime:
    session = session_of(cast("Shell", notebook.shell))
    assert session is not None
    return session.runtime.clock.now()


def test_a_skip_tells_what_happened_meanwhile(desk: Notebook) -> None:
    began = now(desk)
    desk.run("run = %wf run monitor(30) --id m;")
    said = desk.run("%wf skip 30d")
    ended = began + timedelta(days=30)
    assert said == (
        f"skipped from {began:%Y-%m-%d %H:%M:%S} UTC to {ended:%Y-%m-%d %H:%M:%S} UTC · "
        "30 timers fired · m is COMPLETED"
    )
    days = [began + timedelta(days=day) for day in range(1, 31)]
    assert desk["run"].result(20) == [f"{day:%Y-%m-%d %H:%M:%S}" for day in days]


def test_runs_that_go_on_are_told_from_those_that_ended(desk: Notebook) -> None:
    desk.run("%wf run monitor(5) --id m;")
    desk.run("%wf run asks() --id a;")
    assert desk.run("%wf skip 1h 30m").endswith(" · 1 timer fired · a is COMPLETED")
    assert desk.run("%wf skip 22h30m").endswith(" · 1 timer fired · m went on")
    assert desk.run("%wf skip 90").endswith(" UTC · nothing happened")
    assert desk.run("%wf skip 90;") == ""
    assert desk.run("days = 4\n%wf skip {days}d").endswith(" · 4 timers fired · m is COMPLETED")


def test_loading_and_db_say_that_time_stands_still(notebook: Notebook) -> None:
    said = notebook.run("%wf db :memory: --virtual-clock")
    assert re.fullmatch(
        r"nbflow: history in memory \(nothing is kept\) · virtual time 20\d\d-\d\d-\d\d \d\d:\d\d:\d\d UTC stands "
        r"still: %wf skip 1d · no run waits · %wf help",
        said,
    )
    assert notebook.run("%wf db") == said


def test_the_same_line_again_keeps_the_runs_and_another_does_not(desk: Notebook) -> None:
    desk.run("%wf run monitor(5) --id m;")
    desk.run("%wf skip 1d")
    assert "m waits for a timer" in desk.run("%wf db :memory: --virtual-clock")
    said = desk.run("%wf db :memory:")
    assert "virtual" not in said
    assert "no run waits" in said


def test_a_switch_that_fails_leaves_virtual_time_as_it_was(desk: Notebook) -> None:
    desk.run("%wf run monitor(5) --id m;")
    desk.fail("%wf db nowhere/else/history.duckdb")
    assert "virtual time" in desk.run("%wf db")
    assert "m went on" in desk.run("%wf skip 1d")


def test_config_goes_back_to_the_computer_s_clock(desk: Notebook) -> None:
    assert "virtual" not in desk.run("%config NbFlow.db = 'orders.duckdb'")
    assert "needs virtual time" in desk.fail("%wf skip 1d")


def test_a_start_that_is_put_off_counts_virtual_time(desk: Notebook) -> None:
    desk.run("run = %wf run monitor(1) --id m --start-in 7d;")
    assert desk.run("%wf wait m").endswith(": virtual time stands still, type %wf skip 1d")
    assert desk.run("%wf skip 8d").endswith("· m is COMPLETED")


def test_waiting_for_a_timer_says_that_time_has_to_be_skipped(desk: Notebook) -> None:
    desk.run("%wf run monitor(1) --id m;")
    said = desk.run("%wf wait m")
    assert re.fullmatch(
        r"m waits for a timer until [\d: -]+ UTC: virtual time stands still, type %wf skip 1d", said
    )
    desk.run("%wf run asks() --id a;")
    assert desk.run("%wf wait a").startswith("a waits for 'approval': answer it")


def test_pictures_go_by_virtual_time(desk: Notebook) -> None:
    desk.run("%wf run monitor(60) --id m;")
    desk.run("%wf run asks() --id a;")
    desk.run("%wf skip 30m")
    shown = desk.run("%wf show a")
    assert "30 min" in shown
    assert "-" not in re.sub(r"[a-z]-[a-z]|\d-\d|->", "", shown)
    desk.run("%wf skip 29d")
    assert "in 23 h 30 min" in desk.run("%wf show m")


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("%wf skip", "%wf skip needs a duration: type %wf skip 30d"),
        ("%wf skip tomorrow", "%wf skip 'tomorrow' is no duration: type %wf skip 90, %wf skip 90s,"),
        ("%wf skip 9000000d", "is after the year 9999: type %wf skip 365d"),
        (
            "%wf db orders.duckdb --virtual-clock",
            "since their times are not real: type %wf db :memory: --virtual-clock",
        ),
        ("%wf db --virtual-clock", "type %wf db :memory: --virtual-clock"),
        (
            "%wf db :memory: --virtual-clock=yes",
            "--virtual-clock takes no value: type %wf db … --virtual-clock",
        ),
        (
            "%wf db :memory: --virtual-clock --virtual-clock",
            "--virtual-clock is there twice: type one, as %wf db … --virtual-clock",
        ),
        ("%wf db :memory: --virtual", "%wf db has no option --virtual: did you mean --virtual-clock?"),
    ],
)
def test_what_is_mistyped_is_one_line(desk: Notebook, line: str, complaint: str) -> None:
    said = desk.fail(line)
    assert len(said.splitlines()) == 1, said
    assert complaint in said


def test_the_computer_s_clock_can_t_be_skipped(notebook: Notebook) -> None:
    said = notebook.fail("%wf skip 30d")
    assert said.endswith(
        "%wf skip needs virtual time, and this history goes by the computer's clock: "
        "type %wf db :memory: --virtual-clock"
    )
    assert len(said.splitlines()) == 1


def test_help_and_completion_know_it(desk: Notebook) -> None:
    assert "%wf skip DURATION" in desk.run("%wf help")
    about = desk.run("%wf help skip")
    assert "%wf skip 30d" in about
    assert "%wf db :memory: --virtual-clock" in about
    assert "--virtual-clock" in desk.run("%wf help db")

    def complete(line: str) -> set[str]:
        with provisionalcompleter():
            return {completion.text for completion in desk.shell.Completer.completions(line, len(line))}

    assert "skip" in complete("%wf sk")
    assert {"1h", "1d", "7d", "30d"} <= complete("%wf skip ")
    assert "--virtual-clock" in complete("%wf db :memory: --v")
    assert "--virtual-clock" not in complete("%wf db :memory: --virtual-clock --")


@pytest.mark.kernel
def test_the_card_of_a_run_that_only_waits_is_told_what_time_it_is(kernel: Kernel) -> None:
    kernel.run("%wf db :memory: --virtual-clock")
    kernel.run(ASKS)
    started = kernel.run("run = %wf run asks() --id a\n%wf wait a")
    assert len(started.cards) == 1
    kernel.updates.clear()
    assert kernel.run("%wf skip 30m").text.strip().endswith("nothing happened")
    assert "waits for 'approval' (30 min)" in kernel.updates[-1]["text/plain"]
