"""Whisper on CTranslate2, int8: 99 languages on a CPU."""

from __future__ import annotations

import os
from collections.abc import Iterator

import numpy as np
from faster_whisper.tokenizer import _LANGUAGE_CODES

from services.asr.engine import SAMPLE_RATE, LanguageDetection, RecognitionOptions, Segment
from services.asr.engines.placement import placed
from services.asr.engines.silero import SpeechProbability
from services.asr.engines.whisper_languages import bcp47, script_prompt, whisper_language
from services.asr.engines.whisper_window import WindowWhisper, detect_language, transcribe
from services.asr.pauses import FRAME, PauseFinder, Region
from services.asr.windows import Window, WindowPacker
from services.engine import ModelInfo
from services.weights import ModelStore

WEIGHTS_VARIABLE = "LOCUTOR_ASR_WEIGHTS"
"""Environment variable: the artifact of the model store to run in place of the default."""
DEFAULT_WEIGHTS = "whisper-base"


class FasterWhisperEngine:
    """Weights are an artifact of the store that holds a CTranslate2 folder: `whisper-base`, `whisper-tiny-en`, or the operator's own."""

    def __init__(self, store: ModelStore, threads: int = 0, weights: str = "") -> None:
        """`threads` of one call, 0: as many as the machine has; `weights` default to LOCUTOR_ASR_WEIGHTS, else `whisper-base`."""
        name = weights or _chosen_weights()
        folder = store.ensure(name)
        self.info = self.describe(store, name)
        self._model = WindowWhisper(str(folder), device="cpu", compute_type="int8", cpu_threads=threads or os.cpu_count() or 1)

    @classmethod
    def describe(cls, store: ModelStore, weights: str = "") -> ModelInfo:
        """What `info` is once loaded; nothing is loaded or fetched."""
        artifact = store.artifact(weights or _chosen_weights())
        # OpenAI names the English-only models ".en".
        languages = ["en"] if artifact.name.endswith(("-en", ".en")) else list(_LANGUAGE_CODES)
        installed = store.installed(artifact.name)
        return ModelInfo(
            engine="faster-whisper",
            engine_version="2",
            name=artifact.name,
            weights=artifact.weights,
            license=artifact.license,
            commercial_use=artifact.commercial_use,
            locales=tuple(sorted(bcp47(language) for language in languages)),
            installed=installed,
            remedy="" if installed else f"fetch the weights: locutor models fetch {artifact.name}",
        )

    def open(self, options: RecognitionOptions) -> WhisperStream:
        """Begin a stream. Raises `InvalidInput` (field "locale") for a language that the weights do not know."""
        known = self._model.supported_languages
        # Weights of one language have nothing to detect.
        language = whisper_language(options.locale, known) if options.locale else known[0] if len(known) == 1 else ""
        return WhisperStream(self._model, language, options)


def _chosen_weights() -> str:
    return os.environ.get(WEIGHTS_VARIABLE) or DEFAULT_WEIGHTS


class WhisperStream:
    """Frames to speech probabilities, to regions, to windows, to segments."""

    def __init__(self, model: WindowWhisper, language: str, options: RecognitionOptions) -> None:
        self._model = model
        self._language = language
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
        language, probability = (self._language, 1.0) if self._language else detect_language(self._model, audio)
        segments = list(placed(transcribe(self._model, audio, language, self._prompt(language)), window, self._options.words))
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
