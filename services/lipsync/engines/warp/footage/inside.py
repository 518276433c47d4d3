"""The inside of a track's mouth: painted in the colours and with the teeth that its views show."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from services.lipsync.engines.warp.color import RGB_TO_YCC
from services.lipsync.engines.warp.footage.light import skin_light
from services.lipsync.engines.warp.footage.views import SeenMouth, beside_mouth
from services.lipsync.engines.warp.interior import Interior, MouthColors, mouth_colors, mouth_size, painted_rows
from services.lipsync.engines.warp.lips import Lips
from services.lipsync.landmarks import INNER_LIP_LOWER, OUTER_LIP_LOWER

_TYPICAL_SKIN_RGB, _TYPICAL_LIP_RGB = (190.0, 150.0, 132.0), (160.0, 100.0, 95.0)
"""Where a track has no view of its mouth."""
_ENAMEL, _DARK = (0.45, 1.15), (0.5, 1.6)
"""How far the light of teeth and of the depth may be from the painted one."""


def find_inside(lips: Lips, closed: SeenMouth | None, teeth: SeenMouth | None) -> Interior:
    """The inside of a mouth with these lips at rest, in the light of the view in which it is closed."""
    skin, lip = (_skin(closed), _lip(closed)) if closed else (RGB_TO_YCC @ np.array(color, np.float32) for color in (_TYPICAL_SKIN_RGB, _TYPICAL_LIP_RGB))
    colors = mouth_colors(_to_rgb(skin), _to_rgb(lip))
    if closed and teeth:
        colors = _as_seen(colors, teeth, float(np.median(skin_light(closed).luma / skin_light(teeth).luma)))
    upper, lower = painted_rows(lips, colors)
    return Interior(lips, upper, lower, colors.dark, colors.tongue, colors.lip, mouth_size(lips))


def _skin(mouth: SeenMouth) -> np.ndarray:
    return np.asarray(np.median(mouth.color(*beside_mouth(mouth.shapes, mouth.shapes.move[mouth.frame])), 0))


def _lip(mouth: SeenMouth) -> np.ndarray:
    (inner, depth), (outer, _) = mouth.line(INNER_LIP_LOWER[3:-3]), mouth.line(OUTER_LIP_LOWER[3:-3])
    return np.asarray(np.median(mouth.color((inner + outer) / 2, depth), 0))


def _as_seen(colors: MouthColors, mouth: SeenMouth, gain: float) -> MouthColors:
    """The painted colours with the light of the teeth and of the depth that a view shows, times `gain`."""
    luma = gain * mouth.color(*mouth.opening(12)).reshape(-1, 3)[:, 0]
    bright, dark = float(np.percentile(luma, 92)), float(np.percentile(luma, 8))
    enamel = colors.enamel * np.clip(bright / colors.enamel[0], *_ENAMEL)
    return replace(colors, enamel=enamel, dark=colors.dark * np.clip(dark / colors.dark[0], *_DARK))


def _to_rgb(ycc: np.ndarray) -> np.ndarray:
    return np.clip(np.linalg.inv(RGB_TO_YCC) @ ycc, 1.0, 255.0)
