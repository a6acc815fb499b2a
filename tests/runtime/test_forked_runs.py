"""What else is done with a run's history is done with that of a fork and of a rewound run, too."""

from pathlib import Path
from typing import Any

import pytest

from nbflow import WorkflowContext, activity, workflow
from nbflow.core import history as h
from nbflow.testing import WorkflowTestEnvironment, replay_history, save_history

broken: set[str] = set()


@activity
def note(who: str) -> str:
    if who in broken:
        raise ValueError(who)
    return who


@workflow
async def names(ctx: WorkflowContext, last: str) -> list[Any]:
    first = await note(ctx.instance_id)
    after = await ctx.wait_for_external_event("after")
    return [first, after, await note(f"{ctx.instance_id}{last}")]


@pytest.mark.semantics(10)
def test_a_fork_is_replayed_exported_and_looked_at_like_any_run(tmp_path: Path) -> None:
    with WorkflowTestEnvironment(names, note) as env:
        run = env.start(names, "", id="a")
        env.raise_event(run, "after", 1)
        assert run.result() == ["a", 1, "a"]
        at = next(e.seq for e in env.history(run) if isinstance(e, h.EventRaised))
        fork = run.fork(at, set=2, id="b")
        assert fork.result() == ["a", 2, "b"]
        replay_history(names, save_history(fork, tmp_path / "b.jsonl"))
        for seq in range(len(fork.history()) + 1):
            assert "no longer matches" not in fork.replay(seq).text
        parted = next(e.seq for e in fork.history() if isinstance(e, h.ExecutionForked))
        said = fork.replay(parted).text
        assert f"being forked from a at event {parted - 1}; event {at} comes with another value" in said
        assert fork.export(tmp_path / "b.html") > 0


@pytest.mark.semantics(10, 13)
def test_a_rewound_run_is_too(tmp_path: Path) -> None:
    with WorkflowTestEnvironment(names, note) as env:
        broken.add("ax")
        run = env.start(names, "x", id="a")
        env.raise_event(run, "after", 1)
        env.settle()
        broken.clear()
        run.rewind()
        assert run.result() == ["a", 1, "ax"]
        replay_history(names, save_history(run, tmp_path / "a.jsonl"))
        assert "being taken back to event" in run.replay(len(run.history()) - 2).text
        assert "no longer matches" not in run.replay().text
        child = run.fork(len(run.history()))
        assert child.result() == ["a", 1, "ax"]
