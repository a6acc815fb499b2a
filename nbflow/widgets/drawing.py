"""From DOT to SVG: with the `dot` of the system, else with that of the wheel `graphviz-pure`, else not at all.

Where neither is there, the browser draws: with @viz-js/viz, if its file is found on this machine. What
comes from a drawing program is taken apart by an XML parser and put together anew from what is allowed,
so that nothing in it can run or load anything.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final
from xml.etree import ElementTree

from nbflow.errors import NbflowError

VIZ_JS: Final = "NBFLOW_VIZ_JS"
"""Environment variable: where ``viz-global.js`` of @viz-js/viz is."""

TIME_LIMIT: Final = 10.0
"""Seconds that a program may take for a picture."""

_LARGEST: Final = 20_000_000
_TAGS: Final = frozenset({"svg", "g", "path", "polygon", "polyline", "ellipse", "text"})
_ATTRIBUTES: Final = frozenset(
    {
        *(
            "id",
            "class",
            "transform",
            "viewBox",
            "width",
            "height",
            "d",
            "points",
            "cx",
            "cy",
            "rx",
            "ry",
            "x",
            "y",
        ),
        *("fill", "fill-opacity", "stroke", "stroke-width", "stroke-dasharray", "stroke-opacity"),
        *("text-anchor", "font-family", "font-size", "font-weight", "font-style"),
    }
)
_VALUE: Final = re.compile(r"[\w\s.,#%+()-]*")
_X: Final = re.compile(r"(-?[\d.]+),")
_SPACE: Final = "{http://www.w3.org/XML/1998/namespace}space"
_SVG: Final = "http://www.w3.org/2000/svg"


class DrawingError(NbflowError):
    """A program's picture is not what it should be."""


def programs() -> Iterator[str]:
    """The programs of this machine that understand ``-Tsvg``, the best first."""
    system = shutil.which("dot")
    if system is not None:
        yield system
    wheel = shutil.which("graphviz-pure", path=sysconfig.get_path("scripts")) or shutil.which("graphviz-pure")
    if wheel is not None:
        yield wheel


def draw_svg(
    dot: str, *, titles: Mapping[str, str] | None = None, using: Sequence[str] | None = None
) -> str | None:
    """Draw DOT text as SVG that is safe to show; None where nothing here can.

    Args:
        dot: The text.
        titles: What to say of the elements with these ids: their tooltips.
        using: The programs to try; those of `programs` by default.
    """
    for program in programs() if using is None else using:
        text = _run(program, dot)
        if text is not None:
            try:
                return clean_svg(text, titles=titles)
            except DrawingError:
                continue
    return None


def _run(program: str, dot: str) -> str | None:
    try:
        done = subprocess.run(
            [program, "-Tsvg"],
            input=dot.encode("utf-8", "replace"),
            capture_output=True,
            timeout=TIME_LIMIT,
            check=False,
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
    except (OSError, subprocess.SubprocessError):
        return None
    if done.returncode or len(done.stdout) > _LARGEST:
        return None
    return done.stdout.decode("utf-8", "replace")


def clean_svg(text: str, *, titles: Mapping[str, str] | None = None) -> str:
    """Give a picture again from its allowed elements and attributes alone.

    Args:
        text: SVG as a program has written it.
        titles: What to say of the elements with these ids; other titles are left out.

    Raises:
        DrawingError: It is no SVG, or brings entities of its own.
    """
    if "<!ENTITY" in text:
        raise DrawingError("a picture with entities of its own is not shown")
    try:
        root = ElementTree.fromstring(text.encode("utf-8", "replace"))
        clean = _clean(root, titles or {})
    except (ElementTree.ParseError, RecursionError) as error:
        raise DrawingError(f"a picture that is no SVG is not shown: {error}") from None
    if clean is None or clean.tag != "svg":
        raise DrawingError("a picture that is no SVG is not shown")
    clean.set("xmlns", _SVG)
    return ElementTree.tostring(clean, encoding="unicode")


def _clean(element: ElementTree.Element, titles: Mapping[str, str]) -> ElementTree.Element | None:
    space, _, tag = element.tag.rpartition("}")
    if tag == "a":  # a link is only a group here
        tag = "g"
    if tag not in _TAGS or space not in ("", f"{{{_SVG}"):
        return None
    clean = ElementTree.Element(tag)
    for name, value in element.attrib.items():
        if (name == _SPACE and value == "preserve") or (
            name in _ATTRIBUTES and _VALUE.fullmatch(value) and "url" not in value.lower()
        ):
            clean.set(name, value)
    if tag == "text":
        clean.text = element.text
        return clean
    title = titles.get(element.get("id", ""))
    if title is not None:
        ElementTree.SubElement(clean, "title").text = title
    clean.extend(kept for child in element if (kept := _clean(child, titles)) is not None)
    if "nbf-node" in clean.get("class", "").split():
        _centre(clean)
    return clean


def _centre(node: ElementTree.Element) -> None:
    """Set a node's lines in its middle: Graphviz places them by widths that it guesses, for a font that may not be here."""
    shape = next((one for one in node if one.tag in ("path", "polygon")), None)
    if shape is None:
        return
    xs = [float(x) for x in _X.findall(shape.get("d") or shape.get("points") or "")]
    for line in node.iter("text") if xs else ():
        line.set("x", f"{(min(xs) + max(xs)) / 2:.2f}")
        line.set("text-anchor", "middle")


def viz_js() -> Path | None:
    """Where the program is that draws in the browser; None if it isn't on this machine."""
    named = os.environ.get(VIZ_JS)
    path = Path(named) if named else Path(sys.prefix) / "share" / "nbflow" / "viz-global.js"
    return path if path.is_file() else None
