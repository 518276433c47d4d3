"""From speech to curves of ARKit's 52 face blendshapes (Apple, ARFaceAnchor.BlendShapeLocation).

A curve follows the same controls as the rendered presenter: coarticulated, driven by the voice's level, with lips that are seen just before they
are heard. Only the lower face moves; eyes and brows stay at 0 for the client to animate.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from services.articulation.coarticulation import MouthTrack, articulate
from services.articulation.speech import Speech


def _sides(*names: str) -> tuple[str, ...]:
    return tuple(f"{name}{side}" for name in names for side in ("Left", "Right"))


_EYE = ("Blink", "LookDown", "LookIn", "LookOut", "LookUp", "Squint", "Wide")
NAMES: tuple[str, ...] = (
    *(f"eye{motion}{side}" for side in ("Left", "Right") for motion in _EYE),
    "jawForward", "jawLeft", "jawRight", "jawOpen",
    "mouthClose", "mouthFunnel", "mouthPucker", "mouthLeft", "mouthRight",
    *_sides("mouthSmile", "mouthFrown", "mouthDimple", "mouthStretch"),
    "mouthRollLower", "mouthRollUpper", "mouthShrugLower", "mouthShrugUpper",
    *_sides("mouthPress", "mouthLowerDown", "mouthUpperUp"),
    *_sides("browDown"), "browInnerUp", *_sides("browOuterUp"),
    "cheekPuff", *_sides("cheekSquint", "noseSneer"), "tongueOut",
)  # fmt: skip
"""In ARKit's order."""

RATE_HERTZ = 60
"""Samples a second: a face tracker's own."""

# What a full blendshape does to a mouth, in distances between the pupils (63 mm), on ARKit's reference face.
_JAW_DROP = 0.32
"""Of the chin under jawOpen = 1."""
_JAW_GAP = 0.52
"""Between the lips that jawOpen = 1 leaves: a jaw parts them by more than it drops at the chin, for lips turn out."""
_UPPER_RAISE, _LOWER_DROP = 0.10, 0.12
"""Of a lip under mouthUpperUp and mouthLowerDown = 1."""
_STRETCH = 0.11
"""Of a mouth's corner outwards under mouthStretch and mouthSmile = 1 together."""
_UPPER_SHARE = 0.35
"""Of an opening that the jaw does not make, what the upper lip does."""
_FUNNEL_GAPS = (0.05, 0.13)
"""Rounded lips below the first opening pucker, above the second they make a funnel."""
_TONGUE_NEAR, _TONGUE_OUT = 0.7, 0.35
"""From this nearness of its tip to the teeth on the tongue is seen, at most this far out: between the teeth."""


@dataclass(frozen=True, eq=False)
class Blendshapes:
    """Curves, sampled evenly."""

    start_s: float
    """Of the first sample, in seconds from the first sample of the stream."""
    rate_hertz: int
    weights: np.ndarray
    """(samples, 52) float32, 0 to 1, in the order of `NAMES`."""


def blendshapes(speech: Speech, start_s: float, end_s: float) -> Blendshapes:
    """The curves of `speech` from `start_s`, the time of its first sound sample in the stream, to before `end_s`.

    Samples lie on the stream's own grid, at whole numbers of sixtieths of a second, so that those of one sentence continue those of the one
    before.
    """
    first, last = (int(np.ceil(time_s * RATE_HERTZ - 1e-6)) for time_s in (start_s, end_s))
    times_s = np.arange(first, last) / RATE_HERTZ - start_s
    return Blendshapes(first / RATE_HERTZ, RATE_HERTZ, _weights(articulate(speech, times_s, expression=1.0)))


def _weights(mouth: MouthTrack) -> np.ndarray:
    """(samples, 52) float32 of the controls."""
    jaw = mouth.jaw / _JAW_DROP
    # mouthClose takes back what a dropped jaw would part; beyond what the jaw parts, the lips themselves open.
    parted = mouth.open / _JAW_GAP
    beyond = np.maximum(parted - jaw, 0.0) * _JAW_GAP
    funnel = np.clip((mouth.open - _FUNNEL_GAPS[0]) / (_FUNNEL_GAPS[1] - _FUNNEL_GAPS[0]), 0.0, 1.0)
    spread = np.maximum(mouth.width, 0.0) / _STRETCH
    curves = {
        "jawOpen": jaw,
        "mouthClose": np.maximum(jaw - parted, 0.0),
        "mouthFunnel": mouth.round * funnel,
        "mouthPucker": mouth.round * (1.0 - funnel),
        "mouthSmile": 0.4 * spread,
        "mouthStretch": spread,
        "mouthRollLower": 0.3 * mouth.press + 0.7 * mouth.tuck,
        "mouthRollUpper": 0.3 * mouth.press,
        "mouthPress": mouth.press,
        "mouthUpperUp": (mouth.upper + _UPPER_SHARE * beyond) / _UPPER_RAISE + 0.2 * mouth.tuck,
        "mouthLowerDown": (mouth.lower + (1.0 - _UPPER_SHARE) * beyond) / _LOWER_DROP,
        "tongueOut": _TONGUE_OUT * np.clip((mouth.tongue - _TONGUE_NEAR) / (1.0 - _TONGUE_NEAR), 0.0, 1.0),
    }
    weights = np.zeros((len(mouth.open), len(NAMES)), np.float32)
    for index, name in enumerate(NAMES):
        curve = curves.get(name, curves.get(name.removesuffix("Left").removesuffix("Right")))
        if curve is not None:
            weights[:, index] = np.clip(curve, 0.0, 1.0)
    return weights
