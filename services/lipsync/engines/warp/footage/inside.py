"""The inside of a track's mouth: painted in the colours and with the teeth that its views show."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from services.lipsync.engines.warp.color import RGB_TO_YCC
from services.lipsync.engines.warp.footage.light import skin_light
from services.lipsync.engines.warp.footage.views import SeenMouth, beside_mouth
from services.lipsync.engines.warp.interior import Interior, MouthColors, mouth_colors, painted_rows
from services.lipsync.engines.warp.lattice import eased
from services.lipsync.engines.warp.lips import Lips
from services.lipsync.engines.warp.teeth import UPPER_EDGE, Finish, Texture, mouth_size
from services.lipsync.landmarks import INNER_LIP_LOWER, OUTER_LIP_LOWER

_TYPICAL_SKIN_RGB, _TYPICAL_LIP_RGB = (190.0, 150.0, 132.0), (160.0, 100.0, 95.0)
"""Where a track has no view of its mouth."""
_FINISH = Finish(softness=0.6)
"""Footage has been through a lens and a codec: no edge in it is a pixel sharp."""
_ENAMEL, _DARK = (0.40, 1.15), (0.5, 2.2)
"""How far the light of teeth and of the depth may be from the painted one."""
_NARROW = 0.08
"""Of an opening of this height only lips and teeth are seen, of twice that its depth too; interpupillary distances."""
_DEPTH_SHADE = 0.6
"""What is seen of the depth's colour in its darkest places."""
_RED, _WHITE = 0.90, 0.55
"""Redness over the lips' of what is not teeth at all, and of what is nothing else."""
_PALE_LEAST = 0.35
"""From this paleness on it is teeth."""
_TEETH_LEAST = 0.04
"""Share of an opening that must be teeth for their tint to be told."""
_EDGES = (-0.05, 0.09)
"""How far below the seam of closed lips the upper teeth may end, in interpupillary distances."""
_ROWS = 24


def find_inside(lips: Lips, lit: SeenMouth | None, teeth: SeenMouth | None) -> Interior:
    """The inside of a mouth with these lips at rest, in the light of the view `lit`."""
    skin, lip = (_skin(lit), _lip(lit)) if lit else (RGB_TO_YCC @ np.array(color, np.float32) for color in (_TYPICAL_SKIN_RGB, _TYPICAL_LIP_RGB))
    colors = mouth_colors(_to_rgb(skin), _to_rgb(lip))
    if not lit or not teeth:
        return _interior(lips, colors, *painted_rows(lips, colors, _FINISH))
    gain = float(np.median(skin_light(lit).luma / skin_light(teeth).luma))
    opening = teeth.color(*teeth.opening(_ROWS)) * np.float32(gain)
    pale = _paleness(opening, colors.lip)
    places = teeth.opening(_ROWS)[0]
    gap = float(np.median(places[-1, :, 1] - places[0, :, 1]))
    colors = _as_seen(colors, opening, pale, float(eased(np.array((gap - _NARROW) / _NARROW))))
    upper, lower = painted_rows(lips, colors, _FINISH)
    seam = float(lips.seam[len(lips.seam) // 2])
    edge = float(np.clip(_teeth_edge(teeth, pale) - teeth.seam - seam, *_EDGES))
    upper = replace(upper, t0=upper.t0 + edge - UPPER_EDGE * mouth_size(lips))
    return _interior(lips, colors, upper, lower)


def _interior(lips: Lips, colors: MouthColors, upper: Texture, lower: Texture) -> Interior:
    return Interior(lips, upper, lower, colors.dark, colors.tongue, colors.lip, mouth_size(lips))


def _paleness(opening: np.ndarray, lip: np.ndarray) -> np.ndarray:
    """How like teeth what is seen in an opening is, 0 to 1: for its light it is less red than lips and tongue are."""
    redness = opening[..., 2] / np.maximum(opening[..., 0], 8.0) / max(0.05, float(lip[2] / max(lip[0], 8.0)))
    return np.clip((_RED - redness) / (_RED - _WHITE), 0.0, 1.0)


def _teeth_edge(teeth: SeenMouth, pale: np.ndarray) -> float:
    """Where the upper row ends in its middle, face coordinates; behind an upper lip under which none is seen, at its edge."""
    middle = slice(pale.shape[1] // 2 - 1, pale.shape[1] // 2 + 2)
    row = pale[:, middle].mean(1)
    top = int(row[: _ROWS // 3].argmax())
    red = np.flatnonzero(row[top:] < _PALE_LEAST)
    end = top + int(red[0]) if len(red) else _ROWS - 1
    return float(teeth.opening(_ROWS)[0][end if row[top] >= _PALE_LEAST else 0, middle, 1].mean())


def _skin(mouth: SeenMouth) -> np.ndarray:
    return np.asarray(np.median(mouth.color(*beside_mouth(mouth.shapes, mouth.shapes.move[mouth.frame])), 0))


def _lip(mouth: SeenMouth) -> np.ndarray:
    (inner, depth), (outer, _) = mouth.line(INNER_LIP_LOWER[3:-3]), mouth.line(OUTER_LIP_LOWER[3:-3])
    return np.asarray(np.median(mouth.color((inner + outer) / 2, depth), 0))


def _as_seen(colors: MouthColors, opening: np.ndarray, pale: np.ndarray, wide: float) -> MouthColors:
    """The painted colours with the light and tint that an opened mouth shows; of its depth as far as it is open `wide`, 0 to 1."""
    luma = opening[..., 0]
    deep = opening[luma <= np.percentile(luma, 20)].mean(0) / _DEPTH_SHADE
    teeth = opening[pale > _PALE_LEAST]
    enamel = colors.enamel * np.clip(np.percentile(teeth[:, 0] if len(teeth) else luma, 90) / colors.enamel[0], *_ENAMEL)
    if len(teeth) > _TEETH_LEAST * luma.size:
        enamel[1:] = teeth[:, 1:].mean(0)
    dark = colors.dark * np.clip(deep[0] / colors.dark[0], *_DARK) ** wide
    tongue = colors.tongue.copy()
    # As coloured for their light as what is seen there.
    for color in (dark, tongue):
        color[1:] = color[0] * deep[1:] / max(float(deep[0]), 4.0)
    return replace(colors, enamel=enamel, dark=dark, tongue=tongue)


def _to_rgb(ycc: np.ndarray) -> np.ndarray:
    return np.clip(np.linalg.inv(RGB_TO_YCC) @ ycc, 1.0, 255.0)
