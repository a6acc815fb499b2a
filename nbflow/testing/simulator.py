"""`Simulator`: a workflow on the real engine, disturbed in every way that a seed can think of."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from nbflow.definitions import ActivityDefinition, Definition, Registry, WorkflowDefinition, definitions_in
from nbflow.engine.options import this_interpreter
from nbflow.testing.simulation.episode import Episode, Outcome
from nbflow.testing.simulation.faults import NONE, Faults, Tally
from nbflow.testing.simulation.invariants import Invariant
from nbflow.testing.simulation.script import Script, SimulatedRun
from nbflow.testing.simulation.trace import Trace
from nbflow.testing.stubs import Stub, Stubbed, StubbedExecutor, find_activity

__all__ = ["Faults", "Invariant", "SimulatedRun", "SimulationReport", "Simulator"]

_TAIL = 40


@dataclass(eq=False, kw_only=True)
class SimulationReport:
    """What simulations came to; its text says it in words.

    Attributes:
        count: How many seeds were simulated.
        tally: What they went through.
        seed: The first seed that breaks an invariant; None: none does, or the undisturbed run does.
        invariant: Which one.
        how: How that shows.
        trace: What happened up to there, line by line.
    """

    count: int = 0
    tally: Tally = field(default_factory=Tally)
    seed: int | None = None
    invariant: Invariant | None = None
    how: str = ""
    trace: Sequence[str] = ()

    @property
    def ok(self) -> bool:
        """Whether every invariant held for every seed."""
        return self.invariant is None

    def __str__(self) -> str:
        if self.invariant is None:
            return f"{self.count} seeds, and every invariant held: {self.tally}"
        left_out = len(self.trace) - _TAIL
        lines = [
            f"broken: {self.invariant}",
            "in the undisturbed run"
            if self.seed is None
            else f"by seed {self.seed} (run(seeds=[{self.seed}]))",
            self.how,
            "",
            *([f"({left_out} lines before)"] if left_out > 0 else []),
            *self.trace[-_TAIL:],
        ]
        return "\n".join(lines)

    __repr__ = __str__


class Simulator:
    """Runs a workflow on the real engine again and again, each time disturbed by another seed.

    ::

        report = Simulator(fulfil, input=order, events=[("approval", Decision(True))]).run(seeds=range(200))
        assert report.ok, report

    Everything happens in this thread and in virtual time, so that thirty days of sleep take none.
    A seed decides how long each step takes, and so in which order results, timers and events come;
    which attempts fail that would be tried again; which commits fail; when the engine crashes or is
    closed, and opened again; what is delivered twice; and when the run is suspended and resumed.
    The same seed does the same every time.

    After every commit, and at the end, this must hold (`Invariant`): finished runs have the result
    of an undisturbed run; no completed activity runs again; nothing is dispatched before it is
    written; no event is lost or handled twice; history is append-only and contiguous; status
    agrees with history; code and history agree; everything comes to rest. So a workflow that is
    not deterministic is found, and so is an activity that must not run twice: an attempt whose
    result was not written before a crash runs again.

    Activities run as they are, one at a time and at once. An ``async def`` one can't use sockets
    here: give it a stand-in.

    Args:
        workflow: The workflow.
        input: Its input, as `WorkflowClient.schedule_new_workflow` takes it.
        id: The run's ID.
        events: Raised one after the other while it runs: (name, data).
        same: What of the run's output must be the same as undisturbed, where not the whole is: a
            workflow that goes by the time, or by which task is first, has no one result.
        also: Further runs beside it.
        definitions: Workflows and activities that the code doesn't name, such as those called by a string.
        fails: How many attempts of an activity, by its name, may fail, where the call's own retry
            policy counts. An activity with a policy of its own fails on all attempts but its last.
        faults: What may go wrong, and how badly.
        before_each: Called before each simulation, so that what activities touch begins anew.
    """

    def __init__(
        self,
        workflow: WorkflowDefinition[..., Any],
        *,
        input: Any = None,
        id: str = "run",
        events: Sequence[tuple[str, Any]] = (),
        same: Callable[[Any], object] | None = None,
        also: Sequence[SimulatedRun] = (),
        definitions: Iterable[Definition] = (),
        stubs: Mapping[Stubbed, Stub] | None = None,
        fails: Mapping[str, int] | None = None,
        faults: Faults | None = None,
        before_each: Callable[[], object] | None = None,
    ) -> None:
        first = SimulatedRun(workflow=workflow, input=input, id=id, events=events, same=same)
        runs = [first, *also]
        self._script = Script(
            runs=runs,
            definitions=(found := list(definitions_in(*(run.workflow for run in runs), *definitions))),
            stubs=_checked(stubs or {}, found),
            fails=dict(fails or {}),
            interpreter=this_interpreter(),
        )
        self._faults = faults if faults is not None else Faults()
        self._before_each = before_each
        self._expected: Mapping[str, Outcome] | None = None

    def run(
        self, seeds: Iterable[int] = range(200), *, progress: Callable[[int], object] | None = None
    ) -> SimulationReport:
        """Simulate one seed after another, until one breaks an invariant.

        Args:
            seeds: The seeds.
            progress: Called with each seed that broke none.
        """
        report = SimulationReport()
        if self._expected is None:
            undisturbed = self._play(0, NONE)
            if undisturbed.broken is not None:
                return _failed(report, undisturbed, None)
            self._expected = undisturbed.outcomes
        for seed in seeds:
            episode = self._play(seed, self._faults)
            report.count += 1
            report.tally.add(episode.tally)
            if episode.broken is not None:
                return _failed(report, episode, seed)
            if progress is not None:
                progress(seed)
        return report

    def trace(self, seed: int) -> Trace:
        """What happens with a seed."""
        return self._play(seed, self._faults).trace

    def _play(self, seed: int, faults: Faults) -> Episode:
        if self._before_each is not None:
            self._before_each()
        episode = Episode(self._script, seed, faults, self._expected)
        episode.play()
        return episode


def _checked(
    stubs: Mapping[Stubbed, Stub], definitions: Iterable[Definition]
) -> list[tuple[ActivityDefinition[..., Any], Stub]]:
    """The stubs with their activities; raises WorkflowTestError for one that can't be used."""
    registry = Registry()
    for definition in definitions:
        registry.add(definition)
    executor = StubbedExecutor(registry.activity, strict=False)
    found = [(find_activity(registry, stubbed), stub) for stubbed, stub in stubs.items()]
    for activity, stub in found:
        executor.put(activity, stub)
    return found


def _failed(report: SimulationReport, episode: Episode, seed: int | None) -> SimulationReport:
    assert episode.broken is not None, "it is called for those that broke an invariant"
    report.invariant, report.how = episode.broken
    report.seed, report.trace = seed, episode.trace.lines()
    return report
