"""Two pictures of the results, as SVG: nbflow beside its peers, and how the work grows."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any, Final

Found = Mapping[str, Any]
Point = tuple[float, float]

COLOURS: Final = ("#0b6e4f", "#b5541c", "#3d5a98", "#8a6d1d", "#7a3b82", "#5f6b73", "#a3324b")
"""One for each engine, in the table's order."""

STYLE: Final = (
    "text{font:12px system-ui,sans-serif;fill:#1f2429}.title{font-weight:600;font-size:13px}"
    ".small{font-size:11px;fill:#59636e}.grid{stroke:#e1e5e9}"
)


@dataclass(frozen=True, kw_only=True)
class Scale:
    """A logarithmic axis: values to pixels."""

    low: float
    high: float
    begin: float
    end: float

    def at(self, value: float) -> float:
        part = math.log10(value / self.low) / math.log10(self.high / self.low)
        return round(self.begin + part * (self.end - self.begin), 1)

    @property
    def decades(self) -> list[float]:
        first, last = round(math.log10(self.low)), round(math.log10(self.high))
        return [10.0**exponent for exponent in range(first, last + 1)]


def scale(values: Iterable[float], begin: float, end: float) -> Scale:
    """An axis of whole decades around some values."""
    found = [value for value in values if value > 0] or [1.0]
    low, high = math.floor(math.log10(min(found))), math.ceil(math.log10(max(found)))
    return Scale(low=10.0**low, high=10.0 ** max(high, low + 1), begin=begin, end=end)


def peers(found: Found) -> str:
    """A panel for each workload that several engines do; a dot for the median, a line for the range."""
    engines = list(found["engines"])
    rows = [row for row in found["rows"] if row["workload"] in ("W1", "W2", "W3", "W4", "W5", "W6")]
    rows = [row for row in rows if sum("median" in entry for entry in row["engines"].values()) > 1]
    rows = [row for row in rows if row["workload"] != "W1" or row["size"] == 1000] or rows
    high, wide = 64 + 20 * len(engines), 440
    panels = [
        _panel(row, engines, x=wide * (place % 2), y=high * (place // 2)) for place, row in enumerate(rows)
    ]
    return _svg(2 * wide, high * math.ceil(len(rows) / 2), panels)


def _panel(row: Found, engines: Sequence[str], *, x: float, y: float) -> str:
    entries = {name: row["engines"][name] for name in engines}
    measured = [entry for entry in entries.values() if "median" in entry]
    axis = scale([entry[name] for entry in measured for name in ("min", "max")], 110, 400)
    bottom = 36 + 20 * len(engines)
    parts = [_text(f"{row['workload']}: {row['title']}", 16, 18, "title")]
    for value in axis.decades:
        parts.append(_line(axis.at(value), 28, axis.at(value), bottom))
        parts.append(_text(_short(value), axis.at(value), bottom + 13, "small", anchor="middle"))
    for place, (name, entry) in enumerate(entries.items()):
        middle, colour = 40 + 20 * place, COLOURS[place % len(COLOURS)]
        parts.append(_text(name, 102, middle + 4, anchor="end"))
        if "median" not in entry or entry["median"] <= 0:
            parts.append(_text(entry.get("missing", ""), 114, middle + 4, "small"))
            continue
        parts.append(_stroke([(axis.at(entry[end]), middle) for end in ("min", "max")], colour, 5, 0.35))
        parts.append(f'<circle cx="{axis.at(entry["median"])}" cy="{middle}" r="5" fill="{colour}"/>')
    better = {"more": "further right is better", "less": "further left is better"}[row["better"]]
    parts.append(_text(f"{row['unit']}; {better}", 400, bottom + 26, "small", anchor="end"))
    return f'<g transform="translate({x},{y})">{"".join(parts)}</g>'


def growth(found: Found) -> str:
    """Longer runs on the left; fuller stores on the right."""
    lines = {
        name: [
            (row["size"], row["engines"][name]["median"])
            for row in found["rows"]
            if row["key"].startswith("W1 sequence") and row["key"].endswith(str(row["size"]))
            if "median" in row["engines"].get(name, {})
        ]
        for name in found["engines"]
    }
    left = _lines("activities/s, by the length of the run", "activities in sequence", lines, x=0)
    full = [row for row in found["rows"] if row["workload"] == "G" and "median" in row["engines"]["nbflow"]]
    of = [(row["size"], row["engines"]["nbflow"]) for row in full]
    times = {
        "a step": [(size, entry["median"]) for size, entry in of],
        "a first run": [(size, entry["details"]["first_run_ms"]) for size, entry in of],
        "opening": [(size, entry["details"]["opening_ms"]) for size, entry in of],
    }
    right = _lines("nbflow: milliseconds, by what the store holds", "rows of history", times, x=440)
    return _svg(880, 330, [left, right])


def _lines(title: str, below: str, lines: Mapping[str, Sequence[Point]], *, x: float) -> str:
    points = [point for line in lines.values() for point in line]
    across = scale([point[0] for point in points], 60, 330)
    up = scale([point[1] for point in points], 270, 40)
    parts = [_text(title, 16, 18, "title"), _text(below, 195, 304, "small", anchor="middle")]
    for value in across.decades:
        parts.append(_line(across.at(value), 40, across.at(value), 270))
        parts.append(_text(_short(value), across.at(value), 286, "small", anchor="middle"))
    for value in up.decades:
        parts.append(_line(60, up.at(value), 330, up.at(value)))
        parts.append(_text(_short(value), 54, up.at(value) + 4, "small", anchor="end"))
    labels: list[float] = []
    for place, (name, line) in enumerate(lines.items()):
        drawn = [(across.at(size), up.at(value)) for size, value in line if value > 0]
        if not drawn:
            continue
        colour = COLOURS[place % len(COLOURS)]
        parts.append(_stroke(drawn, colour, 2, 1))
        parts += [f'<circle cx="{at[0]}" cy="{at[1]}" r="3" fill="{colour}"/>' for at in drawn]
        height = drawn[-1][1]
        while any(abs(height - other) < 13 for other in labels):
            height += 1
        labels.append(height)
        parts.append(
            f'<text x="{max(drawn[-1][0], 330) + 8}" y="{height + 4}" style="fill:{colour}">{name}</text>'
        )
    return f'<g transform="translate({x},0)">{"".join(parts)}</g>'


def _svg(wide: float, high: float, parts: Iterable[str]) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {high}" width="{wide}" height="{high}">'
        f'<style>{STYLE}</style><rect width="{wide}" height="{high}" rx="6" fill="#fff"/>{"".join(parts)}</svg>\n'
    )


def _text(text: str, x: float, y: float, kind: str = "", *, anchor: str = "start") -> str:
    marks = f' class="{kind}"' if kind else ""
    return f'<text x="{x}" y="{y}"{marks} text-anchor="{anchor}">{escape(text)}</text>'


def _line(x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line class="grid" x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}"/>'


def _stroke(points: Iterable[Point], colour: str, width: float, opacity: float) -> str:
    path = " ".join(f"{x},{y}" for x, y in points)
    look = f'stroke="{colour}" stroke-width="{width}" stroke-opacity="{opacity}" stroke-linecap="round"'
    return f'<polyline points="{path}" fill="none" {look}/>'


def _short(value: float) -> str:
    for mark, unit in ((1e6, "M"), (1e3, "k")):
        if value >= mark:
            return f"{value / mark:g}{unit}"
    return f"{value:g}"
