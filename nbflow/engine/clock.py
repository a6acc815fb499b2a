"""The wall clock."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Final

_LONGEST_NAP: Final = 1.0


class SystemClock:
    """The computer's clock; looks at it at least every second, since a laptop sleeps (S25)."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    async def wait_until(self, when: datetime) -> None:
        seconds = (when - self.now()).total_seconds()
        if seconds > 0:
            await asyncio.sleep(min(seconds, _LONGEST_NAP))
