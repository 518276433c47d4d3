"""The engine: any of Piper's voices, each loaded when it is first asked for."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from threading import Lock

from locutor.errors import InvalidInput
from services.engine import ModelInfo
from services.tts.chunks import Chunk
from services.tts.engine import SpeechRequest, Voice
from services.tts.engines.piper.catalog import VoiceModel, models_of, voices_of
from services.tts.engines.piper.voice import LoadedVoice
from services.tts.locales import match_locale
from services.tts.rate import rate_for
from services.tts.speech import ChunkedSpeech
from services.tts.voices import choose_voice
from services.weights import ModelStore

_MOST_LOADED = 4
"""Models kept in memory, 0.2 GB each: the one that was not used for longest goes."""


class PiperEngine:
    """Piper. Safe to call from several threads."""

    def __init__(self, store: ModelStore, threads: int) -> None:
        self._store = store
        self._threads = threads
        self._loaded: OrderedDict[tuple[Path, int], LoadedVoice] = OrderedDict()
        self._lock = Lock()

    @staticmethod
    def describe(store: ModelStore) -> list[ModelInfo]:
        """A model for each voice, or for several speakers, without loading any."""
        return [model.info for model in models_of(store)]

    @staticmethod
    def list_voices(store: ModelStore) -> Sequence[Voice]:
        return voices_of(models_of(store))

    def model_of(self, request: SpeechRequest) -> ModelInfo:
        return self._chosen(request)[0].info

    def plan(self, request: SpeechRequest) -> ChunkedSpeech:
        model, voice, loaded, chunks = self._planned(request)
        speaker = model.speakers[voice.id][1]
        rate = request.rate
        if request.target_duration_s is not None:
            foreseen = [loaded.foresee(chunk, speaker) for chunk in chunks]
            rate = rate_for(partial(loaded.duration_s, foreseen), request.target_duration_s, request.min_rate, request.max_rate)
        return ChunkedSpeech(request.text, voice, rate, loaded.sample_rate, model.info, chunks, partial(loaded.speak, speaker=speaker, rate=rate))

    def foretell_s(self, request: SpeechRequest, rates: Sequence[float]) -> list[float]:
        """Seconds of audio at each of `rates`. Raises as `plan`."""
        model, voice, loaded, chunks = self._planned(request)
        foreseen = [loaded.foresee(chunk, model.speakers[voice.id][1]) for chunk in chunks]
        return [loaded.duration_s(foreseen, rate) for rate in rates]

    def _chosen(self, request: SpeechRequest) -> tuple[VoiceModel, Voice]:
        models = models_of(self._store)
        voices = voices_of(models)
        locale = match_locale(request.locale, sorted({voice.locale for voice in voices}))
        voice = choose_voice(request.voice, locale, voices)
        return next(model for model in models if voice.id in model.speakers), voice

    def _planned(self, request: SpeechRequest) -> tuple[VoiceModel, Voice, LoadedVoice, list[Chunk]]:
        model, voice = self._chosen(request)
        loaded = self._load(model.file(self._store))
        chunks = loaded.chunks(request.text)
        if not chunks:
            raise InvalidInput.of("text", "there is nothing to say in it; give at least one word", "NOTHING_TO_SAY")
        return model, voice, loaded, chunks

    def _load(self, path: Path) -> LoadedVoice:
        key = path, path.stat().st_mtime_ns
        with self._lock:
            if key not in self._loaded:
                self._loaded[key] = LoadedVoice(path, self._threads)
            self._loaded.move_to_end(key)
            while len(self._loaded) > _MOST_LOADED:
                self._loaded.popitem(last=False)
            return self._loaded[key]
