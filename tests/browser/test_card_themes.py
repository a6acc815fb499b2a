"""The card in the colours of the front end that it is in: JupyterLab's, VS Code's, Colab's, or the browser's own."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.card_page import CardPage
from tests.views.stories import waiting

pytestmark = pytest.mark.browser

DARK, LIGHT = "rgb(63, 185, 80)", "rgb(44, 151, 75)"
"""What is good, on a dark ground and on a light one."""

FRONT_ENDS = {
    "JupyterLab, dark": (
        "document.body.dataset.jpThemeLight = 'false'",
        {"--jp-layout-color1": "#111111", "--jp-ui-font-color1": "#eeeeee"},
        ("rgb(17, 17, 17)", "rgb(238, 238, 238)", DARK),
    ),
    "JupyterLab, light": (
        "document.body.dataset.jpThemeLight = 'true'",
        {"--jp-layout-color1": "#fefefe", "--jp-ui-font-color1": "#010101"},
        ("rgb(254, 254, 254)", "rgb(1, 1, 1)", LIGHT),
    ),
    "VS Code, dark": (
        "document.body.className = 'vscode-dark'",
        {"--vscode-editor-background": "#1e1e1e", "--vscode-foreground": "#cccccc"},
        ("rgb(30, 30, 30)", "rgb(204, 204, 204)", DARK),
    ),
    "VS Code, high contrast": (
        "document.body.className = 'vscode-high-contrast'",
        {"--vscode-editor-background": "#000000", "--vscode-foreground": "#ffffff"},
        ("rgb(0, 0, 0)", "rgb(255, 255, 255)", DARK),
    ),
    "VS Code, light": (
        "document.body.className = 'vscode-light'",
        {"--vscode-editor-background": "#ffffff", "--vscode-foreground": "#3b3b3b"},
        ("rgb(255, 255, 255)", "rgb(59, 59, 59)", LIGHT),
    ),
    "Colab, dark": (
        "document.documentElement.setAttribute('theme', 'dark')",
        {"--colab-primary-surface-color": "#383838", "--colab-primary-text-color": "#d5d5d5"},
        ("rgb(56, 56, 56)", "rgb(213, 213, 213)", DARK),
    ),
    "Colab, light": (
        "document.documentElement.setAttribute('theme', 'light')",
        {"--colab-primary-surface-color": "#fdfdfd", "--colab-primary-text-color": "#212121"},
        ("rgb(253, 253, 253)", "rgb(33, 33, 33)", LIGHT),
    ),
}


@pytest.mark.parametrize("browser_prefers", ["light", "dark"])
@pytest.mark.parametrize("front_end", FRONT_ENDS)
def test_the_front_ends_theme_counts_and_not_the_browsers(
    card: CardPage, front_end: str, browser_prefers: str
) -> None:
    begin, variables, (ground, text, good) = FRONT_ENDS[front_end]
    card.page.emulate_media(color_scheme=browser_prefers)  # type: ignore[arg-type]
    card.page.evaluate(f"() => {{ {begin}; }}")
    for name, value in variables.items():
        card.page.evaluate(
            "([name, value]) => document.documentElement.style.setProperty(name, value)", [name, value]
        )
    card.show(waiting())
    expect(card.root).to_have_css("background-color", ground)
    expect(card.root).to_have_css("color", text)
    expect(card.page.locator(".nbf-icon.nbf-good").first).to_have_css("color", good)
    own = card.page.get_by_role("searchbox", name="Filter rows by text")  # what the browser draws itself
    expect(own).to_have_css("color-scheme", "dark" if good == DARK else "light")


@pytest.mark.parametrize(
    ("prefers", "ground"), [("light", "rgb(255, 255, 255)"), ("dark", "rgb(13, 17, 23)")]
)
def test_where_no_front_end_says_so_the_browsers_wish_counts(
    card: CardPage, prefers: str, ground: str
) -> None:
    card.page.emulate_media(color_scheme=prefers)  # type: ignore[arg-type]
    card.show(waiting())
    expect(card.root).to_have_css("background-color", ground)
