"""Finding the batches of a journal that nobody holds open, and telling a torn end from damage.

A batch counts if its last line is there with the right hash. Behind the last one that counts there may be anything: half a
batch, or old ones of a file that was used again. But each batch says up to where everything was durable when it was
written: if such a batch counts and one of those before it doesn't, the disk has lost what was promised.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from nbflow.errors import StoreError
from nbflow.stores.journal.lines import Endings
from nbflow.stores.journal.segments import HEADER_BYTES

_END: Final = re.compile(
    rb'(\{"end":(\d{1,19}),"first":(\d{1,19}),"epoch":(\d{1,19}),"lines":\d{1,19},"size":(\d{1,19}),'
    rb'"synced":(\d{1,19}),"hash":")([0-9a-f]{16})"\}\n'
)
_BEGINNING: Final = b'\n{"end":'


class Header(msgspec.Struct, frozen=True):
    """What the first line of a segment says.

    Attributes:
        journal: Version of the lines.
        store_id: Whose it is.
        epoch: Which segment it was, in order of use.
    """

    journal: int
    store_id: str
    epoch: int


_header: Final = msgspec.json.Decoder(Header).decode


@dataclass(frozen=True, slots=True, order=True)
class Found:
    """A batch that counts.

    Attributes:
        epoch: Its segment's.
        start: Where it begins there.
        end: Where it ends.
        first: Number of its first operation.
        last: Number of its last one.
        synced: Up to which number everything was durable before it.
        path: The file.
    """

    epoch: int
    start: int
    end: int
    first: int
    last: int
    synced: int
    path: Path


def read_header(data: bytes) -> Header | None:
    """The header of a segment; None if it has none that can be read."""
    try:
        return _header(data[:HEADER_BYTES])
    except msgspec.DecodeError:
        return None


def find_batches(path: Path, data: bytes, endings: Endings) -> list[Found]:
    """Every batch of a segment that counts, in order, whatever lies between them."""
    view, found = memoryview(data), list[Found]()
    for match in _last_lines(data):
        last, first, epoch, size, synced = map(int, match.group(2, 3, 4, 5, 6))
        start = match.start() - size
        if start >= 0 and endings.is_whole(view[start : match.start()], match[1], match[7]):
            found.append(Found(epoch, start, match.end(), first, last, synced, path))
    return found


def _last_lines(data: bytes) -> Iterator[re.Match[bytes]]:
    """What looks like the last line of a batch; most of a segment is empty lines, which `find` is quick with."""
    newline = -1
    while True:
        if match := _END.match(data, newline + 1):
            yield match
            newline = match.end() - 1
        elif (newline := data.find(_BEGINNING, newline + 1)) < 0:
            return


def follow_on(found: Iterable[Found], watermark: int, name: str) -> Sequence[Found]:
    """Those batches that follow on what DuckDB has, without a gap.

    Args:
        found: All that count, of all segments.
        watermark: The number of DuckDB's last operation.
        name: What to call DuckDB's file in errors.

    Raises:
        StoreError: One is missing that was durable; names the place.
    """
    wanted: list[Found] = []
    at, place = watermark, ""
    for batch in sorted(found):
        if batch.last <= at:
            place = f", {batch.path} behind byte {batch.end}" if batch.last == at else place
        elif batch.first == at + 1:
            wanted.append(batch)
            at, place = batch.last, f", {batch.path} behind byte {batch.end}"
        elif batch.synced > at:
            raise _damaged(name, watermark, f"operation {at + 1} is missing{place}", batch)
        elif batch.first <= at:
            raise _damaged(name, watermark, f"operation {at} is there twice", batch)
    return wanted


def _damaged(name: str, watermark: int, what: str, batch: Found) -> StoreError:
    folder = batch.path.parent
    return StoreError(
        f"{name} ends at operation {watermark}, and what was committed behind that doesn't go on from there: {what}, but "
        f"{batch.path} has {batch.first} to {batch.last} at byte {batch.start}: put back the file that belongs to this "
        f"folder, or leave out what is in it: `mv {folder} {folder}-damaged`"
    )
