"""Sample-rate conversion (soxr, "high quality": 20 bits, linear phase), whole or as a stream."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import soxr

from media.clock import rescale_samples


def resample(audio: np.ndarray, from_rate: int, to_rate: int) -> np.ndarray:
    """`audio` (float32, (n,) or (n, channels)) at `to_rate` hertz, n * to_rate / from_rate samples long (rounded half up)."""
    if from_rate == to_rate:
        return np.asarray(audio, np.float32)
    length = rescale_samples(len(audio), from_rate, to_rate)
    if length == 0:
        return np.zeros((0, *audio.shape[1:]), np.float32)
    converted = soxr.resample(np.asarray(audio, np.float32), from_rate, to_rate, quality="HQ")
    return _to_length(converted, length)


class Resampler:
    """Converts a stream as it comes, in constant memory: `accept` each part, then `finish`. What they return is, joined, what `resample` makes of the whole."""

    def __init__(self, from_rate: int, to_rate: int, channels: int | None = None) -> None:
        """`channels`: of (n, channels); None: the parts are (n,)."""
        self._from, self._to = from_rate, to_rate
        self._nothing = np.zeros((0,) if channels is None else (0, channels), np.float32)
        self._stream = None if from_rate == to_rate else soxr.ResampleStream(from_rate, to_rate, channels or 1, dtype="float32", quality="HQ")
        self._taken = self._given = 0

    def accept(self, part: np.ndarray) -> np.ndarray:
        """What is complete by now."""
        part = np.ascontiguousarray(part, np.float32)
        if self._stream is None:
            return part
        self._taken += len(part)
        converted = self._stream.resample_chunk(part)
        self._given += len(converted)
        return converted

    def finish(self) -> np.ndarray:
        """What was held back."""
        if self._stream is None or not self._taken:
            return self._nothing
        rest = self._stream.resample_chunk(self._nothing, last=True)
        return _to_length(rest, rescale_samples(self._taken, self._from, self._to) - self._given)


def resample_blocks(blocks: Iterable[np.ndarray], from_rate: int, to_rate: int) -> Iterator[np.ndarray]:
    """What `resample` makes of the blocks put together, in constant memory."""
    resampler: Resampler | None = None
    for block in blocks:
        resampler = resampler or Resampler(from_rate, to_rate, block.shape[1] if block.ndim > 1 else None)
        if len(converted := resampler.accept(block)):
            yield converted
    if resampler is not None and len(tail := resampler.finish()):
        yield tail


def _to_length(audio: np.ndarray, length: int) -> np.ndarray:
    """soxr rounds a length its own way; positions elsewhere are rounded half up, and must agree."""
    if len(audio) >= length:
        return audio[:length]
    return np.pad(audio, ((0, length - len(audio)), *((0, 0),) * (audio.ndim - 1)))
