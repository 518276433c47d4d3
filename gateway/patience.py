"""How long, and how often, something that may help to be tried again is tried again."""

from __future__ import annotations

import asyncio
import random

from locutor.errors import LocutorError, Overloaded

_FIRST_DELAY_S = 0.5
_LONGEST_DELAY_S = 20.0
PATIENCE_S = 600.0
"""How long a step goes on trying while a service is away or overloaded."""


class Patience:
    """The waits between the attempts at one piece of work. To be made inside a running event loop.

    They grow from half a second to 20 s, at random between half and all of it, so that many jobs do not come back at once; a
    service that says when to come back is taken at its word.
    """

    def __init__(self, patience_s: float = PATIENCE_S) -> None:
        self._clock = asyncio.get_running_loop().time
        self._until = self._clock() + patience_s
        self._delay_s = _FIRST_DELAY_S

    def wait_s(self, error: Exception) -> float | None:
        """Seconds to wait after an attempt that ended with `error`; None where another one would not help, or comes too late."""
        if not isinstance(error, LocutorError) or not error.retryable:
            return None
        wait_s = random.uniform(self._delay_s / 2, self._delay_s)
        if isinstance(error, Overloaded) and error.retry_after_s == 0:
            # There is room elsewhere.
            return 0.0
        if isinstance(error, Overloaded):
            wait_s = max(error.retry_after_s or 0.0, wait_s)
        self._delay_s = min(self._delay_s * 2, _LONGEST_DELAY_S)
        return wait_s if self._clock() + wait_s <= self._until else None
