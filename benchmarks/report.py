"""From the file of results to the README and the pictures: ``python -m benchmarks.report`` makes them again."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from benchmarks import pictures
from benchmarks.peers import ROOT
from benchmarks.summary import RESULTS

README: Final = ROOT / "benchmarks" / "README.md"
BEGIN: Final = "<!-- figures: begin; `make bench` writes what is between here -->\n"
END: Final = "<!-- figures: end; and here -->\n"
PICTURES: Final = {"peers.svg": pictures.peers, "growth.svg": pictures.growth}

CELLS: Final = (
    "A cell has the median, the range over the rounds, and beneath it what belongs to it. `nbflow 2x` beside a peer: in "
    "the same round nbflow was twice as good (the median of these ratios)."
)

Found = Mapping[str, Any]


def plain(found: Found) -> str:
    """All figures for a terminal: a line for each engine of each case."""
    lines: list[str] = []
    for row in found["rows"]:
        lines.append(f"{row['workload']}  {row['title']}")
        for name, entry in row["engines"].items():
            if "median" in entry or entry["missing"]:
                cell = _cell(entry, row["details"], row["unit"]).replace("**", "").replace("<br>", "; ")
                lines.append(f"      {name:12} {cell}")
    return "\n".join(lines)


def table(found: Found) -> str:
    """The workloads: a row for each case, a column for each engine."""
    return "\n".join(_table(found, [row for row in found["rows"] if row["workload"] != "G"])) + "\n"


def _table(found: Found, rows: Iterable[Found]) -> Iterator[str]:
    engines = list(found["engines"])
    yield "| | | " + " | ".join(engines) + " |"
    yield "|---|---|" + "---:|" * len(engines)
    for row in rows:
        cells = [_cell(row["engines"][engine], row["details"]) for engine in engines]
        yield f"| {row['workload']} | {row['title']}, {row['unit']} | {' | '.join(cells)} |"


def _cell(entry: Mapping[str, Any], details: Mapping[str, str], unit: str = "") -> str:
    if "median" not in entry:
        return entry["missing"] or "-"
    text = f"**{number(entry['median'])}** {unit}".strip()
    if entry["rounds"] > 1:
        text += f" ({number(entry['min'])}-{number(entry['max'])})"
    more = [
        f"{title} {number(entry['details'][name])}"
        for name, title in details.items()
        if name in entry["details"]
    ]
    if "ratio" in entry:
        more.append(f"nbflow {number(entry['ratio']['median'])}x")
    return "<br>".join([text, *more])


def number(value: float) -> str:
    """Three digits that count."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def section(found: Found) -> str:
    """What stands between the README's marks."""
    lines = [
        _measured_on(found),
        "",
        CELLS,
        "",
        table(found),
        "![nbflow beside its peers](results/peers.svg)",
        "",
        *_share_of_the_disk(found),
        "### Growth",
        "",
        *_growth(found),
        "",
        "![growth with the run's length and the store's size](results/growth.svg)",
        "",
        "### Who promises what",
        "",
        "| | version | a step that is acknowledged | how it was used |",
        "|---|---|---|---|",
    ]
    for name, engine in found["engines"].items():
        facts = ", ".join(f"{key} {value}" for key, value in engine["facts"].items())
        lines.append(f"| {name} | {facts} | {engine['durability']} | {engine['setting']} |")
    return "\n".join(lines) + "\n"


def _measured_on(found: Found) -> str:
    machine, disk = found["machine"], found["disk"]
    return (
        f"Measured on {machine['measured']}, in {found['rounds']} rounds: {machine['processor']}, {machine['cores']} "
        f"cores, {machine['system']}, {machine['disk']}, Python {machine['python']}. In the moments around the "
        f"measurements, an append + fdatasync was made {_spread(disk['append'])} times a second, a write + fdatasync "
        f"into a preallocated file {_spread(disk['preallocated'])} times."
    )


def _share_of_the_disk(found: Found) -> Iterator[str]:
    for row in found["rows"]:
        entry = row["engines"]["nbflow"]
        if row["key"] == "W1 sequence 1000" and "median" in entry:
            yield (
                f"nbflow's {row['title']} went at {_spread(entry['per_disk'])} of the rate at which the same disk, around "
                "the same moments, makes appends durable."
            )
            yield ""


def _growth(found: Found) -> Iterator[str]:
    for name in found["engines"]:
        sizes = {
            row["size"]: row["engines"][name]["median"]
            for row in found["rows"]
            if row["key"] == f"W1 sequence {row['size']}" and "median" in row["engines"][name]
        }
        if len(sizes) > 1:
            last = max(sizes)
            base = 1000 if 1000 in sizes and last > 1000 else min(sizes)
            yield f"- {name}: at {last:,} activities {sizes[last] / sizes[base]:.2g} of its rate at {base:,}."
    yield ""
    alone = {**found, "engines": {"nbflow": found["engines"]["nbflow"]}}
    yield from _table(alone, [row for row in found["rows"] if row["workload"] == "G"])


def _spread(values: Mapping[str, float]) -> str:
    return f"{number(values['median'])} ({number(values['min'])}-{number(values['max'])})"


def write_all(found: Found) -> None:
    """Put the figures between the README's marks (what stands around them stays), and draw the pictures."""
    head, _, rest = README.read_text().partition(BEGIN)
    _, _, tail = rest.partition(END)
    README.write_text(f"{head}{BEGIN}{section(found)}{END}{tail}")
    for name, draw in PICTURES.items():
        RESULTS.with_name(name).write_text(draw(found))


if __name__ == "__main__":
    write_all(json.loads(RESULTS.read_text()))
