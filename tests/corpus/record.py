"""Adds to the corpus: ``python -m tests.corpus.record 0.2.0`` records every shape that the version's folder lacks.

What is there already is never written again: it is what earlier versions of nbflow made of the shape.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tests.core.replayer import Head, write
from tests.core.shapes import SHAPES
from tests.core.world import World

CORPUS = Path(__file__).parent
SEED = 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("version", help="of nbflow, whose histories these are")
    folder = CORPUS / parser.parse_args().version
    folder.mkdir(exist_ok=True)
    if sys.version_info[:2] != (3, 11):
        parser.error("record on Python 3.11, the oldest that is supported: the tests say where others differ")
    for shape in SHAPES.values():
        path = folder / f"{shape.name}.jsonl"
        if not path.exists():
            write(path, [(Head(shape.name, SEED), World(shape, SEED).play())])
            print("recorded", path.name)


if __name__ == "__main__":
    main()
