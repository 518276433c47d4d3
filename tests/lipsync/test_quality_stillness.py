"""Trembling and leakage, on material that trembles and leaks by a known amount."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from locutor.errors import InvalidInput
from media.fragments import FragmentEncoder
from services.lipsync.engine import Background, VideoFormat
from services.lipsync.framing import frame_portrait
from services.lipsync.landmarks import FaceLandmarker
from services.lipsync.quality_leakage import leakage_from_footage, leakage_from_portrait
from services.lipsync.quality_stillness import jitter
from services.lipsync.quality_track import STILL_POINTS, MouthTrack, largest_face, sound_of

VIDEO = VideoFormat(640, 360, Fraction(25))


def track(noise: float, seed: int = 0) -> MouthTrack:
    """A head that turns and nods smoothly, whose points tremble by `noise` (standard deviation of x and y over the face's width)."""
    rng = np.random.default_rng(seed)
    points = rng.uniform(-0.4, 0.4, (len(STILL_POINTS), 2))
    times = np.arange(200) / 25
    angle, scale = 0.1 * np.sin(2 * times), 1 + 0.02 * np.sin(times)
    turns = np.stack([np.cos(angle), -np.sin(angle), np.sin(angle), np.cos(angle)], 1).reshape(-1, 2, 2) * scale[:, None, None]
    still = np.einsum("tij,pj->tpi", turns, points) + np.stack([0.3 * np.sin(3 * times), 0.2 * np.cos(4 * times)], 1)[:, None]
    return MouthTrack(times, np.zeros(200), np.zeros(200), still + rng.normal(0, noise, still.shape))


def test_a_moving_head_does_not_tremble() -> None:
    assert jitter(track(0.0)) == pytest.approx(0.0, abs=2e-4)


def test_trembling_is_measured() -> None:
    # A frame less the mean of its two neighbours has 1.5 times the variance; 4 of 24 degrees of freedom go with the rigid motion.
    expected = 0.003 * np.sqrt(1.5 * 2 * 20 / 24)
    assert jitter(track(0.003)) == pytest.approx(expected, rel=0.05)


def test_cuts_and_missing_faces_are_left_out() -> None:
    cut = track(0.003)
    whole = jitter(cut)
    cut.still[100:] += 2.0
    cut.still[150] = np.nan
    assert jitter(cut) == pytest.approx(whole, rel=0.05)


def test_nothing_to_see() -> None:
    assert jitter(MouthTrack(np.zeros(2), np.zeros(2), np.zeros(2))) is None
    unseen = track(0.0)
    unseen.still[:] = np.nan
    assert jitter(unseen) is None


def encoded(frames: list[np.ndarray], path: Path) -> Path:
    """RGB frames as the engine's own encoder writes them."""
    encoder = FragmentEncoder(VIDEO.width, VIDEO.height, VIDEO.frame_rate)
    parts = []
    for frame in frames:
        picture = av.VideoFrame.from_ndarray(frame, format="rgb24").reformat(format="yuv420p", dst_colorspace="ITU709")
        parts += encoder.add(picture.to_ndarray())
    path.write_bytes(b"".join(parts + encoder.finish()))
    return path


@pytest.fixture(scope="module")
def framed(astronaut: np.ndarray, landmarker: FaceLandmarker) -> np.ndarray:
    face = largest_face(astronaut, landmarker)
    assert face is not None
    return frame_portrait(astronaut, face, VIDEO, Background()).image


def with_patch(frame: np.ndarray, left: int, top: int, size: int = 40) -> np.ndarray:
    changed = frame.copy()
    patch = changed[top : top + size, left : left + size]
    patch[:] = np.where(patch > 128, patch - 60, patch + 60)
    return changed


def test_an_encoder_does_not_leak_but_a_changed_corner_does(framed: np.ndarray, astronaut: np.ndarray, landmarker: FaceLandmarker, tmp_path: Path) -> None:
    portrait = tmp_path / "face.png"
    Image.fromarray(astronaut).save(portrait)
    same = encoded([framed] * 6, tmp_path / "same.mp4")
    assert leakage_from_portrait(same, portrait.read_bytes(), landmarker) <= 1e-4
    patched = encoded([with_patch(framed, 4, 4)] * 6, tmp_path / "patched.mp4")
    assert leakage_from_portrait(patched, portrait.read_bytes(), landmarker) == pytest.approx(1600 / (640 * 360 * 0.55), rel=0.5)


def test_footage_may_change_at_the_mouth_alone(framed: np.ndarray, landmarker: FaceLandmarker, tmp_path: Path) -> None:
    face = largest_face(framed, landmarker)
    assert face is not None
    source = encoded([framed] * 6, tmp_path / "source.mp4")
    x, y = (int(value) for value in face.points[14, :2])
    spoken = encoded([with_patch(framed, x - 8, y - 8, 16)] * 6, tmp_path / "spoken.mp4")
    assert leakage_from_footage(spoken, source, landmarker) <= 1e-4
    x, y = (int(value) for value in face.points[10, :2])
    browed = encoded([with_patch(framed, x - 20, y - 20)] * 6, tmp_path / "browed.mp4")
    assert leakage_from_footage(browed, source, landmarker) == pytest.approx(1600 / (640 * 360), rel=0.3)


def test_other_sizes_and_images_without_a_face(framed: np.ndarray, landmarker: FaceLandmarker, tmp_path: Path) -> None:
    video = encoded([framed] * 2, tmp_path / "video.mp4")
    small = tmp_path / "small.mp4"
    encoder = FragmentEncoder(320, 180, VIDEO.frame_rate)
    small.write_bytes(b"".join([*encoder.add(np.full((270, 320), 128, np.uint8)), *encoder.finish()]))
    with pytest.raises(InvalidInput) as caught:
        leakage_from_footage(video, small, landmarker)
    assert caught.value.reason == "OTHER_SIZE" and caught.value.violations[0].field == "original"
    blank = tmp_path / "blank.png"
    Image.new("RGB", (300, 300), "gray").save(blank)
    with pytest.raises(InvalidInput) as caught:
        leakage_from_portrait(video, blank.read_bytes(), landmarker)
    assert caught.value.reason == "NO_FACE"


def test_sound_begins_where_the_picture_does(tmp_path: Path) -> None:
    path = tmp_path / "late.mkv"
    with av.open(str(path), "w") as output:
        stream = output.add_stream("pcm_s16le", rate=16_000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.full((1, 16_000), 8000, np.int16), format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = 16_000, 8_000, Fraction(1, 16_000)
        output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    sound = sound_of(path, 16_000)
    assert len(sound) == pytest.approx(24_000, abs=20)
    assert abs(sound[:7900]).max() == 0.0 and sound[8100:23_900].min() > 0.2
