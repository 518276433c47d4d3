"""Lays utterances onto a programme by absolute sample.

An utterance's position is its own number, never the sum of the lengths before it, so nothing drifts. Voices never
overlap: two placements that do are refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from locutor.errors import InvalidInput
from media.clock import PROGRAMME_RATE

FADE_S = 0.015
"""Length of the fade at each edge of an utterance: no click, and too short to be heard as a fade."""


@dataclass(frozen=True)
class Placement:
    """One utterance on the programme."""

    start: int
    """Sample of the programme at which it begins."""
    audio: np.ndarray
    """float32 (n,) mono, full scale 1, at the programme's rate. May be memory-mapped."""

    @property
    def end(self) -> int:
        return self.start + len(self.audio)


def place(placements: Sequence[Placement], length: int, sample_rate: int = PROGRAMME_RATE) -> np.ndarray:
    """The whole programme, float32 (length,). Raises InvalidInput as `place_blocks`."""
    programme = np.zeros(length, np.float32)
    position = 0
    for block in place_blocks(placements, length, sample_rate):
        programme[position : position + len(block)] = block
        position += len(block)
    return programme


def place_blocks(placements: Sequence[Placement], length: int, sample_rate: int = PROGRAMME_RATE, block_s: int = 10) -> Iterator[np.ndarray]:
    """The programme of `length` samples in blocks of `block_s` seconds, float32 mono, silence where nobody speaks.

    Raises InvalidInput at once, before the first block, where a placement overlaps another, begins before the
    programme or would lose its tail at the programme's end.
    """
    ordered = _checked(placements, length)
    return _blocks(ordered, length, sample_rate, block_s * sample_rate)


def _checked(placements: Sequence[Placement], length: int) -> list[tuple[int, Placement]]:
    ordered = sorted(enumerate(placements), key=lambda item: item[1].start)
    previous_end, previous = 0, -1
    for number, placement in ordered:
        field = f"placements[{number}]"
        if placement.start < previous_end:
            before = f"placements[{previous}], which ends at sample {previous_end}" if previous >= 0 else "the programme's first sample"
            raise InvalidInput.of(field, f"begins at sample {placement.start}, before {before}; voices must not overlap", "OVERLAP")
        if placement.end > length:
            raise InvalidInput.of(field, f"ends at sample {placement.end}, after the programme's end at {length}; lengthen the programme", "TAIL_LOST")
        previous_end, previous = placement.end, number
    return ordered


def _blocks(ordered: list[tuple[int, Placement]], length: int, sample_rate: int, block_size: int) -> Iterator[np.ndarray]:
    fade_size = round(FADE_S * sample_rate)
    next_up = 0
    for begin in range(0, length, block_size):
        block = np.zeros(min(block_size, length - begin), np.float32)
        end = begin + len(block)
        while next_up < len(ordered) and ordered[next_up][1].end <= begin:
            next_up += 1
        for _, placement in ordered[next_up:]:
            if placement.start >= end:
                break
            low, high = max(begin, placement.start), min(end, placement.end)
            part = placement.audio[low - placement.start : high - placement.start]
            block[low - begin : high - begin] = part * _edge_gain(low - placement.start, high - placement.start, len(placement.audio), fade_size)
        yield block


def _edge_gain(low: int, high: int, length: int, fade_size: int) -> np.ndarray:
    """Raised-cosine fade-in and fade-out of an utterance of `length` samples, for its samples [low, high)."""
    fade_size = min(fade_size, length // 2)
    if fade_size == 0:
        return np.ones(high - low, np.float32)
    position = np.arange(low, high)
    distance = np.minimum(position, length - 1 - position)
    return (0.5 - 0.5 * np.cos(np.pi * np.clip(distance / fade_size, 0, 1))).astype(np.float32)
