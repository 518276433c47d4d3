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
