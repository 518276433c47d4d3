"""Tracks of real speech: what a client's character does agrees with what is heard, in every language."""

from __future__ import annotations

import numpy as np
import pytest

from services.articulation.blendshapes import NAMES, RATE_HERTZ
from services.articulation.mouth_shapes import MouthShape
from services.tts.engine import SpeechRequest, SpokenSentence, Viseme
from services.tts.engines.kokoro.engine import KokoroEngine
from services.tts.tracks import Track, Tracks, tracks_of

SAID = {
    "en-US": "Maybe the brave family bought a very big map.",
    "en-GB": "Half of them put both boxes above the fireplace.",
    "es": "Mi amiga Beba vive en una bonita aldea de la Pampa.",
    "fr": "Mon ami Baptiste a vu un beau bateau en Provence.",
    "it": "La mamma beve un buon caffè in piazza.",
    "pt-BR": "A mamãe pôs um bom café na mesa para a família.",
    "hi": "मेरा भाई बहुत अच्छा पापा बनेगा।",
    "ja": "ママはパンと豆腐を買いました。",
    "zh": "妈妈买了面包和苹果。",
}
CLOSED = frozenset("mbpɓ")


@pytest.fixture(scope="module", params=SAID)
def spoken(request: pytest.FixtureRequest, kokoro: KokoroEngine) -> tuple[SpokenSentence, Tracks]:
    (sentence,) = kokoro.plan(SpeechRequest(SAID[request.param], request.param)).sentences()
    return sentence, tracks_of(sentence, kokoro.sample_rate, Track)


def curve(tracks: Tracks, name: str) -> np.ndarray:
    assert tracks.blendshapes is not None
    return tracks.blendshapes.weights[:, NAMES.index(name)]


def test_closures_agree_in_all_tracks(spoken: tuple[SpokenSentence, Tracks]) -> None:
    sentence, tracks = spoken
    times = {span.start_s for span in sentence.timeline.phonemes if span.symbol[:1] in CLOSED}
    closures = {
        "Oculus": [(span.start_s, span.end_s) for span in sentence.timeline.visemes if span.viseme is Viseme.PP],
        "Azure": [(span.start_s, span.end_s) for span in tracks.azure_visemes if span.shape == 21],
        "drawn": [(span.start_s, span.end_s) for span in tracks.mouth_shapes if span.shape is MouthShape.MBP],
    }
    assert closures["Oculus"] == closures["Azure"] == closures["drawn"]
    assert len(closures["Azure"]) >= 3 and {start for start, _ in closures["Azure"]} <= times


def test_curves_close_on_every_closure_and_open_on_open_vowels(spoken: tuple[SpokenSentence, Tracks]) -> None:
    sentence, tracks = spoken
    jaw, close, press = (curve(tracks, name) for name in ("jawOpen", "mouthClose", "mouthPressLeft"))
    for span in sentence.timeline.phonemes:
        middle = round((span.start_s + span.end_s) / 2 * RATE_HERTZ)
        if span.symbol[:1] in CLOSED:
            assert press[middle] > 0.6 and jaw[middle] < 0.2, span
            assert close[middle] == pytest.approx(jaw[middle], abs=0.02), "a dropped jaw parts no closed lips"
    assert jaw.max() > 0.2


def test_curves_stay_in_range_and_rest_in_silence(spoken: tuple[SpokenSentence, Tracks]) -> None:
    sentence, tracks = spoken
    assert tracks.blendshapes is not None
    weights = tracks.blendshapes.weights
    assert weights.min() >= 0.0 and weights.max() <= 1.0
    assert abs(len(weights) / RATE_HERTZ - len(sentence.audio) / 24000) <= 1 / RATE_HERTZ
    first, last = (span for span in (sentence.timeline.phonemes[0], sentence.timeline.phonemes[-1]))
    assert not first.symbol and not last.symbol
    times = np.arange(len(weights)) / RATE_HERTZ
    for silent in (times < first.end_s - 0.2, times > last.start_s + 0.2):
        assert not silent.any() or weights[silent].max() < 0.02


def test_only_what_is_asked_for_is_made(kokoro: KokoroEngine) -> None:
    (sentence,) = kokoro.plan(SpeechRequest("Hello.", "en-US")).sentences()
    assert tracks_of(sentence, kokoro.sample_rate, ()) == Tracks()
    only = tracks_of(sentence, kokoro.sample_rate, [Track.AZURE_VISEMES])
    assert only.azure_visemes and not only.mouth_shapes and only.blendshapes is None
