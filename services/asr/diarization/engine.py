"""What a diarization engine is: a stream of speech in, and at its end who spoke when."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from services.engine import EngineSpec, ModelInfo
from services.weights import ModelStore

ENGINES: dict[str, EngineSpec] = {
    "resemblyzer": EngineSpec("services.asr.diarization.engines.resemblyzer:ResemblyzerEngine", "asr"),
}
"""Engines by name. The first is the default."""

MOST_SPEAKERS = 20


@dataclass(frozen=True)
class SpeechSpan:
    """Where speech is known to be: a word, or a stretch between pauses. Seconds count from the first sample."""

    start_s: float
    end_s: float


@dataclass(frozen=True)
class DiarizationOptions:
    """What the caller knows of the recording."""

    speaker_count: int = 0
    """1 to `MOST_SPEAKERS`; 0: estimated."""
    spans: tuple[SpeechSpan, ...] = ()
    """In order of time, without overlaps; a speaker changes only between two of them. Empty: found by voice activity."""


@dataclass(frozen=True)
class SpeakerTurn:
    """One speaker until a pause, or until another speaks. Seconds count from the first sample."""

    start_s: float
    end_s: float
    speaker: int
    """Index of the speaker."""
    confidence: float
    """0 to 1: how clearly it is this speaker and no other."""


@dataclass(frozen=True)
class Speaker:
    """One voice of a recording."""

    embedding: np.ndarray
    """(d,) float32 of length 1: the voice's mean."""
    pitch_hertz: float
    """Median of the fundamental frequency; 0 where too little voiced speech was heard."""
    speech_s: float


@dataclass(frozen=True)
class Diarization:
    """Who spoke when. Two who speak at once are one turn, of the one who is heard more clearly."""

    turns: tuple[SpeakerTurn, ...]
    """In order of time; they do not overlap."""
    speakers: tuple[Speaker, ...]
    """In the order in which they are first heard."""


class DiarizationStream(Protocol):
    """One recording in the course of being heard. Used by one thread at a time."""

    @property
    def heard_s(self) -> float:
        """Seconds of audio heard."""
        ...

    def accept(self, samples: np.ndarray) -> None:
        """Hear (n,) float32 at 16 kHz, -1 to 1."""
        ...

    def finish(self) -> Diarization:
        """Tell the speakers apart, after the last sample."""
        ...


class DiarizationEngine(Protocol):
    """Constructed as `Class(store, threads)`: loads its weights, so that the first call does not pay for it."""

    info: ModelInfo

    @classmethod
    def describe(cls, store: ModelStore) -> ModelInfo:
        """What `info` is once loaded; nothing is loaded or fetched."""
        ...

    def open(self, options: DiarizationOptions) -> DiarizationStream:
        """Begin a stream."""
        ...
