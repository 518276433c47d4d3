"""The engine: text to sentences of sound, each with the times of its words, phonemes and mouth shapes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from threading import Lock

import numpy as np

from locutor.errors import InvalidInput
from services.engine import ModelInfo
from services.tts.chunks import Chunk, chunks_of
from services.tts.engine import SpeechRequest, Voice
from services.tts.engines.kokoro.catalog import ENGINE_NAME, LOCALES, VOICES, WEIGHTS
from services.tts.engines.kokoro.durations import FRAME_S, Predicted, duration_s
from services.tts.engines.kokoro.g2p.languages import g2p_of
from services.tts.engines.kokoro.graph import SAMPLE_RATE, KokoroGraph
from services.tts.engines.kokoro.seams import without_surplus
from services.tts.locales import match_locale
from services.tts.loudness import levelled
from services.tts.normalize.reader import reader_of
from services.tts.pauses import timed
from services.tts.rate import rate_for
from services.tts.speech import ChunkedSpeech, Spoken
from services.tts.timing import sounds_of
from services.tts.voices import choose_voice
from services.weights import ModelStore

_VOICES_WEIGHTS = "kokoro-voices-v1.0"
_STYLE_SHAPE = (510, 1, 256)
"""A voice file: for each number of symbols, 1 to 510, a style vector."""
_VERSION = "1"
_LEAD_S = 0.055
"""By how much the sound comes before its token's frames. Measured on the middles of stop closures and sibilants against their tokens', median in ms:
en-US 56, en-GB 54, es 56, fr 54, hi 53, it 54, ja 60, pt-BR 50, zh 45."""


class KokoroEngine:
    """Kokoro-82M. Safe to call from several threads."""

    sample_rate = SAMPLE_RATE

    def __init__(self, store: ModelStore, threads: int) -> None:
        self._voice_folder = store.ensure(_VOICES_WEIGHTS)
        self._graph = KokoroGraph(store, threads)
        self._styles: dict[str, np.ndarray] = {}
        self._lock = Lock()
        self.info = self.describe(store)
        # The first run of a session allocates its arenas.
        for _ in self.plan(SpeechRequest("Hello there, ready to speak.", "en-US")).sentences():
            pass

    @staticmethod
    def describe(store: ModelStore) -> ModelInfo:
        """What the engine is, without loading it."""
        model, voices = store.artifact(WEIGHTS), store.artifact(_VOICES_WEIGHTS)
        weights = {file.name: file.sha256 for artifact in (model, voices) for file in artifact.files}
        missing = [name for name in (WEIGHTS, _VOICES_WEIGHTS) if not store.installed(name)]
        remedy = f"locutor models fetch {' '.join(missing)}" if missing else ""
        return ModelInfo(ENGINE_NAME, _VERSION, WEIGHTS, weights, model.license, locales=LOCALES, installed=not missing, remedy=remedy)

    @staticmethod
    def list_voices(store: ModelStore) -> Sequence[Voice]:
        """All voices, by locale."""
        return VOICES

    def model_of(self, request: SpeechRequest) -> ModelInfo:
        return self.info

    def plan(self, request: SpeechRequest) -> ChunkedSpeech:
        locale = match_locale(request.locale, LOCALES)
        voice = choose_voice(request.voice, locale, VOICES)
        chunks = chunks_of(request.text, reader_of(locale), g2p_of(locale))
        if not chunks:
            raise InvalidInput.of("text", "there is nothing to say in it; give at least one word", "NOTHING_TO_SAY")
        rate = request.rate
        if request.target_duration_s is not None:
            rate = rate_for(partial(duration_s, self._predicted(chunks, voice)), request.target_duration_s, request.min_rate, request.max_rate)
        return ChunkedSpeech(request.text, voice, rate, SAMPLE_RATE, self.info, chunks, partial(self._speak, voice, rate))

    def foretell_s(self, request: SpeechRequest, rates: Sequence[float]) -> list[float]:
        """Seconds of audio at each of `rates`. Raises as `plan`."""
        speech = self.plan(replace(request, rate=1.0, target_duration_s=None))
        predicted = self._predicted(speech.chunks, speech.voice)
        return [duration_s(predicted, rate) for rate in rates]

    def _speak(self, voice: Voice, rate: float, chunk: Chunk) -> Spoken:
        audio, frames = self._graph.speak(chunk.symbols, self._style(voice, chunk), rate)
        audio, frames = without_surplus(audio, frames, chunk)
        audio = levelled(audio, SAMPLE_RATE)
        bounds_s = np.cumsum([0, *frames]) * FRAME_S - _LEAD_S
        return audio, timed(sounds_of(chunk.symbols, bounds_s.tolist()), audio, SAMPLE_RATE)

    def _predicted(self, chunks: Sequence[Chunk], voice: Voice) -> Predicted:
        return [(chunk, self._graph.raw_frames(chunk.symbols, self._style(voice, chunk))) for chunk in chunks]

    def _style(self, voice: Voice, chunk: Chunk) -> np.ndarray:
        with self._lock:
            if voice.id not in self._styles:
                self._styles[voice.id] = _read_styles(self._voice_folder / f"{voice.id}.bin")
        return self._styles[voice.id][len(chunk.symbols) - 1]


def _read_styles(path: Path) -> np.ndarray:
    return np.fromfile(path, dtype=np.float32).reshape(_STYLE_SHAPE)
