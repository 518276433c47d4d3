"""What a speech synthesis engine is: a text planned first, then spoken sentence by sentence with the times of its sounds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

import numpy as np

from services.articulation.speech import PhonemeSpan
from services.engine import EngineSpec, ModelInfo
from services.weights import ModelStore

ENGINES: dict[str, EngineSpec] = {
    "kokoro": EngineSpec("services.tts.engines.kokoro.engine:KokoroEngine", "tts"),
    "piper": EngineSpec("services.tts.engines.piper.engine:PiperEngine", "tts"),
    "espeak": EngineSpec("services.tts.engines.espeak.engine:EspeakEngine", "tts"),
    "coqui": EngineSpec("services.tts.engines.coqui.engine:CoquiEngine", "coqui"),
}
"""Engines by name. The first is the default."""


class Gender(Enum):
    FEMALE = "female"
    MALE = "male"
    NEUTRAL = "neutral"


class Quality(Enum):
    """How natural an engine's voices sound."""

    FORMANT = "formant"
    """Rule-made speech: a last resort."""
    NEURAL = "neural"


class Viseme(Enum):
    """The fifteen mouth shapes of the MPEG-4 / Oculus set."""

    SILENCE = "sil"
    PP = "PP"
    FF = "FF"
    TH = "TH"
    DD = "DD"
    KK = "kk"
    CH = "CH"
    SS = "SS"
    NN = "nn"
    RR = "RR"
    AA = "aa"
    E = "E"
    IH = "ih"
    OH = "oh"
    OU = "ou"


@dataclass(frozen=True)
class Voice:
    """One voice of an engine."""

    id: str
    locale: str
    """BCP 47."""
    gender: Gender
    engine: str
    display_name: str
    is_default: bool = False
    """The one that its engine takes for its locale where a request names none."""
    quality: Quality = Quality.NEURAL
    license: str = ""
    """SPDX expression of its weights."""
    commercial_use: bool = True
    model: str = ""
    """Name of its weights, as in `ModelInfo.name`."""


@dataclass(frozen=True)
class SpeechRequest:
    """A text to speak."""

    text: str
    """1 to 5000 code points."""
    locale: str
    """BCP 47, matched to the engine's locales."""
    voice: str = ""
    """Empty: the locale's default voice."""
    rate: float = 1.0
    """Speaking rate as a factor of the voice's own, 0.5 to 2."""
    target_duration_s: float | None = None
    """The audio is to last this long: the rate is then chosen between `min_rate` and `max_rate`."""
    min_rate: float = 0.85
    max_rate: float = 1.35


@dataclass(frozen=True)
class WordSpan:
    """One written word. Times as in `PhonemeSpan`."""

    text: str
    """As it stands in the request's text."""
    start_s: float
    end_s: float
    text_begin: int
    """Position in the request's text in code points, [text_begin, text_end)."""
    text_end: int


@dataclass(frozen=True)
class VisemeSpan:
    """One mouth shape held over a span. Times as in `PhonemeSpan`."""

    viseme: Viseme
    start_s: float
    end_s: float


@dataclass(frozen=True)
class Timeline:
    """What the mouth does and when. Phonemes and visemes cover their sentence's span without gap or overlap."""

    phonemes: Sequence[PhonemeSpan]
    words: Sequence[WordSpan]
    visemes: Sequence[VisemeSpan]


@dataclass(frozen=True)
class SpokenSentence:
    """A sentence (or several short ones, or a part of a long one) with its sound."""

    text: str
    """As it stands in the request."""
    spoken_text: str
    """As it was read: numbers, dates, units and abbreviations written out."""
    audio: np.ndarray
    """(samples,) float32, -1 to 1, mono, at the engine's sample rate."""
    start_s: float
    """Where it begins in the stream: the end of the sentence before."""
    timeline: Timeline


class Speech(Protocol):
    """A request that was checked and planned: what can be told before the first sample."""

    @property
    def voice(self) -> Voice: ...

    @property
    def rate(self) -> float:
        """The rate that is used."""
        ...

    @property
    def sample_rate(self) -> int:
        """Samples per second of what is spoken."""
        ...

    @property
    def model(self) -> ModelInfo:
        """The weights that speak: an engine may have some for each voice."""
        ...

    def sentences(self) -> Iterator[SpokenSentence]:
        """Speak, one sentence at a time, each as soon as it is ready."""
        ...


class TtsEngine(Protocol):
    """Constructed as `Class(store, threads)`: loads its weights, so that the first call does not pay for it."""

    @staticmethod
    def describe(store: ModelStore) -> ModelInfo | Sequence[ModelInfo]:
        """Its weights, without loading them: one of a kind, or one for each voice."""
        ...

    @staticmethod
    def list_voices(store: ModelStore) -> Sequence[Voice]:
        """Its voices, without loading them. Their ids are those of no other engine: "engine:name" but for the first engine's."""
        ...

    def model_of(self, request: SpeechRequest) -> ModelInfo:
        """The weights that would speak a request: none are fetched or loaded for that. May raise as `plan`."""
        ...

    def plan(self, request: SpeechRequest) -> Speech:
        """Choose voice and rate, and read the text. Cheap next to speaking.

        Raises `InvalidInput` (fields text, locale, voice) and `OutOfRange` (field target_duration) with the durations that can be reached.
        """
        ...
