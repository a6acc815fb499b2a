"""Tables as HTML."""

import re
from datetime import UTC, datetime

from nbflow.jupyter.tables import Table


def styles(*row: object) -> list[tuple[str, str]]:
    """The fields of a table of one row: how each is kept on its line or broken, and how its text begins."""
    html = Table(("time (UTC)", "name", "what"), [row], empty="none")._repr_html_()
    fields = re.findall(r"<t[hd] style=\"text-align: left; vertical-align: top(?:; )?([^\"]*)\">(.{4})", html)
    return [(style, text) for style, text in fields if style]


def test_dates_and_headings_stay_on_one_line() -> None:
    assert styles(datetime(2026, 1, 2, tzinfo=UTC), "extract", "short") == [
        ("white-space: nowrap", "time"),
        ("white-space: nowrap", "name"),
        ("white-space: nowrap", "what"),
        ("white-space: nowrap", "2026"),
    ]


def test_a_long_text_without_blanks_is_broken_rather_than_pushed_off_the_page() -> None:
    assert styles("", "extract", "0,1," * 30)[3:] == [("overflow-wrap: anywhere", "0,1,")]
