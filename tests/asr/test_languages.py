"""Languages are told apart and written in their own script: speech that the TTS engine says, written down again."""

from __future__ import annotations

from pathlib import Path

import jiwer
import numpy as np
import pytest
import soxr

from media.soundtrack import Soundtrack
from services.asr.engine import SAMPLE_RATE, LanguageDetection, RecognitionOptions, Segment
from services.asr.engines.faster_whisper import FasterWhisperEngine
from services.tts.engine import SpeechRequest
from services.tts.engines.kokoro.engine import KokoroEngine
from services.weights import ModelStore
from tests.asr.recordings import plain

ACCENTED = Path(__file__).parents[3] / "shared" / "testdata" / "video" / "talking_glasses_en.mp4"


@pytest.fixture(scope="module")
def kokoro() -> KokoroEngine:
    return KokoroEngine(ModelStore(), 2)


def say(kokoro: KokoroEngine, text: str, locale: str) -> np.ndarray:
    spoken = np.concatenate([sentence.audio for sentence in kokoro.plan(SpeechRequest(text=text, locale=locale)).sentences()])
    return soxr.resample(spoken, kokoro.sample_rate, SAMPLE_RATE)


def write(whisper: FasterWhisperEngine, audio: np.ndarray, locale: str = "") -> tuple[LanguageDetection, str]:
    stream = whisper.open(RecognitionOptions(locale=locale))
    first, *rest = [*stream.accept(audio, caught_up=False), *stream.finish()]
    assert isinstance(first, LanguageDetection)
    return first, " ".join(event.text for event in rest if isinstance(event, Segment))


@pytest.mark.parametrize(
    ("locale", "text"),
    [
        ("es", "Hola y bienvenidos a nuestro curso."),
        ("pt-BR", "Olá e bem-vindos ao nosso curso."),
        ("fr-FR", "Bonjour et bienvenue dans notre cours."),
        ("it", "Ciao e benvenuti al nostro corso."),
    ],
)
def test_the_language_is_detected_and_the_words_come_back(kokoro: KokoroEngine, whisper: FasterWhisperEngine, locale: str, text: str) -> None:
    language, heard = write(whisper, say(kokoro, text, locale))
    assert language.locale == locale[:2] and language.probability > 0.8
    assert jiwer.wer(plain(text), plain(heard)) <= 0.1, heard


@pytest.mark.skipif(not ACCENTED.is_file(), reason="the test data beside the project is missing")
def test_four_seconds_of_english_with_a_strong_accent_are_english(whisper: FasterWhisperEngine) -> None:
    """At first look it is Spanish or Greek."""
    speech = np.concatenate(list(Soundtrack(ACCENTED, sample_rate=SAMPLE_RATE, stereo=False).blocks()))
    language, heard = write(whisper, speech[: 4 * SAMPLE_RATE])
    assert language.locale == "en" and language.probability > 0.8
    assert "good morning my name is" in plain(heard)


@pytest.mark.parametrize(
    ("voice", "locale", "text", "expected"),
    [
        ("hi", "", "नमस्ते और हमारे पाठ्यक्रम में आपका स्वागत है।", "नमस्ते"),
        ("zh", "zh-CN", "欢迎来到我们的课程。", "欢迎"),
        ("zh", "zh-TW", "欢迎来到我们的课程。", "歡迎"),
        ("ja", "ja-JP", "今日は新しい製品の使い方を説明します。", "説明します。"),
    ],
)
def test_the_script_is_the_locales(kokoro: KokoroEngine, whisper: FasterWhisperEngine, voice: str, locale: str, text: str, expected: str) -> None:
    _, heard = write(whisper, say(kokoro, text, voice), locale)
    assert expected in heard
