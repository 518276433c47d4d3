"""Footage for tests: shots of the people in the folder of test data, cut and framed here."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cache

import av
import cv2
import numpy as np
import pytest

from tests.lipsync.conftest import TESTDATA

WIDTH, HEIGHT = 960, 720
RATE = Fraction(25)
_PEOPLE = {"glasses": ("talking_glasses_en", (665, 400)), "suit": ("presenter_suit", (348, 417)), "blue": ("presenter_blue", (384, 300))}
"""Name to file and the middle of the face, pixels."""


@dataclass(frozen=True)
class Shot:
    """Frames of one person: `size` is the height of what is seen, of the file's own 720 or so; `pan` moves the camera, pixels a frame."""

    person: str
    frames: int
    first: int = 0
    size: float = 700
    pan: float = 0.0
    aside: float = 0.0
    """How far the face is from the middle, pixels of the file."""


@cache
def people_frames(person: str) -> list[np.ndarray]:
    """BGR. Skips where the file is missing."""
    path = TESTDATA / "video" / f"{_PEOPLE[person][0]}.mp4"
    if not path.is_file():
        pytest.skip(f"no test video: {path} is missing")
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="bgr24") for frame in container.decode(video=0)]


def pictures(shot: Shot, width: int = WIDTH, height: int = HEIGHT) -> Iterator[np.ndarray]:
    """BGR frames."""
    frames = people_frames(shot.person)
    x, y = _PEOPLE[shot.person][1]
    scale = height / shot.size
    for number in range(shot.frames):
        middle = x + shot.aside + shot.pan * number
        matrix = np.array([[scale, 0, width / 2 - middle * scale], [0, scale, height / 2 - y * scale]])
        frame = frames[(shot.first + number) % len(frames)]
        yield cv2.warpAffine(frame, matrix, (width, height), flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REFLECT)


def beside(left: Shot, right: Shot) -> Iterator[np.ndarray]:
    for a, b in zip(pictures(left, WIDTH // 2), pictures(right, WIDTH // 2), strict=True):
        yield np.hstack([a, b])


def i420(bgr: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(bgr, cv2.COLOR_BGR2YUV_I420)
