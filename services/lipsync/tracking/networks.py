"""MediaPipe's two networks, run one by one: where faces may be, and where the 478 points of one face are.

MediaPipe's own graph finds the face anew in every image, from which its points jitter, or smooths them with a lag. Here the view that the points
are taken from follows the face, and what smooths them sees what comes after a frame as well.
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from services.lipsync.landmarks import MESH_POINTS, without_native_noise
from services.lipsync.tracking.picture import Picture, View

POINTS = 478
_DETECTOR, _LANDMARKS = "face_detector.tflite", "face_landmarks_detector.tflite"
"""Members of face_landmarker_v2.task."""
_DETECTOR_SIDE, _LANDMARKS_SIDE = 128, 256
LIKELY = 0.5
"""Least score of a detection: MediaPipe's default."""
_OVERLAP = 0.3
"""Boxes that share more of their union than this are of one face (MediaPipe's min_suppression_threshold)."""
_MARGIN = 1.5
"""Side of a view over the longer side of the face in it: MediaPipe's."""
_EYE_CORNERS = (33, 263)


@dataclass(frozen=True)
class Detection:
    view: View
    """To look for points in."""
    score: float
    """0 to 1."""


class FaceNetworks:
    """For one thread at a time."""

    def __init__(self, model: Path, threads: int) -> None:
        """`model` is face_landmarker_v2.task; `threads` is what one call of a network uses."""
        with zipfile.ZipFile(model) as archive:
            self._detector = _Network(archive.read(_DETECTOR), threads)
            self._landmarks = _Network(archive.read(_LANDMARKS), threads)

    def detect(self, picture: Picture, view: View) -> list[Detection]:
        """Faces of 0.16 to 0.9 of the view's height, the likeliest first."""
        regressors, logits = self._detector.run(picture.rgb(view, _DETECTOR_SIDE) * 2 - 1)
        scores = 1 / (1 + np.exp(-np.clip(logits.reshape(-1), -80, 80)))
        likely = np.flatnonzero(scores >= LIKELY)
        likely = likely[np.argsort(-scores[likely], kind="stable")]
        # Centre, size, then six points of which the first two are the eyes; all over the anchors' centres, in pixels.
        found = regressors.reshape(-1, 8, 2)[likely].astype(np.float64)
        found[:, [0, 2, 3]] += _anchors()[likely, None]
        kept: list[int] = []
        for index in range(len(found)):
            if all(_shared(found[index, :2], found[other, :2]) < _OVERLAP for other in kept):
                kept.append(index)
        return [Detection(_view_of_box(found[index], view), float(scores[likely[index]])) for index in kept]

    def locate(self, picture: Picture, view: View) -> tuple[np.ndarray, float]:
        """(478, 3) float32 points in pixels of the picture, and how surely there is a face: a logit, about 17 for a clear one, below 0 for none."""
        points, presence, _ = self._landmarks.run(picture.rgb(view, _LANDMARKS_SIDE))
        return view.to_picture(points.reshape(POINTS, 3), _LANDMARKS_SIDE), float(presence.reshape(-1)[0])


def view_of(points: np.ndarray) -> View:
    """The view in which a face with these points is looked for."""
    across = points[_EYE_CORNERS[1], :2] - points[_EYE_CORNERS[0], :2]
    angle = float(np.arctan2(across[1], across[0]))
    cos, sin = np.cos(angle), np.sin(angle)
    upright = points[:MESH_POINTS, :2] @ np.array([[cos, -sin], [sin, cos]])
    low, high = upright.min(axis=0), upright.max(axis=0)
    x, y = (low + high) / 2
    return View(float(x * cos - y * sin), float(x * sin + y * cos), float((high - low).max()) * _MARGIN, angle)


class _Network:
    def __init__(self, model: bytes, threads: int) -> None:
        with without_native_noise():
            from ai_edge_litert.interpreter import Interpreter

            self._interpreter: Any = Interpreter(model_content=model, num_threads=threads)
            self._interpreter.allocate_tensors()
        self._input = self._interpreter.get_input_details()[0]["index"]
        self._outputs = [output["index"] for output in self._interpreter.get_output_details()]

    def run(self, image: np.ndarray) -> list[np.ndarray]:
        self._interpreter.set_tensor(self._input, image[None].astype(np.float32, copy=False))
        self._interpreter.invoke()
        return [self._interpreter.get_tensor(index) for index in self._outputs]


@cache
def _anchors() -> np.ndarray:
    """(896, 2): the detector's anchors, two for each cell of 8 pixels and six for each of 16 (BlazeFace, short range)."""
    anchors = []
    for stride, count in ((8, 2), (16, 6)):
        centres = (np.arange(_DETECTOR_SIDE // stride) + 0.5) * stride
        y, x = np.meshgrid(centres, centres, indexing="ij")
        anchors.append(np.repeat(np.stack([x, y], axis=-1).reshape(-1, 2), count, axis=0))
    return np.concatenate(anchors)


def _shared(a: np.ndarray, b: np.ndarray) -> float:
    """Intersection over union of two boxes: rows are centre and size."""
    inside = np.maximum(0, np.minimum(a[0] + a[1] / 2, b[0] + b[1] / 2) - np.maximum(a[0] - a[1] / 2, b[0] - b[1] / 2)).prod()
    return float(inside / (a[1].prod() + b[1].prod() - inside + 1e-9))


def _view_of_box(found: np.ndarray, view: View) -> View:
    centre, left_eye, right_eye = view.to_picture(found[[0, 2, 3]], _DETECTOR_SIDE)
    across = right_eye - left_eye
    size = float(found[1].max()) * view.size / _DETECTOR_SIDE * _MARGIN
    return View(float(centre[0]), float(centre[1]), size, float(np.arctan2(across[1], across[0])))
