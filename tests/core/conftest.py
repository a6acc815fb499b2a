"""Fixtures of the core's tests."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.core.builder import Run, plain_calls
from tests.core.lives import Life


@pytest.fixture
def drive() -> Iterator[Callable[..., Run]]:
    """Makes a `Run` of a workflow; in the end its history, and every beginning of it, is replayed."""
    runs: list[Run] = []

    def make(code: Any, **options: Any) -> Run:
        runs.append(Run(code, **options))
        return runs[-1]

    yield make
    for run in runs:
        run.close()


@pytest.fixture(autouse=True)
def no_plain_calls() -> Iterator[None]:
    """No activity runs as a plain function because of what workflow code does."""
    plain_calls.clear()
    yield
    assert plain_calls == []


@pytest.fixture(params=["warm", "cold"])
def live(request: pytest.FixtureRequest) -> Iterator[Callable[..., Life]]:
    """Makes a `Life` of a workflow; in the end it is replayed, and lived again the other way."""
    lives: list[Life] = []

    def make(code: Any, **options: Any) -> Life:
        lives.append(Life(code, is_cold=request.param == "cold", **options))
        return lives[-1]

    yield make
    for life in lives:
        life.close()
