"""Faces followed through composed footage: cuts, flashes, pans, two at once, one that goes."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from services.lipsync.footage import FaceTracks, MouthKind, Usability
from services.lipsync.landmarks import LOWER_LIP_INNER, UPPER_LIP_INNER
from services.lipsync.tracking.follow import ShotFollower
from services.lipsync.tracking.identity import ARTIFACT, FaceEmbedder
from services.lipsync.tracking.networks import FaceNetworks
from services.lipsync.tracking.picture import Picture, View
from services.lipsync.tracking.smoothing import SKULL, smoothed
from services.lipsync.tracking.tracker import track_faces
from services.lipsync.tracking.usability import usability
from services.weights import ModelStore
from tests.lipsync.clips import HEIGHT, RATE, WIDTH, Shot, beside, i420, people_frames, pictures


@pytest.fixture(scope="module")
def networks(landmarker_file: Path) -> FaceNetworks:
    return FaceNetworks(landmarker_file, 2)


@pytest.fixture(scope="module")
def embedder() -> FaceEmbedder:
    return FaceEmbedder(ModelStore().ensure(ARTIFACT))


def tracked(frames: Iterable[np.ndarray], networks: FaceNetworks, embedder: FaceEmbedder) -> FaceTracks:
    *progress, tracks = track_faces((i420(frame) for frame in frames), RATE, networks, embedder)
    assert isinstance(tracks, FaceTracks)
    assert [step.frames for step in progress] == list(range(1, tracks.frame_count + 1))  # type: ignore[union-attr]
    return tracks


@pytest.fixture(scope="module")
def film(networks: FaceNetworks, embedder: FaceEmbedder) -> tuple[FaceTracks, list[int], list[str]]:
    """Tracks of eleven shots, the frames they begin with, and who is seen in each ("suit+blue": both)."""
    flashing = [frame.copy() for frame in pictures(Shot("glasses", 20, 200))]
    for number in (8, 9):
        flashing[number] = np.minimum(flashing[number].astype(int) + 140, 255).astype(np.uint8)
    shots: list[tuple[str, list[np.ndarray]]] = [
        ("glasses", list(pictures(Shot("glasses", 20, 30)))),
        ("suit", list(pictures(Shot("suit", 15)))),
        ("blue", list(pictures(Shot("blue", 15)))),
        ("glasses", list(pictures(Shot("glasses", 15, 100, size=480)))),
        ("glasses", list(pictures(Shot("glasses", 15, 130)))),
        ("glasses", list(pictures(Shot("glasses", 20, 160, pan=12, aside=-120)))),
        ("suit", list(pictures(Shot("suit", 15, 70)))),
        ("glasses", flashing),
        ("suit+blue", list(beside(Shot("suit", 15, size=900), Shot("blue", 15, size=800)))),
        ("blue", list(pictures(Shot("blue", 15, 40, size=560)))),
        ("glasses", list(pictures(Shot("glasses", 15, 240, size=690)))),
    ]
    begins = np.cumsum([0, *(len(frames) for _, frames in shots[:-1])]).tolist()
    tracks = tracked((frame for _, frames in shots for frame in frames), networks, embedder)
    return tracks, begins, [who for who, _ in shots]


def test_every_cut_and_nothing_else(film: tuple[FaceTracks, list[int], list[str]]) -> None:
    tracks, begins, _ = film
    assert list(tracks.shots) == begins
    assert (tracks.width, tracks.height, tracks.frame_rate) == (WIDTH, HEIGHT, RATE)


def test_every_face_from_cut_to_cut(film: tuple[FaceTracks, list[int], list[str]]) -> None:
    tracks, begins, who = film
    spans = [(face.first_frame, face.end_frame) for face in tracks.faces]
    ends = [*begins[1:], tracks.frame_count]
    assert spans == [span for span, names in zip(zip(begins, ends, strict=True), who, strict=True) for _ in names.split("+")]
    assert all((face.usability == Usability.USABLE).all() for face in tracks.faces)


def test_the_same_person_in_every_shot(film: tuple[FaceTracks, list[int], list[str]]) -> None:
    tracks, begins, who = film
    seen: dict[str, set[int]] = {}
    for face in tracks.faces:
        names = who[begins.index(face.first_frame)].split("+")
        # Of two beside each other, the left one is named first.
        name = names[0] if len(names) == 1 or face.points[0, :, 0].mean() < WIDTH / 2 else names[1]
        seen.setdefault(name, set()).add(face.person)
    assert seen == {"glasses": {0}, "suit": {1}, "blue": {2}}


def test_points_lie_where_the_landmarker_finds_them(film: tuple[FaceTracks, list[int], list[str]], landmarker: object) -> None:
    tracks, _, _ = film
    frame = next(pictures(Shot("glasses", 1, 40)))
    (found,) = landmarker.detect(frame[:, :, ::-1].copy())  # type: ignore[attr-defined]
    apart = np.linalg.norm(tracks.faces[0].points[10, :468, :2] - found.points[:468, :2], axis=1)
    assert apart.mean() < 0.03 * found.interocular


def test_views_of_the_mouth_are_kept(film: tuple[FaceTracks, list[int], list[str]]) -> None:
    tracks, _, _ = film
    talking = tracks.faces[0]
    assert MouthKind.CLOSED in {view.kind for view in talking.views}
    assert all(talking.first_frame <= view.frame < talking.end_frame for view in talking.views)


def test_a_face_that_comes_and_goes(networks: FaceNetworks, embedder: FaceEmbedder) -> None:
    """The camera pans: the face comes in from the right after a while, and leaves to the left."""
    frames = list(pictures(Shot("suit", 80, pan=10, aside=-420, size=900)))
    # What is beside the picture would be its mirror image.
    for number, frame in enumerate(frames):
        left = round((0 - (348 - 420 + 10 * number)) * HEIGHT / 900 + WIDTH / 2)
        frame[:, : max(left, 0)] = 90
        frame[:, max(left + 576, 0) :] = 90
    tracks = tracked(frames, networks, embedder)
    assert tracks.shots == (0,) and {face.person for face in tracks.faces} == {0}
    face = max(tracks.faces, key=lambda face: len(face.points))
    inside = [n for n in range(80) if 120 < WIDTH / 2 + (420 - 10 * n) * HEIGHT / 900 < WIDTH - 120]
    assert face.first_frame <= inside[0] + 2 and face.end_frame >= inside[-1] - 1


def test_small_faces_are_found_and_said_to_be_small(networks: FaceNetworks, embedder: FaceEmbedder) -> None:
    def small(size: int) -> Iterable[np.ndarray]:
        for face in pictures(Shot("suit", 12), size * 4 // 3, size):
            frame = np.full((HEIGHT, WIDTH, 3), 90, np.uint8)
            frame[60 : 60 + size, 500 : 500 + face.shape[1]] = face
            yield frame

    (tiny,) = tracked(small(110), networks, embedder).faces
    assert (tiny.usability == Usability.TOO_SMALL).all()
    (fair,) = tracked(small(240), networks, embedder).faces
    assert (fair.usability == Usability.USABLE).all() and len(fair.points) == 12


def test_a_hand_before_the_mouth_is_told(networks: FaceNetworks, embedder: FaceEmbedder) -> None:
    frames = [frame.copy() for frame in pictures(Shot("blue", 40))]
    for frame in frames[12:28]:
        # The back of a hand, held before mouth and chin.
        cv2.ellipse(frame, (480, 430), (150, 110), 20, 0, 360, (120, 150, 190), -1)
    tracks = tracked(frames, networks, embedder)
    usable = np.zeros(40, bool)
    for face in tracks.faces:
        usable[face.first_frame : face.end_frame] |= face.usability == Usability.USABLE
    assert usable[:11].all() and usable[30:].all() and not usable[14:27].any()
    assert {Usability(int(value)) for face in tracks.faces for value in face.usability} == {Usability.USABLE, Usability.HIDDEN}


def test_nobody_there(networks: FaceNetworks, embedder: FaceEmbedder) -> None:
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    frames = [np.stack([(127 + 100 * np.sin((x + 5 * n) / 37) * np.cos(y / 23)).astype(np.uint8)] * 3, axis=-1) for n in range(20)]
    tracks = tracked(frames, networks, embedder)
    assert tracks.faces == () and tracks.shots == (0,)


@pytest.fixture(scope="module")
def raw(networks: FaceNetworks) -> tuple[np.ndarray, np.ndarray]:
    """Points of 150 frames of a talking face as they were measured, and the logits."""
    frames = people_frames("glasses")[30:180]
    follower = ShotFollower(networks, Fraction(30), 0)
    for frame in frames:
        follower.add(Picture(i420(frame)))
    (track,) = follower.finish()
    return np.stack(track.points), np.array(track.presence)


def gap(points: np.ndarray) -> np.ndarray:
    return np.linalg.norm(points[:, UPPER_LIP_INNER, :2] - points[:, LOWER_LIP_INNER, :2], axis=1) / np.linalg.norm(
        points[:, 234, :2] - points[:, 454, :2], axis=1
    )


def jitter(points: np.ndarray) -> float:
    """Pixels: second differences, of which noise of standard deviation 1 in a coordinate has the variance 6."""
    second = np.diff(points[:, SKULL, :2], 2, axis=0)
    return float(np.sqrt((second**2).sum(axis=-1) / 6).mean())


def test_smoothing_takes_the_jitter_and_leaves_the_speech(raw: tuple[np.ndarray, np.ndarray]) -> None:
    points, presence = raw
    steady = smoothed(points, presence > 4, Fraction(30))
    assert jitter(steady) < 0.4 * jitter(points)
    before, after = gap(points), gap(steady)
    shut = [n for n in range(2, 148) if before[n] == before[n - 2 : n + 3].min() and before[n] < 0.02]
    open_ = [n for n in range(2, 148) if before[n] == before[n - 2 : n + 3].max() and before[n] > 0.05]
    assert len(shut) >= 3 and len(open_) >= 3
    assert (after[shut] < before[shut] + 0.004).all()
    assert (after[open_] > 0.8 * before[open_]).all() and (after[open_] / before[open_]).mean() > 0.97
    # No lag: it fits best where it is.
    fits = [np.corrcoef(before[5:-5], np.roll(after, shift)[5:-5])[0, 1] for shift in (-1, 0, 1)]
    assert fits[1] > 0.99 and fits[1] == max(fits)


def test_where_a_face_can_be_moved(raw: tuple[np.ndarray, np.ndarray]) -> None:
    points, seen = raw[0][:40].copy(), np.ones(40, bool)

    def found(points: np.ndarray, seen: np.ndarray = seen) -> list[Usability]:
        return [Usability(int(value)) for value in usability(points, seen, (1080, 720), Fraction(30))]

    assert found(points) == [Usability.USABLE] * 40
    assert found(points * 0.1) == [Usability.TOO_SMALL] * 40
    lower = points.copy()
    lower[20:, :, 1] += 250
    assert found(lower) == [Usability.USABLE] * 20 + [Usability.HIDDEN] * 20
    turned = points - points.mean(axis=1, keepdims=True)
    angle = np.radians(np.linspace(0, 80, 40))[:, None]
    x, z = turned[..., 0].copy(), turned[..., 2].copy()
    turned[..., 0], turned[..., 2] = x * np.cos(angle) - z * np.sin(angle), x * np.sin(angle) + z * np.cos(angle)
    states = found(turned + points.mean(axis=1, keepdims=True))
    first = states.index(Usability.TURNED_AWAY)
    assert 10 < first < 26 and set(states[first:]) == {Usability.TURNED_AWAY} and set(states[:first]) == {Usability.USABLE}
    flash = np.ones(40, bool)
    flash[20:22] = False
    assert found(points, flash) == [Usability.USABLE] * 40
    # What comes back for a moment is not worth a movement.
    blinking = np.ones(40, bool)
    blinking[10:18] = blinking[20:30] = False
    assert found(points, blinking) == [Usability.USABLE] * 10 + [Usability.HIDDEN] * 20 + [Usability.USABLE] * 10


def test_frames_that_are_not_seen_lie_between(raw: tuple[np.ndarray, np.ndarray]) -> None:
    points, presence = (values.copy() for values in raw)
    seen = presence > 4
    seen[40:44] = False
    points[40:44] += 300
    steady = smoothed(points, seen, Fraction(30))
    assert np.abs(steady[40:44] - raw[0][40:44])[..., :2].mean() < 6


def test_a_jump_of_the_camera_is_not_smeared(raw: tuple[np.ndarray, np.ndarray]) -> None:
    points, presence = (values.copy() for values in raw)
    points[70:, :, 0] += 150
    steady = smoothed(points, presence > 4, Fraction(30))
    assert np.abs(steady[66:74] - points[66:74])[:, SKULL, :2].mean() < 2


def test_views_are_what_is_seen_there() -> None:
    frame = np.zeros((64 * 3 // 2, 96), np.uint8)
    frame[:64] = np.arange(96)[None, :] * 2
    frame[64:] = 128
    picture = Picture(frame)
    straight = picture.rgb(View(48, 32, 32), 32)[..., 1]
    expected = (frame[16:48, 32:64].astype(float) - 16) * 1.164 / 255
    assert np.abs(straight - expected).max() < 0.01
    turned = picture.rgb(View(48, 32, 32, np.pi / 2), 32)[..., 1]
    assert np.abs(np.rot90(turned, -1) - expected).max() < 0.01
    points = View(48, 32, 64, 0.3).to_picture(np.array([[16.0, 16.0, 1.0], [0.0, 16.0, 0.0]]), 32)
    assert np.allclose(points[0], (48, 32, 2)) and np.allclose(points[1, :2], (48 - 32 * np.cos(0.3), 32 - 32 * np.sin(0.3)), atol=1e-4)
