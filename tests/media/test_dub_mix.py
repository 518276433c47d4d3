from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from math import isfinite
from pathlib import Path

import numpy as np
import pytest
from scipy.signal import correlate

from locutor.errors import InvalidInput
from media.clock import nearest
from media.dub_mix import HEARD_EARLIER, HEARD_LATER, DubMix, MixReport, SoundReader, mix_dub
from media.ducking import ATTACK, RELEASE, DuckingGain
from media.loudness import BROADCAST, WEB, LoudnessTarget, measure
from media.place import Placement, place_blocks
from media.soundtrack import Soundtrack
from media.speech_level import SpeechSpan, measure_source
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
    def read() -> Iterator[np.ndarray]:
        yield from np.array_split(sound, 17)

    return read


def _mix(mix: DubMix) -> tuple[np.ndarray, MixReport]:
    blocks, report = mix_dub(mix)
    return np.concatenate(list(blocks)), report


def _scene(voices: tuple[np.ndarray, np.ndarray], music: np.ndarray) -> tuple[np.ndarray, DubMix]:
    """A source in which one speaks from 3 s and from 15 s over music, to be dubbed from 3 s and from 15.2 s by the louder voice."""
    own, dubbed = voices
    source = music.copy()
    for start in (3, 15):
        source[start * SECOND : start * SECOND + len(own)] += own[:, None]
    spans = [SpeechSpan(start * SECOND, start * SECOND + len(own), "anna") for start in (3, 15)]
    placements = [Placement.of(round(start * SECOND), dubbed, "anna") for start in (3, 15.2)]
    return source, DubMix(len(source), placements, _reader(source), True, _reader(source), spans)


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
    source, mix = _scene(voices, music)
    sound, report = _mix(mix)
    assert sound.shape == source.shape and sound.dtype == np.float32
    assert abs(measure(sound).integrated_lufs - measure(source).integrated_lufs) < 0.3
    factor = 10 ** (report.normalisation.gain_db / 20)
    lead, lag = HEARD_EARLIER + ATTACK, HEARD_LATER + RELEASE
    for part in (slice(0, 3 * SECOND - lead), slice(9 * SECOND + lag, 15 * SECOND - lead), slice(21 * SECOND + lag, None)):
        assert np.corrcoef(sound[part, 0], music[part, 0])[0, 1] > 0.999
        assert np.allclose(sound[part], factor * music[part], atol=1e-4)
    assert abs(report.normalisation.gain_db) < 1


def test_the_dubbed_voice_is_as_loud_as_the_speaker_s_own(voices: tuple[np.ndarray, np.ndarray]) -> None:
    _, mix = _scene(voices, _music(24))
    sound, report = _mix(mix)
    own = measure(voices[0]).integrated_lufs
    assert report.source is not None
    assert report.source.speech_lufs["anna"] == pytest.approx(own, abs=0.7)
    heard = measure(sound[3 * SECOND : 8 * SECOND]).integrated_lufs
    assert heard == pytest.approx(own, abs=1.0)
    assert report.speech_gain_db["anna"] < -5


def test_utterances_begin_on_their_sample(voices: tuple[np.ndarray, np.ndarray]) -> None:
    _, mix = _scene(voices, _music(24))
    sound, _ = _mix(DubMix(mix.length, mix.placements, None, False, mix.source, mix.source_spans))
    dubbed = voices[1]
    for start in (3 * SECOND, round(15.2 * SECOND)):
        heard = sound[start - 500 : start + len(dubbed) + 500, 0]
        assert int(np.argmax(correlate(heard, dubbed, "valid", "fft"))) == 500
    assert not sound[: 3 * SECOND].any()


@pytest.mark.parametrize("target", [WEB, BROADCAST, LoudnessTarget(-20.0, -3.0)])
def test_a_chosen_loudness_is_met(voices: tuple[np.ndarray, np.ndarray], target: LoudnessTarget) -> None:
    source, mix = _scene(voices, _music(24))
    sound, report = _mix(DubMix(mix.length, mix.placements, _reader(_music(24)), False, _reader(source), mix.source_spans, target=target))
    heard = measure(sound)
    assert heard.integrated_lufs == pytest.approx(target.integrated_lufs, abs=0.3)
    assert heard.true_peak_dbtp <= target.true_peak_dbtp + 0.05
    assert report.target == target


def test_speakers_have_their_own_levels(voices: tuple[np.ndarray, np.ndarray]) -> None:
    """A loud and a quiet person stay so, whatever the voices that dub them."""
    own, dubbed = voices
    source = np.zeros((20 * SECOND, 2), np.float32)
    source[: len(own)] += own[:, None]
    source[10 * SECOND : 10 * SECOND + len(own)] += own[:, None] * 10 ** (-12 / 20)
    spans = [SpeechSpan(0, len(own), "loud"), SpeechSpan(10 * SECOND, 10 * SECOND + len(own), "quiet")]
    placements = [Placement.of(0, dubbed, "loud"), Placement.of(10 * SECOND, dubbed, "quiet"), Placement.of(17 * SECOND, dubbed[:SECOND], "new")]
    _, report = _mix(DubMix(len(source), placements, None, False, _reader(source), spans))
    gains = report.speech_gain_db
    assert gains["loud"] - gains["quiet"] == pytest.approx(12, abs=0.2)
    assert isfinite(gains["new"])


def test_without_sound_in_the_source_the_speech_is_as_for_the_web(voices: tuple[np.ndarray, np.ndarray]) -> None:
    placements = [Placement.of(SECOND, voices[0])]
    sound, report = _mix(DubMix(10 * SECOND, placements, None, False))
    assert measure(sound).integrated_lufs == pytest.approx(-16, abs=0.3)
    assert report.source is None
    silence, _ = _mix(DubMix(2 * SECOND, [], None, False))
    assert silence.shape == (2 * SECOND, 2) and not silence.any()
    quiet = np.zeros((10 * SECOND, 2), np.float32)
    _, report = _mix(DubMix(10 * SECOND, placements, _reader(quiet), True, _reader(quiet), [SpeechSpan(0, 100, "a")]))
    assert report.target == WEB


def test_overlaps_are_refused_before_anything_is_read() -> None:
    def unread() -> Iterator[np.ndarray]:
        raise AssertionError("read")
        yield

    voice = np.ones(1000, np.float32)
    with pytest.raises(InvalidInput, match="voices must not overlap"):
        mix_dub(DubMix(5000, [Placement.of(0, voice), Placement.of(999, voice)], unread, True, unread))


def test_levels_are_those_of_the_spans_alone() -> None:
    sound = noise(12)
    sound[4 * SECOND : 8 * SECOND] *= 10 ** (-20 / 20)
    levels = measure_source(np.array_split(sound, 29), [SpeechSpan(4 * SECOND, 6 * SECOND, "a"), SpeechSpan(6 * SECOND, 8 * SECOND, "b")])
    quiet = measure(sound[4 * SECOND : 8 * SECOND]).integrated_lufs
    assert levels.speech_lufs["a"] == pytest.approx(quiet, abs=0.2) and levels.all_speech_lufs == pytest.approx(quiet, abs=0.2)
    assert levels.programme == measure(sound)


def test_an_hour_drifts_by_no_sample() -> None:
    """1000 clicks at odd places over an hour: each is heard on its own sample, and outside them all is silent."""
    click = np.zeros(3_001, np.float32)
    click[1500] = 0.5
    starts = [nearest((number * 3_600 * SECOND + 7) / 1001) for number in range(1, 1000)]
    heard: list[int] = []
    position = 0
    for block in place_blocks([Placement(start, len(click), lambda: click) for start in starts], 3_600 * SECOND):
        heard += [position + int(at) for at in np.flatnonzero(block)]
        position += len(block)
    assert position == 3_600 * SECOND
    assert heard == [start + 1500 for start in starts]


def test_memory_does_not_grow_with_the_programme() -> None:
    def peak(seconds: int) -> int:
        voice = np.full(SECOND, 0.1, np.float32)
        placements = [Placement(start * SECOND, SECOND, voice.copy) for start in range(0, seconds - 1, 2)]

        def background() -> Iterator[np.ndarray]:
            for number in range(seconds):
                yield np.full((SECOND, 2), 0.01 + 0.0001 * (number % 7), np.float32)

        tracemalloc.start()
        blocks, _ = mix_dub(DubMix(seconds * SECOND, placements, background, True, background, []))
        for _ in blocks:
            pass
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    peak(4)  # what is allocated once
    assert peak(80) < 1.1 * peak(20)
