"""The engine: text to sentences of sound, each with the times of its words, phonemes and mouth shapes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Lock

import numpy as np

from locutor.errors import InvalidInput
from services.engine import ModelInfo
from services.tts.engine import PhonemeSpan, SpeechRequest, SpokenSentence, Timeline, Voice, WordSpan
from services.tts.engines.kokoro.catalog import ENGINE_NAME, LOCALES, VOICES
from services.tts.engines.kokoro.chunks import Chunk, chunk_of, packed
from services.tts.engines.kokoro.g2p.languages import g2p_of
from services.tts.engines.kokoro.graph import SAMPLE_RATE, WEIGHTS, KokoroGraph
from services.tts.engines.kokoro.loudness import levelled
from services.tts.engines.kokoro.pauses import TimedSound, timed
from services.tts.engines.kokoro.rate import Predicted, duration_s, rate_for
from services.tts.engines.kokoro.seams import without_surplus
from services.tts.engines.kokoro.timing import sounds_of
from services.tts.locales import match_locale
from services.tts.normalize.reader import Reader, reader_of
from services.tts.sentences import split_sentences
from services.tts.visemes import visemes_of
from services.weights import ModelStore

_VOICES_WEIGHTS = "kokoro-voices-v1.0"
_STYLE_SHAPE = (510, 1, 256)
"""A voice file: for each number of symbols, 1 to 510, a style vector."""
_VERSION = "1"


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

    def plan(self, request: SpeechRequest) -> KokoroSpeech:
        locale = match_locale(request.locale, LOCALES)
        voice = _choose_voice(request.voice, locale)
        reader = reader_of(locale)
        chunks = self._chunks(request.text, locale, reader)
        if not chunks:
            raise InvalidInput.of("text", "there is nothing to say in it; give at least one word", "NOTHING_TO_SAY")
        rate = request.rate
        if request.target_duration_s is not None:
            rate = rate_for(self._predicted(chunks, voice), request.target_duration_s, request.min_rate, request.max_rate)
        return KokoroSpeech(self, request.text, voice, rate, tuple(chunks))

    def foretell_s(self, request: SpeechRequest, rates: Sequence[float]) -> list[float]:
        """Seconds of audio at each of `rates`. Raises as `plan`."""
        speech = self.plan(replace(request, rate=1.0, target_duration_s=None))
        predicted = self._predicted(speech.chunks, speech.voice)
        return [duration_s(predicted, rate) for rate in rates]

    def speak(self, chunk: Chunk, voice: Voice, rate: float) -> tuple[np.ndarray, np.ndarray]:
        """Audio at the common level, and frames, as of `KokoroGraph.speak`."""
        audio, frames = self._graph.speak(chunk.symbols, self._style(voice, chunk), rate)
        audio, frames = without_surplus(audio, frames, chunk)
        return levelled(audio), frames

    def _predicted(self, chunks: Sequence[Chunk], voice: Voice) -> Predicted:
        return [(chunk, self._graph.raw_frames(chunk.symbols, self._style(voice, chunk))) for chunk in chunks]

    def _chunks(self, text: str, locale: str, reader: Reader) -> list[Chunk]:
        g2p = g2p_of(locale)
        chunks = []
        for sentence in split_sentences(text, reader.is_abbreviation):
            spoken = reader.read(sentence.text)
            chunk = chunk_of(sentence, spoken, g2p.units(spoken.spoken))
            if chunk is not None:
                chunks.append(chunk)
        return packed(chunks)

    def _style(self, voice: Voice, chunk: Chunk) -> np.ndarray:
        with self._lock:
            if voice.id not in self._styles:
                self._styles[voice.id] = _read_styles(self._voice_folder / f"{voice.id}.bin")
        return self._styles[voice.id][len(chunk.symbols) - 1]


@dataclass(frozen=True)
class KokoroSpeech:
    """A planned request."""

    engine: KokoroEngine
    text: str
    voice: Voice
    rate: float
    chunks: tuple[Chunk, ...]

    @property
    def sample_rate(self) -> int:
        return SAMPLE_RATE

    @property
    def model(self) -> ModelInfo:
        return self.engine.info

    def sentences(self) -> Iterator[SpokenSentence]:
        spoken_samples = 0
        for chunk in self.chunks:
            audio, frames = self.engine.speak(chunk, self.voice, self.rate)
            start_s = spoken_samples / SAMPLE_RATE
            yield SpokenSentence(
                self.text[chunk.begin : chunk.end].strip(),
                chunk.spoken,
                audio,
                start_s,
                _timeline(self.text, chunk, timed(sounds_of(chunk.symbols, frames.tolist()), audio), start_s),
            )
            spoken_samples += len(audio)


def _choose_voice(asked: str, locale: str) -> Voice:
    of_locale = [voice for voice in VOICES if voice.locale == locale]
    if not asked:
        return next(voice for voice in of_locale if voice.is_default)
    for voice in of_locale:
        if voice.id == asked:
            return voice
    other = next((voice for voice in VOICES if voice.id == asked), None)
    listed = ", ".join(voice.id for voice in of_locale)
    if other is not None:
        raise InvalidInput.of("voice", f"{asked!r} speaks {other.locale}, not {locale}; its voices are {listed}", "VOICE_OF_OTHER_LOCALE")
    raise InvalidInput.of("voice", f"there is no voice {asked!r}; the voices of {locale} are {listed}", "UNKNOWN_VOICE")


def _read_styles(path: Path) -> np.ndarray:
    return np.fromfile(path, dtype=np.float32).reshape(_STYLE_SHAPE)


def _timeline(text: str, chunk: Chunk, sounds: Sequence[TimedSound], start_s: float) -> Timeline:
    phonemes = tuple(PhonemeSpan(sound.symbol, start_s + sound.start_s, start_s + sound.end_s, sound.stressed) for sound in sounds)
    return Timeline(phonemes, _words(text, chunk, sounds, start_s), visemes_of(phonemes))


def _words(text: str, chunk: Chunk, sounds: Sequence[TimedSound], start_s: float) -> tuple[WordSpan, ...]:
    """Written words with the time of their sounds. Spoken words that stand for one written piece ("$5") become one."""
    words: list[WordSpan] = []
    position = 0
    for piece in chunk.pieces:
        stop = position + len(piece.symbols)
        own = [sound for sound in sounds if sound.symbol and position <= sound.first_symbol < stop]
        position = stop
        if not piece.is_word or not own:
            continue
        start, end = start_s + own[0].start_s, start_s + own[-1].end_s
        begin, finish = piece.begin, piece.end
        if words and begin < words[-1].text_end:
            last = words.pop()
            start, begin, finish = last.start_s, min(last.text_begin, begin), max(last.text_end, finish)
        words.append(WordSpan(text[begin:finish], start, end, begin, finish))
    return tuple(words)
