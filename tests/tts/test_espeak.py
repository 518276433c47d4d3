"""espeak-ng in languages that nothing else speaks: sounds and words in time, the same each time, labelled as what they are."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from locutor.errors import InvalidInput, OutOfRange
from services.articulation.phonetics import is_charted
from services.tts.engine import Quality, SpeechRequest, Viseme
from services.tts.engines.espeak.catalog import NAMES, VOICES
from services.tts.engines.espeak.engine import EspeakEngine
from services.tts.engines.espeak.library import synthesize
from services.tts.rate import TOLERANCE
from services.weights import ModelStore

TEXTS = {
    "de": ("Am 3. Oktober kostet das Buch 3,50 €. Tschüss!", ["Am", "3.", "Oktober", "kostet", "das", "Buch", "3,50", "€", "Tschüss"]),
    "ru": ("Доброе утро, это 100 рублей.", ["Доброе", "утро", "это", "100", "рублей"]),
    "ar": ("مرحبا بالعالم، كيف حالك؟", ["مرحبا", "بالعالم", "كيف", "حالك"]),
    "tr": ("Günaydın, bu bir ışık.", ["Günaydın", "bu", "bir", "ışık"]),
    "ko": ("안녕하세요, 반갑습니다.", ["안녕하세요", "반갑습니다"]),
    "pl": ("Dzień dobry, proszę pana.", ["Dzień", "dobry", "proszę", "pana"]),
    "yue": ("你好世界。", ["你", "好", "世", "界"]),
    "en-US": ("It's a well-known cat, Dr. Smith; it costs $5.", ["It's", "a", "well-known", "cat", "Dr.", "Smith", "it", "costs", "$5"]),
}


@pytest.fixture(scope="module")
def espeak() -> EspeakEngine:
    return EspeakEngine(ModelStore(), threads=1)


@pytest.mark.parametrize("locale", TEXTS)
def test_timeline(espeak: EspeakEngine, locale: str) -> None:
    text, written = TEXTS[locale]
    speech = espeak.plan(SpeechRequest(text, locale))
    assert speech.voice.quality is Quality.FORMANT and speech.voice.id == f"espeak:{locale}"
    words = []
    end_s = 0.0
    for sentence in speech.sentences():
        assert sentence.audio.dtype == np.float32 and 0.05 < np.abs(sentence.audio).max() < 0.9 and sentence.start_s == end_s
        end_s += len(sentence.audio) / speech.sample_rate
        for spans in (sentence.timeline.phonemes, sentence.timeline.visemes):
            assert spans[0].start_s == sentence.start_s and spans[-1].end_s == pytest.approx(end_s, abs=1e-9)
            assert all(before.end_s == behind.start_s and before.end_s > before.start_s for before, behind in pairwise(spans))
        assert sentence.timeline.visemes[0].viseme is sentence.timeline.visemes[-1].viseme is Viseme.SILENCE
        assert all(is_charted(phoneme.symbol) for phoneme in sentence.timeline.phonemes)
        for phoneme in sentence.timeline.phonemes:
            begin, end = (round((at_s - sentence.start_s) * speech.sample_rate) for at_s in (phoneme.start_s, phoneme.end_s))
            loud = np.sqrt(np.mean(sentence.audio[begin:end] ** 2))
            assert (loud > 0.02) if phoneme.stressed else (loud < 0.02 or phoneme.symbol), (phoneme, loud)
        words += sentence.timeline.words
    assert [word.text for word in words] == written
    assert all(text[word.text_begin : word.text_end] == word.text for word in words)
    assert all(before.end_s <= behind.start_s + 1e-9 for before, behind in pairwise(words))


def test_stops_are_closed_before_they_burst(espeak: EspeakEngine) -> None:
    (sentence,) = espeak.plan(SpeechRequest("Opa Papa, Oper, Kappe.", "de")).sentences()
    for phoneme in (phoneme for phoneme in sentence.timeline.phonemes if phoneme.symbol == "p"):
        begin = round(phoneme.start_s * 22050)
        assert np.sqrt(np.mean(sentence.audio[begin : begin + 400] ** 2)) < 0.02 and phoneme.end_s - phoneme.start_s > 0.05


@pytest.mark.parametrize("voice", ["espeak:de", "espeak:de+f1"])
def test_equal_requests_give_equal_sound(espeak: EspeakEngine, voice: str) -> None:
    request = SpeechRequest("Guten Tag, meine Damen und Herren, sechs Zischlaute.", "de", voice)
    (one,) = espeak.plan(request).sentences()
    list(espeak.plan(SpeechRequest("Anything else, to change the library's state.", "en", "espeak:en-US+f1")).sentences())
    (two,) = espeak.plan(request).sentences()
    assert np.array_equal(one.audio, two.audio) and one.timeline == two.timeline


def test_every_voice_speaks() -> None:
    assert len({voice.id for voice in VOICES}) == len(VOICES) == 2 * len(NAMES) > 200
    for name in NAMES.values():
        assert np.abs(synthesize(name, 175, "1 a а").samples).max() > 1000, name


@pytest.mark.parametrize("target_s", [3.2, 4.2])
def test_target_duration(espeak: EspeakEngine, target_s: float) -> None:
    request = SpeechRequest("Guten Morgen, meine Damen. Heute ist ein schöner Tag.", "de", target_duration_s=target_s)
    speech = espeak.plan(request)
    lasts_s = sum(len(sentence.audio) for sentence in speech.sentences()) / speech.sample_rate
    assert lasts_s == pytest.approx(target_s, rel=TOLERANCE)
    assert espeak.foretell_s(request, [speech.rate]) == [pytest.approx(lasts_s, abs=1e-9)]


@pytest.mark.parametrize(
    ("field", "request_"),
    [
        ("voice", SpeechRequest("Hallo", "de", "espeak:fr")),
        ("voice", SpeechRequest("Hallo", "de", "nobody")),
        ("locale", SpeechRequest("こんにちは", "ja")),
        ("text", SpeechRequest("... 🎉", "de")),
    ],
)
def test_refusals(espeak: EspeakEngine, field: str, request_: SpeechRequest) -> None:
    with pytest.raises(InvalidInput) as raised:
        espeak.plan(request_)
    assert raised.value.violations[0].field == field
    with pytest.raises(OutOfRange):
        espeak.plan(SpeechRequest("Hallo", "de", target_duration_s=60))
