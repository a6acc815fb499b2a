"""What ``%wf`` knows: one table of commands, which parsing, help and completion read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from nbflow.core.state import RuntimeStatus
from nbflow.jupyter.complaints import CommandError, did_you_mean
from nbflow.jupyter.options import Option
from nbflow.jupyter.words import take_word

Completes: TypeAlias = Literal[
    "workflow", "name", "instance", "export", "event", "command", "duration", "nothing"
]


@dataclass(frozen=True, kw_only=True)
class Command:
    """One subcommand of ``%wf``.

    Attributes:
        name: The word behind ``%wf``.
        shows: What follows it, for the help.
        means: One sentence for the help.
        options: Its options.
        takes: What its words are, for completion; the last one holds for all further words.
        examples: Lines that work.
        note: More for ``%wf help NAME``.
    """

    name: str
    shows: str
    means: str
    options: tuple[Option, ...] = ()
    takes: tuple[Completes, ...] = ("nothing",)
    examples: tuple[str, ...] = ()
    note: str = ""


_STATUSES: Final = tuple(status.value for status in RuntimeStatus)
_ENDED: Final = tuple(status.value for status in RuntimeStatus if status.is_terminal)
VIEWS: Final = ("card", "timeline", "replay", "graph", "inbox", "history")

_TABLE: Final = (
    Command(
        name="run",
        shows="NAME(ARGUMENTS)",
        means="start a run of a workflow, show its card, and give its handle",
        options=(
            Option(name="id", shows="ID", means="name the run; a random one if not given"),
            Option(
                name="reuse",
                shows="HOW",
                means="what to do if the ID is taken: fail, keep the run that has it, or end and replace it",
                choices=("error", "ignore", "terminate"),
            ),
            Option(name="start-in", shows="DURATION", means="start later", kind="duration"),
        ),
        takes=("workflow", "nothing"),
        examples=('run = %wf run fulfil({"sku": "tea"}) --id order-42',),
        note=(
            "An ID that is active with the same workflow and equal input is attached to, so that running all cells "
            "again is safe. --reuse asks for something else, whatever the status of the run that has the ID. "
            "A ';' at the end keeps the card away. %%wf run takes a long call from the cell below."
        ),
    ),
    Command(
        name="ps",
        shows="",
        means="list the runs, newest first, and what they wait for: a live table in a notebook",
        options=(
            Option(name="status", shows="STATUS", means="only those with this status", choices=_STATUSES),
            Option(name="name", shows="NAME", means="only those of this workflow"),
            Option(name="limit", shows="N", means="so many at the most; 50 if not given", kind="count"),
            Option(name="after", shows="ID", means="the next page: only those below this run"),
        ),
        examples=("%wf ps --status running --limit 10",),
    ),
    Command(
        name="show",
        shows="ID",
        means="show a run: its live card, or one of its views as a picture",
        options=(Option(name="view", shows="VIEW", means="how; the card if not given", choices=VIEWS),),
        takes=("instance", "nothing"),
        examples=("%wf show order-42", "%wf show order-42 --view timeline"),
        note=(
            "A picture stays as it is, in a saved notebook too; history is the table of %wf history. "
            "In Python: run.timeline(), run.replay(17), run.graph(), run.inbox()."
        ),
    ),
    Command(
        name="replay",
        shows="ID",
        means="show a run's card at an event of the past: where its code was, its variables, why it woke",
        options=(
            Option(
                name="to",
                shows="N",
                means="begin at this event of %wf history ID; at the last if not given",
                kind="count",
            ),
        ),
        takes=("instance", "nothing"),
        examples=("%wf replay order-42 --to 17",),
        note=(
            "It runs the workflow's code on what is recorded, and never an activity: nothing is done again. "
            "Drag the slider, or use ← and →. As a picture, in Python: run.replay(17)."
        ),
    ),
    Command(
        name="export",
        shows="ID|db FILE",
        means="write a run as a page, as data, or as a test; or the whole history",
        options=(
            Option(name="force", means="replace the file if it is there", kind="flag"),
            Option(
                name="code", shows="FILE", means="for a test: the notebook or module that has the workflow"
            ),
            Option(name="parquet", means="FILE is a folder: every table and view as a file", kind="flag"),
        ),
        takes=("export", "nothing"),
        examples=(
            "%wf export order-42 order-42.html",
            "%wf export order-42 run.json",
            "%wf export order-42 test_order.py",
            "%wf export db copy.duckdb",
        ),
        note=(
            "Of a run: .html is a page that any browser opens, its replay included, without a kernel; .json is everything "
            "about it, an event a line; .parquet its history; .py a pytest test that replays it against the code as it is "
            "then. Of db: .duckdb is a copy, .parquet all history. All hold inputs and results: give them to those who "
            'may see them. In Python: run.export("order-42.html").'
        ),
    ),
    Command(
        name="wait",
        shows="ID",
        means="wait until a run has ended, or only a person can move it on",
        options=(Option(name="timeout", shows="DURATION", means="no longer than this", kind="duration"),),
        takes=("instance", "nothing"),
        examples=("%wf wait order-42 --timeout 5m",),
    ),
    Command(
        name="raise",
        shows="ID EVENT [EXPRESSION]",
        means="raise an event for a run; the payload is a Python expression, None if not given",
        takes=("instance", "event", "nothing"),
        examples=('%wf raise order-42 approval {"approved": true}',),
        note="true, false and null are known in the expression. %%wf raise takes a long one from the cell below.",
    ),
    Command(name="suspend", shows="ID…", means="pause runs: what arrives is kept", takes=("instance",)),
    Command(name="resume", shows="ID…", means="let paused runs go on", takes=("instance",)),
    Command(
        name="restart",
        shows="ID…",
        means="start runs that have ended once more, with the same input and the newest code",
        takes=("instance",),
    ),
    Command(
        name="rewind",
        shows="ID…",
        means="take runs that FAILED back to before their failure: what failed is tried again",
        takes=("instance",),
        examples=("%wf rewind order-42",),
        note=(
            "Failed activities and child workflows run again, results that are there stay. After an exception of the "
            "workflow's own code, correct its cell first: the newest code goes on, if it fits. In Python: run.rewind()."
        ),
    ),
    Command(
        name="fork",
        shows="ID",
        means="start a new run from an event of another one's history, which stays as it is",
        options=(
            Option(name="at", shows="N", means="the event of %wf history ID to part at", kind="count"),
            Option(
                name="set",
                shows="EXPRESSION",
                means="give that event another value: a result, an output, the payload of an event",
            ),
            Option(name="id", shows="NEW", means="name the new run; ID-fork-1 if not given"),
            Option(
                name="code",
                shows="WHICH",
                means="the code to go on with; the other run's if not given",
                choices=("same", "newest"),
            ),
        ),
        takes=("instance", "nothing"),
        examples=(
            "%wf fork order-42 --at 17",
            'what_if = %wf fork order-42 --at 17 --set {"approved": false}',
        ),
        note=(
            "It gives the new run's handle and shows its card. true, false and null are known in the expression, which "
            "goes to the next option or the end of the line; %%wf fork takes a long one from the cell below. "
            'In Python: run.fork(17, set={"approved": False}).'
        ),
    ),
    Command(
        name="compare",
        shows="ID ID",
        means="show two runs side by side: what they share, where they part, what each did then",
        takes=("instance", "instance", "nothing"),
        examples=("%wf compare order-42 order-42-fork-1",),
        note="In Python: run.compare(other).",
    ),
    Command(
        name="terminate",
        shows="ID…",
        means="end runs; activities that are running finish, and their results are ignored",
        options=(Option(name="keep-children", means="leave their child workflows alone", kind="flag"),),
        takes=("instance",),
    ),
    Command(
        name="purge",
        shows="ID…",
        means="erase runs that have ended, with their histories",
        options=(
            Option(name="keep-children", means="leave their child workflows alone", kind="flag"),
            Option(name="status", shows="STATUS", means="all with this status, without IDs", choices=_ENDED),
            Option(
                name="older-than",
                shows="DURATION",
                means="all that were started longer ago, without IDs",
                kind="duration",
            ),
            Option(name="name", shows="NAME", means="all of this workflow, without IDs"),
        ),
        takes=("instance",),
        examples=("%wf purge order-42", "%wf purge --status completed --older-than 7d"),
        note=(
            "It asks nothing, and what is erased is gone. A run with a child that has not ended stays. The file gets "
            "smaller where that is quick; %wf db --compact does it in any case, and runs wait meanwhile."
        ),
    ),
    Command(name="history", shows="ID", means="list a run's history events", takes=("instance", "nothing")),
    Command(
        name="lint",
        shows="[NAME|RULE]",
        means="list what a replay of the workflows could not repeat: clocks, chance, globals that change",
        takes=("name", "nothing"),
        examples=("%wf lint fulfil", "%wf lint NBF001"),
        note="A rule's code tells about that rule. A line is kept as it is by the comment `noqa: NBF001` at its end.",
    ),
    Command(
        name="torture",
        shows="NAME(ARGUMENTS)|ID",
        means="run a workflow, crash it behind everything that happens to it, and tell whether it stays the same",
        options=(
            Option(
                name="event",
                shows="NAME=EXPRESSION",
                means="an event for it, raised once it waits for that; several are raised in this order",
                kind="assignment",
            ),
            Option(
                name="stub",
                shows="NAME=EXPRESSION",
                means="what an activity answers, instead of being run",
                kind="assignment",
            ),
            Option(
                name="restarts", shows="N", means="so many crashes at the most; 50 if not given", kind="count"
            ),
            Option(
                name="seed", shows="N", means="the hash seeds of an earlier report, once more", kind="count"
            ),
        ),
        takes=("workflow", "nothing"),
        examples=("""%wf torture fulfil({"sku": "tea"}) --event 'approval={"approved": true}'""",),
        note=(
            "It runs on a scratch store, in virtual time and in other processes, each with another hash seed; the "
            "notebook's history is left alone. Activities run, and do what they do: each attempt once, in the first "
            "run, and later runs get its recorded answer. In Python: nbflow.testing.torturing."
        ),
    ),
    Command(
        name="sql",
        shows="SELECT …",
        means="ask the history's tables; %wf sql SHOW TABLES lists them",
        examples=("%wf sql SELECT name, status, count(*) FROM instances GROUP BY ALL",),
        note="A DataFrame of pandas, or else polars, if that is installed. %%wf sql takes a long question from the cell below.",
    ),
    Command(
        name="versions",
        shows="NAME",
        means="list the versions of a workflow's code, and how many runs have each",
        options=(
            Option(name="drop", shows="WHICH", means="forget a version that no run needs, or old: all such"),
        ),
        takes=("workflow", "nothing"),
        examples=("%wf versions fulfil", "%wf versions fulfil --drop old"),
        note=(
            "A run keeps the code that it was started with, over restarts too. What the code uses is part of it: "
            "functions, classes and constants of other cells."
        ),
    ),
    Command(
        name="adopt",
        shows="NAME [fitting|all]",
        means="replay the runs in flight against changed code, and have them change over to it",
        options=(
            Option(name="version", shows="VERSION", means="to this version; to the newest if not given"),
        ),
        takes=("workflow", "nothing"),
        examples=("%wf adopt fulfil", "%wf adopt fulfil fitting"),
        note=(
            "Alone it changes nothing, and tells how each run would fare. fitting changes over those whose history "
            "the code repeats; all the others too, which then stall with a report."
        ),
    ),
    Command(
        name="db",
        shows="[PATH|:memory:]",
        means="say where the history is, or open another",
        options=(
            Option(
                name="virtual-clock", means="with :memory:, have time stand still for %wf skip", kind="flag"
            ),
            Option(
                name="durability",
                shows="HOW",
                means="relaxed: quicker commits, of which a power cut may take the last 50 ms; full if not given",
                choices=("full", "relaxed"),
            ),
            Option(name="compact", means="give the room back that purged runs left in the file", kind="flag"),
        ),
        examples=("%wf db orders.duckdb", "%wf db :memory: --virtual-clock"),
    ),
    Command(
        name="trust",
        shows="",
        means="say what a history from elsewhere would run, and what in it you did not sign",
        options=(
            Option(name="yes", means="take all of it for yours: sign it, and have it go on", kind="flag"),
        ),
        examples=("%wf trust", "%wf trust --yes"),
        note=(
            "Every row is signed with a key in your own folder (NBFLOW_KEY_FILE names another). Where one isn't, or was "
            "altered, nothing of the history runs, and all of it can be looked at. In Python: runtime.trust_report(), "
            "runtime.trust()."
        ),
    ),
    Command(
        name="skip",
        shows="DURATION",
        means="let virtual time go on, from one due time to the next",
        takes=("duration", "nothing"),
        examples=("%wf skip 30d", "%wf skip 1h 30m"),
        note=(
            "Needs %wf db :memory: --virtual-clock. Activities take the time that they take, and are waited for; "
            "runs that wait for an event are not."
        ),
    ),
    Command(
        name="help",
        shows="[COMMAND]",
        means="this list, or one command in full",
        takes=("command", "nothing"),
        examples=("%wf help run",),
    ),
)

COMMANDS: Final[Mapping[str, Command]] = {command.name: command for command in _TABLE}


def find_command(line: str) -> tuple[Command, str]:
    """The command that a line begins with, and the rest of the line.

    Raises:
        CommandError: There is no such command.
    """
    word, rest = take_word(line)
    if not rest and word.endswith(";"):
        word, rest = word.rstrip(";"), ";"
    command = COMMANDS.get(word or "help")
    if command is None:
        raise CommandError(
            f"%wf has no command {word!r}{did_you_mean(word, COMMANDS)} - type %wf help for all of them"
        )
    return command, rest
