from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path

import numpy as np
import pytest
from scipy.signal import correlate

from media.clock import nearest
from media.dub_mix import HEARD_EARLIER, HEARD_LATER, DubMix, MixPiece, SoundReader, cut_mix, finish_piece, measure_piece, piece_inputs
from media.ducking import ATTACK, RELEASE, DuckingGain
from media.loudness import BROADCAST, WEB, LoudnessTarget, gated_loudness, measure
from media.loudness_profile import energies_of
from media.mix_gain import MAX_ROUNDS, first_gain, mix_target, next_gain
from media.place import Placement, place_stretch
from media.soundtrack import Soundtrack
from media.speech_level import SourceLevels, SpeechSpan, source_levels, speech_gains
from tests.media.sources import noise

SPEECH = Path(__file__).parents[3] / "shared" / "testdata" / "speech"
SECOND = 48_000


def _spoken(name: str) -> np.ndarray:
    if not SPEECH.is_dir():
        pytest.skip("the shared test data is not there")
    return np.concatenate(list(Soundtrack(SPEECH / name, stereo=False).blocks()))


@pytest.fixture(scope="module")
def voices() -> tuple[np.ndarray, np.ndarray]:
    """Two utterances of real speech, the second far louder."""
    return _spoken("LJ001-0003.wav")[: 6 * SECOND], 3 * _spoken("LJ001-0005.wav")[: 5 * SECOND]


def _music(seconds: int, level: float = 0.01) -> np.ndarray:
    """Chords that change each second, (n, 2)."""
    time = np.arange(seconds * SECOND) / SECOND
    root = 220 * 2 ** (np.floor(time) * 7 % 12 / 12)
    phase = 2 * np.pi * np.cumsum(root) / SECOND
    return np.stack([np.sin(phase) + np.sin(1.5 * phase), np.sin(phase) + np.sin(1.25 * phase)], axis=1).astype(np.float32) * np.float32(level)


def _reader(sound: np.ndarray) -> SoundReader:
    def read(begin: int, end: int) -> np.ndarray:
        part = sound[begin:end]
        return np.pad(part, ((0, end - begin - len(part)), (0, 0)))

    return read


@dataclass(frozen=True)
class Mixed:
    sound: np.ndarray
    gain_db: float
    result_lufs: float


def _finish(mix: DubMix, target: LoudnessTarget) -> Mixed:
    """As a job does it, piece by piece."""
    pieces = cut_mix(mix.length)
    measured = [measure_piece(mix, piece) for piece in pieces]
    gain_db = first_gain(measured, target)
    for _ in range(MAX_ROUNDS):
        made = [finish_piece(mix, piece, gain_db, target.true_peak_dbtp) for piece in pieces]
        result = gated_loudness(np.concatenate([one.energies for one in made]))
        if (following := next_gain(gain_db, result, target)) == gain_db:
            break
        gain_db = following
    return Mixed(np.concatenate([one.sound[piece.lead : piece.lead + piece.length] for piece, one in zip(pieces, made, strict=True)]), gain_db, result)


def _leveled(placements: Sequence[Placement], levels: SourceLevels) -> tuple[list[Placement], dict[str, float]]:
    gains = speech_gains([(place.speaker, energies_of([place.sound()])) for place in placements], levels)
    return [Placement.of(place.start, place.sound() * np.float32(10 ** (gains[place.speaker] / 20)), place.speaker) for place in placements], gains


def _scene(voices: tuple[np.ndarray, np.ndarray], music: np.ndarray) -> tuple[np.ndarray, DubMix, SourceLevels]:
    """A source in which one speaks from 3 s and from 15 s over music, to be dubbed from 3 s and from 15.2 s by the louder voice."""
    own, dubbed = voices
    source = music.copy()
    for start in (3, 15):
        source[start * SECOND : start * SECOND + len(own)] += own[:, None]
    spans = [SpeechSpan(start * SECOND, start * SECOND + len(own), "anna") for start in (3, 15)]
    levels = source_levels(energies_of([source]), spans)
    placements, _ = _leveled([Placement.of(round(start * SECOND), dubbed, "anna") for start in (3, 15.2)], levels)
    return source, DubMix(len(source), placements, _reader(source), True, spans), levels


def test_the_gain_is_down_before_speech_and_one_elsewhere() -> None:
    gain = DuckingGain([(48_000, 96_000), (100_000, 120_000), (300_000, 310_000)], depth_db=12).of(0, 400_000)
    low = 10 ** (-12 / 20)
    assert np.allclose(gain[48_000:120_000], low) and np.allclose(gain[300_000:310_000], low)
    assert np.all(gain[: 48_000 - ATTACK] == 1) and np.all(gain[120_000 + RELEASE : 300_000 - ATTACK] == 1) and np.all(gain[310_000 + RELEASE :] == 1)
    assert np.all(np.diff(gain[48_000 - ATTACK : 48_001]) <= 0) and np.all(np.diff(gain[120_000 : 120_000 + RELEASE + 1]) >= 0)
    # No step is heard: 30 ms for 12 dB.
    assert np.abs(np.diff(20 * np.log10(gain))).max() < 0.02
    curve = DuckingGain([(48_000, 96_000), (100_000, 120_000), (300_000, 310_000)], depth_db=12)
    parts = [curve.of(begin, min(begin + 7_001, 400_000)) for begin in range(0, 400_000, 7_001)]
    assert np.array_equal(np.concatenate(parts), gain)
    assert np.all(DuckingGain([]).of(0, 100) == 1)


def test_music_is_kept_outside_speech_and_the_source_s_loudness(voices: tuple[np.ndarray, np.ndarray]) -> None:
    music = _music(24)
    source, mix, levels = _scene(voices, music)
    mixed = _finish(mix, mix_target(None, levels))
    sound = mixed.sound
    assert sound.shape == source.shape and sound.dtype == np.float32
    assert abs(measure(sound).integrated_lufs - measure(source).integrated_lufs) < 0.3
    factor = 10 ** (mixed.gain_db / 20)
    lead, lag = HEARD_EARLIER + ATTACK, HEARD_LATER + RELEASE
    for part in (slice(0, 3 * SECOND - lead), slice(9 * SECOND + lag, 15 * SECOND - lead), slice(21 * SECOND + lag, None)):
        assert np.corrcoef(sound[part, 0], music[part, 0])[0, 1] > 0.999
        assert np.allclose(sound[part], factor * music[part], atol=1e-4)
    assert abs(mixed.gain_db) < 1


def test_the_dubbed_voice_is_as_loud_as_the_speaker_s_own(voices: tuple[np.ndarray, np.ndarray]) -> None:
    _, mix, levels = _scene(voices, _music(24))
    own = measure(voices[0]).integrated_lufs
    assert levels.speech_lufs["anna"] == pytest.approx(own, abs=0.7)
    sound = _finish(mix, mix_target(None, levels)).sound
    assert measure(sound[3 * SECOND : 8 * SECOND]).integrated_lufs == pytest.approx(own, abs=1.0)


def test_utterances_begin_on_their_sample(voices: tuple[np.ndarray, np.ndarray]) -> None:
    _, mix, levels = _scene(voices, _music(24))
    sound = _finish(DubMix(mix.length, mix.placements, None, False), mix_target(None, levels)).sound
    dubbed = voices[1]
    for start in (3 * SECOND, round(15.2 * SECOND)):
        heard = sound[start - 500 : start + len(dubbed) + 500, 0]
        assert int(np.argmax(correlate(heard, dubbed, "valid", "fft"))) == 500
    assert not sound[: 3 * SECOND].any()


@pytest.mark.parametrize("target", [WEB, BROADCAST, LoudnessTarget(-20.0, -3.0)])
def test_a_chosen_loudness_is_met(voices: tuple[np.ndarray, np.ndarray], target: LoudnessTarget) -> None:
    _, mix, levels = _scene(voices, _music(24))
    assert mix_target(target, levels) == target
    heard = measure(_finish(DubMix(mix.length, mix.placements, _reader(_music(24)), False), target).sound)
    assert heard.integrated_lufs == pytest.approx(target.integrated_lufs, abs=0.3)
    assert heard.true_peak_dbtp <= target.true_peak_dbtp + 0.05


def test_speakers_have_their_own_levels(voices: tuple[np.ndarray, np.ndarray]) -> None:
    """A loud and a quiet person stay so, whatever the voices that dub them."""
    own, dubbed = voices
    source = np.zeros((20 * SECOND, 2), np.float32)
    source[: len(own)] += own[:, None]
    source[10 * SECOND : 10 * SECOND + len(own)] += own[:, None] * 10 ** (-12 / 20)
    spans = [SpeechSpan(0, len(own), "loud"), SpeechSpan(10 * SECOND, 10 * SECOND + len(own), "quiet")]
    placements = [Placement.of(0, dubbed, "loud"), Placement.of(10 * SECOND, dubbed, "quiet"), Placement.of(17 * SECOND, dubbed[:SECOND], "new")]
    _, gains = _leveled(placements, source_levels(energies_of([source]), spans))
    assert gains["loud"] - gains["quiet"] == pytest.approx(12, abs=0.5)
    assert isfinite(gains["new"])


def test_without_sound_in_the_source_the_speech_is_as_for_the_web(voices: tuple[np.ndarray, np.ndarray]) -> None:
    assert mix_target(None, None) == WEB
    sound = _finish(DubMix(10 * SECOND, [Placement.of(SECOND, voices[0])], None, False), WEB).sound
    assert measure(sound).integrated_lufs == pytest.approx(-16, abs=0.3)
    silence = _finish(DubMix(2 * SECOND, [], None, False), WEB).sound
    assert silence.shape == (2 * SECOND, 2) and not silence.any()
    assert mix_target(None, source_levels(np.zeros(100), [SpeechSpan(0, 100, "a")])) == WEB


def test_levels_are_those_of_the_spans_alone() -> None:
    sound = noise(12)
    sound[4 * SECOND : 8 * SECOND] *= 10 ** (-20 / 20)
    levels = source_levels(energies_of(np.array_split(sound, 29)), [SpeechSpan(4 * SECOND, 6 * SECOND, "a"), SpeechSpan(6 * SECOND, 8 * SECOND, "b")])
    quiet = measure(sound[4 * SECOND : 8 * SECOND]).integrated_lufs
    assert levels.speech_lufs["a"] == pytest.approx(quiet, abs=0.2) and levels.all_speech_lufs == pytest.approx(quiet, abs=0.2)
    assert levels.programme_lufs == pytest.approx(measure(sound).integrated_lufs, abs=1e-9)


def _long(voices: tuple[np.ndarray, np.ndarray], seconds: int = 80) -> DubMix:
    """Loud enough for the limiter, with speech and music over the places where it is cut."""
    source = _music(seconds, 0.3)
    starts = [round(at * SECOND) for at in np.arange(0.5, seconds - 6, 6.1)]
    spans = [SpeechSpan(start, start + len(voices[0]), "anna") for start in starts]
    return DubMix(len(source), [Placement.of(start, voices[1], "anna", f"v{start}") for start in starts], _reader(source), True, spans)


def test_pieces_are_the_unbroken_programme(voices: tuple[np.ndarray, np.ndarray]) -> None:
    """Mixed, limited and measured apart, to the last digits of a float."""
    mix = _long(voices)
    pieces = cut_mix(mix.length)
    assert len(pieces) == 3 and [piece.begin for piece in pieces[1:]] == [piece.end for piece in pieces[:-1]]
    whole = finish_piece(mix, MixPiece(0, mix.length, 0, mix.length), 6.0, -1.0)
    made = [finish_piece(mix, piece, 6.0, -1.0) for piece in pieces]
    assert whole.limited_db > 3
    joined = np.concatenate([one.sound[piece.lead : piece.lead + piece.length] for piece, one in zip(pieces, made, strict=True)])
    assert np.abs(joined - whole.sound).max() < 1e-6
    energies = np.concatenate([one.energies for one in made])
    assert np.allclose(energies, whole.energies, rtol=1e-5)
    assert gated_loudness(energies) == pytest.approx(measure(whole.sound).integrated_lufs, abs=1e-4)
    assert 20 * np.log10(max(one.peak for one in made)) == pytest.approx(measure(whole.sound).true_peak_dbtp, abs=0.02)


def test_a_changed_line_changes_only_the_pieces_near_it(voices: tuple[np.ndarray, np.ndarray]) -> None:
    mix = _long(voices, 120)
    keys = [piece_inputs(mix, piece) for piece in cut_mix(mix.length)]
    assert len(keys) == 4
    at = next(number for number, place in enumerate(mix.placements) if place.start > 70 * SECOND)
    changed = list(mix.placements)
    changed[at] = Placement.of(changed[at].start, voices[1][: 4 * SECOND], "anna", "other")
    other = DubMix(mix.length, changed, mix.background, True, mix.source_spans)
    assert [piece_inputs(other, piece) == key for piece, key in zip(cut_mix(mix.length), keys, strict=True)] == [True, True, False, True]
    unlike = [
        not np.array_equal(other.stretch(piece.heard_from, piece.heard_until), mix.stretch(piece.heard_from, piece.heard_until))
        for piece in cut_mix(mix.length)
    ]
    assert unlike == [False, False, True, False]


def test_an_hour_drifts_by_no_sample() -> None:
    """1000 clicks at odd places over an hour: each is heard on its own sample, and outside them all is silent."""
    click = np.zeros(3_001, np.float32)
    click[1500] = 0.5
    starts = [nearest((number * 3_600 * SECOND + 7) / 1001) for number in range(1, 1000)]
    heard: list[int] = []
    position = 0
    placements = [Placement(start, len(click), lambda: click) for start in starts]
    for begin in range(0, 3_600 * SECOND, 10 * SECOND):
        block = place_stretch(placements, begin, begin + 10 * SECOND)
        heard += [position + int(at) for at in np.flatnonzero(block)]
        position += len(block)
    assert position == 3_600 * SECOND
    assert heard == [start + 1500 for start in starts]
