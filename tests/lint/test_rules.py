"""Each rule finds what it is for, by a definition's values and by the text alone."""

import pytest

from nbflow.lint import RULES, check, check_source
from tests.lint.conftest import MakeModule
from tests.lint.unsound import FOUND, FOUND_IN_TEXT, as_source


@pytest.mark.semantics(46, 47, 74, 76)
@pytest.mark.parametrize(("code", "body"), [*FOUND, *FOUND_IN_TEXT])
def test_is_found_in_a_text(code: str, body: str) -> None:
    found = [each for each in check_source(as_source(body)) if each.function.startswith("under_test")]
    assert {each.code for each in found} == {code}


@pytest.mark.semantics(46, 47, 74, 76)
@pytest.mark.parametrize(("code", "body"), FOUND)
def test_is_found_in_a_definition(make_module: MakeModule, code: str, body: str) -> None:
    found = check(make_module(as_source(body)).under_test)
    assert {each.code for each in found} == {code}


def test_every_rule_has_cases() -> None:
    assert {code for code, _ in FOUND} == set(RULES)


PLACES = """\
from time import time as clock
from nbflow import workflow

@workflow
async def remind(ctx):
    first = clock(); second = 'é' + str(clock())
"""


def test_a_finding_says_where_it_is_and_what_to_do(make_module: MakeModule) -> None:
    for found in (check_source(PLACES, "remind.py"), check(make_module(PLACES).remind)):
        assert [(each.line, each.column) for each in found] == [(6, 13), (6, 41)]
        assert {each.function for each in found} == {"remind"}
        assert {each.source for each in found} == {"first = clock(); second = 'é' + str(clock())"}
        said = "NBF001 clock() (time.time) gives another value on replay: use ctx.current_utc_datetime"
        assert {str(each) for each in found} == {said}
    assert check_source(PLACES, "remind.py")[0].file == "remind.py"


def test_a_text_that_is_no_python_is_one_finding() -> None:
    (found,) = check_source("x = (\n", "broken.py")
    assert (found.code, found.line) == ("NBF000", 1)
    assert str(found) == "NBF000 this can't be read: '(' was never closed: correct it, and look again"
