"""Pages set what is between dollars as a formula: the values of a run stay as they are, in each twin."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from nbflow.jupyter.tables import Table
from nbflow.views.graph import html_graph, overlay
from nbflow.views.graph.history import flow_of_history
from nbflow.views.inbox.html import html_inbox
from nbflow.views.instances.html import html_instances
from nbflow.views.timeline.html import html_timeline
from tests.views.stories import Story, failure
from tests.views.stories_instances import listing, run

FORMULA = re.compile(r"\$[^$]+\$|\\\(.*\\\)|\\\[.*\\\]|\\begin\{.*\\end\{", re.DOTALL)
VALUE = r"$ref/a_1$ \(x^2\) \[y\] \begin{matrix}z\end{matrix}"


class Formulas(HTMLParser):
    """Looks for formulas as MathJax does: in the text between two tags, `<pre>` and `<code>` left alone."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.texts: list[str] = []
        self._left_alone = 0
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._left_alone += tag in ("code", "pre")

    def handle_endtag(self, tag: str) -> None:
        self._left_alone -= tag in ("code", "pre")

    def handle_data(self, data: str) -> None:
        self.texts.append(data)
        if not self._left_alone and FORMULA.search(data):
            self.found.append(data)


def priced() -> Story:
    story = Story(name=VALUE, instance_id=VALUE, input=VALUE).start()
    done = story.task(0.1, VALUE, VALUE)
    story.done(0.2, done, VALUE)
    story.raised(0.3, VALUE, VALUE)
    failed = story.task(0.4, VALUE, VALUE)
    story.failed(0.5, failed, failure(VALUE, VALUE))
    story.wait(0.6, VALUE)
    return story


PICTURES = {
    "timeline": lambda: html_timeline(priced().timeline()),
    "failed": lambda: html_timeline(priced().crashed(0.7, failure(VALUE, VALUE)).timeline()),
    "inbox": lambda: html_inbox(priced().timeline()),
    "graph": lambda: html_graph(
        flow := flow_of_history(VALUE, priced().timeline().rows, over=False),
        overlay(flow, priced().timeline().rows, status=priced().status),
    ),
    "runs": lambda: html_instances(listing([run(priced(), VALUE, 0.0)]), empty=VALUE, note=VALUE),
    "history": lambda: Table(("what", VALUE), [(VALUE, VALUE)], empty="none", note=VALUE)._repr_html_(),
}


@pytest.mark.parametrize("name", PICTURES)
def test_a_value_is_no_formula(name: str) -> None:
    page = Formulas(PICTURES[name]() or "")

    assert page.found == []
    assert "$ref/a_1$" in "".join(page.texts)
