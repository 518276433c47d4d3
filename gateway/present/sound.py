"""A programme's sound while it grows: on disk, so that an hour of it costs no memory."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from gateway.present.speak import BYTES_PER_SAMPLE

_BLOCK_SAMPLES = 240_000
"""Ten seconds at 24 kHz."""


class ProgrammeSound:
    """Signed 16-bit mono samples at the voice's rate, appended at the end, read anywhere."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("w+b", buffering=0)
        self.length = 0
        """Samples so far."""

    def append(self, audio: bytes) -> None:
        self._file.seek(self.length * BYTES_PER_SAMPLE)
        self._file.write(audio)
        self.length += len(audio) // BYTES_PER_SAMPLE

    def append_silence(self, samples: int) -> None:
        self.length += samples
        # The bytes between are zero, which is silence, and take no room on most file systems.
        self._file.truncate(self.length * BYTES_PER_SAMPLE)

    def read(self, start: int, end: int) -> bytes:
        """Samples [start, end), as far as there are any."""
        self._file.seek(start * BYTES_PER_SAMPLE)
        return self._file.read(max(0, end - start) * BYTES_PER_SAMPLE)

    def blocks(self) -> Iterator[np.ndarray]:
        """All of it as float32, full scale 1, ten seconds at a time."""
        for start in range(0, self.length, _BLOCK_SAMPLES):
            samples = np.frombuffer(self.read(start, min(start + _BLOCK_SAMPLES, self.length)), np.dtype("<i2"))
            yield samples.astype(np.float32) / np.float32(32768)

    def digest(self) -> str:
        """sha256 of all samples."""
        hasher = hashlib.sha256()
        for start in range(0, self.length, _BLOCK_SAMPLES):
            hasher.update(self.read(start, start + _BLOCK_SAMPLES))
        return hasher.hexdigest()

    def close(self) -> None:
        self._file.close()
