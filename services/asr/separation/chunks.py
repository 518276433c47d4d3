"""A stream through a function of fixed chunks: overlapping, without their edges, faded into each other."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

_FADED_SHARE = 0.25
"""Of what a chunk yields, so much is faded into its neighbour on either side: no seam is heard."""


class ChunkedStream:
    """Keeps a chunk of the stream and a fade of the outcome."""

    def __init__(self, separate: Callable[[np.ndarray], np.ndarray], chunk: int, edge: int) -> None:
        """`separate`: (2, `chunk`) to (2, `chunk`); its first and last `edge` samples are not used, for they know only one side of their context."""
        self._separate = separate
        self._chunk, self._edge = chunk, edge
        self._fade = round((chunk - 2 * edge) * _FADED_SHARE)
        self._step = chunk - 2 * edge - self._fade
        ramp = (np.arange(self._fade, dtype=np.float32) + 0.5) / self._fade
        self._rising, self._falling = ramp, 1 - ramp
        # Silence before the first sample, so that it lies behind the first chunk's edge and fade.
        self._kept: np.ndarray = np.zeros((2, edge + self._fade), np.float32)
        self._tail: np.ndarray = np.zeros((2, self._fade), np.float32)
        self._skipped = self._fade
        self._heard = self._told = 0

    def accept(self, mix: np.ndarray) -> Iterator[np.ndarray]:
        self._heard += len(mix)
        self._kept = np.concatenate([self._kept, mix.T], axis=1)
        yield from self._ready()

    def finish(self) -> Iterator[np.ndarray]:
        while self._told < self._heard:
            self._kept = np.concatenate([self._kept, np.zeros((2, max(0, self._chunk - self._kept.shape[1])), np.float32)], axis=1)
            yield from self._ready()

    def _ready(self) -> Iterator[np.ndarray]:
        while self._kept.shape[1] >= self._chunk:
            found = self._separate(self._kept[:, : self._chunk])[:, self._edge : self._chunk - self._edge].copy()
            self._kept = self._kept[:, self._step :]
            found[:, : self._fade] = found[:, : self._fade] * self._rising + self._tail
            self._tail = found[:, self._step :] * self._falling
            # The first chunk's rise is of the silence before the stream, the last chunk's end of that after it.
            known = found[:, self._skipped : self._step][:, : self._heard - self._told]
            self._skipped = 0
            self._told += known.shape[1]
            if known.shape[1]:
                yield known.T
