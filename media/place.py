"""Lays utterances onto a programme by absolute sample.

An utterance's position is its own number, never the sum of the lengths before it, so nothing drifts. Voices never
overlap: two placements that do are refused. Fades and joins are made here, on the samples themselves, in one pass over
the programme in blocks. pydub, which has both, counts milliseconds and 16-bit integers, and its joins copy all that came
before: 100 utterances of 4 s took it 1 s, 400 took 22 s.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from locutor.errors import InvalidInput
from media.blocks import BLOCK
from media.clock import PROGRAMME_RATE

FADE_S = 0.015
"""Length of the fade at each edge of an utterance: no click, and too short to be heard as a fade."""
_FADE = round(FADE_S * PROGRAMME_RATE)


@dataclass(frozen=True)
class Placement:
    """One utterance on the programme."""

    start: int
    """Sample of the programme at which it begins."""
    length: int
    """Samples, at 48 kHz."""
    load: Callable[[], np.ndarray]
    """Gives its sound, float32 (length,), full scale 1: called when its turn comes, so that an hour of speech need not be in memory."""
    speaker: str = ""
    """Whose level it shares."""

    @classmethod
    def of(cls, start: int, audio: np.ndarray, speaker: str = "") -> Placement:
        """An utterance that is in memory already."""
        return cls(start, len(audio), lambda: audio, speaker)

    @property
    def end(self) -> int:
        return self.start + self.length

    def sound(self) -> np.ndarray:
        """Its samples. Raises InvalidInput where they are not as many as was said."""
        audio = self.load()
        if audio.shape != (self.length,):
            message = f"the utterance at sample {self.start} has the shape {audio.shape}, not ({self.length},); resample it to {PROGRAMME_RATE} Hz mono first"
            raise InvalidInput.of("placements", message, "LENGTH_DIFFERS")
        return audio


def place_blocks(placements: Sequence[Placement], length: int, block_size: int = BLOCK) -> Iterator[np.ndarray]:
    """A programme of `length` samples in blocks of `block_size`, float32 mono, silence where nobody speaks.

    Raises InvalidInput at once, before the first block, where a placement overlaps another, begins before the
    programme or would lose its tail at the programme's end.
    """
    return _blocks(_checked(placements, length), length, block_size)


def _checked(placements: Sequence[Placement], length: int) -> list[Placement]:
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
    return [placement for _, placement in ordered]


def _blocks(ordered: list[Placement], length: int, block_size: int) -> Iterator[np.ndarray]:
    next_up = 0
    loaded: dict[int, np.ndarray] = {}
    for begin in range(0, length, block_size):
        block = np.zeros(min(block_size, length - begin), np.float32)
        end = begin + len(block)
        while next_up < len(ordered) and ordered[next_up].end <= begin:
            loaded.pop(next_up, None)
            next_up += 1
        for number in range(next_up, len(ordered)):
            placement = ordered[number]
            if placement.start >= end:
                break
            if number not in loaded:
                loaded[number] = _faded(placement.sound())
            low, high = max(begin, placement.start), min(end, placement.end)
            block[low - begin : high - begin] = loaded[number][low - placement.start : high - placement.start]
        yield block


def _faded(audio: np.ndarray) -> np.ndarray:
    """With a raised cosine at each edge."""
    size = min(_FADE, len(audio) // 2)
    audio = audio.astype(np.float32)
    rise = (0.5 - 0.5 * np.cos(np.pi * np.arange(size) / max(1, size))).astype(np.float32)
    audio[:size] *= rise
    audio[len(audio) - size :] *= rise[::-1]
    return audio
