"""Retry policies: when a failed attempt is tried again, on history time only.

The rule is Dapr's ("Workflow retry policies"): the wait after attempt *n* is
``min(first · coefficient^(n-1), max)``, the number of attempts includes the
first, and ``retry_timeout`` bounds the whole. Every time in here comes from the
history, so that a replay decides as the first run did.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, cast

from nbflow.errors import FailureDetails


def as_duration(value: timedelta | float, what: str) -> timedelta:
    """Take seconds or a timedelta; a duration can't be negative."""
    try:
        duration = value if isinstance(value, timedelta) else timedelta(seconds=value)
    except (OverflowError, ValueError):
        raise ValueError(f"{what} can't be {value!r} seconds") from None
    if duration < timedelta(0):
        raise ValueError(f"{what} can't be negative: {value!r}")
    return duration


def later(start: datetime, duration: timedelta) -> datetime:
    """The time that lies ``duration`` after ``start``."""
    try:
        return start + duration
    except OverflowError:
        raise ValueError(f"{duration} from {start:%Y-%m-%d} is after the year 9999") from None


_LAST: Final = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, init=False, repr=False)
class RetryPolicy:
    """How often, and after what waits, a failed activity or child workflow is tried again.

    Durations are timedeltas, or numbers of seconds.

    Args:
        first_retry_interval: Wait before the first retry.
        max_number_of_attempts: Attempts in all, the first included; at least 1.
        backoff_coefficient: Every further wait is this many times the one before; at least 1.
        max_retry_interval: No wait is longer than this. None: not capped.
        retry_timeout: No wait is begun that would end later than this after the first attempt, by the times
            in the history. None: no bound.
        non_retryable: Exception types that fail the call at once, subclasses included. They are known by
            their names, since a failure comes from the history.

    Raises:
        ValueError: A number is out of its range.
        TypeError: ``non_retryable`` holds something else than exception types.
    """

    first_retry_interval: timedelta
    max_number_of_attempts: int
    backoff_coefficient: float
    max_retry_interval: timedelta | None
    retry_timeout: timedelta | None
    non_retryable: tuple[type[BaseException], ...]

    def __init__(
        self,
        first_retry_interval: timedelta | float,
        max_number_of_attempts: int,
        backoff_coefficient: float = 1.0,
        max_retry_interval: timedelta | float | None = None,
        retry_timeout: timedelta | float | None = None,
        non_retryable: type[BaseException] | Iterable[type[BaseException]] = (),
    ) -> None:
        if int(max_number_of_attempts) != max_number_of_attempts:
            raise ValueError(f"max_number_of_attempts is a whole number, not {max_number_of_attempts}")
        if max_number_of_attempts < 1:
            raise ValueError(
                f"max_number_of_attempts counts the first one: {max_number_of_attempts} is too few"
            )
        if not backoff_coefficient >= 1:  # nor NaN
            raise ValueError(f"backoff_coefficient can't be below 1: {backoff_coefficient}")
        longest = (
            None if max_retry_interval is None else as_duration(max_retry_interval, "max_retry_interval")
        )
        whole = None if retry_timeout is None else as_duration(retry_timeout, "retry_timeout")
        fields = {
            "first_retry_interval": as_duration(first_retry_interval, "first_retry_interval"),
            "max_number_of_attempts": int(max_number_of_attempts),
            "backoff_coefficient": float(backoff_coefficient),
            "max_retry_interval": longest,
            "retry_timeout": whole,
            "non_retryable": _exception_types(non_retryable),
        }
        for name, value in fields.items():
            object.__setattr__(self, name, value)

    def delay(self, attempt: int) -> timedelta:
        """The wait after attempt number ``attempt`` (1, 2, …)."""
        longest = timedelta.max if self.max_retry_interval is None else self.max_retry_interval
        try:
            wait = self.first_retry_interval * self.backoff_coefficient ** (attempt - 1)
        except OverflowError:
            return longest
        return min(wait, longest)

    def next_delay(
        self, *, attempt: int, failure: FailureDetails, first_at: datetime, now: datetime
    ) -> timedelta | None:
        """The wait before the next attempt, or None if there is none.

        Args:
            attempt: The attempt that failed, from 1.
            failure: How it failed.
            first_at: Workflow time of the first attempt's scheduling.
            now: Workflow time of the failure.
        """
        if attempt >= self.max_number_of_attempts:
            return None
        if any(exception.__qualname__ in failure.bases for exception in self.non_retryable):
            return None
        wait = min(self.delay(attempt), _LAST - now)
        if self.retry_timeout is not None and now + wait - first_at > self.retry_timeout:
            return None
        return wait

    def __repr__(self) -> str:
        """Show the table of attempts: what the policy means, in numbers."""
        lines = [
            f"RetryPolicy: {self.max_number_of_attempts} attempts",
            " attempt  wait before it     begins at",
        ]
        elapsed = timedelta(0)
        for attempt in range(1, self.max_number_of_attempts + 1):
            wait = self.delay(attempt - 1) if attempt > 1 else timedelta(0)
            elapsed += min(wait, timedelta.max - elapsed)
            if self.retry_timeout is not None and elapsed > self.retry_timeout:
                lines.append(f"   (no attempt begins later than {_span(self.retry_timeout)})")
                break
            if attempt > 8 and attempt < self.max_number_of_attempts:
                if attempt == 9:
                    lines.append("       …")
                continue
            lines.append(f"{attempt:>8}  {_span(wait) if attempt > 1 else '-':<18} {_span(elapsed)}")
        if self.non_retryable:
            lines.append("   never retried: " + ", ".join(kind.__qualname__ for kind in self.non_retryable))
        return "\n".join(lines)


def _exception_types(given: object) -> tuple[type[BaseException], ...]:
    kinds = (given,) if isinstance(given, (type, str)) else tuple(cast("Iterable[object]", given))
    for kind in kinds:
        if not (isinstance(kind, type) and issubclass(kind, BaseException)):
            raise TypeError(
                f"non_retryable takes exception types, such as (ValueError, OSError): {kind!r} is none"
            )
    return cast("tuple[type[BaseException], ...]", kinds)


def _span(duration: timedelta) -> str:
    seconds = duration.total_seconds()
    return f"{duration}" if seconds >= 60 else f"{seconds:g} s"
