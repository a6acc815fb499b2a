"""Last lines of batches are found wherever a line begins, and nowhere else."""

from __future__ import annotations

import re
from random import Random

import pytest

from nbflow.stores.journal.scanning import _END, _last_lines

LINE = b'{"end":7,"first":5,"epoch":3,"lines":2,"size":40,"synced":4,"hash":"0123456789abcdef"}'
PIECES = (
    b"\n",
    b"\n\n\n",
    LINE,
    LINE + b"\n",
    b"\n" + LINE + b"\n",
    b" ",
    b'{"end":',
    LINE[:30],
    b"\r",
    b'{"row":"history"}\n',
)


@pytest.mark.parametrize("seed", range(40))
def test_last_lines_are_found_where_lines_begin(seed: int) -> None:
    random = Random(seed)
    data = b"".join(random.choices(PIECES, k=random.randrange(60)))
    wanted = re.compile(b"^" + _END.pattern, re.MULTILINE).finditer(data)
    assert [found.span() for found in _last_lines(data)] == [found.span() for found in wanted]
