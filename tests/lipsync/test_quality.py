"""The measurement itself: on tracks whose truth is known, on a real person, and on what the embedded engine makes."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from locutor.errors import InvalidInput
from media.fragments import FragmentEncoder
from services.lipsync.engine import Background, PhonemeSpan, Piece, Speech, VideoFormat
from services.lipsync.engines.warp import WarpEngine
from services.lipsync.landmarks import FaceLandmarker
from services.lipsync.quality import LipsyncQuality, assess, count_blinks, measure, silences
from services.lipsync.quality_track import MouthTrack, frames_of, sound_of, track_mouth
from services.weights import ModelStore
from tests.lipsync.conftest import TESTDATA
from tests.media.sources import Sound, even_times, noise, write_source

RATE, SAMPLE_RATE = 25, 16_000
# Two utterances with a second of silence before, between and after.
UTTERANCES = ("m a p a b iː m oʊ s a m ɛ p ɑ t a b a", "b ɑ m uː n a p iː l æ m a b ɔ m a")
EACH_S = 0.115


def said() -> list[PhonemeSpan]:
    spans: list[PhonemeSpan] = []
    time_s = 1.0
    for utterance in UTTERANCES:
        for symbol in utterance.split():
            spans.append(PhonemeSpan(symbol, time_s, time_s + EACH_S))
            time_s += EACH_S
        time_s += 1.0
    return spans


def shifted(spans: list[PhonemeSpan], by_s: float) -> list[PhonemeSpan]:
    return [PhonemeSpan(span.symbol, span.start_s + by_s, span.end_s + by_s) for span in spans]


def voice(spans: list[PhonemeSpan]) -> np.ndarray:
    """A buzz where something is said."""
    audio = np.zeros(round((spans[-1].end_s + 1.0) * SAMPLE_RATE), np.float32)
    for span in spans:
        begin, end = round(span.start_s * SAMPLE_RATE), round(span.end_s * SAMPLE_RATE)
        audio[begin:end] = 0.3 * np.sign(np.sin(2 * np.pi * 120 * np.arange(begin, end) / SAMPLE_RATE))
    return audio


def ideal(spans: list[PhonemeSpan], late_s: float = 0.0, closed: float = 0.004, opened: float = 0.06) -> MouthTrack:
    """What a perfect mouth would show."""
    times = (np.arange(round((spans[-1].end_s + 1.0) * RATE)) + 0.5) / RATE
    fine = np.arange(0, times[-1] + 0.5, 0.001)
    gap = np.full(len(fine), closed)
    for span in spans:
        if span.symbol[0] not in "mbp":
            gap[(fine >= span.start_s + late_s) & (fine < span.end_s + late_s)] = opened
    kernel = np.hanning(61)
    gap = np.convolve(gap, kernel / kernel.sum(), mode="same")
    return MouthTrack(times, np.interp(times, fine, gap), np.zeros(len(times)))


@pytest.fixture(scope="module")
def spoken(tmp_path_factory: pytest.TempPathFactory, astronaut: np.ndarray) -> tuple[Path, int]:
    """A video of the embedded engine, and its number of frames."""
    engine = WarpEngine(ModelStore())
    video = VideoFormat(640, 360, Fraction(RATE))
    portrait = engine.prepare(astronaut, video, Background())
    audio = voice(said())
    count = len(audio) * RATE // SAMPLE_RATE
    encoder = FragmentEncoder(video.width, video.height, video.frame_rate)
    parts = [part for frame in engine.animate(portrait, Speech(audio, SAMPLE_RATE, said()), Piece(0, count)) for part in encoder.add(frame)]
    path = tmp_path_factory.mktemp("quality") / "spoken.mp4"
    path.write_bytes(b"".join(parts + encoder.finish()))
    return path, count


@pytest.fixture(scope="module")
def track(spoken: tuple[Path, int], landmarker: FaceLandmarker) -> MouthTrack:
    return track_mouth(spoken[0], landmarker)


def test_every_frame_is_seen(track: MouthTrack, spoken: tuple[Path, int]) -> None:
    assert len(track.times_s) == spoken[1]
    assert np.allclose(track.times_s, (np.arange(spoken[1]) + 0.5) / RATE)
    assert not np.isnan(track.gap).any()


def test_the_engine_is_in_bounds(track: MouthTrack) -> None:
    quality = assess(track, said())
    assert quality.closures == 13 and quality.open_vowels == 11
    assert quality.closed_share == 1.0 and quality.closure_gap_worst is not None and quality.closure_gap_worst <= 0.015
    assert quality.open_share is not None and quality.open_share >= 0.9
    assert quality.pause_frames > 40 and quality.pause_moving_share is not None and quality.pause_moving_share <= 0.05
    assert quality.offset_ms is not None and abs(quality.offset_ms) <= 40
    assert quality.frames_without_face == 0


@pytest.mark.parametrize("late_s", [-0.12, 0.06, 0.16])
def test_offset_of_a_real_video_follows_its_timeline(track: MouthTrack, late_s: float) -> None:
    right, wrong = assess(track, said()), assess(track, shifted(said(), -late_s))
    assert right.offset_ms is not None and wrong.offset_ms is not None
    assert wrong.offset_ms - right.offset_ms == pytest.approx(1000 * late_s, abs=8)


def test_another_timeline_fails(track: MouthTrack) -> None:
    """The bounds can be missed: sounds that were never spoken are not found in the picture."""
    swapped = [PhonemeSpan("a" if span.symbol[0] in "mbp" else "m", span.start_s, span.end_s) for span in said()]
    quality = assess(track, swapped)
    assert quality.closed_share is not None and quality.closed_share < 0.9
    assert quality.open_share is not None and quality.open_share < 0.9


def test_as_json(track: MouthTrack) -> None:
    values = assess(track, said()).to_dict()
    assert json.loads(json.dumps(values)) == values
    assert values["frames"] == len(track.times_s) and values["closed_share"] == 1.0


@pytest.mark.parametrize("late_s", [0.0, 0.013, -0.08, 0.1, 0.25])
def test_offset_of_a_perfect_mouth(late_s: float) -> None:
    quality = assess(ideal(said(), late_s), said())
    assert quality.offset_ms == pytest.approx(1000 * late_s, abs=6)
    assert quality.offset_correlation is not None and quality.offset_correlation > 0.8


def test_shares_of_a_perfect_mouth() -> None:
    quality = assess(ideal(said()), said())
    assert (quality.closed_share, quality.open_share, quality.pause_moving_share) == (1.0, 1.0, 0.0)
    assert quality.open_gap_median == pytest.approx(0.06, abs=0.005)


def test_a_mouth_that_never_closes_and_one_that_never_opens() -> None:
    ajar = assess(ideal(said(), closed=0.02), said())
    assert ajar.closed_share == 0.0 and ajar.closure_gap_worst == pytest.approx(0.02, abs=0.002)
    shut = assess(ideal(said(), opened=0.004), said())
    assert shut.open_share == 0.0 and shut.offset_ms is None


def test_one_bad_closure_is_told() -> None:
    track = ideal(said())
    span = said()[4]
    track.gap[(track.times_s > span.start_s - 0.05) & (track.times_s < span.end_s + 0.05)] = 0.03
    quality = assess(track, said())
    assert quality.closed_share == pytest.approx(12 / 13)
    assert (quality.closure_gap_worst, quality.closure_worst_at_s) == (pytest.approx(0.03), pytest.approx(span.start_s))


def test_a_mouth_that_moves_in_silence() -> None:
    track = ideal(said())
    pause = (track.times_s > 3.3) & (track.times_s < 4.0)
    track.gap[pause] += 0.02 * np.sin(np.arange(pause.sum()))
    quality = assess(track, said())
    assert quality.pause_moving_share is not None and quality.pause_moving_share > 0.1


def test_silences() -> None:
    spans = [PhonemeSpan("", 0.0, 0.5), PhonemeSpan("a", 0.5, 1.0), PhonemeSpan("m", 1.0, 1.2), PhonemeSpan("", 1.2, 1.4), PhonemeSpan("o", 2.0, 2.2)]
    assert silences(spans, 3.0) == [(0.0, 0.5), (1.2, 2.0), (2.2, 3.0)]
    assert silences([], 2.0) == [(0.0, 2.0)]


def test_blinks() -> None:
    open_eyes = np.full(100, 0.05)
    assert count_blinks(open_eyes) == 0
    open_eyes[20:24] = (0.2, 0.4, 0.5, 0.2)
    open_eyes[60:63] = (0.35, 0.28, 0.36)
    open_eyes[80] = np.nan
    # The second dips, but not to half of its height: one blink.
    assert count_blinks(open_eyes) == 2
    assert count_blinks(np.full(5, np.nan)) == 0


def test_nothing_to_measure_on() -> None:
    track = MouthTrack((np.arange(50) + 0.5) / RATE, np.full(50, np.nan), np.full(50, np.nan))
    quality = assess(track, said())
    assert isinstance(quality, LipsyncQuality) and quality.frames_without_face == 50
    assert (quality.closed_share, quality.offset_ms, quality.pause_moving_share) == (None, None, None)


def test_idle_person(landmarker: FaceLandmarker) -> None:
    path = TESTDATA / "video" / "presenter_suit.mp4"
    if not path.is_file():
        pytest.skip(f"no test video: {path} is missing")
    quality = measure(path, [], landmarker)
    assert quality.frames == 179 and quality.blinks == 3
    assert quality.pause_moving_share is not None and quality.pause_moving_share < 0.02


def test_what_is_no_video(landmarker: FaceLandmarker, tmp_path: Path) -> None:
    path = tmp_path / "notes.mp4"
    path.write_text("not a video")
    with pytest.raises(InvalidInput) as caught:
        measure(path, [], landmarker)
    assert caught.value.reason == "NOT_MEDIA"


def test_a_playlist_opens_nothing_else(tmp_path: Path) -> None:
    """It may name any file of the machine."""
    write_source(tmp_path / "v.mp4", even_times(5), [Sound(noise(1))])
    playlist = tmp_path / "list.m3u8"
    playlist.write_text("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nv.mp4\n#EXT-X-ENDLIST\n")
    for read in (lambda: next(frames_of(playlist)), lambda: sound_of(playlist, 16_000)):
        with pytest.raises(InvalidInput) as caught:
            read()
        assert caught.value.reason == "NOT_MEDIA"
