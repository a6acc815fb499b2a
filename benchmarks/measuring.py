"""One measurement: a program in a process of its own, on an empty folder, with the disk's speed around it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

from benchmarks.cases import Case
from benchmarks.disk import appends, overwrites
from benchmarks.peers import ROOT, Contender
from benchmarks.workloads import WARM_UP

PATIENCE: Final = 240
"""Seconds after which a program is ended, and its case given up for that engine."""


LOOKS: Final = 20
"""Looks at the disk until it counts as busy for good."""


class ProgramError(Exception):
    """A program that ended without a figure; in words, with the end of what it printed."""


class Disk:
    """The disk that is measured on, which others may be busy with.

    A busy disk makes a write durable twenty times as slowly, and whoever is measured just then looks bad. So each
    measurement waits for a moment of calm; one that was disturbed all the same is made once more, and the less
    disturbed of the two counts. That holds for every engine.

    Args:
        folder: On the disk that is meant.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._best = 0.0

    def calm(self) -> float:
        """Appends a second, once that is half of what was seen before; or after some looks, whatever they are."""
        found = self._look()
        for _ in range(LOOKS):
            if found > self._best / 2:
                break
            found = self._look()
        return found

    def measured(self, contender: Contender, case: Case) -> dict[str, Any]:
        """What a program finds out, and how many writes a second the disk made durable around it."""
        first = self._measured(contender, case)
        if first["disk"]["append"] > self._best / 2:
            return first
        second = self._measured(contender, case)
        return max(first, second, key=lambda each: each["disk"]["append"])

    def _look(self) -> float:
        found = appends(self.folder)
        self._best = max(self._best, found)
        return found

    def _measured(self, contender: Contender, case: Case) -> dict[str, Any]:
        before = self.calm()
        with empty(self.folder) as place:
            ways = {"killed": killed, "syncs": syncs}
            answer = ways.get(case.program, asked)(contender, case, place)
        disk = {"append": (before + self._look()) / 2, "preallocated": overwrites(self.folder)}
        return {**answer, "disk": disk}


def facts(contender: Contender) -> dict[str, str]:
    """Versions and settings of an engine."""
    return run(command(contender, "engine", "facts"))


def asked(contender: Contender, case: Case, place: Path) -> dict[str, Any]:
    """What a program that does the whole work says."""
    return run(command(contender, case.program, case.work, case, place))


def killed(contender: Contender, case: Case, place: Path) -> dict[str, Any]:
    """One process makes runs wait and is killed, a second one answers them."""
    with started(command(contender, "engine", "wait", case, place)) as child:
        child.expect("waiting")
    return run(command(contender, "engine", "answer", case, place))


def syncs(contender: Contender, case: Case, place: Path) -> dict[str, Any]:
    """How often a sequence of activities has the system make a file durable, for each activity."""
    strace = shutil.which("strace")
    if strace is None:
        raise ProgramError("strace isn't here: apt-get install strace")
    with empty(place.parent) as beside:
        log = beside / "strace"
        calls = "trace=fsync,fdatasync,sync_file_range,msync"
        counting = [strace, "--follow-forks", "--seccomp-bpf", "-e", calls, "-o", str(log)]
        run([*counting, *command(contender, "engine", case.work, case, place)])
        count = sum("resumed" not in line and "sync" in line for line in log.read_text().splitlines())
    return {"figure": count / (case.size + WARM_UP), "unit": "syncs/step", "details": {"syncs": count}}


def command(
    contender: Contender, program: str, work: str, case: Case | None = None, place: Path | None = None
) -> list[str]:
    """The command line of a program."""
    module = f"benchmarks.engines.{contender.name}" if program == "engine" else f"benchmarks.{program}"
    line = [str(contender.python), "-m", module, *([work] if work else [])]
    if case is not None:
        line += ["--size", str(case.size), "--options", json.dumps(dict(case.options))]
    return line if place is None else [*line, "--folder", str(place)]


def run(line: list[str]) -> dict[str, Any]:
    """The JSON on a program's last line of output; raises ProgramError."""
    with started(line) as child:
        return json.loads(child.ended().strip().splitlines()[-1])


@dataclass(frozen=True)
class Child:
    """A program under way.

    Attributes:
        line: Its command line.
        process: The process.
        log: What it writes to stderr.
    """

    line: list[str]
    process: subprocess.Popen[str]
    log: IO[str]

    def ended(self) -> str:
        """Wait for its end; gives what it printed."""
        try:
            output, _ = self.process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            raise self.failed(f"took more than {PATIENCE} s") from None
        if self.process.returncode != 0 or not output.strip():
            raise self.failed(f"ended with {self.process.returncode}")
        return output

    def expect(self, word: str) -> None:
        """Wait for a line of its output."""
        assert self.process.stdout is not None
        late = threading.Timer(PATIENCE, self.process.kill)
        late.start()
        try:
            if not any(line.strip() == word for line in self.process.stdout):
                raise self.failed(f"did not say {word!r}")
        finally:
            late.cancel()

    def failed(self, how: str) -> ProgramError:
        """The error that says how, with the end of what it complained of."""
        self.log.seek(0)
        return ProgramError(f"{' '.join(self.line)} {how}\n{self.log.read()[-3000:]}")


@contextmanager
def started(line: list[str]) -> Generator[Child]:
    """A process in a group of its own, which is killed at the end with all that it started."""
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(
            line,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            cwd=ROOT,
            env=environment(),
            start_new_session=True,
        )
        try:
            yield Child(line, process, log)
        finally:
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:  # all of it has ended
                pass
            process.communicate()


def environment() -> Mapping[str, str]:
    """The variables of a program: it finds the checkout first, and no setting of this user's nbflow.

    Python may keep bytecode there: whoever installs a package has it, as peers have theirs.
    """
    left_out = {name for name in os.environ if name.startswith("NBFLOW_")} | {"PYTHONDONTWRITEBYTECODE"}
    kept = {name: value for name, value in os.environ.items() if name not in left_out}
    return {**kept, "PYTHONPATH": str(ROOT)}


def compile_checkout() -> None:
    """Make the bytecode of this checkout, as installing it would."""
    places = [ROOT / "nbflow", ROOT / "benchmarks"]
    subprocess.run([sys.executable, "-m", "compileall", "-q", *places], env=environment(), check=True)


@contextmanager
def empty(folder: Path) -> Generator[Path]:
    """A new folder, removed at the end."""
    place = Path(tempfile.mkdtemp(dir=folder))
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)
