"""What a run may become: where a fork or a rewind would go, and how another run compares with this one."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from nbflow.errors import LookNotPossible
from nbflow.views.comparison import compare
from nbflow.views.comparison.messages import comparison_message
from nbflow.views.excerpts import excerpt, tame
from nbflow.views.inbox.controls import Field, FormControl, OptionalControl, TextControl
from nbflow.views.inbox.forms import control_with
from nbflow.widgets.messages import Json
from nbflow.widgets.runlog import RunLog
from nbflow.widgets.source import CardSource, ForkOffer

_CUT: Final = 60


class Offers:
    """Answers ``fork``, ``rewind`` and ``compare``.

    Args:
        log: The run's history.
        source: The run.
    """

    def __init__(self, log: RunLog, source: CardSource) -> None:
        self._log = log
        self._source = source

    def fork(self, args: Json) -> Json:
        """Give the form for a fork at position ``seq``.

        Raises:
            NbflowError: The run can't be forked there; says why.
        """
        seq = args.get("seq")
        offer = self._source.fork_offer(seq if isinstance(seq, int) else 0)
        return {
            "shared": offer.shared,
            "near": None if offer.subject else offer.nearest,
            "control": msgspec.to_builtins(_form(offer)),
        }

    def rewind(self, _args: Json) -> Json:
        """Say where a rewind would go.

        Raises:
            NbflowError: The run can't be rewound; says why.
        """
        offer = self._source.rewind_offer()
        return {"words": f"It goes back to event {offer.seq}: {tame(offer.follows)}."}

    def compare(self, args: Json) -> Json:
        """Compare the run with the one named ``with``; without a name, give the runs that may be named.

        Raises:
            NbflowError: One of them can't be read.
        """
        other = args.get("with")
        if not isinstance(other, str):
            return {"peers": list(self._source.peers())}
        record, history = self._log.read()
        if other == record.instance_id:
            raise LookNotPossible("this is the run itself: name another one")
        found, its_history = self._source.other(other).snapshot()
        now = self._source.now()
        return comparison_message(
            compare(record, history, found, its_history), (record, history), (found, its_history), now=now
        )


def _form(offer: ForkOffer) -> FormControl:
    """The form's fields: an ID, and another value if the event has one."""
    name = Field(
        "id",
        "new run's ID",
        TextControl(
            patterns=("^[A-Za-z0-9_-]{1,256}$",),
            told="an ID of letters, digits, _ and -",
            initial=offer.instance_id,
        ),
    )
    hint = f"Events 1 to {offer.shared} are shared. What comes behind them, the new run does by itself, and for real."
    if not offer.subject:
        return FormControl(fields=(name,), hint=hint)
    hint += " With another value the event comes anew, and only what was before it is shared."
    value: Any = msgspec.UNSET if offer.value is None else msgspec.json.decode(offer.value)
    kept = "a failure" if offer.value is None else excerpt(tame(offer.value), _CUT)
    change = OptionalControl(inner=control_with(offer.schema, value), off="", hint=f"as recorded: {kept}")
    return FormControl(fields=(name, Field("value", f"change {tame(offer.subject)}", change)), hint=hint)
