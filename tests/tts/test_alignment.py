"""The aligner against the exact durations of what Kokoro spoke, and against sound that does not fit."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from services.articulation.estimator import VisemeEstimator
from services.tts.alignment import align
from services.tts.engine import SpeechRequest
from services.tts.engines.kokoro.engine import KokoroEngine

TEXTS = {
    "en-US": "Please put the big blue box by the back door before lunch, and bring me a map.",
    "es": "Por favor, ponga la mesa pequeña cerca de la ventana antes de comer.",
    "fr": "Bonjour à tous, prenez place et ouvrez votre livre à la page que vous préférez.",
    "hi": "नमस्ते, कृपया अपनी किताब खोलिए और पहला पन्ना पढ़िए।",
}


@pytest.fixture(scope="module")
def estimator() -> VisemeEstimator:
    return VisemeEstimator()


@pytest.mark.parametrize("locale", TEXTS)
def test_sounds_are_found_where_they_are(kokoro: KokoroEngine, estimator: VisemeEstimator, locale: str) -> None:
    speech = kokoro.plan(SpeechRequest(TEXTS[locale], locale))
    errors_s, closures_s = [], []
    for chunk in speech.chunks:
        audio, exact = speech.speak(chunk)
        found = align(chunk.symbols, audio, speech.sample_rate, estimator)
        assert found[0].start_s == 0 and found[-1].end_s == pytest.approx(len(audio) / speech.sample_rate)
        assert all(before.end_s == behind.start_s and before.end_s > before.start_s for before, behind in pairwise(found))
        starts = {sound.first_symbol: sound.start_s for sound in found if sound.symbol}
        assert starts.keys() == {sound.first_symbol for sound in exact if sound.symbol}
        for sound in (sound for sound in exact if sound.symbol):
            errors_s.append(abs(starts[sound.first_symbol] - sound.start_s))
            if sound.symbol[0] in "mbp":
                closures_s.append(errors_s[-1])
    assert np.median(errors_s) < 0.02 and np.percentile(errors_s, 95) < 0.08
    assert np.median(closures_s) < 0.025


def test_what_does_not_fit_is_still_covered(estimator: VisemeEstimator) -> None:
    hiss = np.random.default_rng(1).normal(0, 0.05, 24000).astype(np.float32)
    symbols = "mˈæp bˈɪɡ."
    for audio in (hiss, hiss[:1200], np.zeros(24000, np.float32)):
        found = align(symbols, audio, 24000, estimator)
        assert found[0].start_s == 0 and found[-1].end_s == pytest.approx(len(audio) / 24000)
        assert all(before.end_s == behind.start_s for before, behind in pairwise(found))


def test_a_pause_that_is_not_written_is_a_silence(kokoro: KokoroEngine, estimator: VisemeEstimator) -> None:
    speech = kokoro.plan(SpeechRequest("The big map is on the table.", "en-US"))
    audio, exact = speech.speak(speech.chunks[0])
    seam = next(sound.start_s for sound in exact if sound.symbol == "ɔ" or sound.symbol == "ɑ")
    cut = round(seam * 24000)
    broken = np.concatenate([audio[:cut], np.zeros(12000, np.float32), audio[cut:]])
    found = align(speech.chunks[0].symbols, broken, 24000, estimator)
    pause = max((sound for sound in found[1:-1] if not sound.symbol), key=lambda sound: sound.end_s - sound.start_s)
    assert pause.start_s == pytest.approx(seam, abs=0.1) and pause.end_s == pytest.approx(seam + 0.5, abs=0.1)
