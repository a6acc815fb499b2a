"""The queue in which owners take turns."""

import pytest

from nbflow.engine.fairness import FairQueue


def test_owners_take_turns_and_each_keeps_its_order() -> None:
    queue: FairQueue[str] = FairQueue()
    for item in ("a1", "a2", "a3", "b1", "c1", "c2"):
        queue.put(item[0], item)
    assert [queue.take() for _ in range(6)] == ["a1", "b1", "c1", "a2", "c2", "a3"]
    assert not queue


def test_who_comes_late_waits_for_one_round_and_not_for_the_rest() -> None:
    queue: FairQueue[int] = FairQueue()
    for number in range(1000):
        queue.put("wide", number)
    assert queue.take() == 0
    queue.put("small", -1)
    assert [queue.take(), queue.take()] == [1, -1]


def test_an_empty_queue_has_nothing_to_give() -> None:
    queue: FairQueue[int] = FairQueue()
    with pytest.raises(KeyError):
        queue.take()
