"""Who waits for jobs to change that may change in another process."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from contextlib import suppress


class Changes:
    """Told of changes of jobs by this process, and by the database where it can; else those who wait look now and then."""

    def __init__(self, look_again_s: float) -> None:
        """`look_again_s`: longest time between two looks."""
        self._look_again_s = look_again_s
        self._waiting: defaultdict[str, set[asyncio.Event]] = defaultdict(set)

    def tell(self, job_id: str) -> None:
        for event in self._waiting.get(job_id, ()):
            event.set()

    async def wait(self, job_id: str) -> None:
        """Until the job may have changed."""
        event = asyncio.Event()
        self._waiting[job_id].add(event)
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._look_again_s):
                    await event.wait()
        finally:
            self._waiting[job_id].discard(event)
            if not self._waiting[job_id]:
                del self._waiting[job_id]
