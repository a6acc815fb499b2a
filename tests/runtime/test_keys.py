"""The key that signs histories: in a file of its own, that nobody else can read, and one for all processes."""

from __future__ import annotations

import logging
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from nbflow import WorkflowRuntime
from nbflow.errors import KeyFileError
from nbflow.runtime.keys import KEY_BYTES, key_file, user_key

pytestmark = pytest.mark.semantics(80)

RACER = """
import sys
from nbflow.runtime.keys import user_key
sys.stdin.readline()
print(user_key({"NBFLOW_KEY_FILE": sys.argv[1]}).hex())
"""


def test_s80_a_key_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "nbflow" / "key"
    key = user_key({"NBFLOW_KEY_FILE": str(path)})
    assert len(key) == KEY_BYTES
    assert user_key({"NBFLOW_KEY_FILE": str(path)}) == key
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [file.name for file in path.parent.iterdir()] == ["key"]


def test_the_key_is_in_the_users_own_folder_unless_another_is_named() -> None:
    assert key_file({}).parts[-2:] == ("nbflow", "key")
    assert key_file({"NBFLOW_KEY_FILE": "~/mine"}) == Path.home() / "mine"


@pytest.mark.parametrize("mode", [0o644, 0o620, 0o604])
def test_s80_a_key_that_others_can_read_is_refused(
    tmp_path: Path, mode: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "my key"
    user_key({"NBFLOW_KEY_FILE": str(path)})
    path.chmod(mode)
    with pytest.raises(KeyFileError) as caught:
        user_key({"NBFLOW_KEY_FILE": str(path)})
    assert str(caught.value) == (
        f"others can read the key that signs your histories, or change it: `chmod 600 '{path}'`"
    )
    monkeypatch.setenv("NBFLOW_KEY_FILE", str(path))
    with pytest.raises(KeyFileError):
        WorkflowRuntime(tmp_path / "history.duckdb").open()
    assert not (tmp_path / "history.duckdb").exists()
    path.chmod(0o600)
    with WorkflowRuntime(tmp_path / "history.duckdb", definitions=[]) as runtime:
        assert runtime.is_trusted


@pytest.mark.parametrize("content", ["", "abcd\n", "no key", "00" * 33])
def test_a_file_that_holds_no_key_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "key"
    path.write_text(content)
    path.chmod(0o600)
    with pytest.raises(KeyFileError, match="holds no key that signs histories"):
        user_key({"NBFLOW_KEY_FILE": str(path)})
    assert path.read_text() == content


def test_a_folder_in_its_place_is_refused(tmp_path: Path) -> None:
    with pytest.raises(KeyFileError, match="can't be read: Is a directory"):
        user_key({"NBFLOW_KEY_FILE": str(tmp_path)})


def test_s80_without_a_place_a_key_lasts_for_the_session(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    environ = {"NBFLOW_KEY_FILE": str(tmp_path / "file" / "key")}
    with caplog.at_level(logging.WARNING):
        with pytest.raises(KeyFileError, match="Not a directory"):
            user_key(environ)
        environ = {"NBFLOW_KEY_FILE": "/proc/nbflow/key"}
        one, other = user_key(environ), user_key(environ)
    assert len(one) == KEY_BYTES
    assert one != other
    assert len(caplog.messages) == 2
    assert caplog.messages[0].startswith("no key can be kept in /proc/nbflow/key (")
    assert caplog.messages[0].endswith("name a file that can be written in NBFLOW_KEY_FILE")


def test_s80_processes_that_make_the_key_at_once_have_the_same(tmp_path: Path) -> None:
    path = tmp_path / "new" / "key"
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", RACER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(4)
    ]
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.write("\n")
        racer.stdin.flush()
    keys = {racer.communicate(timeout=60)[0] for racer in racers}
    assert keys == {user_key({"NBFLOW_KEY_FILE": str(path)}).hex() + "\n"}
    assert os.listdir(path.parent) == ["key"]


def test_s80_a_file_system_without_links_will_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_links(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", no_links)
    path = tmp_path / "key"
    key = user_key({"NBFLOW_KEY_FILE": str(path)})
    assert user_key({"NBFLOW_KEY_FILE": str(path)}) == key
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert os.listdir(tmp_path) == ["key"]
