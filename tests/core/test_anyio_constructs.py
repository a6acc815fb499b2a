"""What anyio offers a workflow, one by one: it replays, or it is refused with a word of what to do instead."""

import pytest

from tests.core.constructs import Construct, check_refused, check_replayable, load

HERE = [construct for construct in load().values() if construct.library == "anyio" and construct.is_here]
REPLAYABLE = [construct for construct in HERE if construct.verdict != "refused"]
REFUSED = [construct for construct in HERE if construct.verdict == "refused"]


@pytest.mark.semantics(48)
@pytest.mark.parametrize("construct", REPLAYABLE, ids=lambda construct: construct.name)
def test_what_is_replayable_replays_from_any_place(construct: Construct) -> None:
    check_replayable(construct)


@pytest.mark.semantics(46)
@pytest.mark.parametrize("construct", REFUSED, ids=lambda construct: construct.name)
def test_what_is_refused_says_so_at_its_line_and_can_be_caught(construct: Construct) -> None:
    check_refused(construct)
