"""A recorded voice without a timeline, all the way to a face: the mouth moves with it, closes in it, and rests when it does."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from skimage import data

from media.fragments import FragmentEncoder
from services.articulation.prosody import voice_level
from services.lipsync.engine import Background, PhonemeSpan, Piece, Speech, VideoFormat
from services.lipsync.engines.warp import WarpEngine
from services.lipsync.landmarks import FaceLandmarker
from services.lipsync.quality import assess
from services.lipsync.quality_track import MouthTrack, sound_of, track_mouth
from services.lipsync.rendering import heard
from services.weights import ModelStore

RECORDING = Path(__file__).parents[3] / "shared" / "testdata" / "speech" / "LJ001-0006.wav"
RATE, SAMPLE_RATE, SILENCE_S = 25, 16_000, 1.2


@pytest.fixture(scope="module")
def recording() -> Speech:
    """A real voice with silence around it, and no phonemes."""
    if not RECORDING.is_file():
        pytest.skip(f"no recorded speech: {RECORDING} is missing")
    return Speech(np.pad(sound_of(RECORDING, SAMPLE_RATE), round(SILENCE_S * SAMPLE_RATE)), SAMPLE_RATE, ())


@pytest.fixture(scope="module")
def track(recording: Speech, tmp_path_factory: pytest.TempPathFactory) -> MouthTrack:
    store = ModelStore()
    engine = WarpEngine(store)
    video = VideoFormat(640, 360, Fraction(RATE))
    portrait = engine.prepare(np.asarray(data.astronaut()), video, Background())
    encoder = FragmentEncoder(video.width, video.height, video.frame_rate)
    piece = Piece(0, len(recording.audio) * RATE // SAMPLE_RATE)
    parts = [part for frame in engine.animate(portrait, heard(recording), piece) for part in encoder.add(frame)]
    path = tmp_path_factory.mktemp("estimated") / "spoken.mp4"
    path.write_bytes(b"".join(parts + encoder.finish()))
    with FaceLandmarker(store.ensure("mediapipe-face-landmarker") / "face_landmarker_v2.task") as landmarker:
        return track_mouth(path, landmarker)


def test_the_mouth_does_what_was_heard(recording: Speech, track: MouthTrack) -> None:
    quality = assess(track, heard(recording).phonemes)
    assert quality.closures >= 3 and quality.closed_share == 1.0
    assert quality.open_vowels >= 3 and quality.open_share is not None and quality.open_share >= 0.8
    assert quality.offset_ms is not None and abs(quality.offset_ms) <= 60
    assert quality.pause_frames >= 20 and quality.pause_moving_share is not None and quality.pause_moving_share <= 0.05


def test_the_mouth_moves_with_the_voice(recording: Speech, track: MouthTrack) -> None:
    """By the sound itself, which knows nothing of the estimator."""
    level = voice_level(recording.audio, SAMPLE_RATE, track.times_s)
    assert np.corrcoef(level, track.gap)[0, 1] >= 0.4
    edge = SILENCE_S - 0.3
    still = track.gap[(track.times_s < edge) | (track.times_s > track.times_s[-1] - edge)]
    assert still.max() - still.min() < 0.004
    assert track.gap.max() > 0.04


def test_given_phonemes_always_win(recording: Speech) -> None:
    given = (PhonemeSpan("a", 0.5, 0.7),)
    assert heard(Speech(recording.audio, SAMPLE_RATE, given)).phonemes == given
    said_nothing = (PhonemeSpan("", 0.0, 1.0),)
    assert heard(Speech(recording.audio, SAMPLE_RATE, said_nothing)).phonemes == said_nothing


def test_no_sound_no_sounds() -> None:
    assert heard(Speech(np.zeros(0, np.float32), SAMPLE_RATE, ())).phonemes == ()
    assert [span.symbol for span in heard(Speech(np.zeros(SAMPLE_RATE, np.float32), SAMPLE_RATE, ())).phonemes] == [""]
