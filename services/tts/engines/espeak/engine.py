"""The engine: every sentence by espeak-ng, with the times that it tells."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from locutor.errors import InvalidInput
from services.articulation.speech import PhonemeSpan
from services.engine import ModelInfo
from services.tts.engine import SpeechRequest, SpokenSentence, Timeline, Voice
from services.tts.engines.espeak.catalog import ENGINE_NAME, LICENSE, LOCALES, MODEL, VOICES, espeak_name
from services.tts.engines.espeak.library import SAMPLE_RATE, Synthesis, synthesize
from services.tts.engines.espeak.sounds import sounds_of, words_of
from services.tts.g2p.tokens import tokens_of
from services.tts.locales import match_locale
from services.tts.loudness import levelled
from services.tts.normalize.fragments import SpokenText
from services.tts.normalize.reader import Reader, reader_for
from services.tts.rate import rate_for
from services.tts.sentences import Sentence, split_sentences
from services.tts.speech import BREATHS_S
from services.tts.timeline import written_words
from services.tts.timing import Sound
from services.tts.visemes import visemes_of
from services.tts.voices import choose_voice
from services.weights import ModelStore

_VERSION = "1"
_WORDS_PER_MINUTE = 175
"""espeak-ng's own at rate 1."""


@dataclass(frozen=True)
class _Line:
    """A sentence, read and ready to be spoken."""

    sentence: Sentence
    spoken: SpokenText
    spaces: bool
    """Of the reader: words are told apart by spaces."""


class EspeakEngine:
    """espeak-ng. Safe to call from several threads, which wait for each other."""

    def __init__(self, store: ModelStore, threads: int) -> None:
        self.info = self.describe(store)

    @staticmethod
    def describe(store: ModelStore) -> ModelInfo:
        """What the engine is. It has no weights."""
        return ModelInfo(ENGINE_NAME, _VERSION, MODEL, {}, LICENSE, locales=LOCALES)

    @staticmethod
    def list_voices(store: ModelStore) -> Sequence[Voice]:
        return VOICES

    def model_of(self, request: SpeechRequest) -> ModelInfo:
        return self.info

    def plan(self, request: SpeechRequest) -> EspeakSpeech:
        locale = match_locale(request.locale, LOCALES)
        voice = choose_voice(request.voice, locale, VOICES)
        reader = reader_for(locale)
        lines = tuple(_lines(request.text, reader))
        if not lines:
            raise InvalidInput.of("text", "there is nothing to say in it; give at least one word", "NOTHING_TO_SAY")
        rate = request.rate
        if request.target_duration_s is not None:
            rate = rate_for(_durations_s(lines, voice), request.target_duration_s, request.min_rate, request.max_rate)
        return EspeakSpeech(request.text, voice, rate, self.info, lines)

    def foretell_s(self, request: SpeechRequest, rates: Sequence[float]) -> list[float]:
        """Seconds of audio at each of `rates`: it is quick enough to be spoken for that. Raises as `plan`."""
        speech = self.plan(replace(request, rate=1.0, target_duration_s=None))
        duration_s = _durations_s(speech.lines, speech.voice)
        return [duration_s(rate) for rate in rates]


@dataclass(frozen=True)
class EspeakSpeech:
    """A planned request."""

    text: str
    voice: Voice
    rate: float
    model: ModelInfo
    lines: tuple[_Line, ...]

    @property
    def sample_rate(self) -> int:
        return SAMPLE_RATE

    def sentences(self) -> Iterator[SpokenSentence]:
        spoken_samples = 0
        for line in self.lines:
            before, behind = _breaths(self.rate)
            synthesis = _speak(line, self.voice, self.rate)
            speech = levelled(synthesis.samples.astype(np.float32) / 32768, SAMPLE_RATE)
            start_s = spoken_samples / SAMPLE_RATE
            audio = np.pad(speech, (before, behind))
            sounds = _with_breaths(sounds_of(synthesis), before / SAMPLE_RATE, len(audio) / SAMPLE_RATE)
            phonemes = tuple(PhonemeSpan(sound.symbol, start_s + sound.start_s, start_s + sound.end_s, sound.stressed) for sound in sounds)
            words = written_words(self.text, _word_spans(line, words_of(synthesis), sounds, start_s))
            yield SpokenSentence(line.sentence.text, line.spoken.spoken, audio, start_s, Timeline(phonemes, words, visemes_of(phonemes)))
            spoken_samples += len(audio)


def _lines(text: str, reader: Reader) -> Iterator[_Line]:
    for sentence in split_sentences(text, reader.is_abbreviation):
        spoken = reader.read(sentence.text)
        if any(token.is_word for token in tokens_of(spoken.spoken, with_figures=True)):
            yield _Line(sentence, spoken, reader.spaces)


def _speak(line: _Line, voice: Voice, rate: float) -> Synthesis:
    return synthesize(espeak_name(voice), _speed(rate), line.spoken.spoken)


def _speed(rate: float) -> int:
    return round(_WORDS_PER_MINUTE * rate)


def _durations_s(lines: Sequence[_Line], voice: Voice) -> Callable[[float], float]:
    """How long lines last, by rate. Each speed is spoken once."""

    @cache
    def samples(words_per_minute: int) -> int:
        return sum(len(synthesize(espeak_name(voice), words_per_minute, line.spoken.spoken).samples) for line in lines)

    return lambda rate: (samples(_speed(rate)) + len(lines) * sum(_breaths(rate))) / SAMPLE_RATE


def _breaths(rate: float) -> tuple[int, int]:
    """Samples of silence before and behind a sentence."""
    before, behind = (round(breath_s / rate * SAMPLE_RATE) for breath_s in BREATHS_S)
    return before, behind


def _with_breaths(sounds: Sequence[Sound], before_s: float, length_s: float) -> list[Sound]:
    """The sounds, later by the silence before them, and the silences at the ends."""
    later = [replace(sound, start_s=sound.start_s + before_s, end_s=sound.end_s + before_s) for sound in sounds]
    edges = [Sound("", 0.0, before_s, False, 0), *later, Sound("", later[-1].end_s, length_s, False, later[-1].first_symbol)]
    if not edges[1].symbol:
        edges[:2] = [replace(edges[0], end_s=edges[1].end_s)]
    if not edges[-2].symbol:
        edges[-2:] = [replace(edges[-1], start_s=edges[-2].start_s)]
    return edges


def _word_spans(line: _Line, begins: Sequence[int], sounds: Sequence[Sound], start_s: float) -> Iterator[tuple[int, int, float, float]]:
    """Written place and time of each word that has sounds. espeak-ng tells some words in parts, and names one place for several."""
    spoken = line.spoken.spoken
    tokens = [token for token in tokens_of(spoken, with_figures=True) if token.is_word] if line.spaces else []
    for index, begin in enumerate(begins):
        own = [sound for sound in sounds if sound.symbol and sound.first_symbol == index]
        if not own:
            continue
        if line.spaces:
            token = next((token for token in tokens if begin < token.end), tokens[-1])
            first, last = token.begin, token.end
        else:
            following = next((other for other in begins[index + 1 :] if other > begin), len(spoken))
            first, last = begin, begin + len(spoken[begin:following].rstrip(" 。，！？、,.!?"))
        source_begin, source_end = line.spoken.source_span(first, max(last, first + 1))
        yield line.sentence.begin + source_begin, line.sentence.begin + source_end, start_s + own[0].start_s, start_s + own[-1].end_s
