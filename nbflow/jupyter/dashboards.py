"""The dashboards of a notebook: the table of all runs, live where there is a kernel.

What ``%wf ps`` gives is a table for Python and for a terminal; shown in a notebook it brings a widget along. So does a
runtime. Each display makes a widget of its own; one that nobody sees follows nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeAlias
from weakref import WeakKeyDictionary

from nbflow.errors import NbflowError
from nbflow.jupyter.session import NbFlow
from nbflow.jupyter.shell import nobody_types
from nbflow.jupyter.showing import Output, show_for_good
from nbflow.runtime import WorkflowRuntime

if TYPE_CHECKING:
    from nbflow.jupyter.listing import RunTable
    from nbflow.widgets.dashboard import Dashboard

Bundle: TypeAlias = tuple[dict[str, Any], dict[str, Any]] | dict[str, Any]
"""What IPython shows, by MIME type, and what there is to say of each; empty: it is to find out by itself."""


class Dashboards:
    """The dashboards of a notebook.

    Args:
        session: The notebook's nbflow.
    """

    def __init__(self, session: NbFlow) -> None:
        self._session = session
        self._shown: WeakKeyDictionary[Dashboard, Callable[[], object]] = WeakKeyDictionary()

    def enliven(self, table: RunTable) -> None:
        """Have a table bring a dashboard along wherever it is shown."""
        if self._session.kernel.is_there:
            table.live = lambda: self._bundle(table)

    def of_runtime(self, runtime: WorkflowRuntime) -> Bundle:
        """What is shown of a runtime: its runs; without a kernel, and once it is closed, what it shows by itself."""
        if not (self._session.kernel.is_there and runtime.is_open):
            return {}
        from nbflow.jupyter.listing import RunTable
        from nbflow.runtime.instances import RuntimeInstances

        return self._bundle(RunTable(RuntimeInstances(runtime)))

    def after_cell(self) -> None:
        """Bring the tables up to date, where nobody takes news but in a cell."""
        if nobody_types(self._session.shell):
            for renew in list(self._shown.values()):
                renew()

    def look_again(self) -> None:
        """Bring the dashboards up to date with a time that has moved on."""
        for dashboard in list(self._shown):
            dashboard.look_again()

    def _bundle(self, table: RunTable) -> Bundle:
        from nbflow.widgets.dashboard import Dashboard  # with all that draws it
        from nbflow.widgets.dashfeed import PAGE

        shown = table

        def picture() -> dict[str, str]:
            nonlocal shown
            with suppress(NbflowError):  # the history was closed: what was read of it stays
                shown = table.again()
            return {"text/html": shown.html, "text/plain": repr(shown)}

        def renew() -> None:
            if output is not None:
                output.update(twin)

        output: Output | None = None
        try:
            dashboard = Dashboard(
                table.source,
                picture=picture,
                rested=lambda: self._session.kernel.soon(renew),
                scope=table.scope,
                statuses=table.statuses,
                page=table.limit or PAGE,
            )
        except NbflowError:  # likewise
            return {}
        self._shown[dashboard] = renew
        twin = dashboard.apart()
        output = show_for_good(twin)
        return dashboard._repr_mimebundle_() or {}  # pyright: ignore[reportPrivateUsage] # IPython's own protocol
