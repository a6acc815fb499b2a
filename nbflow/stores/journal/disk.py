"""The system calls of the journal, in one place: what a bad disk does, a test does here."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Final

_CHUNK: Final = 1 << 17

if sys.platform == "win32":

    def _write(fd: int, data: bytes | memoryview, offset: int) -> int:
        os.lseek(fd, offset, os.SEEK_SET)
        return os.write(fd, data)

    def _read(fd: int, size: int, offset: int) -> bytes:
        os.lseek(fd, offset, os.SEEK_SET)
        return os.read(fd, size)

    def _reserve(fd: int, size: int) -> None:
        pass

    def _sync_folder(folder: Path) -> None:
        pass

    _sync = os.fsync
    _FLAGS: Final = os.O_RDWR | os.O_CREAT | os.O_BINARY

else:
    _write, _read = os.pwrite, os.pread

    if sys.platform == "darwin":
        import fcntl

        def _sync(fd: int) -> None:
            fcntl.fcntl(fd, fcntl.F_FULLFSYNC)  # a plain fsync doesn't reach the disk there

        def _reserve(fd: int, size: int) -> None:
            pass

    else:
        _sync = os.fdatasync

        def _reserve(fd: int, size: int) -> None:
            try:
                os.posix_fallocate(fd, 0, size)
            except OSError:
                pass  # a file system that can't; writing it full does the same, if in more pieces

    def _sync_folder(folder: Path) -> None:
        fd = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)

    _FLAGS: Final = os.O_RDWR | os.O_CREAT


class Disk:
    """Files that are written at given places, and kept through a power cut when they are synced."""

    def open(self, path: Path) -> int:
        """A file to read and write, made if it isn't there."""
        return os.open(path, _FLAGS, 0o600)

    def close(self, fd: int) -> None:
        """Let go of a file."""
        os.close(fd)

    def write(self, fd: int, data: bytes, offset: int) -> None:
        """Write all of the data; raises OSError when not all of it could be written."""
        written = _write(fd, data, offset)
        while written < len(data):
            written += _write(fd, memoryview(data)[written:], offset + written)

    def read(self, fd: int, size: int, offset: int) -> bytes:
        """Up to so many bytes from there on."""
        return _read(fd, size, offset)

    def sync(self, fd: int) -> None:
        """Return once what was written to a file is durable."""
        _sync(fd)

    def sync_folder(self, folder: Path) -> None:
        """Return once the names in a folder are durable."""
        _sync_folder(folder)

    def fill(self, fd: int, size: int) -> None:
        """Give a file its size for good, full of empty lines."""
        _reserve(fd, size)
        for offset in range(0, size, _CHUNK):
            self.write(fd, b"\n" * min(_CHUNK, size - offset), offset)
        self.sync(fd)
