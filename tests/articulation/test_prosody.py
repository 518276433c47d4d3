"""What is read from a voice besides its sounds."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from services.articulation.prosody import accents
from services.articulation.speech import PhonemeSpan, Speech
from tests.speech import RATE

EACH_S = 0.16


def voiced(*notes: tuple[float, float], stressed: bool = True) -> Speech:
    """A stressed vowel for each (hertz, amplitude), with overtones, an unstressed consonant after each."""
    spans, parts = [], []
    for number, (hertz, amplitude) in enumerate(notes):
        begin = number * 2 * EACH_S
        spans += [PhonemeSpan("ɑ", begin, begin + EACH_S, stressed), PhonemeSpan("t", begin + EACH_S, begin + 2 * EACH_S)]
        time = np.arange(round(EACH_S * RATE)) / RATE
        parts += [amplitude * sum(np.sin(2 * np.pi * hertz * n * time) / n for n in (1, 2, 3)), np.zeros(len(time))]
    return Speech(np.concatenate(parts).astype(np.float32), RATE, spans)


def prominences(*notes: tuple[float, float]) -> list[float]:
    return [accent.prominence for accent in accents(voiced(*notes))]


@pytest.mark.parametrize("base", [80.0, 120.0, 220.0, 320.0])
def test_a_higher_accent_is_more_prominent(base: float) -> None:
    low, usual, same, high = prominences((base / 1.2, 0.2), (base, 0.2), (base, 0.2), (base * 1.3, 0.2))
    assert low < 0.4 < usual < 0.6 < high
    assert usual == pytest.approx(same, abs=0.05)


def test_a_louder_accent_is_more_prominent() -> None:
    soft, usual, same, loud = prominences((150, 0.05), (150, 0.15), (150, 0.15), (150, 0.4))
    assert soft < 0.4 < usual < loud
    assert usual == pytest.approx(same, abs=0.05)


def test_times_are_the_middles_of_stressed_vowels() -> None:
    assert [accent.time_s for accent in accents(voiced((150, 0.2), (150, 0.2)))] == pytest.approx([0.08, 0.40])


def test_where_no_stress_is_known_the_voice_tells() -> None:
    notes = [(150, 0.2)] * 12
    notes[2], notes[8] = (210, 0.25), (200, 0.25)
    found = accents(voiced(*notes, stressed=False))
    assert [accent.time_s for accent in found if accent.prominence > 0.7] == pytest.approx([2 * 0.32 + 0.08, 8 * 0.32 + 0.08])
    times = [accent.time_s for accent in found]
    assert min(after - before for before, after in itertools.pairwise(times)) >= 0.45


def test_speech_without_voice_or_stress() -> None:
    spans = [PhonemeSpan("ɑ", 0.1, 0.2, True), PhonemeSpan("ɑ", 0.3, 0.4)]
    assert [accent.prominence for accent in accents(Speech(np.zeros(RATE, np.float32), RATE, spans))] == [0.5]
    assert [accent.prominence for accent in accents(Speech(np.zeros(0, np.float32), RATE, spans))] == [0.5]
    assert accents(Speech(np.zeros(RATE, np.float32), RATE, spans[1:])) == [], "nothing stands out"
    assert accents(Speech(np.zeros(RATE, np.float32), RATE, [])) == []
