"""Stores with much in them, made once and copied: a run of many events, or many rows of other runs.

Rows by the million are one run's, multiplied with SQL in the tables that docs/history.md describes. The runs that they
belong to have ended, so that nobody looks at their seals.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Final

import duckdb

from benchmarks.engines.nbflow import DEFINITIONS, sequential
from nbflow import WorkflowRuntime

STEPS: Final = 33
"""Steps of the run that is multiplied: about a hundred events."""

MULTIPLY: Final = """
CREATE TEMP TABLE one_row AS SELECT * FROM instances;
CREATE TEMP TABLE its_events AS SELECT * FROM history;
INSERT INTO instances
    SELECT o.* REPLACE (
        o.iid + n AS iid, o.instance_id || '-' || n AS instance_id, o.execution_id || '-' || n AS execution_id,
        o.created_at + to_seconds(n) AS created_at, o.last_updated_at + to_seconds(n) AS last_updated_at,
        unhex(md5('i' || n)) AS seal)
    FROM range(1, $copies) AS numbers(n), one_row o ORDER BY n;
INSERT INTO history
    SELECT e.* REPLACE (
        e.iid + n AS iid, e.instance_id || '-' || n AS instance_id, e.execution_id || '-' || n AS execution_id,
        e.happened_at + to_seconds(n) AS happened_at, unhex(md5(e.seq || 'h' || n)) AS seal)
    FROM range(1, $copies) AS numbers(n), its_events e ORDER BY n, e.seq;
"""


def with_rows(rows: int, path: Path) -> None:
    """Put a store with so many rows of history, of runs that have ended, where there is none; with its key."""
    template = _templates(path) / f"rows-{rows}.duckdb"
    if not template.exists():
        made = _with_a_run(template.with_suffix(".new"), STEPS)
        with duckdb.connect(made) as connection:
            (events,) = connection.execute("SELECT count(*) FROM history").fetchall()[0]
            for statement in MULTIPLY.strip().split(";\n"):
                wanted = {"copies": max(rows // events, 1)} if "$copies" in statement else None
                connection.execute(statement, wanted)
            connection.execute("CHECKPOINT")
        made.rename(template)
    _copy(template, path)


def with_events(events: int, path: Path) -> None:
    """Put a store with one run of at least so many events, ``long``, where there is none; with its key."""
    template = _templates(path) / f"events-{events}.duckdb"
    if not template.exists():
        _with_a_run(template.with_suffix(".new"), events // 3 + 1).rename(template)
    _copy(template, path)


def _templates(path: Path) -> Path:
    """Beside the folder of the one program that the store is for: the next one finds them there."""
    found = path.resolve().parents[1] / "stores"
    found.mkdir(exist_ok=True)
    return found


def _with_a_run(path: Path, steps: int) -> Path:
    """A new store with one run that has ended, and nothing beside it."""
    path.unlink(missing_ok=True)
    before = os.environ.get("NBFLOW_KEY_FILE")
    os.environ["NBFLOW_KEY_FILE"] = str(path.with_name("key"))
    try:
        with WorkflowRuntime(path, definitions=DEFINITIONS) as runtime:
            runtime.client.schedule_new_workflow(sequential, input=steps, instance_id="long").result()
    finally:
        del os.environ["NBFLOW_KEY_FILE"]
        if before is not None:
            os.environ["NBFLOW_KEY_FILE"] = before
    return path


def _copy(template: Path, path: Path) -> None:
    if not path.exists():
        shutil.copy(template, path)
        shutil.copy(template.with_name("key"), path.with_name("key"))
