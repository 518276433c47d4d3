"""A planned request of an engine that speaks chunk by chunk."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from services.engine import ModelInfo
from services.tts.chunks import Chunk
from services.tts.engine import SpokenSentence, Voice
from services.tts.timeline import timeline_of
from services.tts.timing import Sound

Spoken = tuple[np.ndarray, Sequence[Sound]]
"""Audio (samples,) float32 at the common level, and its sounds, which cover it."""


BREATHS_S = (0.1, 0.35)
"""Silence before and behind each sentence at rate 1, for engines that leave next to none."""


def breaths_of(chunk: Chunk, rate: float, frames_per_s: float) -> tuple[int, int]:
    """Frames of silence before and behind a chunk: none where a sentence was cut."""
    before, behind = (round(breath_s / rate * frames_per_s) for breath_s in BREATHS_S)
    return before if chunk.opens else 0, behind if chunk.closes else 0


@dataclass(frozen=True)
class ChunkedSpeech:
    """Speech by chunks, each spoken when it is asked for."""

    text: str
    """Of the request."""
    voice: Voice
    rate: float
    sample_rate: int
    model: ModelInfo
    chunks: Sequence[Chunk]
    speak: Callable[[Chunk], Spoken]

    def sentences(self) -> Iterator[SpokenSentence]:
        spoken_samples = 0
        for chunk in self.chunks:
            audio, sounds = self.speak(chunk)
            start_s = spoken_samples / self.sample_rate
            timeline = timeline_of(self.text, chunk, sounds, start_s)
            yield SpokenSentence(self.text[chunk.begin : chunk.end].strip(), chunk.spoken, audio, start_s, timeline)
            spoken_samples += len(audio)
