"""From statements in their order to steps as they are nested: what goes on side by side, and until where.

A call that is not awaited at once goes on in the background until something awaits the variable
that holds it. Between the two lie the branches: each call that was started is one, what the code
awaits meanwhile is another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import assert_never

from nbflow.views.graph.model import Box, Choice, Jump, Leaf, Loop, Parallel, Spawn, Step, Try


@dataclass(kw_only=True)
class Item:
    """What one piece of code adds.

    Attributes:
        step: What it does; None where it only waits for something.
        started: It goes on in the background.
        names: Variables that hold it.
        joins: Variables that it waits for.
        first: It waits for the first of them only.
        spawn: The variable of the task group that it was started in.
    """

    step: Step | None = None
    started: bool = False
    names: frozenset[str] = frozenset()
    joins: frozenset[str] = frozenset()
    first: bool = False
    spawn: str = ""


MakeParallel = Callable[[Sequence[tuple[Step, ...]], bool], Step]


def steps_of(items: Iterable[Item]) -> tuple[Step, ...]:
    """The steps alone, in their order."""
    return tuple(item.step for item in items if item.step is not None)


def does_something(steps: Iterable[Step]) -> bool:
    """Whether there is a node in it that is more than a way out."""
    return any(_does_something(step) for step in steps)


def _does_something(step: Step) -> bool:
    match step:
        case Leaf() | Spawn() | Parallel():
            return True
        case Jump():
            return step.to == "continue as new"
        case Choice(branches=branches):
            return any(does_something(branch.steps) for branch in branches)
        case Loop():
            return does_something((*step.before, *step.body, *step.after))
        case Box(steps=steps):
            return does_something(steps)
        case Try():
            return does_something((*step.steps, *step.otherwise, *step.final))
        case _:
            assert_never(step)


def has_node(steps: Iterable[Step]) -> bool:
    """Whether there is anything to draw in it: something done, or an end of the workflow."""
    return any(_has_node(step) for step in steps)


def _has_node(step: Step) -> bool:
    match step:
        case Jump(node=node):
            return node is not None
        case Choice(branches=branches):
            return any(has_node(branch.steps) for branch in branches)
        case Loop():
            return has_node((*step.before, *step.body, *step.after))
        case Box(steps=steps):
            return has_node(steps)
        case Try():
            return has_node((*step.steps, *step.otherwise, *step.final))
        case _:
            return True


@dataclass
class _Run:
    """Items from the first that was started to the one that waits for it."""

    items: list[Item]
    end: int
    joined: bool
    first: bool = False
    branches: list[tuple[Step, ...]] = field(default_factory=list[tuple[Step, ...]])


def arrange(items: Sequence[Item], parallel: MakeParallel, awaited: AbstractSet[str]) -> tuple[Step, ...]:
    """Nest a block: what was started and is waited for in it becomes branches.

    Args:
        items: The block's.
        parallel: Makes a step of branches.
        awaited: Variables that are waited for somewhere in the function. What nobody waits for, and no
            task group holds, is drawn beside the way and not on it.
    """
    steps: list[Step] = []
    place = 0
    while place < len(items):
        item = items[place]
        if not item.started or item.step is None:
            steps.extend(steps_of([item]))
            place += 1
            continue
        run = _run(items, place)
        place = run.end
        if not run.joined:
            is_alone = not item.spawn and not item.names & awaited
            steps.append(Spawn((item.step,)) if is_alone else item.step)
            continue
        steps.extend(_side_by_side(run, parallel))
    return tuple(steps)


def _run(items: Sequence[Item], begin: int) -> _Run:
    held = set(items[begin].names)
    for place in range(begin + 1, len(items)):
        item = items[place]
        if item.joins & held:
            return _Run(list(items[begin:place]), place, True, item.first)
        if item.started:
            held |= item.names
    return _Run([items[begin]], begin + 1, False)


def _side_by_side(run: _Run, parallel: MakeParallel) -> tuple[Step, ...]:
    branches: list[tuple[Step, ...]] = [steps_of([item]) for item in run.items if item.started]
    between = steps_of([item for item in run.items if not item.started])
    if between:
        branches.append(between)
    branches = [branch for branch in branches if branch]
    return branches[0] if len(branches) == 1 else (parallel(branches, run.first),)


def arrange_group(
    items: Sequence[Item], group: str, parallel: MakeParallel, awaited: AbstractSet[str]
) -> tuple[Step, ...]:
    """Nest the body of a task group: what was started in it are branches, the body itself is one more."""
    branches = [steps_of([item]) for item in items if item.spawn == group and item.step is not None]
    body = arrange([item for item in items if item.spawn != group], parallel, awaited)
    if has_node(body):
        branches.append(body)
    if len(branches) <= 1:
        return branches[0] if branches else ()
    return (parallel(branches, False),)
