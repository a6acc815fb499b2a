"""The inbox without a kernel: what is waited for, what would be taken, what to type, what came."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest

from nbflow.core.payloads import codec
from nbflow.core.state import RuntimeStatus
from nbflow.jupyter.words import fill_in, take_word
from nbflow.views.inbox.commands import commands_for
from nbflow.views.inbox.forms import control_for
from nbflow.views.inbox.html import html_inbox
from nbflow.views.inbox.refusals import Refusal, refusal_of
from nbflow.views.inbox.text import text_inbox
from nbflow.views.inbox.words import example, expected, raise_command
from tests.views.stories import STORIES, Story, waiting
from tests.views.stories_inbox import Address, Approval, Invoice, Options, Order, Size, refused

CAN = frozenset({"raise", "suspend", "resume", "terminate", "purge", "restart", "rewind"})


def test_the_inbox_as_text() -> None:
    assert text_inbox(refused().timeline(), width=110) == (
        "fulfil  order-42  inbox\n"
        "\n"
        "  ◷ approval  waits 11 s\n"
        '      takes: Approve ({"approved":true}) or Reject ({"approved":false}), perhaps with note (text)\n'
        '      %wf raise order-42 approval {"approved":true}\n'
        "\n"
        "  events\n"
        '    2026-11-22 13:04:06 UTC  ✓ taken      hint {"colour": "green"} · it came before it was asked for\n'
        "    2026-11-22 13:04:07 UTC  ◆ kept       Early null · nobody has asked for it yet\n"
        '    2026-11-22 13:04:12 UTC  ✗ rejected   approval {"approved": "yes"} · approved: Expected `bool`, got `str`\n'
        "    2026-11-22 13:04:17 UTC  ◔ timed out  delivery · no answer came"
    )


def test_lines_are_no_longer_than_asked_but_for_what_is_to_be_typed() -> None:
    for story in (*(make() for make in STORIES.values()), refused(), waiting(codec(Order).schema())):
        for line in text_inbox(story.timeline(), width=60).splitlines():
            assert len(line) <= 60 or "%wf raise" in line


@pytest.mark.parametrize(
    ("kind", "words", "typed"),
    [
        (
            Address,
            "Address with street (text), city (text), zip (text that matches ^\\d{5}$)",
            '{"street": "", "city": "", "zip": "10115"}',
        ),
        (Options, "Options with level (a whole number), label (text, optional)", '{"level": 0}'),
        (bool, "Approve (true) or Reject (false)", "true"),
        (
            Size,
            'one of "extra small", "small", "medium", "large", "extra large", "double extra large"',
            '"extra small"',
        ),
        (int | None, "a whole number, or null", "0"),
        (list[int], "a list, each a whole number", "[]"),
        (dict[str, int], "object", "{}"),
    ],
)
def test_what_is_taken_is_told_with_an_example(kind: object, words: str, typed: str) -> None:
    control = control_for(codec(kind).schema())
    assert (expected(control), example(control)) == (words, typed)
    codec(kind).decode(typed, what="the payload")


@pytest.mark.parametrize("name", ["approval", "a b", "x-1.y/z", "wartet auf…", "größe"])
def test_the_command_can_be_typed_as_it_stands(name: str) -> None:
    line = raise_command("order-42", name, '{"a": [1, 2]}')
    command, rest = take_word(line)
    verb, rest = take_word(rest)
    run, rest = take_word(rest)
    event, payload = take_word(rest)

    assert (command, verb, run) == ("%wf", "raise", "order-42")
    assert fill_in(event, lambda text, _word: text) == name
    assert payload == '{"a": [1, 2]}'


@pytest.mark.parametrize("name", ['a"b', "a{b}", "\u202ex", "a\nb", "it's"])
def test_a_name_that_no_word_can_hold_is_given_in_python(name: str) -> None:
    line = raise_command("order-42", name, "1")
    assert line.startswith("nbflow.client().raise_workflow_event('order-42', ")
    assert ascii(name) in line
    assert "\n" not in line


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.seen: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        assert {name for name, _ in attrs} <= {"style", "open"}


@pytest.mark.parametrize("story", [*STORIES.values(), refused], ids=lambda story: story.__name__)
def test_the_html_has_only_what_survives_and_nothing_of_a_stranger(story: type[Story]) -> None:
    tags = Tags()
    text = html_inbox(story().timeline())
    tags.feed(text)
    allowed = {
        "div",
        "strong",
        "code",
        "table",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
        "details",
        "summary",
        "span",
        "br",
    }
    assert tags.seen <= allowed
    assert "window.pwned = 1</script>" not in text


def test_the_html_says_what_the_text_says() -> None:
    text = html_inbox(refused().timeline())
    for part in (
        "%wf raise order-42 approval",
        "approved: Expected `bool`",
        "nobody has asked for it yet",
        "timed out",
    ):
        assert part in text


def test_a_payload_of_megabytes_is_cut() -> None:
    story = Story().start()
    story.raised(1.0, "big", "x" * 5_000_000)
    assert len(html_inbox(story.timeline())) < 10_000
    assert len(text_inbox(story.timeline())) < 1_000


@pytest.mark.parametrize(
    ("status", "names"),
    [
        (RuntimeStatus.RUNNING, ["suspend", "terminate"]),
        (RuntimeStatus.PENDING, ["suspend", "terminate"]),
        (RuntimeStatus.STALLED, ["suspend", "resume", "terminate"]),
        (RuntimeStatus.SUSPENDED, ["resume", "terminate"]),
        (RuntimeStatus.COMPLETED, ["restart", "purge"]),
        (RuntimeStatus.FAILED, ["rewind", "restart", "purge"]),
        (RuntimeStatus.TERMINATED, ["restart", "purge"]),
    ],
)
def test_what_can_be_done_depends_on_how_the_run_stands(status: RuntimeStatus, names: list[str]) -> None:
    commands = commands_for(status, "order-42", CAN)
    assert [command.name for command in commands] == names
    for command in commands:
        assert ("order-42" in command.asks) is (command.name in ("terminate", "purge", "rewind"))
    assert [command.name for command in commands_for(status, "order-42", {"purge", "raise"})] == [
        name for name in names if name == "purge"
    ]


def test_a_child_is_not_rewound_and_what_can_be_compared_says_so() -> None:
    child = commands_for(RuntimeStatus.FAILED, "order-42", CAN | {"compare"}, is_child=True)
    assert [command.name for command in child] == ["restart", "compare", "purge"]


@pytest.mark.parametrize(
    ("kind", "payload", "expected_"),
    [
        (Order, '{"customer": 1}', Refusal("$.customer", "Expected `str`, got `int`")),
        (Approval, "{}", Refusal("$.approved", "a value is needed")),
        (Approval, "[]", Refusal("$", "Expected `object`, got `array`")),
        (Invoice, '{"number": "x"}', Refusal("$.number", "String should match pattern '^R-[0-9]+$'")),
    ],
)
def test_the_place_of_a_refusal_is_read_from_its_reason(
    kind: object, payload: str, expected_: Refusal
) -> None:
    with pytest.raises(Exception, match="doesn't fit") as caught:
        codec(kind).decode(payload, what="the payload of 'approval'")
    assert refusal_of(str(caught.value)) == expected_


def test_a_reason_of_anybodys_is_passed_on() -> None:
    assert refusal_of("no") == Refusal("$", "no")
    assert refusal_of("") == Refusal("$", "")
