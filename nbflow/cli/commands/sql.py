"""``nbflow sql``: questions to a history that no kernel has open."""

from __future__ import annotations

import argparse
import csv
import json
import sys
from typing import Any

from nbflow.cli.histories import add_db, opened


def add(commands: Any) -> None:
    """Add the command with its arguments."""
    sql = commands.add_parser(
        "sql",
        help="ask the history's tables: nbflow sql 'SELECT * FROM runs'",
        description="Asks the tables and views of a history: a SELECT, DESCRIBE, SHOW or EXPLAIN. "
        "nbflow sql 'SHOW TABLES' lists them.",
    )
    sql.add_argument("question", nargs="+", metavar="SELECT", help="the question, in quotes")
    form = sql.add_mutually_exclusive_group()
    form.add_argument("--csv", action="store_true", help="write the rows as CSV")
    form.add_argument("--json", action="store_true", help="write the rows as JSON, one object each")
    add_db(sql)


def run(options: argparse.Namespace) -> None:
    """Carry it out."""
    from nbflow.cli.terminal import width
    from nbflow.runtime.questions import asked
    from nbflow.views.table import text_table

    with (
        opened(options.db, "nbflow sql 'SELECT …'") as history,
        asked(history, " ".join(options.question), command="nbflow sql") as answer,
    ):
        heading, rows = answer.heading, answer.rows()
    if options.csv:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(heading)
        writer.writerows(rows)
    elif options.json:
        objects = [dict(zip(heading, row, strict=True)) for row in rows]
        print(json.dumps(objects, indent=1, ensure_ascii=False, default=str))
    else:
        print(text_table(heading, rows, width=width()) if rows else "no rows")
