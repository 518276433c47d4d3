"""What Ctrl-C and SIGTERM do to `locutor present`."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from types import FrameType

from locutor.cli.failures import INTERRUPTED


class Interruption:
    """The first signal stops the work, the second leaves at once.

    Before a job runs, the first raises `KeyboardInterrupt`. While one runs it calls what `stops` was given, in a thread:
    an exception in the middle of a gRPC call may leave locks behind, and the job tells of its own end anyway.
    """

    def __init__(self) -> None:
        self.asked = False
        """A signal has come."""
        self._stop: Callable[[], object] | None = None
        # A pipeline that ends its jobs by SIGTERM gets the same clean end as Ctrl-C.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._handle)

    def stops(self, stop: Callable[[], object]) -> None:
        """From now on a signal calls `stop`, once."""
        self._stop = stop

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.asked:
            os._exit(INTERRUPTED)
        self.asked = True
        if self._stop is None:
            raise KeyboardInterrupt
        threading.Thread(target=self._stop, name="cancel", daemon=True).start()
