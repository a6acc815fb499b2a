"""The tick: turns are begun, and what has come of turns until shortly after is committed together.

It is driven by callbacks and not a coroutine: a step of a sequential run is one pass
here, and what a future costs would be paid twice in each.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import Final, Protocol

from nbflow.engine.commits import CommitItem, Committer
from nbflow.engine.dispatch import TurnOutcome
from nbflow.engine.instance import Instance
from nbflow.engine.residents import Residents
from nbflow.engine.turns import Turns

_JOIN_SECONDS: Final = 0.02
"""How long a commit waits for turns that are still running."""


class Work(Protocol):
    """What a tick does; see `Engine`."""

    def advance(self, instance: Instance) -> None:
        """Begin whatever is to be done for an instance now."""
        ...

    def item(self, instance: Instance, outcome: TurnOutcome) -> CommitItem:
        """What a turn wants written."""
        ...

    def kept(self, instance: Instance) -> list[CommitItem]:
        """What is to be written of an instance that no turn was taken for."""
        ...

    def done(self, instances: Iterable[Instance]) -> None:
        """Called once all of it is written, with those that it was about."""
        ...


class Tick:
    """Takes a turn for every instance that has something to do, as far as there is room, and commits; again and again.

    Used on the engine's loop.

    Args:
        committer: Writes.
        failed: Called with what `Work` raised: it does nothing any more then.

    Attributes:
        on_rest: Called when it has nothing to do.
        on_pass: Called when it has.
    """

    def __init__(self, committer: Committer, failed: Callable[[Exception], None]) -> None:
        self.on_rest: Callable[[], None] = _nothing
        self.on_pass: Callable[[], None] = _nothing
        self._committer = committer
        self._failed = failed
        self._loop = asyncio.get_running_loop()
        self._items: list[CommitItem] = []
        self._work: Work | None = None
        self._is_wanted = False
        self._is_called = False
        self._is_under_way = False
        self._touched: Sequence[Instance] = ()
        self._patience: asyncio.TimerHandle | None = None
        self._joins_until: float | None = None
        self._ended: asyncio.Future[None] | None = None

    def start(self, work: Work, residents: Residents, turns: Turns) -> None:
        """Go on, from now on, with whatever there is to do."""
        self._work, self._residents, self._turns = work, residents, turns
        turns.on_rest = self._rested
        self.wake()

    def wake(self) -> None:
        """Have a pass made as soon as may be."""
        self._is_wanted = True
        if self._work is not None and not self._is_called and not self._is_under_way:
            self._is_called = True
            self._loop.call_soon(self._begin)

    def now(self) -> None:
        """Make the pass that is wanted here and now."""
        if self._is_called:
            self._begin()

    def collect(self) -> None:
        """Have what has come of turns committed: by the pass that waits for just that, or by another one."""
        if self._joins_until is None:
            self.wake()

    def add(self, item: CommitItem) -> None:
        """Have something written by the next commit."""
        self._items.append(item)
        self.wake()

    @property
    def is_resting(self) -> bool:
        """Whether no pass is under way, and none is about to come."""
        return self._work is not None and not self._is_wanted and not self._is_under_way

    async def end(self, seconds: float) -> None:
        """Commit what is under way, and make no more passes then; or after some time in any case."""
        if self._work is None:
            return
        self._ended = self._loop.create_future()
        self.wake()
        await asyncio.wait({self._ended}, timeout=seconds)
        self._work = None

    # -- one pass -------------------------------------------------------------------------------

    def _begin(self) -> None:
        if not self._is_called:
            return  # it was made already
        self._is_called = False
        if self._work is None:
            return
        self._is_wanted, self._is_under_way = False, True
        self.on_pass()
        try:
            if self._ended is None:
                self._touched = self._advance(self._work)
            else:
                self._touched = self._residents.take_touched()
                self._turns.read_on()
        except Exception as error:
            self._give_up(error)
            return
        if self._turns.running:
            self._join()
        else:
            self._commit()

    def _advance(self, work: Work) -> list[Instance]:
        """Begin what there is to do, as far as there is room for it; the rest is for the next pass."""
        advanced: list[Instance] = []
        self._residents.begin_pass()
        while self._turns.has_room:
            instance = self._residents.next_touched()
            if instance is None:
                break
            advanced.append(instance)
            work.advance(instance)
        if not self._residents.has_read:
            self._turns.read_on()
        if self._residents.has_touched:
            self._is_wanted = True
        return advanced

    def _join(self) -> None:
        """Wait for turns that are under way, but not for long."""
        self._joins_until = self._loop.time() + _JOIN_SECONDS
        if self._patience is None:  # one timer does for many passes: most of them end long before
            self._patience = self._loop.call_at(self._joins_until, self._look)

    def _look(self) -> None:
        self._patience = None
        if self._joins_until is None:
            return
        if self._loop.time() < self._joins_until:
            self._patience = self._loop.call_at(self._joins_until, self._look)
        else:
            self._commit()

    def _rested(self) -> None:
        """No turn is under way any more."""
        if self._joins_until is not None:
            self._commit()

    def _commit(self) -> None:
        self._joins_until = None
        work = self._work
        if work is None:
            return
        try:
            outcomes = self._turns.collect()
            self._items += [work.item(instance, outcome) for instance, outcome in outcomes]
            taken = [instance for instance, _ in outcomes]
            known = {instance.instance_id for instance in taken}
            for instance in self._touched:
                if instance.instance_id not in known:
                    self._items += work.kept(instance)
                    taken.append(instance)
            items, self._items = self._items, []
            if self._committer.commit_at_once(items):
                self._finish(taken)
                return
        except Exception as error:
            self._give_up(error)
            return
        commit = self._loop.create_task(self._committer.commit(items))
        commit.add_done_callback(lambda commit: self._committed(commit, taken))

    def _committed(self, commit: asyncio.Task[None], taken: Sequence[Instance]) -> None:
        if commit.cancelled() or self._work is None:
            return
        error = commit.exception()
        if isinstance(error, Exception):
            self._give_up(error)
            return
        try:
            self._finish(taken)
        except Exception as failure:
            self._give_up(failure)

    def _finish(self, taken: Sequence[Instance]) -> None:
        if self._work is None:
            return
        self._work.done(taken)
        self._touched, self._is_under_way = (), False
        if self._is_wanted:
            self.wake()
        elif self._ended is not None and self._turns.running == 0:
            self._end()
        else:
            self.on_rest()

    def _give_up(self, error: Exception) -> None:
        self._is_under_way = False
        self._end()
        self._failed(error)

    def _end(self) -> None:
        self._work = None
        if self._ended is not None and not self._ended.done():
            self._ended.set_result(None)


def _nothing() -> None:
    pass
