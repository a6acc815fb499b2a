"""docs/testing.md is what it says: its blocks of Python are a test file, and its magics work in a notebook."""

import re
from pathlib import Path

import pytest

from tests.jupyter.conftest import Notebook, bare_notebook, notebook, notebook_folder

__all__ = ["bare_notebook", "notebook", "notebook_folder"]  # fixtures

PAGE = Path(__file__).parents[2] / "docs" / "testing.md"
BLOCKS = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
MAGICS = [block for block in BLOCKS if block.startswith("%")]


def test_the_blocks_of_the_page_are_a_test_file_that_passes(pytester: pytest.Pytester) -> None:
    text = "\n\n".join(block for block in BLOCKS if block not in MAGICS)
    pytester.makepyfile(text)
    loops = "asyncio_default_fixture_loop_scope=function"
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider", "-W", "error", "-o", loops)
    result.assert_outcomes(passed=len(re.findall(r"^(?:async )?def test_", text, re.MULTILINE)))


def test_the_magics_of_the_page_work(notebook: Notebook) -> None:
    for block in MAGICS:
        notebook.run(block)
    assert len(MAGICS) == 3


def test_every_block_is_python() -> None:
    fences = re.findall(r"^```(\w*)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert fences == ["python", ""] * len(BLOCKS)
