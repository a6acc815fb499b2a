"""The key with which its owner's rows are signed: one a user, in a file that nobody else can read."""

from __future__ import annotations

import logging
import os
import secrets
import shlex
import stat
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from nbflow.errors import KeyFileError

KEY_BYTES: Final = 32
_log: Final = logging.getLogger("nbflow.runtime")


def user_key(environ: Mapping[str, str]) -> bytes:
    """The user's key, made the first time; where no file can be written, one for this session.

    Args:
        environ: The process's environment; ``NBFLOW_KEY_FILE`` there names another file than the usual one.

    Raises:
        KeyFileError: Others can read the file, or it holds no key.
    """
    path = key_file(environ)
    try:
        return _read(path)
    except FileNotFoundError:
        pass
    except OSError as error:
        raise KeyFileError(
            f"the key that signs histories can't be read: {error.strerror or error} ({path}): make it readable "
            f"for you alone (`chmod 600 {shlex.quote(str(path))}`), or name another file in NBFLOW_KEY_FILE"
        ) from error
    try:
        _make(path)
    except OSError as error:
        _log.warning(
            "no key can be kept in %s (%s): histories are signed for this session only, and another one asks for "
            "`%%wf trust`; name a file that can be written in NBFLOW_KEY_FILE",
            path,
            error.strerror or error,
        )
        return secrets.token_bytes(KEY_BYTES)
    return _read(path)


def key_file(environ: Mapping[str, str]) -> Path:
    """Where the user's key is, or will be."""
    named = environ.get("NBFLOW_KEY_FILE")
    if named:
        return Path(named).expanduser().absolute()
    from platformdirs import user_data_path  # where stores have seals, and no sooner

    return user_data_path("nbflow") / "key"


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        if os.name == "posix" and stat.S_IMODE(os.fstat(file.fileno()).st_mode) & 0o077:
            raise KeyFileError(
                f"others can read the key that signs your histories, or change it: "
                f"`chmod 600 {shlex.quote(str(path))}`"
            )
        text = file.read(1000)
    try:
        key = bytes.fromhex(text.decode("ascii"))
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise KeyFileError(
            f"{path} holds no key that signs histories: put the right file there, or remove it "
            f"(`rm {shlex.quote(str(path))}`), and type `%wf trust` in each of your histories"
        )
    return key


def _make(path: Path) -> None:
    """Make a key, unless another process does so at this moment; whoever finds the file finds it whole."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, draft = tempfile.mkstemp(dir=path.parent, prefix=".key-")  # O_EXCL, 0600
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(secrets.token_bytes(KEY_BYTES).hex().encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)  # fails if the file is there, as O_EXCL does
        except FileExistsError:
            pass
        except OSError:  # a file system without links: there, the race is open for a moment
            _write_exclusively(path, Path(draft).read_bytes())
    finally:
        os.unlink(draft)


def _write_exclusively(path: Path, content: bytes) -> None:
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return
    with os.fdopen(handle, "wb") as file:
        file.write(content)
