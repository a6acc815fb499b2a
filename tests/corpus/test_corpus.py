"""Histories that earlier versions recorded are replayed by this one, on every interpreter.

A shape that has a history here keeps its meaning for ever: change it, and a test fails. Write a new shape
instead, and record it with ``python -m tests.corpus.record VERSION``.
"""

from pathlib import Path

import pytest

from nbflow.core import rows
from nbflow.core.replay import replay
from nbflow.core.state import RuntimeState
from tests.core.replayer import Order, read
from tests.core.shapes import SHAPES
from tests.core.test_determinism import DIFFERENT, child, interpreter
from tests.core.world import World  # noqa: F401 (its shapes belong to the corpus too)

CORPUS = Path(__file__).parent
FILES = sorted(CORPUS.glob("*/*.jsonl"))
VERSIONS = sorted({path.parent.name for path in FILES})
RECORDED_ON = "3.11"


@pytest.mark.semantics(75, 81)
@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13"])
def test_s75_every_interpreter_replays_what_earlier_versions_recorded(version: str) -> None:
    report = child(
        Order(replay=[str(path) for path in FILES]), python=interpreter(version), hash_seed="random"
    )
    differ = set() if version == RECORDED_ON else DIFFERENT[frozenset({version, RECORDED_ON})]
    found = {(Path(path).stem, shape) for path, diverged in report.diverged.items() for shape in diverged}
    assert found == {(name, name) for name in differ if name in {path.stem for path in FILES}}, (
        report.diverged
    )


@pytest.mark.semantics(81)
@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_stored_history_is_read_folded_and_written_as_it_was(path: Path) -> None:
    ((head, history),) = read(path)
    assert path.read_text().splitlines()[1:] == [rows.to_json(event) for event in history]
    assert [rows.from_row(rows.to_row(event)) for event in history] == history
    state = RuntimeState.of(history)
    assert state.status.is_terminal or state.continued is not None
    if head.shape not in DIFFERENT[frozenset({"3.11", "3.12"})]:
        execution = replay(SHAPES[head.shape].code, history, instance_id=f"{head.shape}-{head.seed}")
        assert execution.is_finished


def test_every_shape_has_a_history_of_this_version() -> None:
    present = {path.stem for path in FILES if path.parent.name == VERSIONS[-1]}
    assert present == set(SHAPES), "record the others: python -m tests.corpus.record VERSION"
