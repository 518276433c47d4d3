"""A sound that is kept in the store in pieces, of which only those are fetched and decoded that somebody listens to."""

from __future__ import annotations

import asyncio
import hashlib
import io
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from gateway.artifacts import ArtifactStore, Blob, StepResult
from gateway.media_process import Sound
from media.clock import PROGRAMME_RATE
from media.sound_pieces import PIECE, read_wide

_AT_HAND = 3
"""Decoded pieces in memory, each 12 MB: a stretch that is mixed reaches into its neighbours."""
_LOUDNESS = "loudness"


class KeptSound:
    """Float32 stereo at 48 kHz, from the first picture on."""

    def __init__(self, store: ArtifactStore, folder: Path, result: StepResult) -> None:
        """`folder`: for the pieces that are fetched. `result`: of `keep_sound`."""
        self.samples: int = result.facts["samples"]
        self.heard_s: float = result.facts["heard_s"]
        """Where the last sound that could be read ends."""
        self.fault: str = result.facts["fault"]
        """Why reading ended before the track's end; empty: it did not."""
        self._store = store
        self._folder = folder
        self._loudness = result.blobs[_LOUDNESS]
        self._pieces = [blob for _, blob in sorted((name, blob) for name, blob in result.blobs.items() if name.isdigit())]
        self._lock = asyncio.Lock()
        self._decoded = lru_cache(_AT_HAND)(self._decode)

    @property
    def digest(self) -> str:
        """Of what is heard."""
        return self.digest_of(0, self.samples)

    def digest_of(self, begin: int, end: int) -> str:
        """Of the pieces in which samples [begin, end) lie."""
        return hashlib.sha256(",".join(blob.sha256 for blob in self._near(begin, end)).encode()).hexdigest()

    async def profile(self) -> np.ndarray:
        """How loud it is in each 100 ms, as `media.loudness_profile` has it."""
        return np.asarray(np.load(io.BytesIO(await self._store.read(self._loudness.sha256)), allow_pickle=False))

    async def bring(self, begin: int = 0, end: int | None = None) -> None:
        """Have samples [begin, end) at hand, by default all, for `read` and `blocks`."""
        async with self._lock:
            for blob in self._near(begin, self.samples if end is None else end):
                if not self._path(blob).exists():
                    partial = self._path(blob).with_suffix(".part")
                    (await self._store.fetch(blob.sha256, partial)).replace(self._path(blob))

    def read(self, begin: int, end: int) -> np.ndarray:
        """Samples [begin, end), float32 (n, 2), which were brought; silence after the last."""
        sound = np.zeros((end - begin, 2), np.float32)
        for number in range(begin // PIECE, min(-(-end // PIECE), len(self._pieces))):
            piece, first = self._decoded(number), number * PIECE
            low, high = max(begin, first), min(end, first + len(piece))
            if high > low:
                sound[low - begin : high - begin] = piece[low - first : high - first]
        return sound

    def blocks(self) -> Iterator[np.ndarray]:
        """All of it, a second at a time."""
        for begin in range(0, self.samples, PROGRAMME_RATE):
            yield self.read(begin, min(begin + PROGRAMME_RATE, self.samples))

    def _near(self, begin: int, end: int) -> Sequence[Blob]:
        return self._pieces[max(0, begin) // PIECE : -(-end // PIECE)]

    def _path(self, blob: Blob) -> Path:
        return self._folder / f"{blob.sha256}.flac"

    def _decode(self, number: int) -> np.ndarray:
        return read_wide(self._path(self._pieces[number]))


async def keep_sound(store: ArtifactStore, sound: Sound, facts: Mapping[str, Any] | None = None) -> StepResult:
    """What a step keeps of a decoded sound, with other `facts` that it found. Its files then lie where `KeptSound` looks for them."""
    blobs = {}
    for path in sound.pieces:
        blob = blobs[path.stem] = await store.put_file(path)
        path.replace(path.with_name(f"{blob.sha256}.flac"))
    blobs[_LOUDNESS] = await store.put_file(sound.loudness)
    return StepResult(blobs, {**(facts or {}), "samples": sound.samples, "heard_s": sound.heard_s, "fault": sound.fault})
