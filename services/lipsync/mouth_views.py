"""Picks, while a face is followed, the frames that show best what other frames hide: its teeth, and its lips when they are closed.

A mouth that was shut while it should now speak has nothing to show behind its lips, and footage is read once from front to back: so the views are
taken where the faces are followed, and go with the track.
"""

from __future__ import annotations

from collections.abc import Container

import cv2
import numpy as np

from services.lipsync.footage import MouthKind, MouthView
from services.lipsync.landmarks import INNER_LIP_LOWER, INNER_LIP_UPPER, OUTER_LIP, FaceLandmarks

VIEW_WIDTH = 320
"""Pixels at most of a view, so that the views of many tracks stay small: at this size a tooth is 15 pixels wide."""
_MARGIN = 0.30
"""Around the outer lips, in interpupillary distances."""
_OPEN_WORTH = 0.05
"""Of an open mouth without teeth, beside the share of them in others: it shows at least how dark it is inside."""
_CLOSED_GAP = 0.02
"""Spread, in interpupillary distances, of the gap at which lips count as closed."""
_CLOSED_MOST = 0.04
"""Lips further apart are open."""
_FRONTAL_DEGREES = 20.0
"""A head turned by this shows its mouth a third less well than one that looks at the camera."""
_CHEEKS = (50, 280, 205, 425)
_STRETCH, _MOST_STRETCHES = 8, 32
"""Frames of which the best one is kept, and so many of these; of a longer track the stretches are longer. What hides a mouth is known only once all of
the track is seen."""


class MouthViewPicker:
    """Sees the frames of one track and keeps the best views of each kind."""

    def __init__(self) -> None:
        self._best: dict[MouthKind, dict[int, tuple[float, MouthView]]] = {kind: {} for kind in MouthKind}
        """By stretch of the footage: how good the best view in it is, and that view."""
        self._stretch = _STRETCH

    def see(self, frame: np.ndarray, number: int, points: np.ndarray) -> None:
        """Weigh a frame of the footage: `frame` as I420, (height * 3 / 2, width) uint8; `points`, (478, 3) pixels, of a face that is seen in it."""
        height, width = frame.shape[0] * 2 // 3, frame.shape[1]
        luma, red = frame[:height], frame.reshape(-1)[height * width * 5 // 4 :].reshape(height // 2, width // 2)
        face = FaceLandmarks(points, {}, np.eye(4, dtype=np.float32))
        unit = float(np.linalg.norm(points[473] - points[468]))
        box = _box(points, unit, width, height)
        if box is None:
            return
        gap = face.lip_gap / unit
        clear = _sharpness(luma[box[1] : box[3], box[0] : box[2]]) * np.exp(-0.5 * ((face.yaw / _FRONTAL_DEGREES) ** 2))
        if gap <= _CLOSED_MOST:
            self._keep(MouthKind.CLOSED, float(clear * np.exp(-((gap / _CLOSED_GAP) ** 2))), frame, number, box)
        else:
            self._keep(MouthKind.TEETH, float(clear * gap * (_OPEN_WORTH + _teeth_share(luma, red, points))), frame, number, box)

    def views(self, usable: Container[int]) -> tuple[MouthView, ...]:
        """The best of each kind among those of the frames `usable`, in the order of `MouthKind`."""
        shown = [[view for view in self._best[kind].values() if view[1].frame in usable] for kind in MouthKind]
        return tuple(max(views, key=lambda view: view[0])[1] for views in shown if views)

    def _keep(self, kind: MouthKind, score: float, frame: np.ndarray, number: int, box: tuple[int, int, int, int]) -> None:
        best, stretch = self._best[kind], number // self._stretch
        if score <= (best[stretch][0] if stretch in best else 1e-6):
            return
        best[stretch] = score, _view(kind, frame, number, box)
        if len(best) > _MOST_STRETCHES:
            self._join()

    def _join(self) -> None:
        """Make one stretch of two."""
        self._stretch *= 2
        for kind, views in self._best.items():
            joined: dict[int, tuple[float, MouthView]] = {}
            for score, view in views.values():
                stretch = view.frame // self._stretch
                if stretch not in joined or score > joined[stretch][0]:
                    joined[stretch] = score, view
            self._best[kind] = joined


def _box(points: np.ndarray, unit: float, width: int, height: int) -> tuple[int, int, int, int] | None:
    """Left, top, right, bottom of a mouth and what is around it, even; none where it is not in the picture."""
    around = points[list(OUTER_LIP), :2]
    low, high = around.min(0) - _MARGIN * unit, around.max(0) + _MARGIN * unit
    x0, y0 = (max(0, int(value) // 2 * 2) for value in low)
    x1, y1 = min(width, -(-int(high[0]) // 2) * 2), min(height, -(-int(high[1]) // 2) * 2)
    return (x0, y0, x1, y1) if x1 - x0 >= 16 and y1 - y0 >= 16 else None


def _sharpness(luma: np.ndarray) -> float:
    return float(np.abs(cv2.Laplacian(luma, cv2.CV_16S)).mean())


def _teeth_share(luma: np.ndarray, red: np.ndarray, points: np.ndarray) -> float:
    """Of the opening, what is bright and not red as teeth are; 0 to 1."""
    upper, lower = (points[list(line)[2:-2], :2] for line in (INNER_LIP_UPPER, INNER_LIP_LOWER))
    share = np.linspace(0.15, 0.85, 8)[:, None, None]
    inside = ((1 - share) * upper + share * lower).reshape(-1, 2)
    skin, skin_red = (np.median(_at(plane, points[list(_CHEEKS), :2], scale)) for plane, scale in ((luma, 1), (red, 2)))
    bright = np.clip((_at(luma, inside, 1) - 16.0) / max(1.0, skin - 16.0) - 0.45, 0.0, 0.4) / 0.4
    pale = np.clip((skin_red + 4.0 - _at(red, inside, 2)) / 8.0, 0.0, 1.0)
    return float((bright * pale).mean())


def _at(plane: np.ndarray, points: np.ndarray, scale: int) -> np.ndarray:
    index = np.clip((points / scale).astype(int), 0, [plane.shape[1] - 1, plane.shape[0] - 1])
    return plane[index[:, 1], index[:, 0]].astype(np.float64)


def _view(kind: MouthKind, frame: np.ndarray, number: int, box: tuple[int, int, int, int]) -> MouthView:
    x0, y0, x1, y1 = box
    height, width = frame.shape[0] * 2 // 3, frame.shape[1]
    chroma = frame.reshape(-1)[height * width :].reshape(2, height // 2, width // 2)
    scale = min(1.0, VIEW_WIDTH / (x1 - x0))
    size = max(1, round((x1 - x0) * scale)), max(1, round((y1 - y0) * scale))
    shrunk = [cv2.resize(plane, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
              for plane in (frame[y0:y1, x0:x1], *chroma[:, y0 // 2 : y1 // 2, x0 // 2 : x1 // 2])]  # fmt: skip
    return MouthView(kind, number, np.stack(shrunk, -1), x0, y0, x1 - x0, y1 - y0)
