"""A mismatch as text, HTML and JSON: both sides, the first mismatch by a word and not by its colour alone, ways out."""

from __future__ import annotations

import re

import msgspec
import pytest

from nbflow.core.explain.explaining import Evidence, explain
from nbflow.core.explain.report import DiffRow, Divergence, RowKind
from nbflow.views.divergence.html import html_divergence
from nbflow.views.divergence.messages import divergence_message
from nbflow.views.divergence.text import text_divergence
from nbflow.views.excerpts import cells
from tests.core.mismatches import MISMATCHES


def of(name: str) -> Divergence:
    one = next(one for one in MISMATCHES if one.name == name)
    before, after = one.codes()
    run = one.record(before)
    evidence = Evidence(present=after.text, recorded=before.source.replace("def before(", "def after("))
    told = explain(run.diverge(after), after, run.history, instance_id="order-42", evidence=evidence)
    assert told.divergence is not None
    return told.divergence


@pytest.mark.semantics(12)
def test_the_text_has_both_sides_the_line_the_cause_and_the_ways_out() -> None:
    divergence = of("changed_argument")
    text = text_divergence(divergence, "order-42", width=110)
    assert text.splitlines()[:5] == [
        "✗ the code no longer matches its history",
        '  event 6 in history: call of activity charge({"amount":10,"note":"gift"})',
        '  the code did: call of activity charge({"amount":12,"note":"gift"})',
        f'  line {divergence.line}: await charge({{"amount": 12, "note": "gift"}})  # here',
        f"  Likely cause: the input of the call of charge was changed (amount: 10, now 12) (line {divergence.line}: was await",
    ]
    assert [line for line in text.splitlines() if line.startswith("✗      6")] == [
        '✗      6  call of activity charge({"amount":10,"note":"gi… ≠ call of activity charge({"amount":12,"note":"gif…'
    ]
    assert "first mismatch: changed: amount: 10, now 12" in text
    for command in (
        "%wf resume order-42",
        "%wf replay order-42 --to 5",
        "%wf terminate order-42",
    ):
        assert command in text


@pytest.mark.parametrize("width", [60, 80, 140])
@pytest.mark.parametrize("one", MISMATCHES[::4], ids=lambda one: one.name)
def test_no_line_is_wider_than_it_may_be(one, width) -> None:
    for line in text_divergence(of(one.name), "order-42", width=width).splitlines():
        assert cells(line) <= width


def test_the_html_has_the_same_and_marks_the_first_mismatch_with_a_word() -> None:
    page = "".join(html_divergence(of("added_call"), "order-42"))
    rows = re.findall(r"<tr>.*?</tr>", page)
    (first,) = [row for row in rows if "first mismatch" in row]
    assert "✗</span> first mismatch: only in the code" in first
    assert "call of activity bill(10)" in first
    assert "<code>%wf resume order-42</code>" in page
    assert "Likely cause: the call bill(10) was added before the call charge(10)" in page


def hostile(kind: RowKind) -> DiffRow:
    return DiffRow(kind=kind, seq=1, expected="<b>\x1b[31m", actual="<script>", note="&", is_first=True)


def test_every_value_is_text() -> None:
    divergence = Divergence(
        seq=1,
        expected="<b>",
        actual="</td><script>",
        sentence="<i>",
        line=3,
        source="<u>\x1b",
        rows=(hostile("changed"),),
    )
    page = "".join(html_divergence(divergence, "<run>"))
    assert not re.findall(r"<(b|i|u|script|run)>", page)
    assert "\x1b" not in page
    assert "\x1b" not in text_divergence(divergence, "<run>\x1b")


@pytest.mark.parametrize("one", MISMATCHES, ids=lambda one: one.name)
def test_what_the_card_is_sent_is_small_and_says_each_row_in_words(one) -> None:
    message = divergence_message(of(one.name), "order-42")
    assert len(msgspec.json.encode(message)) < 20_000
    assert all(row[1] for row in message["rows"])
    assert [row[2] for row in message["rows"] if row[-1]] == ["bad"]


def test_rows_that_are_left_out_are_counted() -> None:
    divergence = msgspec.structs.replace(of("changed_argument"), before=1200, after=3)
    for drawn in (text_divergence(divergence, "run-1"), "".join(html_divergence(divergence, "run-1"))):
        assert "1,200 rows above are the same" in drawn
        assert "3 rows below are left out" in drawn
