"""What a seed decides: how much goes wrong, when, and how long everything takes."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Final

_NEVER: Final = 0.0


@dataclass(frozen=True, kw_only=True)
class Faults:
    """What may go wrong in a simulation, and how badly. Seconds are virtual.

    Each seed takes some of it: one has many crashes and no failing commits, another the other way
    round, a third is all but undisturbed.

    Attributes:
        crashes: Crashes of the engine at the most: before a commit, right after it, or at any other moment.
        restarts: Closings of the engine, with an opening after it, at the most.
        failed_commits: Commits and reads of the store that fail, at the most.
        activity_failures: Whether attempts fail that a retry policy allows to be tried again.
        duplicates: Whether results and timers are delivered twice.
        pauses: Whether runs are suspended and resumed.
        holds: Whether the engine is opened without going on by itself (``auto_resume=False``), and told to later.
        clock_steps: Seconds by which the clock may be off, to either side, from one opening to the next.
        longest_activity: Seconds that an attempt takes at the most, beside what it sleeps itself.
        longest_wait: Seconds between two events of one sender at the most.
        longest_downtime: Seconds between a crash and the next opening at the most.
    """

    crashes: int = 4
    restarts: int = 2
    failed_commits: int = 30
    activity_failures: bool = True
    duplicates: bool = True
    pauses: bool = True
    holds: bool = True
    clock_steps: float = 2.0
    longest_activity: float = 2.0
    longest_wait: float = 5.0
    longest_downtime: float = 5.0


NONE: Final = Faults(
    crashes=0,
    restarts=0,
    failed_commits=0,
    activity_failures=False,
    duplicates=False,
    pauses=False,
    holds=False,
    clock_steps=0.0,
    longest_activity=0.0,
    longest_wait=0.0,
    longest_downtime=0.0,
)
"""An undisturbed run."""


@dataclass(eq=False)
class Tally:
    """What simulations went through.

    Attributes:
        commits: Commits that succeeded.
        crashes: Of the engine.
        restarts: Of the engine, in good order.
        failed_commits: Commits and reads that failed.
        failed_activities: Attempts that the simulation had fail.
        duplicates: Results and timers that were delivered twice.
        pauses: Suspensions.
        held_openings: Openings after which runs had to be released.
    """

    commits: int = 0
    crashes: int = 0
    restarts: int = 0
    failed_commits: int = 0
    failed_activities: int = 0
    duplicates: int = 0
    pauses: int = 0
    held_openings: int = 0

    def add(self, other: Tally) -> None:
        """Take in another one."""
        for name in self.__dataclass_fields__:
            setattr(self, name, getattr(self, name) + getattr(other, name))

    def __str__(self) -> str:
        return ", ".join(
            f"{getattr(self, name)} {name.replace('_', ' ')}" for name in self.__dataclass_fields__
        )


class Dice:
    """One seed's decisions, drawn one after the other from one stream.

    Args:
        seed: The seed.
        faults: What may go wrong.

    Attributes:
        cache_size: Runs that the engine keeps in memory.
        concurrency: Activity attempts that run at once.
        turns_at_once: Turns that are under way at once.
        reads_at_once: Instances that are read together.
        tally: What it has decided so far.
    """

    def __init__(self, seed: int, faults: Faults) -> None:
        self.tally = Tally()
        self._random = random.Random(seed)
        self._faults = faults
        self._is_calm = is_calm = faults == NONE
        self._crash = self._intensity(faults.crashes, 0.0, 0.03, 0.1, 0.25)
        self._stop = self._intensity(faults.crashes + faults.restarts, 0.0, 0.3, 0.9)
        self._failed_commit = self._intensity(faults.failed_commits, 0.0, 0.05, 0.2, 0.5)
        self._failed_read = self._intensity(faults.failed_commits, 0.0, 0.0, 0.1)
        self._activity_failure = self._intensity(faults.activity_failures, 0.0, 0.2, 0.7)
        self._duplicate = self._intensity(faults.duplicates, 0.0, 0.2, 0.7)
        self._pause = self._intensity(faults.pauses, 0.0, 0.3, 1.0)
        self._hold = self._intensity(faults.holds, 0.0, 0.0, 0.5)
        self._job = 0.0 if is_calm else self._random.choice((0.0, 0.001, 0.03, 0.3))
        self._activity = faults.longest_activity * self._random.choice((0.0, 0.02, 1.0))
        self._wait = faults.longest_wait * self._random.choice((0.0, 0.05, 1.0))
        self.cache_size = 1000 if is_calm else self._random.choice((0, 1, 3, 1000))
        self.concurrency = 32 if is_calm else self._random.choice((1, 2, 32))
        room = random.Random(f"room of {seed}")
        self.turns_at_once = 500 if is_calm else room.choice((1, 2, 500))
        self.reads_at_once = 250 if is_calm else room.choice((1, 2, 250))

    def calm_down(self) -> None:
        """Let nothing go wrong any more."""
        self._crash = self._stop = self._failed_commit = self._failed_read = _NEVER
        self._activity_failure = self._duplicate = self._pause = self._hold = _NEVER

    def _intensity(self, allowed: float, *choices: float) -> float:
        return self._random.choice(choices) if allowed else _NEVER

    # -- what goes wrong ----------------------------------------------------------------------

    def crashes(self) -> bool:
        """Whether the engine crashes here, at a commit."""
        if self.tally.crashes >= self._faults.crashes or not self._chance(self._crash):
            return False
        self.tally.crashes += 1
        return True

    def stops_after(self) -> tuple[int, bool] | None:
        """After how many steps of the loop this life ends, and whether by a crash; None: of itself.

        Whoever carries that out counts it: the life may be over before.
        """
        if not self._chance(self._stop):
            return None
        crashes = self._random.random() < 0.5 and self.tally.crashes < self._faults.crashes
        if not crashes and self.tally.restarts >= self._faults.restarts:
            return None
        return int(self._random.triangular(1, 1500, 30)), crashes

    def commit_fails(self) -> bool:
        """Whether a commit fails here, with nothing written."""
        return self._fails(self._failed_commit)

    def read_fails(self) -> bool:
        """Whether a read of the store fails here."""
        return self._fails(self._failed_read)

    def activity_fails(self) -> bool:
        """Whether an attempt fails here."""
        fails = self._chance(self._activity_failure)
        self.tally.failed_activities += fails
        return fails

    def duplicates(self) -> bool:
        """Whether a message is delivered twice here."""
        duplicates = self._chance(self._duplicate)
        self.tally.duplicates += duplicates
        return duplicates

    def pauses(self) -> int:
        """How often a run is suspended."""
        pauses = sum(self._chance(self._pause) for _ in range(2))
        self.tally.pauses += pauses
        return pauses

    def holds(self) -> bool:
        """Whether runs wait to be released when the engine is opened."""
        holds = self._chance(self._hold)
        self.tally.held_openings += holds
        return holds

    def terminates(self) -> bool:
        """Whether a run is terminated that may be."""
        return not self._is_calm and self._random.random() < 0.5

    def next_incarnation(self) -> str:
        """How an ID becomes free for the next run: by the end of the present one, by a purge, or by force."""
        return "end" if self._is_calm else self._random.choice(("end", "purge", "terminate"))

    def clock_step(self) -> float:
        """By how many seconds the clock is off, in this life."""
        return (
            self._random.choice((0.0, 0.0, 0.0, 1.0)) * self._faults.clock_steps * self._random.uniform(-1, 1)
        )

    # -- how long things take -----------------------------------------------------------------

    def job_time(self) -> float:
        """Seconds that a commit or a turn takes."""
        return self._seconds(self._job)

    def activity_time(self) -> float:
        """Seconds that an attempt takes."""
        return self._seconds(self._activity)

    def waiting_time(self) -> float:
        """Seconds until a client does the next thing."""
        return self._seconds(self._wait)

    def downtime(self) -> float:
        """Seconds until the engine is opened again."""
        return self._seconds(self._faults.longest_downtime)

    def _seconds(self, longest: float) -> float:
        """Mostly short: the square leans to zero, and a good part is zero itself."""
        if longest == 0.0:
            return 0.0
        drawn = self._random.random()
        return 0.0 if drawn < 0.2 else longest * drawn * drawn

    def _chance(self, probability: float) -> bool:
        return probability > 0.0 and self._random.random() < probability

    def _fails(self, probability: float) -> bool:
        if self.tally.failed_commits >= self._faults.failed_commits or not self._chance(probability):
            return False
        self.tally.failed_commits += 1
        return True
