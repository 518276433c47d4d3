"""Did anything change that should not have? A finished video against the footage or the portrait that it was made of."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from locutor.errors import InvalidInput
from services.lipsync.engine import Background, VideoFormat
from services.lipsync.framing import frame_portrait
from services.lipsync.image import decode_image
from services.lipsync.landmarks import FACE_OVAL, FaceLandmarker, FaceLandmarks
from services.lipsync.quality_track import frames_of, largest_face

EVERY = 5
"""One frame in so many is compared."""
CHANGED = 8.0
"""Of 255: a block of 4x4 whose mean brightness differs by more has changed. Encoders at the usual qualities stay below."""
_BLOCK = 4
_MOUTH_MARGIN = 0.10
"""Of the face's width: what a feathered mask of mouth and jaw may reach beyond the face's lower half."""
_LOWER_FACE = (*FACE_OVAL[8:29], 118, 347, 6)
"""The oval from ear to ear over the chin, the cheeks below the eyes, and the bridge of the nose."""
_HEAD_SIDE, _HEAD_ABOVE = 2.2, 2.35
"""Half sizes of the room of a moving head with its hair, over the face's own; below it are neck and shoulders, which breathe."""


def leakage_from_footage(video: Path, original: Path, landmarker: FaceLandmarker) -> float:
    """Share of the picture outside mouth and jaw that differs from the footage, frame by frame; frames in which no face is seen count whole.

    Raises `InvalidInput` (fields "video", "original") for what is no video, or not of one size.
    """
    shares = []
    pairs = zip(frames_of(video), frames_of(original, "original"), strict=False)
    for (_, made), (_, source) in itertools.islice(pairs, 0, None, EVERY):
        if made.shape != source.shape:
            sizes = f"{source.shape[1]}x{source.shape[0]}, the video {made.shape[1]}x{made.shape[0]}"
            raise InvalidInput.of("original", f"has {sizes}; give the footage at the video's size", "OTHER_SIZE")
        mask = np.zeros(made.shape[:2], np.uint8)
        for face in landmarker.detect(source):
            margin = _MOUTH_MARGIN * face.face_width
            hull = cv2.convexHull(face.points[list(_LOWER_FACE), :2].astype(np.int32))
            cv2.fillConvexPoly(mask, hull, 255)
            cv2.polylines(mask, [hull], True, 255, 2 * round(margin))
        shares.append(_changed_share(made, source, mask == 0))
    if not shares:
        raise InvalidInput.of("video", "has no frames that the footage has too", "NO_VIDEO")
    return float(np.mean(shares))


def leakage_from_portrait(video: Path, portrait: bytes, landmarker: FaceLandmarker) -> float:
    """Share of the picture beside head and shoulders that differs from the still portrait, set into its frame as the engine does it without a given
    background.

    Raises `InvalidInput` (fields "video", "original") for what is no video, no image, or shows no face.
    """
    image = decode_image(portrait, "original").rgb
    face = largest_face(image, landmarker)
    if face is None:
        raise InvalidInput.of("original", "shows no face; give the portrait that the video was made of", "NO_FACE")
    still, outside = np.zeros(0), np.zeros(0, bool)
    shares = []
    for _, made in _every(frames_of(video)):
        if not still.size:
            framed = frame_portrait(image, face, VideoFormat(made.shape[1], made.shape[0], Fraction(25)), Background())
            still, outside = framed.image, ~_head_and_shoulders(framed.face, made.shape[0], made.shape[1])
        shares.append(_changed_share(made, still, outside))
    return float(np.mean(shares))


def _every(frames: Iterator[tuple[float, np.ndarray]]) -> Iterator[tuple[float, np.ndarray]]:
    return itertools.islice(frames, 0, None, EVERY)


def _head_and_shoulders(face: FaceLandmarks, height: int, width: int) -> np.ndarray:
    """(height, width) bool."""
    left, top, right, bottom = face.bounding_box
    x, y = (np.arange(width) + 0.5)[None], (np.arange(height) + 0.5)[:, None]
    across = (x - (left + right) / 2) / ((right - left) / 2 * _HEAD_SIDE)
    middle = (top + bottom) / 2
    up = (y - middle) / ((bottom - top) / 2 * _HEAD_ABOVE)
    return (np.square(across) + np.square(np.minimum(up, 0.0)) < 1) | ((y > (middle + bottom) / 2) & (np.abs(across) < 2))


def _changed_share(made: np.ndarray, source: np.ndarray, outside: np.ndarray) -> float:
    """Of the blocks that lie wholly `outside`; 0 where there are none."""
    difference = cv2.cvtColor(made, cv2.COLOR_RGB2GRAY).astype(np.float32) - cv2.cvtColor(source, cv2.COLOR_RGB2GRAY)
    size = (made.shape[1] // _BLOCK, made.shape[0] // _BLOCK)
    blocks = np.abs(cv2.resize(difference[: size[1] * _BLOCK, : size[0] * _BLOCK], size, interpolation=cv2.INTER_AREA))
    counted = cv2.resize(outside[: size[1] * _BLOCK, : size[0] * _BLOCK].astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0.999
    return float((blocks[counted] > CHANGED).mean()) if counted.any() else 0.0
