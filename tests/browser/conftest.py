"""Chromium as the system has it: never a download."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.card_page import CardPage
from tests.browser.lab import lab

__all__ = ["lab"]  # a fixture

expect.set_options(timeout=20_000)  # a loaded machine may take longer than the usual five seconds

CHROMIUM = next(
    (
        path
        for name in ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
        if (path := shutil.which(name))
    ),
    None,
)


@pytest.fixture(scope="session")
def browser_type_launch_args() -> dict[str, Any]:
    return {
        "executable_path": CHROMIUM,
        "args": [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
        ],
    }


@pytest.fixture
def card(page: Page) -> Iterator[CardPage]:
    """The card's module in a blank page; a script error there fails the test."""
    card = CardPage(page)
    yield card
    assert card.errors == []
