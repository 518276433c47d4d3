"""What a recognition engine is: a stream of speech in, segments with words and times out, while it still arrives."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from services.engine import EngineSpec, ModelInfo
from services.weights import ModelStore

ENGINES: dict[str, EngineSpec] = {
    "faster-whisper": EngineSpec("services.asr.engines.faster_whisper:FasterWhisperEngine", "asr"),
    "openai-whisper": EngineSpec("services.asr.engines.openai_whisper:OpenAiWhisperEngine", "openai-whisper"),
}
"""Engines by name. The first is the default."""

SAMPLE_RATE = 16_000
"""Samples per second of what engines hear."""


@dataclass(frozen=True)
class RecognitionOptions:
    """What the caller knows of the speech, and wants."""

    locale: str = ""
    """BCP 47; empty: the language is detected from the first speech heard."""
    words: bool = True
    """Give words with their times."""
    hint: str = ""
    """Names and terms to expect: steers spelling."""


@dataclass(frozen=True)
class LanguageDetection:
    """Told once, before the first segment; never where no language was given and nothing was said."""

    locale: str
    """BCP 47, the language alone."""
    probability: float
    """0 to 1; 1 where the caller named the language."""


@dataclass(frozen=True)
class RecognizedWord:
    """One word with its punctuation. Seconds count from the first sample of the stream."""

    text: str
    start_s: float
    end_s: float
    probability: float
    """0 to 1."""


@dataclass(frozen=True)
class Segment:
    """A stretch of speech between pauses. Seconds count from the first sample of the stream."""

    text: str
    start_s: float
    end_s: float
    words: tuple[RecognizedWord, ...]
    """Empty where words were not asked for."""
    mean_log_probability: float
    """Of the tokens, natural logarithm: 0 is certain, under -1 doubtful."""
    no_speech_probability: float
    """0 to 1."""


class RecognitionStream(Protocol):
    """One recording in the course of being heard. Used by one thread at a time, in bounded memory however long it is.

    It is pushed into rather than pulling, so that a slow sender occupies no thread between its chunks.
    """

    @property
    def heard_s(self) -> float:
        """Seconds of audio heard."""
        ...

    @property
    def speech_s(self) -> float:
        """Seconds of speech found in what was heard."""
        ...

    def accept(self, samples: np.ndarray, *, caught_up: bool) -> Iterator[LanguageDetection | Segment]:
        """Hear (n,) float32 at `SAMPLE_RATE`, -1 to 1; yield what is understood by now. Exhaust the iterator.

        `caught_up` says that no further audio waits: the sender is live, and pauses are answered at once. Otherwise
        speech is gathered into longer windows, which costs a fraction of the time.
        """
        ...

    def finish(self) -> Iterator[LanguageDetection | Segment]:
        """Yield what is left after the last sample."""
        ...


class AsrEngine(Protocol):
    """Constructed as `Class(store, threads)`: loads its weights, so that the first call does not pay for it."""

    info: ModelInfo

    @classmethod
    def describe(cls, store: ModelStore) -> Sequence[ModelInfo]:
        """What `info` will be once loaded, then all other weights that it could run; nothing is loaded or fetched."""
        ...

    def open(self, options: RecognitionOptions) -> RecognitionStream:
        """Begin a stream. Raises `InvalidInput` (field "locale") for a language that the weights do not know."""
        ...
