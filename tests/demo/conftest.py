"""`nbflow demo` as a person runs it: the installed command, in a process of its own."""

import fcntl
import json
import os
import pickle
import re
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
QUICKSTART = ROOT / "notebooks" / "00_quickstart.ipynb"


@dataclass(frozen=True)
class Played:
    """What `nbflow demo` did."""

    status: int
    stdout: str
    stderr: str
    folder: Path
    home: Path
    seconds: float

    @property
    def signatures(self) -> list[tuple[int, str]]:
        lines = (self.folder / "audit.log").read_text().splitlines()
        return [(int(line.split(" ", 1)[0]), line.split(" ", 1)[1]) for line in lines]

    @property
    def pids(self) -> list[int]:
        return [int(pid) for pid in re.findall(r"kernel (\d+) started", self.stdout)]


def play(place: Path, *arguments: str, **environment: str) -> Played:
    """Run `nbflow demo` below `place`, for a user whose set-up would break any kernel that read it."""
    home = place / "home"
    startup = home / ".ipython" / "profile_default" / "startup"
    startup.mkdir(parents=True)
    (startup / "00-broken.py").write_text("import os\nos._exit(3)\n")
    (home / "startup.py").write_text("import os\nos._exit(4)\n")
    variables = {
        **os.environ,
        "HOME": str(home),
        "IPYTHONDIR": str(home / ".ipython"),
        "PYTHONSTARTUP": str(home / "startup.py"),
        "JUPYTER_PATH": str(home / "no-such-folder"),
        "NBFLOW_DB": str(home / "no-such-folder" / "history.duckdb"),
        "NBFLOW_PROOF": str(home / "no-such-folder" / "proof"),
        **environment,
    }
    command = [str(Path(sys.executable).with_name("nbflow")), "demo", "--out", "out", *arguments]
    start = time.monotonic()
    done = subprocess.run(command, cwd=place, env=variables, capture_output=True, text=True)
    seconds = time.monotonic() - start
    return Played(done.returncode, done.stdout, done.stderr, place / "out", home, seconds)


@pytest.fixture(scope="session")
def played(tmp_path_factory: pytest.TempPathFactory) -> Played:
    """The demo as it comes, once for all tests that look at it, in whichever process they run."""
    session = tmp_path_factory.getbasetemp()
    session = session.parent if "PYTEST_XDIST_WORKER" in os.environ else session
    kept = session / "played.pickle"
    with (session / "played.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not kept.exists():
            # More than the 30 s that it has by itself: here other tests run beside it.
            kept.write_bytes(pickle.dumps(vars(play(session / "demo", "--within", "100"))))
    return Played(**pickle.loads(kept.read_bytes()))


def quickstart_with(folder: Path, cell_id: str, old: str, new: str) -> Path:
    """A copy of the quickstart, with its data, in which one cell is another one."""
    notebook: dict[str, Any] = json.loads(QUICKSTART.read_text())
    cell = next(cell for cell in notebook["cells"] if cell["id"] == cell_id)
    source = "".join(cell["source"])
    assert old in source
    cell["source"] = source.replace(old, new)
    path = folder / "variant" / QUICKSTART.name
    shutil.copytree(QUICKSTART.parent / "data", path.parent / "data")
    path.write_text(json.dumps(notebook))
    return path


@pytest.fixture(scope="session")
def browser_type_launch_args(chromium: str) -> dict[str, Any]:
    args = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
    quiet = ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
    return {"executable_path": chromium, "args": [*args, *quiet]}
