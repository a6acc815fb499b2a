"""``%wf skip``: virtual time goes on."""

from __future__ import annotations

from nbflow.jupyter.actions import Request
from nbflow.jupyter.complaints import CommandError
from nbflow.jupyter.durations import parse_duration
from nbflow.jupyter.session import NbFlow
from nbflow.jupyter.showing import say
from nbflow.jupyter.words import fill_in


def skip(session: NbFlow, request: Request) -> str:
    """Let virtual time go on, and tell what happened meanwhile.

    Raises:
        CommandError: Time is not virtual here, or that is no duration.
    """
    __tracebackhide__ = True
    runtime = session.runtime
    if not runtime.is_virtual:
        raise CommandError(
            "%wf skip needs virtual time, and this history goes by the computer's clock: "
            "type %wf db :memory: --virtual-clock"
        )
    words = fill_in(request.line, session.evaluate)
    if not words.strip():
        raise CommandError("%wf skip needs a duration: type %wf skip 30d")
    try:
        return f"skipped {runtime.skip(parse_duration(words, '%wf skip'), tell=say)}"
    except ValueError as error:  # after the year 9999
        raise CommandError(f"{error}: type %wf skip 365d") from None
