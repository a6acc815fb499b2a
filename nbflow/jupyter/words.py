"""A magic's line, word by word.

A word ends at white space that stands in no quotes and in no brackets, so that
``--id order-{next(ids)}`` and ``'a b'`` are one word each. What ``{…}`` in a word
means is decided by whoever takes the word: in IDs and option values it is an
expression, in payloads it never is.

A line is Python in part only (``--start-in 24h`` is not), so this doesn't ask
Python's tokenizer, which refuses such a line from 3.12 on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final, TypeAlias

from nbflow.jupyter.complaints import CommandError

Evaluate: TypeAlias = Callable[[str, str], Any]
"""Evaluates a Python expression in the notebook; the second argument is what a person typed of it."""

_CLOSING: Final = {"{": "}", "(": ")", "[": "]"}


def _plain(text: str) -> Iterator[tuple[int, str, int]]:
    """The characters that stand in no quotes: position, character, and how deep in brackets it stands."""
    closing: list[str] = []
    quote = ""
    escaped = False
    for position, character in enumerate(text):
        if quote:
            if not escaped and character == quote:
                quote = ""
            escaped = character == "\\" and not escaped
            continue
        if character in "'\"":
            quote = character
        elif character in _CLOSING:
            closing.append(_CLOSING[character])
        elif closing and character == closing[-1]:
            closing.pop()
        yield position, character, len(closing)


def take_word(text: str) -> tuple[str, str]:
    """Split a text into its first word (empty if there is none) and what follows it."""
    text = text.lstrip()
    for position, character, depth in _plain(text):
        if character.isspace() and depth == 0:
            return text[:position], text[position:].lstrip()
    return text, ""


def split_words(text: str) -> list[str]:
    """All words of a text."""
    words: list[str] = []
    while text.strip():
        word, text = take_word(text)
        words.append(word)
    return words


def unquote(word: str) -> str:
    """A word without the quotes around it."""
    if len(word) >= 2 and word[0] == word[-1] and word[0] in "'\"":
        return word[1:-1]
    return word


def fill_in(word: str, evaluate: Evaluate) -> str:
    """Replace each ``{expression}`` in a word by its value, as in an f-string.

    Args:
        word: The word as typed.
        evaluate: Evaluates a Python expression in the notebook.

    Raises:
        CommandError: A brace is never closed.
    """
    parts: list[str] = []
    rest = unquote(word)
    while "{" in rest:
        before, _, _ = rest.partition("{")
        braced = rest[len(before) :]
        end = next((at for at, character, depth in _plain(braced) if character == "}" and depth == 0), None)
        if end is None:
            raise CommandError(f"{word!r} has a '{{' that is never closed: type {word}}}")
        parts += [before, str(evaluate(f"f'''{braced[: end + 1]}'''", word))]
        rest = braced[end + 1 :]
    return "".join([*parts, rest])


def strip_ending(text: str) -> tuple[str, bool]:
    """Take a comment and a closing ``;`` off a line, and tell whether the ``;`` was there."""
    before = " "
    for position, character, depth in _plain(text):
        if character == "#" and depth == 0 and (before.isspace() or before in ";)"):
            text = text[:position]
            break
        before = character
    text = text.strip()
    silent = text.endswith(";") and any(p == len(text) - 1 for p, _, _ in _plain(text))
    return (text.rstrip("; \t") if silent else text), silent
