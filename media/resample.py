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


def resample_blocks(blocks: Iterable[np.ndarray], from_rate: int, to_rate: int) -> Iterator[np.ndarray]:
    """What `resample` makes of the blocks put together, in constant memory."""
    if from_rate == to_rate:
        yield from (np.asarray(block, np.float32) for block in blocks)
        return
    stream: soxr.ResampleStream | None = None
    shape: tuple[int, ...] = ()
    taken = given = 0
    for block in blocks:
        if stream is None:
            shape = block.shape[1:]
            stream = soxr.ResampleStream(from_rate, to_rate, shape[0] if shape else 1, dtype="float32", quality="HQ")
        taken += len(block)
        converted = stream.resample_chunk(np.ascontiguousarray(block, np.float32))
        given += len(converted)
        if len(converted):
            yield converted
    if stream is None:
        return
    rest = stream.resample_chunk(np.zeros((0, *shape), np.float32), last=True)
    tail = _to_length(rest, rescale_samples(taken, from_rate, to_rate) - given)
    if len(tail):
        yield tail


def _to_length(audio: np.ndarray, length: int) -> np.ndarray:
    """soxr rounds a length its own way; positions elsewhere are rounded half up, and must agree."""
    if len(audio) >= length:
        return audio[:length]
    return np.pad(audio, ((0, length - len(audio)), *((0, 0),) * (audio.ndim - 1)))
