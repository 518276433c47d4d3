"""Tracks for characters of other makers: drawn mouths, Azure's ids, ARKit's curves."""

from __future__ import annotations

import numpy as np
import pytest

from services.articulation.azure import SILENCE, VISEME_IDS, azure_ids_of, azure_visemes
from services.articulation.blendshapes import NAMES, RATE_HERTZ, Blendshapes, blendshapes
from services.articulation.mouth_shapes import MouthShape, mouth_shapes, mouth_shapes_of
from services.articulation.phonetics import CHART, Contact, mouth_targets
from services.articulation.speech import PhonemeSpan, Speech
from tests.speech import speech_of

S = MouthShape


def curves_of(speech: Speech, start_s: float = 0.0) -> Blendshapes:
    return blendshapes(speech, start_s, start_s + speech.phonemes[-1].end_s)


def curve(curves: Blendshapes, name: str, time_s: float) -> float:
    return float(curves.weights[round((time_s - curves.start_s) * RATE_HERTZ), NAMES.index(name)])


@pytest.mark.parametrize("phone", sorted(CHART))
def test_every_phone_is_seen_in_every_track(phone: str) -> None:
    """A closure is a closure and a tuck a tuck in all of them, and in no other sound; none is silent."""
    contact = mouth_targets(phone)[0].contact
    (number,), (shape,) = azure_ids_of(phone), mouth_shapes_of(phone)
    assert number in VISEME_IDS and number != SILENCE and shape is not S.REST
    assert (number == 21) == (shape is S.MBP) == (contact is Contact.CLOSURE)
    assert (number == 18) == (shape is S.FV) == (contact is Contact.TUCK)


@pytest.mark.parametrize("symbol", ["", ",", "ː"])
def test_what_is_no_sound_rests(symbol: str) -> None:
    assert azure_ids_of(symbol) == (0,) and mouth_shapes_of(symbol) == (S.REST,)


AZURE = {"aɪ": (11,), "aʊ": (9,), "ɔɪ": (10,), "eɪ": (4,), "oʊ": (8,), "tʃ": (16,), "ts": (15,), "iː": (6,), "ɑ̃": (2,), "θ": (17,), "ui": (7, 6)}


@pytest.mark.parametrize(("symbol", "numbers"), AZURE.items())
def test_azure_ids(symbol: str, numbers: tuple[int, ...]) -> None:
    assert azure_ids_of(symbol) == numbers


@pytest.mark.parametrize(
    ("symbol", "shapes"), [("aɪ", (S.AI, S.E)), ("oʊ", (S.O, S.U)), ("tʃ", (S.ETC,)), ("w", (S.WQ,)), ("ð", (S.L,)), ("uː", (S.U,)), ("ʘ", (S.ETC,))]
)
def test_drawn_mouths(symbol: str, shapes: tuple[MouthShape, ...]) -> None:
    assert mouth_shapes_of(symbol) == shapes


def test_shapes_cover_their_phonemes_and_equal_ones_join() -> None:
    spoken = [PhonemeSpan("", 0.0, 0.1), PhonemeSpan("p", 0.1, 0.2), PhonemeSpan("m", 0.2, 0.3), PhonemeSpan("aɪ", 0.3, 0.4), PhonemeSpan("", 0.4, 0.6)]
    drawn, numbers = mouth_shapes(spoken), azure_visemes(spoken)
    assert [(span.shape, span.start_s) for span in numbers] == [(0, 0.0), (21, 0.1), (11, 0.3), (0, 0.4)]
    assert [span.shape for span in drawn] == [S.REST, S.MBP, S.AI, S.E, S.REST]
    for spans in (drawn, numbers):
        assert [span.end_s for span in spans] == [*(span.start_s for span in spans[1:]), 0.6]
    assert drawn[3].start_s == pytest.approx(0.36)


def test_names_are_arkits() -> None:
    assert len(NAMES) == len(set(NAMES)) == 52
    assert NAMES[:2] == ("eyeBlinkLeft", "eyeLookDownLeft") and NAMES.index("jawOpen") == 17 and NAMES[-1] == "tongueOut"


def test_curves_stay_in_their_range_and_leave_the_upper_face_alone() -> None:
    weights = curves_of(speech_of(*"mɑfiʃuθɔbævwslɑ", each_s=0.09, stressed=True)).weights
    assert weights.min() == 0.0 and weights.max() <= 1.0
    still = ("eye", "brow", "cheek", "nose", "jawForward", "jawLeft", "jawRight", "mouthFrown", "mouthDimple", "mouthShrug")
    for name, moves in zip(NAMES, weights.any(0), strict=True):
        assert moves == (not name.startswith(still) and name not in ("mouthLeft", "mouthRight")), name


def test_curves_show_each_sound() -> None:
    speech = speech_of("m", "ɑ", "f", "ɑ", "t", "i", "t", "ʃ", "u", "θ", "ɑ", each_s=0.12)
    curves = curves_of(speech)
    middle = {span.symbol: (span.start_s + span.end_s) / 2 for span in reversed(speech.phonemes)}
    assert curve(curves, "mouthPressLeft", middle["m"]) > 0.6 and curve(curves, "jawOpen", middle["m"]) < 0.15
    assert curve(curves, "mouthClose", middle["m"]) == pytest.approx(curve(curves, "jawOpen", middle["m"]), abs=0.01)
    assert curve(curves, "jawOpen", middle["ɑ"]) > 0.25
    assert min(curve(curves, "mouthClose", middle["ɑ"] + shift_s) for shift_s in (-0.05, -0.03, 0.0, 0.03)) < 0.1
    assert curve(curves, "mouthRollLower", middle["f"]) > 0.6
    assert curve(curves, "mouthStretchRight", middle["i"]) > 0.1 > curve(curves, "mouthStretchRight", middle["u"])
    assert curve(curves, "mouthPucker", middle["u"]) > 0.5
    assert curve(curves, "mouthLowerDownLeft", middle["ʃ"]) > 0.1
    assert curve(curves, "tongueOut", middle["θ"]) > 0.05


def test_curves_rest_in_silence() -> None:
    speech = speech_of("m", "ɑ", "f", "u", rest_s=0.8)
    curves = curves_of(speech)
    times = np.arange(len(curves.weights)) / RATE_HERTZ
    silent = (times < 0.55) | (times > speech.phonemes[-1].start_s + 0.25)
    assert curves.weights[silent].max() < 0.02


def test_curves_of_sentences_continue_each_other() -> None:
    """Samples lie on one grid, wherever a sentence begins, and neither is one missing at the seam nor there twice."""
    speech = speech_of("ɑ", "m", "ɑ")
    length_s = speech.phonemes[-1].end_s
    first, second = blendshapes(speech, 0.0, length_s), blendshapes(speech, length_s, 2 * length_s)
    assert second.start_s * RATE_HERTZ == pytest.approx(len(first.weights))
    assert length_s <= second.start_s < length_s + 1 / RATE_HERTZ


def test_the_same_speech_has_the_same_curves_wherever_it_stands() -> None:
    speech = speech_of("ɑ", "m", "ɑ")
    np.testing.assert_allclose(curves_of(speech).weights, curves_of(speech, 7.0).weights, atol=1e-5)
