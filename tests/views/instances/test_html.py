"""The static picture of all runs."""

from __future__ import annotations

import re
from html import unescape
from html.parser import HTMLParser

from nbflow.views.instances import Listing
from nbflow.views.instances.html import html_instances
from nbflow.views.instances.text import fields
from tests.views.stories import at, waiting
from tests.views.stories_instances import hostile_run, listing, row_of, run, shop


def lines(html: str) -> list[list[str]]:
    """The table's fields as text."""
    rows = re.findall(r"<tr>(.*?)</tr>", html)
    return [
        [unescape(re.sub(r"<[^>]+>", "", cell.replace("<br>", " | "))).replace("\xa0", " ") for cell in cells]
        for row in rows
        if (cells := re.findall(r"<td[^>]*>(.*?)</td>", row))
    ]


def test_the_shop_reads_like_this() -> None:
    assert lines(html_instances(listing(shop()), empty="none")) == [
        ["○ pending", "remind-10", "remind", "its start in 23 h 57 min", "2026-11-22 13:05:55", "0 ms"],
        ["► running", "order-42", "fulfil", "event 'approval', times out in 23 h 57 min", "2026-11-22 13:05:45", "30 s"],
        ["⊘ terminated", "order-40", "fulfil", '"no longer wanted"', "2026-11-22 13:05:35", "22 s"],
        ["► running", "remind-9", "remind", 'timer in 2 d 23 h | "three days to go"', "2026-11-22 13:05:25", "50 s"],
        [
            "► running",
            "season-3",
            "season",
            "child workflow survey season-3:9f3c2a7b:0001 | child workflow publish season-3:9f3c2a7b:0002",
            "2026-11-22 13:05:05",
            "1 min 10 s",
        ],
        ["► running", "└ season-3:9f3c2a7b:0002", "publish (generation 4)", "retry of upload due now", "2026-11-22 13:05:05", "1 min 9 s"],
        ["► running", "└ season-3:9f3c2a7b:0001", "survey", "activity measure_island (5) | activity fetch_map", "2026-11-22 13:05:05", "1 min 9 s"],
        ["‖ suspended", "refund-7", "refund", "its owner: `%wf resume refund-7` | event 'bank answer'", "2026-11-22 13:04:45", "1 min 30 s"],
        [
            "▲ stalled",
            "order-38",
            "fulfil",
            'order-38 differs from its history at event 7: type %wf resume order-38 once the old code is back | "packing"',
            "2026-11-22 13:04:25",
            "1 min 50 s",
        ],
        [
            "✗ failed",
            "order-37",
            "fulfil",
            "TaskFailedError: print_label failed: TimeoutError: the printer does not answer",
            "2026-11-22 13:04:15",
            "7.1 s",
        ],
        ["✓ completed", "order-36", "fulfil", '"sent"', "2026-11-22 13:04:05", "22 s"],
    ]  # fmt: skip


def test_the_counts_and_the_moment_stand_above() -> None:
    html = html_instances(listing(shop()), empty="none")
    head = unescape(re.sub(r"<[^>]+>", "", html.split("<table")[0]))
    assert head == (
        "11 runs ○ 1 pending · ► 5 running · ‖ 1 suspended · ▲ 1 stalled · ✓ 1 completed · ✗ 1 failed · "
        "⊘ 1 terminated · as of 2026-11-22 13:06:15 UTC"
    )


def test_without_runs_there_is_what_to_type() -> None:
    html = html_instances(Listing(rows=(), counts={}, now=at(0)), empty="no runs: type <x>", note="")
    assert "no runs: type &lt;x&gt;" in html
    assert "<table" not in html


def test_the_code_that_is_missing_is_told_with_what_to_do() -> None:
    row = row_of(run(waiting(), "order-1", 0), ("fulfil",))
    html = html_instances(Listing(rows=(row,), counts={}, now=at(0)), empty="")
    assert "code of fulfil: run the cell that defines it" in html


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes.update(name for name, _ in attrs)


def test_hostile_names_stay_text_and_only_what_survives_github_is_used() -> None:
    parser = _Tags()
    html = html_instances(listing([*shop(), hostile_run()]), empty="", note="<b>")
    parser.feed(html)
    assert parser.tags <= {"div", "strong", "span", "table", "thead", "tbody", "tr", "th", "td", "code", "br"}
    assert parser.attributes == {"style"}
    assert "&lt;script&gt;" in html
    assert "\u202e" not in html


def test_the_text_has_what_was_there_before() -> None:
    record, history = run(waiting(), "order-1", 0)
    assert fields(row_of((record, history))) == (
        "order-1",
        "fulfil",
        "RUNNING",
        "event 'approval' until 2026-11-23 13:04:08 UTC",
        record.created_at,
        record.last_updated_at,
    )
