"""What tests are told. All of it is an AssertionError too, so that a test runner shows it as a failure."""

from __future__ import annotations

import linecache

from nbflow.core.state import Stall
from nbflow.errors import NbflowError


class WorkflowTestError(NbflowError, AssertionError):
    """A workflow does not do what a test expects."""


class RunWaitsError(WorkflowTestError):
    """A run will not end by itself, however much time is skipped; names what it waits for.

    Attributes:
        instance_id: The run.
    """

    def __init__(self, instance_id: str, message: str) -> None:
        super().__init__(message)
        self.instance_id = instance_id


class NoStubError(WorkflowTestError):
    """An activity was called that has no stub, in an environment that is strict."""


class ReplayError(WorkflowTestError):
    """The code can't be replayed: it does something else than its history holds, or never rests.

    Attributes:
        report: Both sides, and the line.
    """

    def __init__(self, message: str, report: Stall) -> None:
        super().__init__(message)
        self.report = report


def two_sides(report: Stall, name: str) -> str:
    """The report of a history that doesn't fit, over several lines."""
    if report.expected is None and report.actual is None:
        return f"{name} can't be replayed: {report.message}"
    place = ""
    if report.file is not None and report.line is not None:
        text = linecache.getline(report.file, report.line).strip()
        place = f"\n  at:      {report.file}:{report.line}" + (f": {text}" if text else "")
    cause = f"\n  cause:   {report.divergence.sentence}" if report.divergence is not None else ""
    return (
        f"{name} no longer matches its history at event {report.seq}\n"
        f"  history: {report.expected}\n"
        f"  code:    {report.actual}{place}{cause}"
    )
