"""The inside of a track's mouth: painted in the colours and with the teeth that its views show."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from services.lipsync.engines.warp.color import RGB_TO_YCC
from services.lipsync.engines.warp.footage.light import skin_light
from services.lipsync.engines.warp.footage.views import SeenMouth, beside_mouth
from services.lipsync.engines.warp.interior import Interior, MouthColors, mouth_colors, painted_rows
from services.lipsync.engines.warp.lips import Lips
from services.lipsync.engines.warp.teeth import UPPER_EDGE, Texture, mouth_size
from services.lipsync.landmarks import INNER_LIP_LOWER, OUTER_LIP_LOWER

_TYPICAL_SKIN_RGB, _TYPICAL_LIP_RGB = (190.0, 150.0, 132.0), (160.0, 100.0, 95.0)
"""Where a track has no view of its mouth."""
_ENAMEL, _DARK = (0.40, 1.15), (0.5, 2.2)
"""How far the light of teeth and of the depth may be from the painted one."""
_DEPTH_SHADE = 0.6
"""What is seen of the depth's colour in its darkest places."""
_PALE_LEAST = 0.35
"""A row of an opening that is this pale in its middle shows teeth; lips and tongue are 0, enamel is 1."""
_EDGE_LIGHT = 0.8
"""Where the light falls below this share of what it was above, the row ends."""
_EDGES = (-0.05, 0.09)
"""How far below the seam of closed lips the upper teeth may end, in interpupillary distances."""
_ROWS = 24


def find_inside(lips: Lips, closed: SeenMouth | None, teeth: SeenMouth | None) -> Interior:
    """The inside of a mouth with these lips at rest, in the light of the view in which it is closed."""
    skin, lip = (_skin(closed), _lip(closed)) if closed else (RGB_TO_YCC @ np.array(color, np.float32) for color in (_TYPICAL_SKIN_RGB, _TYPICAL_LIP_RGB))
    colors = mouth_colors(_to_rgb(skin), _to_rgb(lip))
    if not closed or not teeth:
        return _interior(lips, colors, *painted_rows(lips, colors))
    gain = float(np.median(skin_light(closed).luma / skin_light(teeth).luma))
    opening = teeth.color(*teeth.opening(_ROWS)) * np.float32(gain)
    pale = np.clip((colors.lip[2] - opening[..., 2]) / max(2.0, float(colors.lip[2] - colors.enamel[2])), 0.0, 1.0)
    colors = _as_seen(colors, opening, pale)
    upper, lower = painted_rows(lips, colors)
    edge = _teeth_edge(teeth, pale, opening[..., 0] / max(1.0, float(skin[0])))
    if edge is not None:
        seam = float(lips.seam[len(lips.seam) // 2])
        upper = replace(upper, t0=upper.t0 + float(np.clip(edge - teeth.seam - seam, *_EDGES)) - UPPER_EDGE * mouth_size(lips))
    return _interior(lips, colors, upper, lower)


def _interior(lips: Lips, colors: MouthColors, upper: Texture, lower: Texture) -> Interior:
    return Interior(lips, upper, lower, colors.dark, colors.tongue, colors.lip, mouth_size(lips))


def _teeth_edge(teeth: SeenMouth, pale: np.ndarray, light: np.ndarray) -> float | None:
    """Where the upper row ends in its middle, face coordinates; none where the view does not show it."""
    middle = slice(pale.shape[1] // 2 - 1, pale.shape[1] // 2 + 2)
    row, tint = light[:, middle].mean(1), pale[:, middle].mean(1)
    if tint[: _ROWS // 3].max() < _PALE_LEAST:
        return None
    below = np.flatnonzero(row < _EDGE_LIGHT * np.maximum.accumulate(row))
    return float(teeth.opening(_ROWS)[0][below[0] if len(below) else -1, middle, 1].mean())


def _skin(mouth: SeenMouth) -> np.ndarray:
    return np.asarray(np.median(mouth.color(*beside_mouth(mouth.shapes, mouth.shapes.move[mouth.frame])), 0))


def _lip(mouth: SeenMouth) -> np.ndarray:
    (inner, depth), (outer, _) = mouth.line(INNER_LIP_LOWER[3:-3]), mouth.line(OUTER_LIP_LOWER[3:-3])
    return np.asarray(np.median(mouth.color((inner + outer) / 2, depth), 0))


def _as_seen(colors: MouthColors, opening: np.ndarray, pale: np.ndarray) -> MouthColors:
    """The painted colours with the light and tint that an opened mouth shows."""
    luma = opening[..., 0]
    bright, deep = float(np.percentile(luma, 94)), opening[luma <= np.percentile(luma, 20)].mean(0) / _DEPTH_SHADE
    enamel = colors.enamel * np.clip(bright / colors.enamel[0], *_ENAMEL)
    white = (luma > np.percentile(luma, 80)) & (pale > _PALE_LEAST)
    if white.mean() > 0.04:
        enamel[1:] = opening[white][:, 1:].mean(0)
    dark = colors.dark * np.clip(deep[0] / colors.dark[0], *_DARK)
    # A narrow opening's edges are the lips': no redder than painted.
    dark[1:] = max(dark[1], deep[1]), min(dark[2], deep[2])
    return replace(colors, enamel=enamel, dark=dark)


def _to_rgb(ycc: np.ndarray) -> np.ndarray:
    return np.clip(np.linalg.inv(RGB_TO_YCC) @ ycc, 1.0, 255.0)
