"""The engine: any of Coqui's VITS models and XTTS, each loaded when it is first asked for."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Lock

import torch

from locutor.errors import InvalidInput
from services.devices import torch_device
from services.engine import ModelInfo
from services.tts.chunks import Chunk
from services.tts.engine import SpeechRequest, Voice
from services.tts.engines.coqui.catalog import ENGINE_NAME, CoquiModel, Speaker, models_of, no_models, voices_of
from services.tts.engines.coqui.references import refuse_without_consent
from services.tts.engines.coqui.vits import LoadedVits
from services.tts.engines.coqui.xtts import LoadedXtts
from services.tts.locales import match_locale
from services.tts.rate import rate_for
from services.tts.speech import ChunkedSpeech
from services.tts.voices import choose_voice
from services.weights import ModelStore

Loaded = LoadedVits | LoadedXtts


@dataclass(frozen=True)
class _Planned:
    model: CoquiModel
    voice: Voice
    speaker: Speaker
    loaded: Loaded
    chunks: Sequence[Chunk]


class CoquiEngine:
    """Safe to call from several threads.

    The model that was asked for last is kept in memory (XTTS takes 2 GB and more), another only for as long as it still speaks.
    """

    def __init__(self, store: ModelStore, threads: int) -> None:
        self._store = store
        self._device = torch_device(ENGINE_NAME)
        if not self._device.on_cuda:
            torch.set_num_threads(threads or os.cpu_count() or 1)
        self._loaded: tuple[Path, int, Loaded] | None = None
        self._lock = Lock()

    @staticmethod
    def describe(store: ModelStore) -> Sequence[ModelInfo]:
        """Every model, without loading any."""
        return [model.info for model in models_of(store)] or [no_models(store)]

    @staticmethod
    def list_voices(store: ModelStore) -> Sequence[Voice]:
        return voices_of(models_of(store))

    def model_of(self, request: SpeechRequest) -> ModelInfo:
        return self._chosen(request)[0].info

    def plan(self, request: SpeechRequest) -> ChunkedSpeech:
        planned = self._planned(request)
        loaded, rate = planned.loaded, request.rate
        if request.target_duration_s is not None:
            rate = rate_for(loaded.foresee(planned.chunks, planned.speaker), request.target_duration_s, request.min_rate, request.max_rate)
        speak = partial(loaded.speak, speaker=planned.speaker, rate=rate)
        return ChunkedSpeech(request.text, planned.voice, rate, loaded.sample_rate, planned.model.info, planned.chunks, speak)

    def foretell_s(self, request: SpeechRequest, rates: Sequence[float]) -> list[float]:
        """Seconds of audio at each of `rates`. Raises as `plan`."""
        planned = self._planned(request)
        duration_s = planned.loaded.foresee(planned.chunks, planned.speaker)
        return [duration_s(rate) for rate in rates]

    def _chosen(self, request: SpeechRequest) -> tuple[CoquiModel, Voice]:
        models = models_of(self._store)
        refuse_without_consent(_recording_of(request.voice, models))
        voices = voices_of(models)
        voice = choose_voice(request.voice, match_locale(request.locale, sorted({voice.locale for voice in voices})), voices)
        return next(model for model in models if voice.id in model.voices), voice

    def _planned(self, request: SpeechRequest) -> _Planned:
        model, voice = self._chosen(request)
        loaded = self._load(model)
        chunks = loaded.chunks(request.text, voice.locale)
        if not chunks:
            raise InvalidInput.of("text", "there is nothing to say in it; give at least one word", "NOTHING_TO_SAY")
        return _Planned(model, voice, model.voices[voice.id][1], loaded, chunks)

    def _load(self, model: CoquiModel) -> Loaded:
        key = model.checkpoint, model.checkpoint.stat().st_mtime_ns
        with self._lock:
            if self._loaded is None or self._loaded[:2] != key:
                self._loaded = None
                self._loaded = (*key, (LoadedXtts if model.kind == "xtts" else LoadedVits)(model, self._device))
            return self._loaded[2]


def _recording_of(voice: str, models: Sequence[CoquiModel]) -> str:
    """Name of the recording that a voice's id names; empty where it is none of XTTS."""
    prefixes = (f"{ENGINE_NAME}:{model.folder.name}:" for model in models if model.kind == "xtts")
    return next((voice[len(prefix) :].rpartition(":")[0] for prefix in prefixes if voice.startswith(prefix)), "")
