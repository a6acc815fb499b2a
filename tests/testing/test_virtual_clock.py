"""`VirtualClock`: stands still, and goes on when it is told to."""

import asyncio
import threading
from datetime import UTC, datetime, timedelta, timezone

import pytest

from nbflow.testing import VirtualClock

BEGINNING = datetime(2030, 1, 1, tzinfo=UTC)


def test_it_stands_still_until_it_is_moved() -> None:
    clock = VirtualClock()
    assert clock.now() == clock.now() == BEGINNING
    assert clock.advance(days=1, hours=2) == clock.now() == BEGINNING + timedelta(hours=26)
    assert clock.advance(90) == BEGINNING + timedelta(hours=26, seconds=90)
    assert clock.advance(timedelta(seconds=10)) == BEGINNING + timedelta(hours=26, seconds=100)
    clock.set(datetime(2031, 1, 1, tzinfo=UTC))
    assert clock.now() == datetime(2031, 1, 1, tzinfo=UTC)
    assert repr(clock) == "<VirtualClock at 2031-01-01 00:00:00 UTC>"


def test_naive_times_are_utc_and_others_are_converted() -> None:
    assert VirtualClock(datetime(2024, 2, 29)).now() == datetime(2024, 2, 29, tzinfo=UTC)  # noqa: DTZ001
    east = timezone(timedelta(hours=2))
    clock = VirtualClock(datetime(2024, 2, 29, 1, tzinfo=east))
    assert (clock.now().hour, clock.now().tzinfo) == (23, UTC)
    clock.set(datetime(2024, 2, 29))  # noqa: DTZ001
    assert clock.now() == datetime(2024, 2, 29, tzinfo=UTC)


def test_time_never_goes_back_and_ends_somewhere() -> None:
    clock = VirtualClock()
    with pytest.raises(ValueError, match="can't go back"):
        clock.advance(-1)
    with pytest.raises(ValueError, match="can't go back"):
        clock.set(BEGINNING - timedelta(seconds=1))
    with pytest.raises(ValueError, match="after the year 9999"):
        clock.advance(days=365 * 9000)
    with pytest.raises(ValueError, match="longer than time itself"):
        clock.advance(days=1e12)
    assert clock.now() == BEGINNING


def test_whoever_waits_looks_again_when_it_moves() -> None:
    clock = VirtualClock()

    async def scene() -> list[str]:
        order: list[str] = []
        sleeper = asyncio.create_task(clock.wait_until(BEGINNING + timedelta(hours=1)))
        await asyncio.sleep(0)
        assert not sleeper.done()
        threading.Thread(target=lambda: clock.advance(minutes=1)).start()
        await sleeper  # earlier than it asked for: the caller looks again
        order.append(f"woken at {clock.now():%H:%M}")
        clock.advance(hours=1)
        await clock.wait_until(BEGINNING + timedelta(hours=1))
        order.append("past")
        return order

    assert asyncio.run(scene()) == ["woken at 00:01", "past"]


def test_nobody_who_waits_holds_it_up() -> None:
    clock = VirtualClock()

    async def gives_up() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(clock.wait_until(BEGINNING + timedelta(hours=1)), 0)

    asyncio.run(gives_up())
    assert clock.advance(hours=1) == BEGINNING + timedelta(hours=1)


def test_a_loop_that_is_gone_is_none_of_its_business() -> None:
    clock = VirtualClock()
    loop = asyncio.new_event_loop()
    waiting = clock.wait_until(BEGINNING + timedelta(hours=1))
    task = loop.create_task(waiting)
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()
    assert clock.advance(hours=1) == BEGINNING + timedelta(hours=1)
    task._log_destroy_pending = False  # type: ignore[attr-defined]
    waiting.close()
