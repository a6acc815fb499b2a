"""`torture`: a workflow in one child process after the other, none of which outlives an event."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeAlias

import msgspec

from nbflow.core.explain.report import Divergence
from nbflow.core.state import Stall
from nbflow.definitions import Definition, WorkflowDefinition
from nbflow.testing.complaints import RunWaitsError, WorkflowTestError
from nbflow.testing.stubs import Stubbed
from nbflow.testing.torturing.comparing import difference
from nbflow.testing.torturing.orders import (
    HISTORIES,
    Broke,
    Committed,
    Diverged,
    GaveUp,
    Histories,
    News,
    Order,
    Raised,
    Replayed,
    ReplayOrder,
    Rested,
    RunOrder,
)
from nbflow.testing.torturing.preparing import BEFORE, Plan, copied
from nbflow.testing.torturing.processes import Child, Children
from nbflow.testing.torturing.report import TortureReport

Progress: TypeAlias = Callable[[str], object]
"""Takes a line on what is being done."""

MOST_RESTARTS: Final = 50
PATIENCE: Final = 30.0

_HASH_SEEDS: Final = 2**32 - 1
_REPLAYING: Final = 2
"""Processes that replay everything."""

_PREFIXES: Final = 200
"""Beginnings of a history that each of them replays."""

_MOST_EVENTS: Final = 2_000
"""Events of history at which the first run is given up."""


def torture(
    workflow: WorkflowDefinition[..., Any],
    *args: Any,
    events: Sequence[tuple[str, Any]] = (),
    stubs: Mapping[Stubbed, Any] | None = None,
    definitions: Iterable[Definition] = (),
    id: str = "torture",
    restarts: int = MOST_RESTARTS,
    seed: int | None = None,
    timeout: float = PATIENCE,
    progress: Progress | None = None,
    **kwargs: Any,
) -> TortureReport:
    """Run a workflow, and crash it behind everything that happens to it: is its result the same, and what it does?

    ::

        report = torture(fulfil, order, events=[("approval", Decision(True))])
        assert report.is_same, report

    Everything happens in child processes, on a scratch store and in virtual time. The first runs the workflow
    without a crash. The next ones replay what happened then, and every beginning of it, in other processes:
    each has another hash seed, other addresses, and collects its garbage at other moments. Then the workflow
    runs once more, and behind each commit of its history its process is ended, and another goes on.

    So code is found that goes by the order of a set, the clock, a random number, the process, or a global.
    No cell is run there, and nothing of this process is known: the code is made of what a store keeps of it.

    Activities really run, and do what they do: each attempt once, in the first run. After that their
    recorded answers are given.

    Args:
        workflow: The workflow.
        *args: Its arguments.
        events: Raised in this order, each as soon as the run or a child waits for it: (name, data).
        stubs: What activities answer, by activity or name, that are not to run.
        definitions: Workflows and activities that the code doesn't name, such as those called by a string.
        id: What the run is called.
        restarts: How many crashes at the most; of a longer run not every commit is crashed behind.
        seed: Decides on hash seeds and addresses; a random one if None, which the report has.
        timeout: Seconds of real time that anything may take.
        progress: Called with a line on what is being done.
        **kwargs: Its arguments by name.

    Raises:
        ArgumentsError: The arguments don't fit the workflow's signature.
        RunWaitsError: The run waits for an event that is not among `events`.
        WorkflowTestError: Some of the code can't run in another process, or the run has no end.
    """
    __tracebackhide__ = True
    plan = Plan(
        workflow,
        workflow.encode_call(args, kwargs),
        instance_id=id,
        events=events,
        stubs=stubs or {},
        definitions=definitions,
    )
    return carry_out(plan, restarts=restarts, seed=seed, timeout=timeout, progress=progress)


def carry_out(
    plan: Plan, *, restarts: int, seed: int | None, timeout: float, progress: Progress | None
) -> TortureReport:
    """`torture` what is planned."""
    __tracebackhide__ = True
    seed = seed if seed is not None else random.SystemRandom().randrange(1, 1_000_000)
    report = TortureReport(workflow=plan.workflow.name, seed=seed)
    chance = random.Random(seed)
    with tempfile.TemporaryDirectory(prefix="nbflow-torture-", ignore_cleanup_errors=True) as folder:
        seeds = iter(lambda: chance.randrange(1, _HASH_SEEDS), None)
        with Children(Path(folder), seeds) as children:
            _Torture(plan, Path(folder), children, report, restarts, timeout, progress or _quiet).run()
    return report


class _Torture:
    def __init__(
        self,
        plan: Plan,
        folder: Path,
        children: Children,
        report: TortureReport,
        restarts: int,
        timeout: float,
        progress: Progress,
    ) -> None:
        self._plan = plan
        self._folder = folder
        self._children = children
        self._report = report
        self._restarts = restarts
        self._timeout = timeout
        self._progress = progress
        self._given: list[int] = []
        self._now = BEFORE
        self._commits = 0

    def run(self) -> None:
        __tracebackhide__ = True
        child = self._children.one(hash_seed=0, more=True)
        self._progress("making a scratch store")
        untouched = self._folder / "untouched.duckdb"
        self._plan.prepare(untouched)
        first = self._first_run(child, copied(untouched, "first.duckdb"))
        for number in range(_REPLAYING if first is not None else 0):
            if self._report.is_same:
                self._replay(untouched, number)
        if first is not None and self._report.is_same:
            self._interrupted_run(untouched, first)

    # -- the first run --------------------------------------------------------------------------

    def _first_run(self, child: Child, store: Path) -> Histories | None:
        __tracebackhide__ = True
        rested: Rested | None = None
        raised: set[int] = set()
        for news in self._did(child, self._run_order(store, "first.json", dies_after=None)):
            if isinstance(news, Committed):
                self._commits += 1
                self._report.events += news.events
                self._progress(f"first run, without a crash: {self._report.events:,} events, {news.what}")
                if self._report.events > _MOST_EVENTS:
                    raise WorkflowTestError(
                        f"{self._report.workflow} has not ended after {self._report.events:,} events: give it an "
                        "input with which it ends sooner"
                    )
            elif isinstance(news, Rested):
                rested = news
            elif isinstance(news, Raised):
                raised.add(news.index)
        assert rested is not None, "a child that has not died has told how it went"
        self._check(rested)
        self._report.unused = [name for n, (name, _) in enumerate(self._plan.events) if n not in raised]
        if rested.stall is not None:
            self._differs(rested.stall, rested.stalled, "in the first run")
            return None
        report = self._report
        report.status, report.failure = rested.status, rested.failure
        report.output = msgspec.json.decode(rested.output) if rested.output is not None else None
        return HISTORIES.decode((self._folder / "first.json").read_bytes())

    def _check(self, rested: Rested) -> None:
        """Raise what must be said of a run that has not ended, and is not to be compared."""
        __tracebackhide__ = True
        name = self._report.workflow
        if rested.stall is not None and rested.stall.divergence is None:
            raise WorkflowTestError(f"{rested.stalled} can't go on: {rested.stall.message}")
        if rested.stall is not None or rested.status.is_terminal:
            return
        if rested.waits_for:
            event = rested.waits_for[0]
            raise RunWaitsError(
                self._plan.instance_id,
                f"{name} waits for event {event!r}, which nobody gives: type %wf torture {name}(…) "
                f"--event '{event}=DATA', in Python events=[({event!r}, DATA)]",
            )
        raise RunWaitsError(
            self._plan.instance_id,
            f"{name} is {rested.status}, and nothing is due that would move it on: give it an input with which it ends",
        )

    # -- replays --------------------------------------------------------------------------------

    def _replay(self, store: Path, number: int) -> None:
        child = self._children.one(more=True)
        self._progress(f"replaying every beginning of it in another process, {number + 1} of {_REPLAYING}")
        news = self._answer(child, self._replay_order(store, number, prefixes=_PREFIXES))
        self._report.replays += news.count
        if isinstance(news, Diverged):
            self._progress("looking for the cause")
            stall = self._with_circumstances(news, child, store, number)
            self._differs(stall, news.instance_id, "in another process")

    def _with_circumstances(self, found: Diverged, child: Child, store: Path, number: int) -> Stall:
        """The report, with what can be told of the cause by trying again under other circumstances."""
        divergence = found.stall.divergence
        if divergence is None:
            return found.stall
        order = self._replay_order(store, number, prefixes=0, only=found.execution_id)
        if found.count > 0 and self._fits(order, child.hash_seed):
            sentence = (
                "the code isn't deterministic: it fits in a new process, and no longer once it has run there; it uses "
                "a global that something is left over in, or the order of addresses"
            )
        elif not divergence.is_certain and self._fits(order, 0):
            sentence = (
                "the code isn't deterministic: it fits with the hash seed of the first run, and not with another; it "
                "goes over a set, or uses hash(): sort what it goes over"
            )
        else:
            return found.stall
        if found.hint:
            sentence = f"{sentence}; {found.hint}"
        better = msgspec.structs.replace(divergence, cause="not_deterministic", sentence=sentence)
        return msgspec.structs.replace(found.stall, divergence=better)

    def _fits(self, order: ReplayOrder, hash_seed: int) -> bool:
        return isinstance(self._answer(self._children.one(hash_seed=hash_seed), order), Replayed)

    def _answer(self, child: Child, order: ReplayOrder) -> Replayed | Diverged:
        (news,) = self._did(child, order)
        assert isinstance(news, (Replayed, Diverged)), "that is what a replay comes to"
        return news

    def _replay_order(
        self, store: Path, number: int, *, prefixes: int, only: str | None = None
    ) -> ReplayOrder:
        return ReplayOrder(
            store=str(store),
            modules=self._plan.modules,
            histories=[str(self._folder / "first.json")],
            noise=self._report.seed + number,
            prefixes=prefixes,
            only=only,
        )

    # -- the run that is interrupted behind every commit -------------------------------------------

    def _interrupted_run(self, untouched: Path, first: Histories) -> None:
        store = copied(untouched, "interrupted.duckdb")
        report = self._report
        report.every = -(-self._commits // max(self._restarts, 1))
        self._given, self._now = [], BEFORE
        while True:
            rested = self._life(store)
            if rested is None:
                report.restarts += 1
                continue
            if rested.stall is not None:
                if rested.stall.divergence is None:
                    raise WorkflowTestError(f"{rested.stalled} can't go on: {rested.stall.message}")
                self._differs(rested.stall, rested.stalled, self._after())
                return
            break
        other = self._folder / "interrupted.json"
        found = difference(first, HISTORIES.decode(other.read_bytes())) if other.exists() else None
        if found is not None:
            report.divergence, report.instance_id = found.divergence, found.instance_id
            report.when, report.difference = self._after(), found.sentence
        elif not other.exists():
            report.when = self._after()
            report.difference = f"it has not ended, and waits for {', '.join(rested.waits_for) or 'nothing'}"

    def _after(self) -> str:
        count = self._report.restarts
        return "after 1 restart" if count == 1 else f"after {count} restarts"

    def _life(self, store: Path) -> Rested | None:
        """One process of it; None if it was ended behind a commit."""
        child = self._children.one(more=True)
        order = self._run_order(store, "interrupted.json", dies_after=self._report.every)
        rested: Rested | None = None
        for news in self._did(child, order):
            if isinstance(news, Committed):
                self._now = news.now
                number = self._report.restarts + 1
                of = -(-self._commits // self._report.every)
                self._progress(f"crash {number} of about {of}, behind {news.what}")
            elif isinstance(news, Raised):
                self._given.append(news.index)
            elif isinstance(news, Rested):
                rested = news
        return rested

    # -- what all have in common --------------------------------------------------------------------

    def _run_order(self, store: Path, histories: str, *, dies_after: int | None) -> RunOrder:
        answers = self._folder / "first.json"
        return RunOrder(
            store=str(store),
            modules=self._plan.modules,
            instance_id=self._plan.instance_id,
            now=self._now,
            events=self._plan.events,
            given=self._given,
            needed=self._plan.needed,
            stubs=self._plan.stubs,
            answers=str(answers) if dies_after is not None else "",
            histories=str(self._folder / histories),
            dies_after=dies_after,
            timeout=self._timeout,
        )

    def _did(self, child: Child, order: Order) -> Iterator[News]:
        """The news of a child that is given an order; it is gone when they end."""
        __tracebackhide__ = True
        self._report.hash_seeds.append(child.hash_seed)
        may_die = isinstance(order, RunOrder) and order.dies_after is not None
        last: News | None = None
        for last in child.do(order):
            if isinstance(last, Broke):
                raise WorkflowTestError(last.error) if last.error else child.failed()
            if isinstance(last, GaveUp):
                raise WorkflowTestError(
                    f"{self._report.workflow} takes longer than {self._timeout:g} s: {last.why}"
                )
            yield last
        if not isinstance(last, (Rested, Replayed, Diverged)) and not (
            may_die and isinstance(last, Committed) and child.has_died
        ):
            raise child.failed()
        self._children.over(child)

    def _differs(self, stall: Stall, instance_id: str, when: str) -> None:
        divergence = stall.divergence
        report = self._report
        report.when, report.instance_id, report.divergence = when, instance_id, divergence
        report.difference = divergence.sentence if isinstance(divergence, Divergence) else stall.message


def _quiet(_line: str) -> None:
    pass
