"""What a mouth is told to do: for every sound, every closure, every pause."""

from __future__ import annotations

import numpy as np
import pytest

from services.articulation.coarticulation import MouthTrack, articulate
from services.articulation.phonetics import NEUTRAL, Contact, is_charted, mouth_targets
from services.articulation.speech import Speech
from services.tts.engines.kokoro.symbols import SYMBOL_IDS
from services.tts.g2p.tokens import PUNCTUATION
from services.tts.timing import STRESS, is_modifier
from tests.speech import RATE, speech_of

FRAME_S = 0.04
CLOSED = 0.012
"""Aperture of closed lips in interpupillary distances: under 0.006 of the face's width."""


def mouth(speech: Speech, phase_s: float = 0.0) -> tuple[np.ndarray, MouthTrack]:
    times = np.arange(phase_s + FRAME_S / 2, speech.phonemes[-1].end_s, FRAME_S)
    return times, articulate(speech, times, 1.0)


@pytest.mark.parametrize("symbol", sorted(s for s in SYMBOL_IDS if s not in PUNCTUATION | STRESS | {" "} and not is_modifier(s)))
def test_every_sound_of_kokoro_has_a_place_on_the_chart(symbol: str) -> None:
    assert mouth_targets(symbol), "a sound must move the mouth"
    assert is_charted(symbol), "no sound of the nine languages may fall back to the neutral mouth"


@pytest.mark.parametrize("mark", ["", " ", "ː", *sorted(PUNCTUATION), *sorted(STRESS)])
def test_what_is_no_sound_moves_nothing(mark: str) -> None:
    assert mouth_targets(mark) == ()


def test_diacritics_leave_the_mouth_as_it_is() -> None:
    for plain, marked in (("a", "aː"), ("a", "a\u0303"), ("ɛ", "ɛ̃ː"), ("t", "tʰ"), ("o", "õ"), ("n", "n̩")):
        assert mouth_targets(marked) == mouth_targets(plain)


def test_diphthongs_and_affricates_are_two_movements() -> None:
    assert mouth_targets("aɪ") == (*mouth_targets("a"), *mouth_targets("ɪ"))
    assert mouth_targets("tʃ") == (*mouth_targets("t"), *mouth_targets("ʃ"))
    assert mouth_targets("W") == mouth_targets("aʊ")


def test_an_unknown_letter_is_the_neutral_mouth() -> None:
    assert mouth_targets("ʘ") == (NEUTRAL,)
    assert not is_charted("ʘ")


def test_vowels_stand_in_their_order() -> None:
    openings = [mouth_targets(vowel)[0].open for vowel in "iɪeɛæɑ"]
    assert openings == sorted(openings)
    assert mouth_targets("u")[0].width < mouth_targets("o")[0].width < mouth_targets("ɔ")[0].width < 0 < mouth_targets("i")[0].width
    assert mouth_targets("u")[0].round > mouth_targets("o")[0].round > mouth_targets("ɑ")[0].round == 0


@pytest.mark.parametrize("consonant", ["m", "b", "p"])
@pytest.mark.parametrize("length_s", [0.03, 0.05, 0.08, 0.14])
def test_lips_close_in_a_frame_of_every_closure(consonant: str, length_s: float) -> None:
    speech = speech_of("ɑ", consonant, "ɑ", "æ", consonant, "o", each_s=length_s)
    closures = [span for span in speech.phonemes if span.symbol == consonant]
    for phase in np.arange(0.0, FRAME_S, 0.005):
        times, track = mouth(speech, phase)
        for span in closures:
            near = (times > span.start_s - FRAME_S) & (times < span.end_s + FRAME_S)
            assert track.open[near].min() <= CLOSED, f"{consonant} at {span.start_s:.2f} s, frames from {phase:.3f} s"


def test_vowels_beside_closures_still_open() -> None:
    times, track = mouth(speech_of("m", "ɑ", "m", "ɑ", "m", each_s=0.10))
    between = [track.open[(times > t - 0.04) & (times < t + 0.04)].max() for t in (0.65, 0.85)]
    assert min(between) > 0.08, "an open vowel shows at least 0.04 of the face's width"


@pytest.mark.parametrize(("before", "after"), [("f", "m"), ("m", "f"), ("v", "v"), ("p", "ɾ"), ("d", "p"), ("l", "f")])
@pytest.mark.parametrize(("length_s", "least"), [(0.05, 0.03), (0.08, 0.085)])
def test_a_short_open_vowel_is_seen_beside_contacts_and_they_beside_it(before: str, after: str, length_s: float, least: float) -> None:
    """Fast speech gives an unstressed vowel 50 ms: one frame has to show it, one each of its neighbours, whatever the frames' phase."""
    speech = speech_of("ɑ", before, "a", after, "e", each_s=length_s)
    vowel = speech.phonemes[3]
    for phase in np.arange(0.0, FRAME_S, 0.005):
        times, track = mouth(speech, phase)
        assert track.open[(times > vowel.start_s - FRAME_S) & (times < vowel.end_s + FRAME_S)].max() > least
        for span in (speech.phonemes[2], speech.phonemes[4]):
            near = (times > span.start_s - FRAME_S) & (times < span.end_s + FRAME_S)
            contact = mouth_targets(span.symbol)[0].contact
            if contact is Contact.CLOSURE:
                assert track.open[near].min() <= CLOSED
            elif contact is Contact.TUCK:
                assert track.tuck[near].max() > 0.6


def test_loud_speech_drops_the_jaw() -> None:
    """The level is that of the speech's own loud parts: the second vowel is 20 dB softer."""
    speech = speech_of("t", "ɑ", "t", "t", "ɑ", "t", each_s=0.1)
    audio = speech.audio.copy()
    audio[round(0.85 * RATE) :] *= 0.1
    times, track = mouth(Speech(audio, RATE, speech.phonemes))
    loud, soft = times < 0.8, times > 0.85
    assert track.jaw[soft].max() < 0.85 * track.jaw[loud].max()
    assert track.open[soft].max() < 0.9 * track.open[loud].max()


@pytest.mark.parametrize("vowel", ["ɑ", "a", "æ", "ʌ", "aɪ"])
def test_open_vowels_open(vowel: str) -> None:
    _, track = mouth(speech_of("k", vowel, "t", each_s=0.09))
    assert track.open.max() > 0.10


@pytest.mark.parametrize("consonant", ["f", "v"])
def test_the_lower_lip_tucks(consonant: str) -> None:
    times, track = mouth(speech_of("ɑ", consonant, "ɑ", each_s=0.07))
    near = (times > 0.53) & (times < 0.68)
    assert track.tuck[near].max() > 0.95
    assert mouth_targets(consonant)[0].contact is Contact.TUCK


def test_a_bilabial_fricative_narrows_without_closing() -> None:
    times, track = mouth(speech_of("a", "ɸ", "a", each_s=0.09))
    least = track.open[(times > 0.55) & (times < 0.72)].min()
    assert 0.005 < least < 0.075


def test_the_mouth_rests_in_silence() -> None:
    speech = speech_of("h", "ɑ", "l", "o", "", "", "", "", "", "", "", "", "m", "ɑ", each_s=0.1)
    times, track = mouth(speech)
    silent = (times < 0.33) | ((times > 1.1) & (times < 1.5)) | (times > 2.1)
    assert silent.sum() > 15
    for name in ("open", "jaw", "width", "round", "tongue", "press", "tuck"):
        assert np.abs(getattr(track, name)[silent]).max() < 0.006, name


def test_rounding_comes_before_its_vowel() -> None:
    speech = speech_of("t", "s", "t", "u", each_s=0.08)
    times, track = mouth(speech)
    before = (times > 0.60) & (times < 0.685)  # with the visual lead, the vowel's own time begins at 0.705
    assert track.round[before].max() > 0.12, "the consonant before a rounded vowel is rounded"
    _, spread = mouth(speech_of("t", "s", "t", "i", each_s=0.08))
    assert track.round[before].max() > spread.round[before].max() + 0.1


def test_the_mouth_shuts_in_a_short_pause() -> None:
    times, track = mouth(speech_of("t", "ɑ", "", "", "ɑ", "t", each_s=0.14))
    pause = (times > 0.86) & (times < 0.96)
    assert track.open[pause].min() < 0.02


def test_a_neutral_consonant_follows_its_neighbours() -> None:
    wide = mouth_targets("ɑ")[0].open
    times, track = mouth(speech_of("ɑ", "k", "ɑ", each_s=0.08))
    between = track.open[(times > 0.55) & (times < 0.65)].min()
    assert between > 0.5 * wide


def test_fast_speech_opens_less() -> None:
    slow, fast = (mouth(speech_of("t", "ɑ", "t", "ɑ", "t", each_s=each))[1].open.max() for each in (0.16, 0.05))
    assert fast < 0.85 * slow


def test_expression_scales_the_mouth_and_not_the_closures() -> None:
    speech = speech_of("ɑ", "m", "ɑ", each_s=0.1)
    times = np.arange(0.02, 1.3, FRAME_S)
    calm, lively = articulate(speech, times, 0.6), articulate(speech, times, 1.4)
    assert lively.open.max() > 2 * calm.open.max()
    middle = (times > 0.58) & (times < 0.72)
    assert lively.open[middle].min() <= CLOSED


def test_speech_without_phonemes_or_sound_keeps_the_mouth_shut() -> None:
    track = articulate(Speech(np.zeros(RATE, np.float32), RATE, []), np.arange(0.02, 1.0, FRAME_S), 1.0)
    assert np.abs(track.open).max() == 0
    assert articulate(Speech(np.zeros(0, np.float32), RATE, []), np.arange(0.02, 1.0, FRAME_S), 1.0).jaw.max() == 0
