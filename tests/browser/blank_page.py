"""A blank page that serves the card's styles and modules, and notes what goes wrong in its scripts."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import msgspec
from playwright.sync_api import Page, Route

import nbflow.widgets
from nbflow.widgets.page import styles

ORIGIN = "http://card.test"
STATIC = Path(nbflow.widgets.__file__).parent / "static"

# What JupyterLab says of elements in its outputs, by selectors that weigh as much as its own.
LAB = """
:root button { border-radius: 2px }
:root :is(tt, code, kbd, samp, pre) { font-family: monospace; font-size: 13px; line-height: 1.3077 }
:root dl { display: block; width: 100%; overflow: hidden; padding: 0; margin: 0 }
:root dt { display: block; font-weight: bold; float: left; width: 20%; padding: 0; margin: 0 }
:root dd { display: block; float: left; width: 80%; padding: 0; margin: 0 }
:root pre { border: none; margin: 0; padding: 0; overflow: auto; word-break: break-all; overflow-wrap: break-word; white-space: pre-wrap }
"""
HEAD = f"""<!doctype html>
<html lang="en"><meta charset="utf-8"><title>A card</title>
<style>{LAB}</style>
<link rel="stylesheet" href="/card.css">
<style>body {{ margin: 16px; font-family: system-ui, sans-serif; background: Canvas }}
@media (prefers-color-scheme: dark) {{ body {{ background: #0d1117 }} }}</style>
"""


class BlankPage:
    """A page of a test's own: its script sets ``window.ready`` at its end.

    Attributes:
        html: The page.
        errors: What went wrong in the page's scripts.
    """

    html: ClassVar[str]

    def __init__(self, page: Page) -> None:
        self.page = page
        self.errors: list[str] = []
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", lambda message: message.type == "error" and self.errors.append(message.text))
        page.route(f"{ORIGIN}/**", self._serve)
        page.goto(f"{ORIGIN}/")
        page.wait_for_function("window.ready")

    def tell(self, receiver: str, message: dict[str, Any]) -> None:
        """Give a function of the page a message, as the JSON that it is: Playwright takes objects apart value by value."""
        self.page.evaluate(
            f"(text) => {{ ({receiver})(JSON.parse(text)); }}", msgspec.json.encode(message).decode()
        )

    def _serve(self, route: Route) -> None:
        name = route.request.url.removeprefix(f"{ORIGIN}/")
        if name == "":
            route.fulfill(body=self.html, content_type="text/html; charset=utf-8")
        elif name == "card.css":
            route.fulfill(body=styles(), content_type="text/css; charset=utf-8")
        elif name.startswith("static/"):
            route.fulfill(
                path=STATIC / name.removeprefix("static/"), content_type="text/javascript; charset=utf-8"
            )
        else:
            self._answer(route, name)

    def _answer(self, route: Route, name: str) -> None:
        """Answer what the page's script asks for."""
        route.fulfill(status=204)
