"""Accessibility by axe-core: no rule of WCAG 2.2 A and AA, nor a best practice, may be broken within an element."""

from __future__ import annotations

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

_OPTIONS = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    "resultTypes": ["violations"],
    # A card is a piece of somebody's page, which has the landmarks and the headings.
    "rules": {"region": {"enabled": False}, "page-has-heading-one": {"enabled": False}},
}


def violations(page: Page, within: str = ".nbf") -> list[str]:
    """What axe-core finds wrong within the elements of a selector: rule, what it says, and where."""
    found = Axe().run(page, context=within, options=_OPTIONS)
    return [
        f"{one['id']}: {one['help']}: {[node['html'][:200] for node in one['nodes']]}"
        for one in found.response["violations"]
    ]
