"""docs/lint.md and the table of rules say the same, and the examples are what they say."""

import re
from pathlib import Path

import pytest

from nbflow.lint import RULES, Rule, check, check_source, explain
from nbflow.lint.examples import PRELUDE
from tests.lint.conftest import MakeModule

PAGE = (Path(__file__).parents[2] / "docs" / "lint.md").read_text()


def section(rule: Rule) -> str:
    """A rule as the page has it."""
    return (
        f"### {rule.code}: {rule.name}\n\n{rule.why}\n\n```python\n{rule.example}```\n\n"
        f"> {rule.code} … {rule.says}: {rule.fix}\n\n```python\n{rule.better}```\n"
    )


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_the_page_has_each_rule_as_it_is(rule: Rule) -> None:
    assert section(rule) in PAGE
    assert f"| [{rule.code}](#{rule.code.lower()}-{rule.name.replace(' ', '-')}) | {rule.name} |" in PAGE


def test_the_page_has_no_other_rules() -> None:
    assert re.findall(r"^### (NBF\d+)", PAGE, re.MULTILINE) == list(RULES)


@pytest.mark.semantics(46)
@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_each_example_is_found_and_each_fix_is_not(make_module: MakeModule, rule: Rule) -> None:
    assert {found.code for found in check_source(PRELUDE + rule.example)} == {rule.code}
    assert check_source(PRELUDE + rule.better) == []
    name = re.findall(r"@workflow\nasync def (\w+)", rule.example)[-1]
    assert {found.code for found in check(getattr(make_module(PRELUDE + rule.example), name))} == {rule.code}
    assert check(getattr(make_module(PRELUDE + rule.better), name)) == []


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_a_rule_is_explained_with_its_example_and_fix(rule: Rule) -> None:
    text = explain(rule.code.lower())
    assert text is not None
    for part in (rule.code, rule.says, rule.fix, rule.why):
        assert part in text
    for code in (rule.example, rule.better):
        assert all(line in text for line in code.splitlines())
    assert explain("NBF999") is None
