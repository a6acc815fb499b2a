"""``nbflow demo``: a workflow that outlives its kernel, shown on the quickstart notebook, with the proof.

One kernel starts the run and is killed while the run waits for a person; another one,
on the same history, finishes it, without having been told what its steps are. Nothing is acted: the kernels are real, SIGKILL is
real, and whatever is claimed on the terminal was checked before.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from nbflow.cli.complaints import CommandError, Deadline
from nbflow.cli.kernels import Kernel
from nbflow.cli.notebook import Cell, TaggedNotebook
from nbflow.cli.outputs import text_of
from nbflow.cli.pages import need_converters
from nbflow.cli.proof import Signature, check_before, prove, read_signatures
from nbflow.cli.stage import Stage
from nbflow.cli.telling import Ending, keep, report, say

_STATE: Final = (
    "(lambda state: (str(state.runtime_status), *state.waits_for))"
    "(__import__('nbflow').client().get_workflow_state({!r}))"
)
_TIMELINE: Final = "repr(get_ipython().run_line_magic('wf', 'show {} --view timeline'))"
_ENDED: Final = ("COMPLETED", "FAILED", "TERMINATED")


def run_demo(path: Path, out: Path, seconds: float) -> None:
    """Play the demo, and say on the terminal what happens.

    Args:
        path: The notebook; its cells have the tags of `TaggedNotebook`.
        out: The folder for everything that it leaves.
        seconds: How long it may take.

    Raises:
        CommandError: Something isn't as promised; says what.
    """
    if sys.platform == "win32":
        raise CommandError("it shows a death by SIGKILL, which Windows doesn't have")
    deadline = Deadline(seconds)
    need_converters()
    notebook = TaggedNotebook(path)
    with TemporaryDirectory(prefix="nbflow-demo-") as home:
        play = _Play(notebook, Stage(out, path, Path(home)), Path(home), deadline)
        first, before = play.until_the_kill()
        second, ending = play.after_the_kill(before)
        stage = play.stage
    proof = prove(before, read_signatures(stage.proof), first=first, second=second)
    page = keep(notebook, stage, ending, proof)
    deadline.step("the pages were written")
    report(stage, page, ending, proof, deadline.elapsed)


class _Play:
    """The two acts."""

    def __init__(self, notebook: TaggedNotebook, stage: Stage, home: Path, deadline: Deadline) -> None:
        self.stage = stage
        self._notebook = notebook
        self._home = home
        self._deadline = deadline

    def until_the_kill(self) -> tuple[int, list[Signature]]:
        """Run the cells up to where the run waits for a person, and kill the kernel.

        Returns:
            The kernel's process, and what the activities had signed when it was dead.
        """
        book = self._notebook
        with self._kernel("first") as kernel:
            self._say(f"kernel {kernel.pid} started")
            self._run(kernel, book.of("load", "definition", "launch"))
            self._until_it_waits(kernel)
            self._say(f"{book.instance_id} waits for {book.event!r}: only a person can move it on")
            kernel.settle()
            kernel.kill()
        before = read_signatures(self.stage.proof)
        check_before(before, first=kernel.pid)
        self._say(f"kernel {kernel.pid} killed with SIGKILL, when {len(before)} activities had finished")
        return kernel.pid, before

    def after_the_kill(self, before: list[Signature]) -> tuple[int, Ending]:
        """Have a new kernel take the run over, answer, and wait for the result.

        Args:
            before: What the activities had signed when the first kernel was dead.

        Returns:
            The kernel's process, and what the run came to.
        """
        book = self._notebook
        with self._kernel("second") as kernel:
            self._say(f"kernel {kernel.pid} started, on the same history")
            self._run(kernel, book.of("load"))
            self._until_it_waits(kernel)
            if read_signatures(self.stage.proof) != before:
                raise CommandError("an activity ran again before the run was answered")
            self._say(f"no step was defined again, and {book.instance_id} waits for {book.event!r}")
            self._run(kernel, book.of("answer"))
            self._say(f"{book.event!r} answered")
            ending = self._ending(kernel)
            kernel.settle()
            kernel.shut_down()
        return kernel.pid, ending

    def _ending(self, kernel: Kernel) -> Ending:
        book = self._notebook
        self._run(kernel, book.of("result"))
        result = text_of(book.of("result")[0].outputs)
        status, *_ = kernel.ask(_STATE.format(book.instance_id))
        if status != "COMPLETED" or not result:
            raise CommandError(f"{book.instance_id} is {status}, and its result is {result or 'not shown'}")
        self._say(f"{book.instance_id} is {status}")
        return Ending(result=result, timeline=str(kernel.ask(_TIMELINE.format(book.instance_id))))

    # -- what both acts do ------------------------------------------------------------------------

    def _kernel(self, name: str) -> Kernel:
        return Kernel(
            name,
            folder=self.stage.folder,
            home=self._home,
            environment=self.stage.environment,
            deadline=self._deadline,
        )

    def _run(self, kernel: Kernel, cells: Iterable[Cell]) -> None:
        for cell in cells:
            cell.show(*kernel.run(cell.source, f"the cell {cell.first_line!r}"))

    def _until_it_waits(self, kernel: Kernel) -> None:
        """Ask the kernel until the run waits for the event that is to be answered, and for nothing else."""
        run, event = self._notebook.instance_id, self._notebook.event
        while True:
            status, *waits_for = kernel.ask(_STATE.format(run))
            if waits_for == [f"event {event!r}"]:
                return
            if status in _ENDED:
                raise CommandError(f"{run} is {status} and never waited for {event!r}")
            things = ", ".join(waits_for) or "nothing"
            if waits_for and all(thing.startswith("event ") for thing in waits_for):
                raise CommandError(f"{run} waits for {things}, and not for {event!r}")
            self._deadline.pause(f"{run} was {status} and waited for {things}, and not for {event!r}")

    def _say(self, text: str) -> None:
        say(f"{self._deadline.elapsed:5.1f} s  {text}")
