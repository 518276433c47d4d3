"""Symbols to sounds, sounds to mouth shapes."""

from __future__ import annotations

import numpy as np
import pytest

from services.articulation.phonetics import CHART
from services.tts.engine import PhonemeSpan, Viseme
from services.tts.engines.kokoro.symbols import SYMBOL_IDS
from services.tts.g2p.tokens import PUNCTUATION
from services.tts.pauses import timed
from services.tts.timing import STRESS, is_modifier, sounds_of
from services.tts.visemes import _SHAPES, shapes_of, visemes_of

SAMPLE_RATE = 24_000


def test_marks_belong_to_their_sounds() -> None:
    # pad, ʧ ˈ A n, space, ˈ i ː, full stop, pad
    sounds = sounds_of("ʧˈAn ˈiː.", [0, 4, 6, 7, 10, 12, 14, 15, 17, 18, 21, 26])
    assert [(s.symbol, s.start_s, s.end_s, s.stressed) for s in sounds] == [
        ("", 0, 4, False),
        ("tʃ", 4, 6, False),
        ("eɪ", 6, 10, True),
        ("n", 10, 13, False),
        ("iː", 13, 18, True),
        ("", 18, 26, False),
    ]


def test_every_symbol_has_a_mouth_shape() -> None:
    for symbol in SYMBOL_IDS:
        if symbol != " " and symbol not in PUNCTUATION | STRESS and not is_modifier(symbol):
            (sound,) = [s for s in sounds_of(symbol, [0, 1, 3, 4]) if s.symbol]
            assert Viseme.SILENCE not in shapes_of(sound.symbol)


def test_every_sound_of_the_chart_has_a_mouth_shape() -> None:
    assert _SHAPES.keys() >= CHART
    assert shapes_of("tʰ") == (Viseme.DD,) and shapes_of("aɪə") == (Viseme.AA, Viseme.IH, Viseme.E) and shapes_of("d͡ʒ") == (Viseme.CH,)


def test_diphthongs_have_two_shapes_and_equal_ones_join() -> None:
    spans = visemes_of([PhonemeSpan("", 0.0, 0.1), PhonemeSpan("aɪ", 0.1, 0.2), PhonemeSpan("p", 0.2, 0.3), PhonemeSpan("m", 0.3, 0.4)])
    assert [span.viseme for span in spans] == [Viseme.SILENCE, Viseme.AA, Viseme.IH, Viseme.PP]
    assert spans[1].end_s == pytest.approx(0.16)
    assert (spans[-1].start_s, spans[-1].end_s) == (0.2, 0.4)


def test_pauses_end_where_the_sound_begins() -> None:
    # Half a second of silence, a tone, silence; the model's frames put the edges elsewhere.
    tone = 0.3 * np.sin(np.arange(SAMPLE_RATE) * 0.1)
    audio = np.concatenate([np.zeros(SAMPLE_RATE // 2), tone, np.zeros(SAMPLE_RATE // 2)]).astype(np.float32)
    sounds = timed(sounds_of("as.", [0.0, 0.55, 0.95, 1.7, 1.8, 1.95]), audio, SAMPLE_RATE)
    assert [sound.symbol for sound in sounds] == ["", "a", "s", ""]
    assert sounds[0].start_s == 0 and sounds[-1].end_s == pytest.approx(2.0)
    assert sounds[1].start_s == pytest.approx(0.5, abs=0.02)
    assert sounds[-1].start_s == pytest.approx(1.5, abs=0.02)


def test_a_comma_without_a_pause_is_no_silence() -> None:
    audio = (0.3 * np.sin(np.arange(SAMPLE_RATE) * 0.1)).astype(np.float32)
    assert [sound.symbol for sound in timed(sounds_of("a,e", [0.0, 0.05, 0.4, 0.5, 0.85, 0.95]), audio, SAMPLE_RATE)] == ["", "a", "e", ""]
