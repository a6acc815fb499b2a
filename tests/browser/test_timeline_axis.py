"""The axis in the browser is the axis in Python; so are its words."""

from __future__ import annotations

import random
from datetime import timedelta
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from playwright.sync_api import Page

from nbflow.views.durations import about
from nbflow.views.looks import SPAN_WORDS
from nbflow.views.timeline.axis import Axis
from nbflow.views.timeline.rows import AxisRule
from tests.browser.timeline_page import TimelinePage
from tests.views.test_words import ABOUT, DURATIONS

pytestmark = pytest.mark.browser


@pytest.fixture
def scripts(page: Page) -> Page:
    return TimelinePage(page).page


def rule(chance: random.Random) -> tuple[AxisRule, int]:
    """A rule as a run of any length might have it, and a present."""
    scale = 10 ** chance.randint(1, 11)
    moments = sorted({1_795_000_000_000 + chance.randint(0, scale) for _ in range(chance.randint(2, 20))})
    breaks = tuple(pair for pair in pairwise(moments) if chance.random() < 0.4)
    live = chance.random() < 0.6
    return AxisRule(
        start=moments[0],
        last=moments[-1],
        end=None if live else moments[-1],
        breaks=breaks,
        patience=chance.choice([None, 256, scale]) if live else None,
    ), moments[-1] + chance.choice([0, 1, scale // 3, scale * 2])


def told(axis: Axis, times: list[float], places: list[float], most: int) -> Any:
    return {
        "places": [axis.place(time) for time in times],
        "times": [axis.time(place) for place in places],
        "breaks": [[one.first, one.last, one.start, one.end, one.label] for one in axis.breaks],
        "marks": [[mark.place, mark.label] for mark in axis.marks(most)],
        "span": [axis.start, axis.end],
    }


IN_THE_BROWSER = """(cases) => cases.map(({ rule, now, width, times, places, most, toScale }) => {
  const one = new axis.TimeAxis(rule, now, width, toScale);
  return { places: times.map((time) => one.place(time)), times: places.map((place) => one.time(place)),
    breaks: one.breaks.map((b) => [b.first, b.last, b.start, b.end, b.label]), marks: one.marks(most), span: [one.start, one.end] };
})"""


def test_the_two_axes_agree_over_random_runs(scripts: Page) -> None:
    chance = random.Random(20261122)
    cases: list[dict[str, Any]] = []
    expected: list[Any] = []
    for _ in range(400):
        one, now = rule(chance)
        width, most, to_scale = chance.uniform(0.01, 0.2), chance.randint(2, 12), chance.random() < 0.2
        axis = Axis(one.to_scale() if to_scale else one, now, width=width)
        times = [axis.start + chance.uniform(-0.1, 1.1) * (axis.end - axis.start) for _ in range(8)]
        places = [chance.uniform(-0.1, 1.1) for _ in range(8)]
        cases.append(
            {
                "rule": {**msgspec.to_builtins(one), "served": None},
                "now": now,
                "width": width,
                "times": times,
                "places": places,
                "most": most,
                "toScale": to_scale,
            }
        )
        expected.append(told(axis, times, places, most))
    drawn = scripts.evaluate(IN_THE_BROWSER, cases)

    for case, here, there in zip(cases, expected, drawn, strict=True):
        assert there["span"] == here["span"]
        assert there["places"] == pytest.approx(here["places"], abs=1e-9)
        assert there["times"] == pytest.approx(here["times"], abs=1.0), case
        for key in ("breaks", "marks"):
            assert [one[-1] for one in there[key]] == [one[-1] for one in here[key]], case
            assert [one[0] for one in there[key]] == pytest.approx([one[0] for one in here[key]], abs=1e-9)


def test_durations_read_as_python_writes_them(scripts: Page) -> None:
    whole = [(int(seconds * 1000 + 1e-6), text) for seconds, text in DURATIONS if seconds * 1000 >= 1]
    read = scripts.evaluate(
        "async (all) => { const { duration } = await import('/static/words.js'); return all.map(duration); }",
        [milliseconds for milliseconds, _ in whole],
    )
    assert read == [text for _, text in whole]


def test_what_is_passed_over_reads_as_python_writes_it(scripts: Page) -> None:
    lengths = [int(seconds * 1000) for seconds, _ in ABOUT]
    assert scripts.evaluate("(all) => all.map(axis.about)", lengths) == [
        about(timedelta(milliseconds=length)) for length in lengths
    ]


def test_spans_are_called_what_python_calls_them(scripts: Page) -> None:
    assert scripts.evaluate("hands.SPAN_WORDS") == {kind.value: word for kind, word in SPAN_WORDS.items()}


def test_zooming_keeps_what_is_under_the_pointer_and_stays_within_the_axis(scripts: Page) -> None:
    chance = random.Random(7)
    for _ in range(50):
        from_, to = sorted((chance.random(), chance.random()))
        at, factor = chance.uniform(from_, to), chance.choice([0.3, 0.9, 1.5, 40.0])
        new = scripts.evaluate(
            "([seen, at, factor]) => axis.zoomedPart(seen, at, factor, 1e-6)", [[from_, to], at, factor]
        )
        assert 0.0 <= new[0] < new[1] <= 1.0 + 1e-12
        assert new[1] - new[0] == pytest.approx(min((to - from_) * factor, 1.0))
        if new[0] > 0 and new[1] < 1:
            assert (at - new[0]) / (new[1] - new[0]) == pytest.approx((at - from_) / (to - from_))


def test_marks_of_a_part_are_those_of_the_axis_that_lie_in_it(scripts: Page) -> None:
    marks = scripts.evaluate(
        """() => new axis.TimeAxis({start: 0, last: 100000, end: 100000, breaks: [[20000, 90000]], patience: null}, 0, 0.1)
        .marks(5, [0.5, 1])"""
    )
    assert [label for _, label in marks] == ["20 s", "+5 s", "+10 s"]
