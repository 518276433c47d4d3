"""A recording in the course of being heard by a Whisper, whatever runs it: cut at pauses, packed into windows, placed in time."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from services.asr.engine import SAMPLE_RATE, LanguageDetection, RecognitionOptions, Segment
from services.asr.engines.placement import placed
from services.asr.engines.silero import SpeechProbability
from services.asr.engines.whisper_languages import bcp47, script_prompt, whisper_language
from services.asr.engines.whisper_model import WindowModel
from services.asr.pauses import FRAME, PauseFinder, Region
from services.asr.windows import Window, WindowPacker


class WhisperStream:
    """Frames to speech probabilities, to regions, to windows, to segments."""

    def __init__(self, model: WindowModel, options: RecognitionOptions) -> None:
        """Raises `InvalidInput` (field "locale") for a language that the weights do not know."""
        known = model.languages
        self._model = model
        # Weights of one language have nothing to detect.
        self._language = whisper_language(options.locale, known) if options.locale else known[0] if len(known) == 1 else ""
        self._options = options
        self._told_language = False
        self._probability = SpeechProbability()
        self._pauses = PauseFinder()
        self._packer = WindowPacker()
        self._rest = np.zeros(0, np.float32)
        self._heard_samples = 0
        self._speech_samples = 0

    @property
    def heard_s(self) -> float:
        return self._heard_samples / SAMPLE_RATE

    @property
    def speech_s(self) -> float:
        return self._speech_samples / SAMPLE_RATE

    def accept(self, samples: np.ndarray, *, caught_up: bool) -> Iterator[LanguageDetection | Segment]:
        self._heard_samples += len(samples)
        audio = np.concatenate([self._rest, samples.astype(np.float32, copy=False)])
        whole = len(audio) // FRAME * FRAME
        self._rest = audio[whole:].copy()
        yield from self._hear(audio[:whole])
        if caught_up:
            yield from self._understand(self._packer.take_if_due(self._pauses.silent_s))

    def finish(self) -> Iterator[LanguageDetection | Segment]:
        yield from self._hear(np.pad(self._rest, (0, -len(self._rest) % FRAME)))
        for region in self._pauses.finish():
            yield from self._add(region)
        yield from self._understand(self._packer.take())

    def _hear(self, audio: np.ndarray) -> Iterator[LanguageDetection | Segment]:
        frames = audio.reshape(-1, FRAME)
        for region in self._pauses.accept(frames, self._probability(frames)):
            yield from self._add(region)

    def _add(self, region: Region) -> Iterator[LanguageDetection | Segment]:
        self._speech_samples += region.speech_samples
        yield from self._understand(self._packer.add(region))

    def _understand(self, window: Window | None) -> Iterator[LanguageDetection | Segment]:
        if window is None:
            return
        audio = window.audio
        language, probability = (self._language, 1.0) if self._language else self._model.language_of(audio)
        segments = list(placed(self._model.hear(audio, language, self._prompt(language)), window, self._options.words))
        if not segments:
            # What was no speech after all tells nothing of the language either.
            return
        self._language = language
        if not self._told_language:
            self._told_language = True
            yield LanguageDetection(bcp47(language), probability)
        yield from segments

    def _prompt(self, language: str) -> str:
        return f"{script_prompt(self._options.locale or bcp47(language))} {self._options.hint}".strip()
