"""What every test may need, those of the notebooks included; so it lies above `tests/` and `notebooks/`.

A conftest in `tests/` would not see the notebooks that nbmake collects, and each of them needs a store and
Jupyter folders of its own: a test never reads or writes the user's.
"""

import os
import shutil
import tempfile
from pathlib import Path

import hypothesis
import pytest

# How long one example takes says nothing on a machine that runs the suite on all its cores.
hypothesis.settings.register_profile("nbflow", deadline=None)
hypothesis.settings.load_profile("nbflow")

pytest_plugins = ["pytester", "tests.semantics.plugin"]

# nbmake runs the other notebooks. These, tests/notebooks/test_patterns.py runs twice each, and asks more of them.
collect_ignore_glob = ["notebooks/0[1-79]_*.ipynb", "notebooks/1*_*.ipynb"]

CHROMIUM = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
_KEPT_ENVIRONMENT = pytest.StashKey[dict[str, str]]()


def isolated_environment(folder: Path) -> dict[str, str]:
    """Returns the variables that keep a kernel or a Jupyter server inside `folder`."""
    folders = {
        "IPYTHONDIR": folder / "ipython",
        "JUPYTER_CONFIG_DIR": folder / "jupyter-config",
        "JUPYTER_DATA_DIR": folder / "jupyter-data",
        "JUPYTER_RUNTIME_DIR": folder / "jupyter-runtime",
        "JUPYTERLAB_SETTINGS_DIR": folder / "lab-settings",
        "JUPYTERLAB_WORKSPACES_DIR": folder / "lab-workspaces",
    }
    for path in folders.values():
        path.mkdir(parents=True, exist_ok=True)
    return {
        **{name: str(path) for name, path in folders.items()},
        "JUPYTER_PREFER_ENV_PATH": "1",  # this environment's kernel, not one in the user's home
        "NBFLOW_DB": str(folder / "history.duckdb"),
        "NBFLOW_KEY_FILE": str(folder / "nbflow.key"),
    }


@pytest.fixture
def jupyter_env(tmp_path: Path) -> dict[str, str]:
    """The whole environment for a kernel, JupyterLab or `nbflow` in a subprocess, away from the user's files."""
    return {**os.environ, **isolated_environment(tmp_path / "home")}


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of the system's Chromium; without one the test is skipped."""
    for name in CHROMIUM:
        if path := shutil.which(name):
            return path
    pytest.skip("no Chromium here: `make test` installs it where apt-get can")


def pytest_configure(config: pytest.Config) -> None:
    """Has what is signed here signed with a key of its own; processes that a test starts take it over."""
    if "NBFLOW_KEY_FILE" not in os.environ:
        folder = Path(tempfile.mkdtemp(prefix="nbflow-key-"))
        os.environ["NBFLOW_KEY_FILE"] = str(folder / "nbflow.key")
        config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long tests first, so that no worker is left alone with one; browser tests last; two tries for some.

    Playwright's loop counts as running in a process from its first test on, and `asyncio.run` refuses to
    work beside it: a process that has begun with browser tests can do nothing else any more.
    """
    for item in items:
        if "playwright" in getattr(item, "fixturenames", ()):
            item.add_marker("browser")
        if any(map(item.get_closest_marker, ("browser", "kernel", "lab"))):
            item.add_marker(pytest.mark.flaky(reruns=1))
    items.sort(
        key=lambda item: 2 if item.get_closest_marker("browser") else not item.get_closest_marker("slow")
    )


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Gives each notebook a fresh store, and skips browser tests where there is no browser."""
    no_browser = not any(map(shutil.which, CHROMIUM))
    if item.get_closest_marker("browser") and no_browser and "CI" not in os.environ:
        pytest.skip("no Chromium here: `make test` installs it where apt-get can")
    if item.path.suffix == ".ipynb":
        factory: pytest.TempPathFactory = item.config._tmp_path_factory  # type: ignore[attr-defined]
        item.stash[_KEPT_ENVIRONMENT] = dict(os.environ)
        os.environ.update(isolated_environment(factory.mktemp(item.path.stem)))


def pytest_runtest_teardown(item: pytest.Item) -> None:
    """Puts the environment back as it was before a notebook."""
    if (kept := item.stash.get(_KEPT_ENVIRONMENT, None)) is not None:
        os.environ.clear()
        os.environ.update(kept)
