"""Face landmarks by MediaPipe: 478 points, 52 blendshapes and the head's pose of every face in an image."""

from __future__ import annotations

import math
import os
import re
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

MODEL_ARTIFACT, MODEL_FILE = "mediapipe-face-landmarker", "face_landmarker_v2.task"
"""The weights in the model store, and their file."""

# Points of the MediaPipe face mesh. Left and right are the viewer's; rings and lines run as listed.
INNER_LIP = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 415, 310, 311, 312, 13, 82, 81, 80, 191)
"""Ring: left corner, lower edge, right corner, upper edge."""
OUTER_LIP = (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 409, 270, 269, 267, 0, 37, 39, 40, 185)
"""Ring, as `INNER_LIP`."""
INNER_LIP_LOWER = INNER_LIP[0:11]
INNER_LIP_UPPER = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308)
OUTER_LIP_LOWER = OUTER_LIP[0:11]
OUTER_LIP_UPPER = (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291)
LEFT_EYE_LOWER = (33, 7, 163, 144, 145, 153, 154, 155, 133)
"""From the outer corner to the inner one, both included."""
LEFT_EYE_UPPER = (246, 161, 160, 159, 158, 157, 173)
"""From the outer corner to the inner one, both left out."""
RIGHT_EYE_LOWER = (263, 249, 390, 373, 374, 380, 381, 382, 362)
RIGHT_EYE_UPPER = (466, 388, 387, 386, 385, 384, 398)
LEFT_BROW = (70, 63, 105, 66, 107, 46, 53, 52, 65, 55)
"""Upper edge from outside to inside, then lower edge."""
RIGHT_BROW = (300, 293, 334, 296, 336, 276, 283, 282, 295, 285)
LEFT_IRIS = (468, 469, 470, 471, 472)
"""The pupil's centre, then four points of the rim."""
RIGHT_IRIS = (473, 474, 475, 476, 477)
# fmt: off
FACE_OVAL = (
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377,
    152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
)
# fmt: on
"""Ring, clockwise from the forehead's middle."""
FOREHEAD_TOP, CHIN = 10, 152
FACE_LEFT, FACE_RIGHT = 234, 454
UPPER_LIP_INNER, LOWER_LIP_INNER = 13, 14
MESH_POINTS = 468
"""Points of the skin; the irises follow."""
_MIRRORED = ((234, 454), (127, 356), (33, 263), (133, 362), (61, 291), (58, 288), (172, 397), (132, 361))
"""Points of the face's left and right that mirror each other."""
_PITCH_OF_FRONTAL = 7.0
"""Degrees: the line from forehead to chin of a face that looks at the viewer leans back by this (3 to 11 on nine portraits)."""


@dataclass(frozen=True, eq=False)
class FaceLandmarks:
    """One face. Left and right are the viewer's."""

    points: np.ndarray
    """(478, 3) float32: x, y in pixels from the image's upper left corner (a pixel's centre is at .5), z in pixels, smaller is nearer."""
    blendshapes: Mapping[str, float]
    """ARKit's names ("jawOpen", "eyeBlinkLeft", where left is the person's) to 0..1."""
    transform: np.ndarray
    """(4, 4) float32: MediaPipe's canonical face (centimetres, y up, z to the viewer) to a camera with a vertical field of view of 63 degrees."""

    @cached_property
    def interocular(self) -> float:
        """Distance of the pupils, in pixels."""
        return float(np.linalg.norm(self.points[RIGHT_IRIS[0], :2] - self.points[LEFT_IRIS[0], :2]))

    @cached_property
    def face_height(self) -> float:
        """From the forehead's top (about the hair line) to the chin, in pixels."""
        return float(np.linalg.norm(self.points[CHIN, :2] - self.points[FOREHEAD_TOP, :2]))

    @cached_property
    def face_width(self) -> float:
        """From ear to ear (234 to 454), in pixels."""
        return float(np.linalg.norm(self.points[FACE_RIGHT, :2] - self.points[FACE_LEFT, :2]))

    @cached_property
    def eye_center(self) -> np.ndarray:
        """(2,) float32: the middle between the pupils, in pixels."""
        return (self.points[LEFT_IRIS[0], :2] + self.points[RIGHT_IRIS[0], :2]) / 2

    @cached_property
    def lip_gap(self) -> float:
        """Distance of the inner lips in their middle (13 to 14), in pixels."""
        return float(np.linalg.norm(self.points[UPPER_LIP_INNER, :2] - self.points[LOWER_LIP_INNER, :2]))

    @cached_property
    def bounding_box(self) -> tuple[float, float, float, float]:
        """Left, top, right, bottom of the mesh, in pixels. The mesh ends at the hair line."""
        low, high = self.points[:MESH_POINTS, :2].min(0), self.points[:MESH_POINTS, :2].max(0)
        return float(low[0]), float(low[1]), float(high[0]), float(high[1])

    @cached_property
    def _pose(self) -> tuple[float, float, float]:
        # From the points: what `transform` says depends on where in its image the face lies, by up to 10 degrees.
        points = self.points.astype(np.float64)
        across = sum(points[right] - points[left] for left, right in _MIRRORED)
        across = across / np.linalg.norm(across)
        down = points[CHIN] - points[FOREHEAD_TOP]
        down -= across * (down @ across)
        forward = np.cross(down / np.linalg.norm(down), across)
        yaw = math.degrees(math.atan2(forward[0], -forward[2]))
        pitch = math.degrees(math.asin(float(np.clip(-forward[1], -1, 1)))) + _PITCH_OF_FRONTAL
        return yaw, pitch, math.degrees(math.atan2(across[1], across[0]))

    @property
    def yaw(self) -> float:
        """Degrees, positive where the face is turned to the viewer's right."""
        return self._pose[0]

    @property
    def pitch(self) -> float:
        """Degrees, positive where the face looks up."""
        return self._pose[1]

    @property
    def roll(self) -> float:
        """Degrees, positive where the head leans clockwise."""
        return self._pose[2]

    def mapped(self, scale: float, offset_x: float, offset_y: float) -> FaceLandmarks:
        """The face after its image was scaled, then moved by whole or broken pixels."""
        points = self.points * np.float32(scale)
        points[:, 0] += offset_x
        points[:, 1] += offset_y
        return FaceLandmarks(points, self.blendshapes, self.transform)


class FaceLandmarker:
    """MediaPipe's face landmarker on the CPU. Calls of several threads take turns."""

    def __init__(self, model: Path, *, max_faces: int = 1, video: bool = False) -> None:
        """`model` is face_landmarker_v2.task. `video` follows faces from frame to frame, which is smoother and lags a little behind quick
        motion; without it every image stands for itself."""
        with without_native_noise():
            import mediapipe
            from mediapipe.tasks.python import BaseOptions, vision

            class Detector(vision.FaceLandmarker):
                def __del__(self) -> None:
                    """Nothing. MediaPipe's own closes the model on another thread and waits for it, wherever the garbage collector happens to run:
                    inside that thread pool's lock it waits for ever, and where the interpreter is ending it fails with a traceback."""

            self._mediapipe: Any = mediapipe
            self._detector = vision.FaceLandmarker.create_from_options(
                vision.FaceLandmarkerOptions(
                    base_options=BaseOptions(model_asset_path=str(model)),
                    running_mode=vision.RunningMode.VIDEO if video else vision.RunningMode.IMAGE,
                    num_faces=max_faces,
                    output_face_blendshapes=True,
                    output_facial_transformation_matrixes=True,
                )
            )
            self._detector.__class__ = Detector
        self._lock = threading.Lock()
        self._video = video
        self._frames = 0

    def detect(self, rgb: np.ndarray) -> list[FaceLandmarks]:
        """The faces of an image, (height, width, 3) uint8 RGB; none: an empty list. In video mode the images are frames in their order."""
        height, width = rgb.shape[:2]
        image = self._mediapipe.Image(image_format=self._mediapipe.ImageFormat.SRGB, data=np.ascontiguousarray(rgb))
        with self._lock:
            if self._video:
                # Only the order of the times matters to MediaPipe's tracking.
                self._frames += 1
                result = self._detector.detect_for_video(image, self._frames * 40)
            else:
                result = self._detector.detect(image)
        size = np.array([width, height, width], np.float32)
        return [
            FaceLandmarks(
                points=np.array([(p.x, p.y, p.z) for p in points], np.float32) * size,
                blendshapes={shape.category_name: float(shape.score) for shape in shapes},
                transform=np.asarray(transform, np.float32),
            )
            for points, shapes, transform in zip(result.face_landmarks, result.face_blendshapes, result.facial_transformation_matrixes, strict=True)
        ]

    def close(self) -> None:
        """Let go of the model, which nothing else does. The object is of no use afterwards."""
        self._detector.close()

    def __enter__(self) -> FaceLandmarker:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


_NOISE = re.compile(
    rb"before absl::InitializeLog|XNNPACK delegate|(face_landmarker_graph|image_segmenter_graph|inference_feedback_manager|landmark_projection_calculator)\.cc"
)
_stderr_lock = threading.Lock()


@contextmanager
def without_native_noise() -> Iterator[None]:
    """Keep what MediaPipe's native code logs as it starts from the user's terminal: none of its documented switches does.

    Standard error goes through a file meanwhile; lines that are not known noise are then written where they belong.
    """
    with _stderr_lock, tempfile.TemporaryFile() as captured:
        sys.stderr.flush()
        original = os.dup(2)
        try:
            os.dup2(captured.fileno(), 2)
            yield
        finally:
            sys.stderr.flush()
            os.dup2(original, 2)
            captured.seek(0)
            for line in captured:
                if not _NOISE.search(line):
                    os.write(original, line)
            os.close(original)
