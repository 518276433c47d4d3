"""Finds the faces of an image, also small ones and several, and tells faces from what only looks like one to the detector."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np

from services.lipsync.landmarks import (
    FACE_OVAL,
    INNER_LIP_LOWER,
    INNER_LIP_UPPER,
    LEFT_EYE_LOWER,
    LEFT_EYE_UPPER,
    OUTER_LIP_LOWER,
    OUTER_LIP_UPPER,
    RIGHT_EYE_LOWER,
    RIGHT_EYE_UPPER,
    FaceLandmarker,
    FaceLandmarks,
)

MAX_FACES = 5
"""For the landmarker: faces in one view."""
# MediaPipe looks at an image of 128 x 128 pixels, in which a face needs about 20: what is smaller is found in parts of the image.
_LEAST_SEEN = 0.16
"""Height of the smallest face that is found in a view, over the view's longer side."""
_PARTS = ((2, 3), (3, 5), (4, 7))
"""Parts of half the image's longer side, 3 x 3 of them that overlap; then smaller ones."""
_SMALLEST_WITHOUT_ANY = 3
"""An image in which nothing was found in parts of this fraction has no face that could be used."""
RIVAL = 0.40
"""A face this high, over the largest, is always found as well."""
_CLOSE_UP = 0.8
"""Margin around a face in the picture from which its points are taken, over the face's size."""
_SAME = 0.5
"""Two findings whose eyes are nearer than this, over the face's height, are one face."""
_VIEWS = ((0.55, (0.0, 0.0)), (0.9, (0.15, -0.1)), (1.3, (-0.1, 0.15)))
"""Margins and shifts of the views in which a face must be found again, each also mirrored."""
_LINES = (INNER_LIP_LOWER, INNER_LIP_UPPER, OUTER_LIP_LOWER, OUTER_LIP_UPPER)
_FEATURES = (*(point for line in _LINES for point in line), *FACE_OVAL, *LEFT_EYE_LOWER, *LEFT_EYE_UPPER, *RIGHT_EYE_LOWER, *RIGHT_EYE_UPPER)
_FEATURES_MIRRORED = (
    *(point for line in _LINES for point in reversed(line)),
    *(FACE_OVAL[-k % len(FACE_OVAL)] for k in range(len(FACE_OVAL))),
    *RIGHT_EYE_LOWER,
    *RIGHT_EYE_UPPER,
    *LEFT_EYE_LOWER,
    *LEFT_EYE_UPPER,
)
UNSTEADY, NO_FACE_AT_ALL = 0.042, 0.30
"""`unsteadiness` of true faces: at most .026 on portraits, paintings and stills of films of usable size, dark and noisy ones too; small, much
blurred and half hidden ones reach .11. Of a drawn smiley .050; of a colour wheel or an upside-down face more than .7."""


def find_faces(rgb: np.ndarray, landmarker: FaceLandmarker) -> list[FaceLandmarks]:
    """The faces of (height, width, 3) uint8 RGB, the largest first. `landmarker` is one for images."""
    faces: list[FaceLandmarks] = []
    _collect(rgb, rgb, 0, 0, landmarker, faces)
    for fraction, count in _PARTS:
        for view, x, y in _parts(rgb, fraction, count):
            _collect(rgb, view, x, y, landmarker, faces)
        largest = max((face.face_height for face in faces), default=0.0)
        if RIVAL * largest >= _LEAST_SEEN * max(rgb.shape[:2]) / fraction or (not faces and fraction == _SMALLEST_WITHOUT_ANY):
            break
    if not faces:
        _collect(rgb, *_with_margin(rgb), landmarker, faces)
    return sorted(faces, key=lambda face: -face.face_height)


def unsteadiness(rgb: np.ndarray, face: FaceLandmarks, landmarker: FaceLandmarker) -> float:
    """How badly the face is found again, at the same place, in mirrored, moved and scaled views: what is no face is not.

    Root mean square, over views, of how far the features' points move, over the interocular distance; 1 for a view without a face.
    """
    expected = face.points[list(_FEATURES), :2]
    moved = []
    for margin, shift in _VIEWS:
        view, x, y = _close_up(rgb, face, margin, shift)
        for mirrored in (False, True):
            found = landmarker.detect(view[:, ::-1] if mirrored else view)
            if not found:
                moved.append(1.0)
                continue
            points = found[0].points[list(_FEATURES_MIRRORED if mirrored else _FEATURES), :2]
            if mirrored:
                points[:, 0] = view.shape[1] - points[:, 0]
            points += (x, y)
            moved.append(min(1.0, float(np.linalg.norm(points - expected, axis=1).mean()) / face.interocular))
    return float(np.sqrt(np.mean(np.square(moved))))


def _collect(rgb: np.ndarray, view: np.ndarray, x: int, y: int, landmarker: FaceLandmarker, faces: list[FaceLandmarks]) -> None:
    """Add the faces of a view that were not found yet."""
    for found in landmarker.detect(view):
        face = found.mapped(1, x, y)
        if view is not rgb:
            # A view may have cut the face: its points are taken anew with all of it in sight.
            close_up, close_x, close_y = _close_up(rgb, face, _CLOSE_UP)
            again = landmarker.detect(close_up)
            if not again:
                continue
            face = again[0].mapped(1, close_x, close_y)
        if all(np.linalg.norm(face.eye_center - other.eye_center) > _SAME * max(face.face_height, other.face_height) for other in faces):
            faces.append(face)


def _close_up(rgb: np.ndarray, face: FaceLandmarks, margin: float, shift: tuple[float, float] = (0.0, 0.0)) -> tuple[np.ndarray, int, int]:
    """A square around the face with `margin` on each side, over the face's size, and where it begins; beyond the image its edge goes on."""
    left, top, right, bottom = face.bounding_box
    size = max(right - left, bottom - top)
    side = max(8, round(size * (1 + 2 * margin)))
    x = round((left + right) / 2 + shift[0] * size - side / 2)
    y = round((top + bottom) / 2 + shift[1] * size - side / 2)
    height, width = rgb.shape[:2]
    inside = rgb[max(0, y) : max(1, y + side), max(0, x) : max(1, x + side)]
    before_y, before_x = max(0, -y), max(0, -x)
    after_y, after_x = max(0, y + side - height), max(0, x + side - width)
    if before_y or before_x or after_y or after_x:
        inside = cv2.copyMakeBorder(inside, before_y, after_y, before_x, after_x, cv2.BORDER_REPLICATE)
    return inside, x, y


def _parts(rgb: np.ndarray, fraction: int, count: int) -> Iterator[tuple[np.ndarray, int, int]]:
    height, width = rgb.shape[:2]
    side = max(height, width) // fraction
    for y in np.unique(np.linspace(0, max(0, height - side), count).astype(int)):
        for x in np.unique(np.linspace(0, max(0, width - side), count).astype(int)):
            yield rgb[y : y + side, x : x + side], int(x), int(y)


def _with_margin(rgb: np.ndarray) -> tuple[np.ndarray, int, int]:
    """For a face that fills the image: the detector wants to see something around it."""
    margin = max(rgb.shape[:2]) // 2
    return cv2.copyMakeBorder(rgb, margin, margin, margin, margin, cv2.BORDER_REPLICATE), -margin, -margin
