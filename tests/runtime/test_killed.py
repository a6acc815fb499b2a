"""A plain Python script is killed with SIGKILL, and the next process goes on where it was (S11)."""

import random
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from nbflow.core.history import (
    HistoryEvent,
    TaskCompleted,
    TaskFailed,
    TaskScheduled,
    TimerCreated,
    TimerFired,
)
from nbflow.stores.duckdb import DuckDBStore
from tests.engine.worlds import kinds, of_kind

SCRIPTS = Path(__file__).parent / "scripts"


class Script:
    """One of the scripts, over several processes."""

    def __init__(self, name: str, folder: Path) -> None:
        self.path = SCRIPTS / name
        self.folder = folder
        self.store = folder / "orders.duckdb"
        self.pids: list[int] = []
        self._process: subprocess.Popen[str] | None = None

    def begin(self, *arguments: str) -> None:
        command = [sys.executable, str(self.path), str(self.store), str(self.folder), *arguments]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.pids.append(self._process.pid)

    def lines(self, file: str) -> list[tuple[str, int]]:
        """What the processes noted, as (text, place of the process that did)."""
        path = self.folder / file
        if not path.exists():
            return []
        pairs = [line.split() for line in path.read_text().splitlines()]
        return [(text, self.pids.index(int(pid))) for text, pid in pairs]

    def until(self, file: str, count: int, text: str | None = None) -> bool:
        """Wait until so many lines are noted, or the process has ended; tell which."""
        assert self._process is not None
        end = time.monotonic() + 60
        while sum(text in (None, noted) for noted, _ in self.lines(file)) < count:
            if self._process.poll() is not None:
                return False
            assert time.monotonic() < end, f"{file} never had {count} lines"
            time.sleep(0.002)
        return True

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.communicate()

    def finish(self) -> str:
        """Let it come to its end; returns what it printed."""
        assert self._process is not None
        out, err = self._process.communicate(timeout=60)
        assert (self._process.returncode, err) == (0, "")
        return out.strip()

    def history(self) -> list[HistoryEvent]:
        store = DuckDBStore(self.store)
        store.open()
        try:
            assert [*store.read_inbox()] == []
            return store.read_history("order-42")
        finally:
            store.close()

    def recorded(self) -> dict[int, int]:
        """Of every recorded attempt, by the ID of its scheduling, the place of the process that ran it."""
        results = [*of_kind(self.history(), TaskCompleted), *of_kind(self.history(), TaskFailed)]
        return {event.scheduled_id: self.pids.index(int(event.worker.split("/")[0])) for event in results}


@pytest.fixture
def script(request: pytest.FixtureRequest, tmp_path: Path) -> Script:
    return Script(request.param, tmp_path)


@pytest.mark.semantics(19)
@pytest.mark.parametrize("script", ["fan_out.py"], indirect=True)
def test_s11_of_a_hundred_only_what_was_not_recorded_runs_again(script: Script) -> None:
    script.begin()
    assert script.until("commits", 40, "TaskCompleted")
    script.kill()
    script.begin()
    assert script.finish() == str(sum(n * n for n in range(100)))
    first = [place for place in script.recorded().values() if place == 0]
    assert 40 <= len(first) < 100
    again = [text for text, place in script.lines("ran") if place == 1]
    assert len(again) == len(set(again)) == 100 - len(first)
    scheduled = {event.id: str(event.input) for event in of_kind(script.history(), TaskScheduled)}
    done_before = {scheduled[i] for i, place in script.recorded().items() if place == 0}
    assert done_before.isdisjoint(again)
    ran = Counter(text for text, _ in script.lines("ran"))
    assert set(ran) == {str(n) for n in range(100)}
    assert set(ran.values()) <= {1, 2}


@pytest.mark.semantics(62)
@pytest.mark.parametrize("script", ["approval.py"], indirect=True)
def test_s11_waiting_for_an_event_across_a_kill(script: Script) -> None:
    script.begin("early")
    assert script.until("acknowledged", 1)  # S62: from here on it can't be lost
    assert script.until("commits", 1, "TaskCompleted")
    script.kill()
    script.begin()
    assert script.until("commits", 1, "TimerCreated")
    script.kill()
    script.begin("approval")
    assert script.finish() == "[True, True, True]"
    assert script.lines("ran") == [("check", 0)]
    assert kinds(script.history()).count("EventRaised") == 2


@pytest.mark.semantics(27)
@pytest.mark.parametrize("script", ["timers.py"], indirect=True)
def test_s25_and_s32_a_timer_and_a_retry_that_come_due_while_dead(script: Script) -> None:
    script.begin()
    assert script.until("commits", 1, "TimerCreated")
    script.kill()
    time.sleep(1.0)  # the wall clock itself is what is waited for: the timer comes due now
    script.begin()
    assert script.until("commits", 1, "TaskFailed")
    assert script.until("commits", 2, "TimerCreated")
    script.kill()
    time.sleep(1.0)
    script.begin()
    assert script.finish() == "[2, 'done']"
    assert script.lines("ran") == [("flaky-1", 1), ("flaky-2", 2), ("after", 2)]
    history = script.history()
    for made, fired in zip(of_kind(history, TimerCreated), of_kind(history, TimerFired), strict=True):
        assert fired.fire_at == made.fire_at
    assert [event.purpose for event in of_kind(history, TimerCreated)] == ["timer", "retry"]
    assert [event.attempt for event in of_kind(history, TaskScheduled)] == [1, 2, 1]


@pytest.mark.parametrize("script", ["forgetful.py"], indirect=True)
def test_a_script_that_never_closes_its_runtime_ends_quietly_and_loses_nothing(script: Script) -> None:
    script.begin("first")
    assert script.finish() == ""
    script.begin()
    assert script.finish() == "[1, 2]"
    assert sorted(script.lines("ran")) == [("hangs", 0), ("hangs", 1), ("naps", 0), ("naps", 1)]


@pytest.mark.timeout(300)
@pytest.mark.parametrize("script", ["mixed.py"], indirect=True)
@pytest.mark.parametrize("seed", [1, 2])
def test_s11_killed_at_random_moments_the_result_is_the_same(script: Script, seed: int) -> None:
    moments = random.Random(seed)
    kills = 0
    while kills < 10:
        script.begin()
        wanted = len(script.lines("commits")) + moments.randint(1, 40)
        if not script.until("commits", wanted):
            break  # it has come to its end meanwhile
        script.kill()
        kills += 1
    else:
        script.begin()
    out = script.finish()
    told = [[turn + 1 + 8 * (turn + 1), 3, 0] for turn in range(6)]
    assert out == str(told)
    assert kills >= 3
    history = script.history()
    assert [event.seq for event in history] == list(range(1, len(history) + 1))
    scheduled = {event.id: event for event in of_kind(history, TaskScheduled)}
    runs = script.lines("ran")
    for task_id, place in script.recorded().items():
        event = scheduled[task_id]
        key = event.input.split('"')[3] if event.input.startswith("{") else event.input.strip('"')
        if event.name == "flaky":
            key = f"{key}-{event.attempt}"
        later = [where for text, where in runs if text == key and where > place]
        assert later == [], f"{key} was recorded by process {place} and ran again in {later}"
    print(f"seed {seed}: {kills} kills, {len(runs)} runs of {len(scheduled)} attempts")
