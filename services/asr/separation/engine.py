"""What a separation engine is: a stream of a mix in, the voices in it out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import numpy as np

from services.engine import EngineSpec, ModelInfo
from services.weights import ModelStore

ENGINES: dict[str, EngineSpec] = {
    "mdx": EngineSpec("services.asr.separation.engines.mdx:MdxEngine", "asr"),
}
"""Engines by name. The first is the default."""


class SeparationStream(Protocol):
    """One recording in the course of being heard. Used by one thread at a time, in bounded memory however long it is."""

    def accept(self, mix: np.ndarray) -> Iterator[np.ndarray]:
        """Hear (n, 2) float32 at the engine's rate, -1 to 1; yield the voices, (m, 2) float32, as far as they are known. Exhaust the iterator."""
        ...

    def finish(self) -> Iterator[np.ndarray]:
        """Yield the rest: in all, as many samples as were heard."""
        ...


class SeparationEngine(Protocol):
    """Constructed as `Class(store, threads)`: loads its weights, so that the first call does not pay for it."""

    info: ModelInfo
    sample_rate: int
    """Samples per second of what it hears and yields."""

    @classmethod
    def describe(cls, store: ModelStore) -> ModelInfo:
        """What `info` is once loaded; nothing is loaded or fetched."""
        ...

    def open(self) -> SeparationStream:
        """Begin a stream."""
        ...
