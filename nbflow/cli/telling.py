"""What the demo says: on the terminal, and in the notebook that it keeps."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from textwrap import fill

from nbflow.cli.notebook import TaggedNotebook
from nbflow.cli.pages import write_pages
from nbflow.cli.proof import Proof
from nbflow.cli.stage import Stage


@dataclass(frozen=True, kw_only=True)
class Ending:
    """What the run came to.

    Attributes:
        result: Its result, as the notebook shows it.
        timeline: Its timeline, as text.
    """

    result: str
    timeline: str


def say(text: str) -> None:
    """Print a line at once."""
    print(text, flush=True)


def keep(notebook: TaggedNotebook, stage: Stage, ending: Ending, proof: Proof) -> Path:
    """Write the notebook and its page, with what was done to the kernel, and the proof; returns the page."""
    notebook.note(
        f"*Here `nbflow demo` killed the kernel, process {proof.first}, with SIGKILL. A new kernel, process "
        f"{proof.second}, ran the cell that loads nbflow again (what it shows is from then), none of those that define "
        "the steps and start the run, and then the cells below.*",
        before=notebook.of("answer")[0],
    )
    rows = [f"| {pid} | {step} |" for pid, steps in _halves(proof) for step in steps]
    notebook.note(
        "\n".join(
            [
                f"## What `nbflow demo` counted in `{stage.proof.name}`",
                "",
                f"Kernel {proof.first} was killed, kernel {proof.second} finished the run. {_sum(proof)}",
                "",
                "| process | step |",
                "|---|---|",
                *rows,
                "",
                "The run as text:",
                "",
                "```text",
                *ending.timeline.splitlines(),
                "```",
            ]
        )
    )
    return write_pages(notebook.node, stage.notebook)


def report(stage: Stage, page: Path, ending: Ending, proof: Proof, seconds: float) -> None:
    """Print the result, the timeline, the proof, and where everything is."""
    folder = stage.folder
    if folder.is_relative_to(Path.cwd()):
        folder = folder.relative_to(Path.cwd())
    say(f"\nThe result\n  {ending.result}")
    say("\nThe run\n" + "\n".join(f"  {line}".rstrip() for line in ending.timeline.splitlines()))
    say(
        f"\nThe proof: {folder / stage.proof.name}, in which each activity signs, and of which nbflow knows nothing"
    )
    for (pid, steps), what in zip(_halves(proof), ("killed", "the new one"), strict=True):
        say(
            fill(
                f"kernel {pid}, {what}: {', '.join(steps)}",
                100,
                initial_indent="  ",
                subsequent_indent="    ",
            )
        )
    say(fill(_sum(proof), 100, initial_indent="  ", subsequent_indent="  "))
    say(f"\nAfter {seconds:.1f} s, in {folder}{os.sep}")
    for path, what in (
        (page, "the executed notebook as a page"),
        (stage.notebook, "the executed notebook, with the history beside it: %wf show works there"),
        (stage.folder / "published", "what the workflow published"),
    ):
        say(f"  {path.name:<22} {what}")


def _halves(proof: Proof) -> tuple[tuple[int, tuple[str, ...]], tuple[int, tuple[str, ...]]]:
    return (proof.first, proof.before), (proof.second, proof.after)


def _sum(proof: Proof) -> str:
    before, after = len(proof.before), len(proof.after)
    return (
        f"{before} activities had finished before the kill, and none of them ran again; "
        f"{after} ran after it. Each ran exactly once."
    )
