"""The rules: what each is called, what it says, why, and an example with its fix.

The examples are code: a test finds each of them, and finds nothing in what is written instead.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

import msgspec

from nbflow.lint.examples import EXAMPLES


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """A rule.

    Attributes:
        code: ``NBF001``.
        name: One or two words.
        says: What a finding says of the thing that it names.
        fix: What to write instead, in one line.
        why: Why that can't be repeated, in two or three sentences.
        example: Code in which it is found.
        better: The same code without it.
    """

    code: str
    name: str
    says: str
    fix: str
    why: str
    example: str
    better: str


class _Words(NamedTuple):
    name: str
    says: str
    fix: str
    why: str


_WORDS: Final = (
    _Words(
        "clock",
        "gives another value on replay",
        "use ctx.current_utc_datetime",
        "A run that goes on after a crash, or after it left memory, executes its code again from the first line. A clock "
        "then shows another time, and whatever depends on it may go another way. ctx.current_utc_datetime is recorded.",
    ),
    _Words(
        "chance",
        "gives another value on replay",
        "use ctx.random(), or draw in an activity",
        "The second drawing is another one than the first. ctx.random() is a random.Random whose seed belongs to the run, "
        "so it gives the same numbers again; a random.Random(seed) with a seed of your own does, too.",
    ),
    _Words(
        "identifier",
        "gives another value on replay",
        "use ctx.new_guid()",
        "An identifier that is another one on replay names another order, payment or file than the one that the "
        "activities were given. ctx.new_guid() gives the same again.",
    ),
    _Words(
        "environment",
        "may be another value where the run goes on",
        "pass it in as an input, or read it in an activity",
        "A run goes on in another process, perhaps with another environment, folder or machine. What the workflow "
        "depends on belongs into its input, which is recorded, or into an activity's result.",
    ),
    _Words(
        "file",
        "touches the disk again on every replay",
        "put it in an activity",
        "What a file or a database holds changes, and a write would be done again on every replay. An activity's "
        "result is recorded, and it isn't run again once it is.",
    ),
    _Words(
        "network",
        "uses the network again on every replay",
        "put it in an activity",
        "An answer from the network is another one the next time, and a request may do something twice. It blocks all "
        "other runs as well, since workflow code runs on one thread.",
    ),
    _Words(
        "process",
        "acts on a process again on every replay",
        "put it in an activity",
        "A command would be run again on every replay, and its output may be another one.",
    ),
    _Words(
        "thread",
        "goes on by itself, outside of the workflow",
        "await activities; asyncio.gather runs them side by side",
        "Threads and processes end in any order, and nothing records it; a replay starts them again. The context may "
        "be used on the workflow's own thread only. An activity is run in a thread, or wherever it likes.",
    ),
    _Words(
        "blocking",
        "keeps the thread on which all runs go on",
        "await asyncio.sleep(…), or an event",
        "Workflow code runs on one thread, for all runs. What waits without await keeps them all, is waited for again "
        "on every replay, and is stopped after about two seconds. `await asyncio.sleep(30 * 86400)` is a durable timer; "
        "a question to a person is an event.",
    ),
    _Words(
        "set order",
        "goes in another order in another process",
        "use sorted(…), or a list or dict instead of the set",
        "Texts and most objects hash to other numbers in every process, and a set's order follows them. Activities "
        "would be called in another order than history has them. Membership, len, sum, min, max, any and all don't "
        "depend on the order; sets of numbers and of tasks repeat theirs.",
    ),
    _Words(
        "address",
        "is another number in another process",
        "compare or count the things themselves, or use ctx.new_guid()",
        "id() is an address, and hash() of texts and objects is salted: both are other numbers in every process.",
    ),
    _Words(
        "global",
        "can change between a step and its replay",
        "pass it in as an input, or make it a constant",
        "A variable of the module or the notebook that changes has another value on replay than it had the first time, "
        "and what a workflow writes there is written again. Constants are fine: numbers, texts, tuples, frozen "
        "dataclasses, and lists and dicts with names in capitals that nothing changes.",
    ),
    _Words(
        "not awaited",
        "is started, and nobody waits for its result",
        "await it, now or later",
        "A call schedules the activity, child or timer; without await its failure is lost, its result is never there, "
        "and the workflow may end before it. In a generator, yield is the await. `_ = charge(order)` says that it is meant.",
    ),
    _Words(
        "endless loop",
        "loops without waiting for anything",
        "await something in it, such as asyncio.sleep(60)",
        "In workflow code the time and all results stand still until the next await, so such a loop never ends. It "
        "is stopped after about two seconds, and the run is STALLED.",
    ),
    _Words(
        "cancellation",
        "swallows the cancellation of the run",
        "catch Exception, or end the handler with raise",
        "Cancelling, timeouts and unloading travel as exceptions that are no Exception. Who catches them and goes on "
        "turns a timeout into a result, and makes code run that has no run any more. To await a task that was "
        "cancelled just before is fine.",
    ),
    _Words(
        "input",
        "changes the run's input in place",
        "make a new value: dataclasses.replace(…), {**old, …}, [*old, …]",
        "The input is what history says that the run was started with. A workflow that changes it can't compare, hand "
        "on or show it any more, and every caller that shares the object, as in a test, sees the change.",
    ),
    _Words(
        "bare coroutines",
        "would be started in the order of a set",
        "make tasks of them first: asyncio.create_task(…)",
        "asyncio puts what it is given into a set. Tasks have an order there; bare coroutines don't, and are refused "
        "when the workflow runs.",
    ),
    _Words(
        "skipped cleanup",
        "is not called when the run continues as new",
        "call it before ctx.continue_as_new(…)",
        "Nothing behind ctx.continue_as_new() runs, and an activity in `finally` around it is not called. Everywhere "
        "else an activity in `finally` is fine.",
    ),
    _Words(
        "event loop",
        "needs a loop of its own",
        "await it on the workflow's loop, or put it in an activity",
        "A workflow runs on a loop whose steps repeat. What makes, runs or changes another loop is refused when the "
        "workflow runs. Futures come from asyncio.get_running_loop().create_future().",
    ),
)

RULES: Final[Mapping[str, Rule]] = {
    f"NBF{number:03}": Rule(
        code=f"NBF{number:03}",
        name=words.name,
        says=words.says,
        fix=words.fix,
        why=words.why,
        example=EXAMPLES[words.name][0],
        better=EXAMPLES[words.name][1],
    )
    for number, words in enumerate(_WORDS, start=1)
}


def explain(code: str) -> str | None:
    """A rule in full, as text; None if there is none of that code."""
    rule = RULES.get(code.strip().upper())
    if rule is None:
        return None
    lines = [f"{rule.code} ({rule.name}): {rule.says}", f"Instead: {rule.fix}", "", rule.why]
    for title, code_text in (("Found:", rule.example), ("Instead:", rule.better)):
        lines += ["", title, *(f"    {line}".rstrip() for line in code_text.splitlines())]
    return "\n".join([*lines, "", f"To keep a line as it is, end it with the comment `noqa: {rule.code}`."])
