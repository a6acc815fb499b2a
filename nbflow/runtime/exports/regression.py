"""A run as a pytest test: its history in a file, replayed against the code as it is when the test runs."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Final

from nbflow.core.state import InstanceRecord
from nbflow.runtime.exports.code import Code, ModuleCode

_TEST: Final = '''\
"""The run {run} of {workflow}, as it happened: the code must still do the same.

Nothing runs here but the workflow's own code, on what {history} holds: no activity, no timer, and nothing is
written. A test that fails shows what history holds, what the code does instead, and at which line. Is that
as it should be now? Then export a newer run. nbflow wrote this file, and it is yours to change.
"""

from pathlib import Path

{imports}

HERE = Path(__file__).parent


def test_{name}_still_fits() -> None:
    {call}
'''


def is_collected(path: Path) -> bool:
    """Whether pytest finds a file of that name by itself."""
    return re.fullmatch(r"test_\w+|\w+_test", path.stem) is not None


def history_beside(path: Path) -> Path:
    """Where a test's history is."""
    return path.with_suffix(".json")


def test_text(record: InstanceRecord, code: Code, path: Path) -> str:
    """The text of the test.

    Args:
        record: The run.
        code: Where the workflow's code lives.
        path: Where the test is to be.
    """
    replays = "from nbflow.testing import replay_history"
    history = f"HERE / {_quoted(history_beside(path).name)}"
    if isinstance(code, ModuleCode):
        imports = f"{replays}\n\nfrom {code.module} import {code.attribute}"
        call = f"replay_history({code.attribute}, {history})"
    else:
        imports = f"from nbflow import load_workflow\n{replays}"
        there = Path(os.path.relpath(code.path, path.absolute().parent)).as_posix()
        call = f"replay_history(load_workflow(HERE / {_quoted(there)}, {_quoted(record.name)}), {history})"
    return _TEST.format(
        run=record.instance_id,
        workflow=record.name,
        history=history_beside(path).name.replace("\\", "/").replace('"', "'"),
        imports=imports,
        name=re.sub(r"\W", "_", record.instance_id),
        call=call,
    )


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
