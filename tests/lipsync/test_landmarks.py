"""Landmarks: units, pose, quiet, and nothing sent home."""

from __future__ import annotations

import subprocess
import sys
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from services.lipsync import landmarks as module
from services.lipsync.landmarks import FaceLandmarker, FaceLandmarks


@pytest.fixture(scope="module")
def face(landmarker: FaceLandmarker, astronaut: np.ndarray) -> FaceLandmarks:
    (face,) = landmarker.detect(astronaut)
    return face


def test_points_are_pixels(face: FaceLandmarks) -> None:
    assert face.points.shape == (478, 3) and face.points.dtype == np.float32
    left, top, right, bottom = face.bounding_box
    assert 170 < left < 190 and 60 < top < 80 and 260 < right < 280 and 170 < bottom < 185
    assert 38 < face.interocular < 48 and 95 < face.face_height < 115 and 80 < face.face_width < 98
    assert left < face.eye_center[0] < right and top < face.eye_center[1] < bottom


def test_blendshapes_and_lips(face: FaceLandmarks) -> None:
    assert len(face.blendshapes) == 52
    assert face.blendshapes["mouthSmileLeft"] > 0.5 and face.blendshapes["eyeBlinkLeft"] < 0.3
    assert 0.04 < face.lip_gap / face.face_width < 0.10


def test_groups_lie_where_they_say(face: FaceLandmarks) -> None:
    points = face.points[:, :2]
    for ring in (module.INNER_LIP, module.OUTER_LIP, module.FACE_OVAL):
        assert len(set(ring)) == len(ring)
    assert points[list(module.INNER_LIP_UPPER), 1].mean() < points[list(module.INNER_LIP_LOWER), 1].mean()
    assert points[list(module.OUTER_LIP_UPPER), 1].mean() < points[list(module.INNER_LIP_UPPER), 1].mean()
    assert points[list(module.LEFT_EYE_UPPER), 1].mean() < points[list(module.LEFT_EYE_LOWER), 1].mean()
    assert points[list(module.LEFT_BROW), 1].mean() < points[list(module.LEFT_EYE_UPPER), 1].mean()
    assert points[list(module.LEFT_EYE_LOWER), 0].max() < points[list(module.RIGHT_EYE_LOWER), 0].min()
    assert points[module.LEFT_IRIS[0], 0] < points[module.RIGHT_IRIS[0], 0]


@pytest.mark.parametrize("degrees", [-30, -15, 15, 30])
def test_roll_is_clockwise(landmarker: FaceLandmarker, astronaut: np.ndarray, face: FaceLandmarks, degrees: int) -> None:
    # Pillow rotates counter-clockwise.
    (turned,) = landmarker.detect(np.asarray(Image.fromarray(astronaut).rotate(-degrees, Image.Resampling.BICUBIC)))
    assert turned.roll - face.roll == pytest.approx(degrees, abs=4)


def test_yaw_changes_sign_in_the_mirror(landmarker: FaceLandmarker, portraits: dict[str, np.ndarray]) -> None:
    image = portraits["art_13"]
    (face,), (mirrored,) = landmarker.detect(image), landmarker.detect(image[:, ::-1])
    # The painted man looks to the viewer's right.
    assert 4 < face.yaw < 15
    assert mirrored.yaw == pytest.approx(-face.yaw, abs=4)


def test_pose_does_not_depend_on_where_the_face_lies(landmarker: FaceLandmarker, portraits: dict[str, np.ndarray]) -> None:
    image = portraits["presenter_blue"]
    poses = []
    for x, y in ((0, 0), (116, 0), (233, 0), (60, 150)):
        (face,) = landmarker.detect(image[y : y + 487, x : x + 487])
        poses.append((face.yaw, face.pitch, face.roll))
    assert np.ptp(np.array(poses), axis=0).max() < 4


def test_mapped(face: FaceLandmarks) -> None:
    mapped = face.mapped(2.0, 10, -20)
    assert np.allclose(mapped.points[:, :2], face.points[:, :2] * 2 + (10, -20))
    assert mapped.interocular == pytest.approx(2 * face.interocular, rel=1e-5)
    assert mapped.yaw == pytest.approx(face.yaw, abs=1e-3)


def test_no_face(landmarker: FaceLandmarker) -> None:
    assert landmarker.detect(np.full((200, 300, 3), 90, np.uint8)) == []


def test_video_mode_follows_a_face(landmarker_file: Path, astronaut: np.ndarray) -> None:
    with FaceLandmarker(landmarker_file, video=True) as landmarker:
        found = [landmarker.detect(np.roll(astronaut, shift, axis=1)) for shift in range(0, 30, 3)]
    centers = [faces[0].eye_center[0] for faces in found]
    assert centers[-1] - centers[0] == pytest.approx(27, abs=4)


def test_mediapipe_writes_nothing_on_the_terminal(landmarker_file: Path) -> None:
    code = (
        "import numpy, sys; from pathlib import Path; from services.lipsync.landmarks import FaceLandmarker;"
        "landmarker = FaceLandmarker(Path(sys.argv[1])); landmarker.detect(numpy.zeros((90, 90, 3), numpy.uint8)); print('done')"
    )
    done = subprocess.run([sys.executable, "-c", code, str(landmarker_file)], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2])
    assert (done.stdout, done.stderr) == ("done\n", "")


def test_mediapipe_cannot_reach_a_network() -> None:
    """Later releases look a host up and send usage metrics when a task is made; this one's library does not know how."""
    library = resources.files("mediapipe.tasks.c").joinpath("libmediapipe.so").read_bytes()
    for function in (b"\0getaddrinfo\0", b"\0gethostbyname\0", b"\0connect\0", b"\0sendto\0"):
        assert function not in library
