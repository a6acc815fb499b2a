"""What is shown where a widget can't be: in a saved notebook, on GitHub, after the kernel's death.

A front end that knows widgets shows nothing else of an output that has one, also where the widget is gone:
JupyterLab then says that its model was not found. So the picture is an output of its own beside the
widget. Where the widget lives, it hides that output: its module has the page leave out what bears the
widget's token.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any


class Twin:
    """The picture beside a widget; displayed anew, it shows how things stand by then.

    Args:
        token: By which the widget knows it; the ID of its model.
        picture: Gives its ``text/html`` and ``text/plain``.
    """

    def __init__(self, token: str, picture: Callable[[], Mapping[str, str]]) -> None:
        self._token = token
        self._picture = picture

    def _repr_mimebundle_(self, **_kwargs: Any) -> dict[str, str]:
        picture = dict(self._picture())
        html = picture.get("text/html")
        return picture if html is None else {**picture, "text/html": self._marked(html)}

    def _marked(self, html: str) -> str:
        return f'<div data-nbflow-twin="{self._token}">{html}</div>'
