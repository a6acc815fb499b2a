"""A monkey at the card: whatever is clicked, typed and committed in whichever order, the page stays whole.

``NBFLOW_MONKEY=60`` has it play for so many rounds; a failure names the seed that repeats it.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.browser.card_page import CardPage
from tests.views.stories import (
    Story,
    completed,
    failing,
    hostile,
    patient,
    restarted,
    running,
    stalled,
    waiting,
)
from tests.widgets.sources import FakeSource

pytestmark = pytest.mark.browser

ROUNDS = int(os.environ.get("NBFLOW_MONKEY", "4"))
ACTIONS = 40
"""In a round."""

KEYS = (
    *("Tab", "Tab", "Shift+Tab", "ArrowDown", "ArrowUp", "ArrowLeft", "ArrowRight", "Home", "End"),
    *(
        "PageDown",
        "PageUp",
        "Enter",
        "Enter",
        "Space",
        "Escape",
        "+",
        "-",
        "0",
        "f",
        "/",
        "?",
        "a",
        "Backspace",
    ),
)
STORIES: tuple[Callable[[], Story], ...] = (
    *(running, waiting, completed, failing, stalled, hostile, patient),
    lambda: restarted()[0],
    Story,
)


CLICK = """(chance) => {
  const all = [...document.querySelectorAll(".nbf button, .nbf [role=row], .nbf input, .nbf [role=option], .nbf [role=button]")];
  const seen = all.filter((one) => one.checkVisibility()), target = seen[Math.floor(chance * seen.length)];
  if (!target) return "nothing";
  const text = target.outerHTML.slice(0, 160);
  target.dispatchEvent(new PointerEvent("pointerdown", { bubbles: true, composed: true }));
  target.closest("button, input, [tabindex]")?.focus();
  target.dispatchEvent(new MouseEvent("click", { bubbles: true, composed: true }));
  return text;
}"""


class Monkey:
    """Plays with one card.

    Attributes:
        done: What it did, for whoever has to do it again.
    """

    def __init__(self, card: CardPage, seed: int) -> None:
        self.card = card
        self.page: Page = card.page
        self.random = random.Random(seed)
        self.done: list[str] = []
        self.source: FakeSource = card.show(self.random.choice(STORIES)())
        self.is_gone = False

    def play(self, actions: int) -> None:
        kinds = (
            self.press,
            self.press,
            self.press,
            self.click,
            self.click,
            self.tab,
            self.resize,
            self.commit,
        )
        rare = (self.redraw, self.begin_anew, self.answer, self.lose, self.wheel)
        for _ in range(actions):
            action = self.random.choice(rare if self.random.random() < 0.2 else kinds)
            action()
            self.card.settle()
            assert self.card.errors == [], "\n".join(self.done[-12:])

    def note(self, what: str) -> None:
        self.done.append(what)

    def focused(self) -> str:
        """What has the focus, in a few words; empty: nothing has."""
        return self.page.evaluate(
            "(() => { const one = document.activeElement;"
            " return one === document.body ? '' : `${one.tagName} ${one.className} ${one.textContent.slice(0, 40)}`; })()"
        )

    def press(self) -> None:
        key = self.random.choice(KEYS)
        before = self.focused()
        self.note(f"press {key} at {before!r}")
        self.page.keyboard.press(key)
        self.card.settle()
        leaves = key in ("Tab", "Shift+Tab")
        assert self.focused() or not before or leaves, "\n".join(self.done[-12:])

    def click(self) -> None:
        """Click anything that is in view and may be clicked."""
        before = self.focused()
        clicked = self.page.evaluate(CLICK, self.random.random())
        self.note(f"click {clicked} after {before!r}")
        self.card.settle()
        assert self.focused() or not before, "\n".join(self.done[-12:])

    def tab(self) -> None:
        name = self.random.choice(("Timeline", "Replay", "Graph", "Inbox"))
        self.note(f"tab {name}")
        self.page.locator(".nbf").first.get_by_role("tab", name=name).click()

    def resize(self) -> None:
        width = self.random.choice((320, 420, 700, 1200))
        self.note(f"resize {width}")
        self.page.set_viewport_size({"width": width, "height": 700})

    def wheel(self) -> None:
        self.note("wheel")
        self.page.mouse.move(200, 300)
        if self.random.random() < 0.5:
            self.page.keyboard.down("Control")
        self.page.mouse.wheel(0, self.random.choice((-200, 200)))
        self.page.keyboard.up("Control")

    def commit(self) -> None:
        story, source = self.source.story, self.source
        before = self.focused()
        now = story.now + self.random.choice((0.01, 1.0, 5000.0))
        if story.record().status.is_terminal:
            return
        if not story.events:
            story.start(now)
        kind = self.random.choice(("task", "done", "wait", "raised", "fail", "end", "rejected"))
        self.note(f"commit {kind}")
        story.turn(now)
        match kind:
            case "task":
                story.task(now, "extra", {"n": self.random.random()})
            case "done":
                story.done(now, story.task(now, "extra"), 1)
            case "fail":
                story.failed(now, story.task(now, "extra"))
            case "wait":
                story.wait(
                    now,
                    self.random.choice(("approval", "other")),
                    self.random.choice((None, '{"type":"boolean"}')),
                )
            case "raised":
                story.raised(now, self.random.choice(("approval", "other", "new")), True)
            case "rejected":
                story.rejected(now, story.wait(now, "typed"), "typed", "Expected `int`, got `str`")
            case _:
                if self.random.random() < 0.3:
                    story.completed(now, "end")
        source.commit(lose=self.random.random() < 0.1)
        source.advance(1)
        self.card.settle()
        assert self.focused() or not before, "\n".join(self.done[-12:])

    def begin_anew(self) -> None:
        self.note("begin anew")
        story = self.random.choice(STORIES)()
        story.execution_id = f"another-{self.random.random()}"
        self.source.begin_anew(story)
        self.source.advance(1)

    def redraw(self) -> None:
        """What JupyterLab does when it renews an output."""
        self.note("redraw")
        self.page.evaluate("window.dispose(); window.mount()")

    def answer(self) -> None:
        """The engine answers what was raised and commanded."""
        self.note("answer")
        for name, payload, future in self.source.raised:
            if not future.done():
                self.source.story.raised(self.source.story.now, name, payload)
                future.set_result(None)
        for _name, future in self.source.commanded:
            if not future.done():
                future.set_exception(
                    RuntimeError("not now")
                ) if self.random.random() < 0.3 else future.set_result("done")
        self.source.commit()

    def lose(self) -> None:
        """A message is lost, is a newer kernel's, or is the last one."""
        message: dict[str, Any] = self.random.choice(
            (
                {"type": "stale"},
                {"type": "delta", "n": 10_000},
                {"type": "from the future"},
                {"type": "gone", "reason": "it was purged"},
                {"type": "ack", "id": "nobody's", "state": "recorded", "reason": None},
                {"type": "reply", "id": "nobody's", "error": "no"},
            )
        )
        self.note(f"message {message}")
        self.card.push(message)


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_a_monkey_breaks_nothing(card: CardPage, seed: int) -> None:
    card.unanswered = set()
    Monkey(card, seed).play(ACTIONS)
