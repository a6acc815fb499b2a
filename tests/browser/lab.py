"""A real JupyterLab for the tests that need one: the round trip from a cell to the page and back.

One server serves a whole test module. It lives in temporary folders of its own, on a free port,
and is stopped by its PID. Kernels import nbflow and the tests from this checkout.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page

REPOSITORY = Path(__file__).parents[2]
READY_WITHIN = 60.0

OPTIONS = (
    "--no-browser",
    "--allow-root",
    "--ip=127.0.0.1",
    "--ServerApp.port_retries=0",
    "--IdentityProvider.token=",
    "--ServerApp.password=",
    "--ServerApp.disable_check_xsrf=True",
    "--LabApp.expose_app_in_browser=True",
    "--LabApp.extension_manager=readonly",
)
SETTINGS = {
    "@jupyterlab/apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
}

READY = """async () => {
  const app = window.jupyterapp, widget = app.shell.currentWidget;
  await app.restored;
  await widget.context.ready;
  await widget.sessionContext.ready;
  await widget.sessionContext.session?.kernel?.info;
}"""
RUN_CELL = """async (index) => {
  const app = window.jupyterapp, notebook = app.shell.currentWidget.content;
  notebook.activeCellIndex = index;
  notebook.deselectAll();
  await app.commands.execute("notebook:run-cell");
}"""
CHANGE_THEME = """async (theme) => {
  await window.jupyterapp.commands.execute("apputils:change-theme", { theme });
}"""
START_CELL = RUN_CELL.replace("await app.commands", "app.commands")


class Lab:
    """A running server.

    Args:
        folder: Where everything of it lies.
        comms: What JupyterLab sends comms over: ``perCommTarget`` (its default), ``perComm`` or ``disabled``.

    Attributes:
        url: Where it answers.
        root: The folder whose notebooks it shows.
    """

    def __init__(self, folder: Path, comms: str = "perCommTarget") -> None:
        self.root = folder / "notebooks"
        self.root.mkdir()
        port = _free_port()
        self.url = f"http://127.0.0.1:{port}"
        self._log = (folder / "lab.log").open("w")
        self._process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "jupyterlab",
                f"--port={port}",
                f"--ServerApp.root_dir={self.root}",
                *OPTIONS,
            ],
            env=_environment(folder, comms),
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )

    def wait_until_ready(self) -> None:
        """Wait until it answers.

        Raises:
            RuntimeError: It ended, or took too long; carries the end of its log.
        """
        deadline = time.monotonic() + READY_WITHIN
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                with urllib.request.urlopen(f"{self.url}/api/status", timeout=5) as answer:
                    if answer.status == 200:
                        return
            except (urllib.error.URLError, OSError):
                time.sleep(0.1)
        raise RuntimeError(f"JupyterLab did not start:\n{Path(self._log.name).read_text()[-3000:]}")

    def stop(self) -> None:
        """End the server and its kernels."""
        self._process.terminate()
        try:
            self._process.wait(15)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(5)
        self._log.close()

    def write(self, name: str, *cells: str, outputs: Sequence[Sequence[dict[str, Any]]] = ()) -> str:
        """Write a notebook of code cells, with outputs where they are given; gives its name."""
        document = {
            "nbformat": 4,
            "nbformat_minor": 5,
            "metadata": {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
            "cells": [
                {
                    "cell_type": "code",
                    "id": f"cell-{index}",
                    "metadata": {},
                    "execution_count": None,
                    "source": source,
                    "outputs": list(outputs[index]) if index < len(outputs) else [],
                }
                for index, source in enumerate(cells)
            ],
        }
        (self.root / name).write_text(json.dumps(document))
        return name


class Notebook:
    """A notebook that is open in a page."""

    def __init__(self, page: Page, lab: Lab, name: str) -> None:
        self.page = page
        page.goto(f"{lab.url}/doc/tree/{name}?reset")
        page.wait_for_function("window.jupyterapp?.shell?.currentWidget", timeout=60_000)
        page.evaluate(READY)

    def run(self, index: int) -> None:
        """Run a cell and wait for its end."""
        self.page.evaluate(RUN_CELL, index)

    def run_all(self, count: int) -> None:
        """Run the first cells, and see that none fails."""
        for index in range(count):
            self.run(index)
            failed = self.output(index).locator("[data-mime-type*=error]")
            assert failed.count() == 0, failed.first.inner_text()

    def save(self) -> None:
        """Save the notebook."""
        self.page.evaluate("async () => { await window.jupyterapp.commands.execute('docmanager:save'); }")

    def start(self, index: int) -> None:
        """Run a cell and don't wait."""
        self.page.evaluate(START_CELL, index)

    def set_theme(self, name: str) -> None:
        """Change the theme and wait for it; it stays for the server's other pages."""
        self.page.evaluate(CHANGE_THEME, name)

    def cell(self, index: int) -> Locator:
        """A cell with its outputs."""
        return self.page.locator(f'.jp-Cell[data-windowed-list-index="{index}"]')

    def output(self, index: int) -> Locator:
        """A cell's outputs."""
        return self.cell(index).locator(".jp-OutputArea")


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A JupyterLab of this module's own."""
    server = Lab(tmp_path_factory.mktemp("lab"))
    try:
        server.wait_until_ready()
        yield server
    finally:
        server.stop()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _environment(folder: Path, comms: str) -> dict[str, str]:
    places = {
        name: str(folder / name.lower())
        for name in (
            "JUPYTER_CONFIG_DIR",
            "JUPYTER_DATA_DIR",
            "JUPYTER_RUNTIME_DIR",
            "IPYTHONDIR",
            "JUPYTERLAB_SETTINGS_DIR",
            "JUPYTERLAB_WORKSPACES_DIR",
        )
    }
    settings = {**SETTINGS, "@jupyterlab/apputils-extension/kernels-settings": {"commsOverSubshells": comms}}
    for name, values in settings.items():
        path = Path(places["JUPYTERLAB_SETTINGS_DIR"]) / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(values))
    search = os.pathsep.join(filter(None, (str(REPOSITORY), os.environ.get("PYTHONPATH"))))
    return {**os.environ, **places, "JUPYTER_PREFER_ENV_PATH": "1", "PYTHONPATH": search}
