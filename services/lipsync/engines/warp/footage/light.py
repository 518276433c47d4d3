"""How the light on a frame's mouth differs from that on a view of it, by the same places of the skin in both."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from services.lipsync.engines.warp.color import i420_planes
from services.lipsync.engines.warp.footage.shapes import FaceShapes
from services.lipsync.engines.warp.footage.views import SeenMouth
from services.lipsync.engines.warp.lattice import sampled
from services.lipsync.landmarks import OUTER_LIP

_OUTWARDS = (1.12, 1.25, 1.4)
"""Places around the lips: their outer edge, enlarged by these about the mouth's middle."""
_GAINS = (0.5, 1.8)
_SLOPE_MOST = 0.6
_STEADINESS = 0.02
"""How much a difference between left and right has to say before it counts, in square interpupillary distances of spread."""


@dataclass(frozen=True, eq=False)
class SkinLight:
    """The light on the skin around the lips in one view."""

    shapes: FaceShapes
    luma: np.ndarray
    """(places,) Y - 16."""

    def gain(self, at: int, frame: np.ndarray) -> tuple[float, float]:
        """How much brighter the track's frame `at`, I420, is than the view at the mouth's middle, and by how much that grows with s."""
        places, depth = _around(self.shapes, at)
        pixels = self.shapes.poses.project(at, places, depth)
        here = sampled(i420_planes(frame)[0], pixels[None].astype(np.float32))[0].astype(np.float64) - 16.0
        ratio = np.clip(np.maximum(here, 2.0) / self.luma, *_GAINS)
        middle = float(np.median(ratio))
        across = places[:, 0] - places[:, 0].mean()
        slope = float(across @ np.clip(ratio - middle, -0.3, 0.3) / (across @ across + _STEADINESS * len(across)))
        return middle, float(np.clip(slope, -_SLOPE_MOST, _SLOPE_MOST))


def skin_light(mouth: SeenMouth) -> SkinLight:
    """The light in a view."""
    return SkinLight(mouth.shapes, np.maximum(mouth.color(*_around(mouth.shapes, mouth.frame))[..., 0].astype(np.float64), 2.0))


def _around(shapes: FaceShapes, at: int) -> tuple[np.ndarray, np.ndarray]:
    ring = np.searchsorted(shapes.indices, OUTER_LIP)
    edge = shapes.rest[ring] + shapes.move[at, ring]
    # Outwards by lengths of the face at rest: an open mouth has no further ring than a closed one.
    outwards = shapes.rest[ring] - shapes.rest[ring].mean(0)
    places = np.concatenate([edge + (far - 1.0) * outwards for far in _OUTWARDS])
    return places, np.tile(shapes.depth[ring], len(_OUTWARDS))
