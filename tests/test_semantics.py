"""`docs/semantics.md` says which tests show what nbflow promises, and says it truly."""

import shutil
from pathlib import Path

import pytest

from tests.semantics import plugin
from tests.semantics.document import DOCUMENT, LATER, NUMBERS, collect, problems, rendered, statements

ALL = {number: f"statement {number}" for number in NUMBERS}


def document(known: dict[int, str] | None = None) -> str:
    rows = [f"| **S{number}** | {text} |  |" for number, text in (ALL if known is None else known).items()]
    return "\n".join(["# What holds", "", "| | Statement | Shown by |", "|---|---|---|", *rows, ""])


def told(text: str, shown: dict[str, list[int]], **options: dict[int, str]) -> list[str]:
    return list(problems(rendered(text, shown, **options), shown, **options))


EVERYTHING = {"tests/test_a.py::test_all": list(NUMBERS)}


def test_every_statement_has_its_tests_and_the_document_names_them() -> None:
    found = list(problems(DOCUMENT.read_text(), collect()))
    assert found == [], "\n".join(found)


def test_a_document_that_is_as_it_should_be_has_no_problems() -> None:
    assert told(document(), EVERYTHING, later={}) == []


def test_a_statement_without_a_test_is_found() -> None:
    shown = {"tests/test_a.py::test_all": [number for number in NUMBERS if number != 13]}
    assert told(document(), shown, later={}) == ["no test shows S13: statement 13"]
    assert told(document(), shown, later={13: "a later part"}) == []


def test_a_statement_that_is_tested_does_not_wait_for_a_later_part() -> None:
    assert told(document(), EVERYTHING, later={13: "a later part"}) == [
        "a test shows S13: take it from LATER in document.py"
    ]


def test_a_marker_for_what_there_is_not_is_found() -> None:
    shown = {**EVERYTHING, "tests/test_b.py::test_b": [99]}
    assert told(document(), shown, later={}) == ["tests/test_b.py::test_b shows S99, which there is not"]


def test_a_statement_that_went_missing_is_found() -> None:
    known = {number: text for number, text in ALL.items() if number != 13} | {82: "new"}
    shown = {"tests/test_a.py::test_all": list(known)}
    assert told(document(known), shown, later={}) == ["S13 is missing", "S82 is no statement of nbflow's"]


def test_a_document_that_is_out_of_date_is_found() -> None:
    shown = {"tests/core/test_a.py::test_s3_a_thing": [3], "tests/semantics/test_b.py::TestX::test_it": [3]}
    text = rendered(document({3: "three"}), shown)
    assert "| **S3** | three | [semantics/test_b.py](../tests/semantics/test_b.py): it<br>" in text
    assert "[core/test_a.py](../tests/core/test_a.py): a thing |" in text
    assert rendered(text, shown) == text
    renamed = {"tests/core/test_a.py::test_s3_another_thing": [3]}
    assert [line for line in problems(text, renamed, later={}) if "make semantics" in line]


def test_a_file_that_is_about_one_statement_is_named_as_a_whole() -> None:
    shown = {f"tests/a.py::test_{n}": [3] for n in range(5)}
    assert rendered(document({3: "three"}), shown).endswith("| [a.py](../tests/a.py): all of it |\n")
    shown["tests/a.py::test_about_something_else"] = []
    assert rendered(document({3: "three"}), shown).endswith(": 0; 1; 2; 3; 4 |\n")


def test_no_two_rows_have_one_number() -> None:
    rows = [line for line in DOCUMENT.read_text().splitlines() if line.startswith("| **S")]
    assert len(rows) == len(statements(DOCUMENT.read_text())) == len(NUMBERS)
    assert set(LATER) < set(NUMBERS)


MARKED = """
import pytest

pytestmark = pytest.mark.semantics(1)

def test_of_the_module(): ...

@pytest.mark.semantics(2, 3)
class TestClass:
    @pytest.mark.semantics(4)
    def test_of_the_class(self): ...

@pytest.mark.parametrize("x", [5, pytest.param(6, marks=pytest.mark.semantics(6))])
def test_s7_and_s8_s9_by_name(x): ...

def test_s3cret_of_the_module(): ...
"""


def test_a_marker_may_sit_anywhere_and_a_name_counts_too(pytester: pytest.Pytester) -> None:
    result = collected(pytester, MARKED, "--semantics-to", "shown.json")
    result.assert_outcomes()
    assert (pytester.path / "shown.json").read_text() == (
        '{"test_it.py::test_of_the_module": [1], "test_it.py::TestClass::test_of_the_class": [1, 2, 3, 4], '
        '"test_it.py::test_s7_and_s8_s9_by_name": [1, 6, 7, 8, 9], '
        '"test_it.py::test_s3cret_of_the_module": [1]}'
    )


def test_tests_are_found_by_the_number_of_their_statement(pytester: pytest.Pytester) -> None:
    result = collected(pytester, MARKED, "-k", "s4")
    result.stdout.fnmatch_lines(["test_it.py::TestClass::test_of_the_class"])
    assert "by_name" not in result.stdout.str()


@pytest.mark.parametrize("marker", ['semantics("13")', "semantics()", "semantics", "semantics(number=13)"])
def test_a_marker_without_numbers_is_refused(pytester: pytest.Pytester, marker: str) -> None:
    result = collected(pytester, f"import pytest\n@pytest.mark.{marker}\ndef test_it(): ...\n")
    assert result.ret != 0
    result.stderr.fnmatch_lines(["*test_it: a semantics marker takes numbers, such as semantics(13, 14)"])


def collected(pytester: pytest.Pytester, source: str, *options: str) -> pytest.RunResult:
    shutil.copy(Path(plugin.__file__), pytester.path / "semantics_plugin.py")
    pytester.makeini("[pytest]\nmarkers = semantics\nasyncio_default_fixture_loop_scope = function\n")
    pytester.makepyfile(test_it=source)
    pytester.syspathinsert()
    return pytester.runpytest_inprocess("--collect-only", "-q", "-p", "semantics_plugin", *options)
