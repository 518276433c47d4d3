"""One frame of footage with one mouth speaking other words: the skin that moves, then lips and what is between them laid over it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from services.lipsync.engines.warp.color import i420_planes
from services.lipsync.engines.warp.footage.actor import Actor
from services.lipsync.engines.warp.footage.flow import Flow, flow_of
from services.lipsync.engines.warp.lattice import Rect, eased, sampled
from services.lipsync.engines.warp.laying import FULL_RANGE, lay
from services.lipsync.engines.warp.mouth import curve_at

_UPPER_SOFTNESS, _LOWER_SOFTNESS = 0.010, 0.015
"""Width of the lips' edges against the mouth's inside, in interpupillary distances; at least about a pixel."""
_MARGIN, _FADE = 0.10, 0.06
"""Around the lips' edges, how far they are drawn, and over what they become the skin."""
_PARTED_GAP = 0.06
"""Lips this far apart have no shade of each other."""
_INSIDE_FROM = 0.6
"""From this control on, what is between the lips is ours alone."""
_SHARP = 0.5
"""Blur of less than this, in pixels, is not seen."""
_CONTACT_SHADOW, _CONTACT_DARKNESS, _CONTACT_GAP = 0.012, 0.18, 0.05
"""Reach and depth of the shade where lips meet that were apart, and how far apart they are when light has come between them."""


def speak(actor: Actor, number: int, frame: np.ndarray) -> np.ndarray:
    """The frame `number` of the footage, I420, with the actor's mouth as it should be. A new array; `frame` is left as it is."""
    at = number - actor.first_frame
    result = frame.copy()
    flow = flow_of(actor, at, frame.shape[1], frame.shape[0] * 2 // 3)
    if flow is not None:
        _warp_skin(flow, frame, result)
        _draw_mouth(actor, at, flow, frame, result)
    return result


def _warp_skin(flow: Flow, frame: np.ndarray, result: np.ndarray) -> None:
    rect, small = flow.lattice.rect, flow.lattice.rect.halved()
    luma, blue, red = i420_planes(frame)
    new_luma, new_blue, new_red = i420_planes(result)
    warped = sampled(luma, flow.lattice.to_pixels(flow.source, rect), cv2.INTER_CUBIC)
    np.copyto(new_luma[rect.rows, rect.columns], warped, where=flow.lattice.to_pixels(flow.mask, rect) > 0)
    half = flow.lattice.to_pixels(_half(flow.source), rect, scale=2)
    changes = flow.lattice.to_pixels(flow.mask, rect, scale=2) > 0
    for plane, target in ((blue, new_blue), (red, new_red)):
        np.copyto(target[small.rows, small.columns], sampled(plane, half), where=changes)


@dataclass(frozen=True, eq=False)
class _Box:
    """The pixels around the lips, and where they lie; arrays are (rows, columns) float32."""

    rect: Rect
    s: np.ndarray
    t: np.ndarray
    upper: np.ndarray
    """t of the upper lip's inner edge at the same s."""
    lower: np.ndarray
    share: np.ndarray
    """1 in the box, 0 at its borders and where nothing may change."""


def _box(actor: Actor, flow: Flow) -> _Box | None:
    upper, lower = flow.upper.edge, flow.lower.edge
    s0, s1 = min(upper[0, 0], lower[0, 0]) - _MARGIN, max(upper[-1, 0], lower[-1, 0]) + _MARGIN
    t0, t1 = upper[:, 1].min() - _MARGIN, lower[:, 1].max() + _MARGIN
    nodes = actor.lips.local(flow.plate)
    inside = (nodes[..., 0] > s0) & (nodes[..., 0] < s1) & (nodes[..., 1] > t0) & (nodes[..., 1] < t1)
    if not inside.any():
        return None
    rect = Rect.around(flow.lattice.nodes[inside], flow.lattice.step, flow.lattice.rect)
    local = flow.lattice.to_pixels(nodes, rect)
    s, t = np.ascontiguousarray(local[..., 0]), np.ascontiguousarray(local[..., 1])
    share = eased((s - s0) / _FADE) * eased((s1 - s) / _FADE) * eased((t - t0) / _FADE) * eased((t1 - t) / _FADE)
    share *= flow.lattice.to_pixels(flow.mask, rect) > 0
    return _Box(rect, s, t, curve_at(upper, s), curve_at(lower, s), share)


def _draw_mouth(actor: Actor, at: int, flow: Flow, frame: np.ndarray, result: np.ndarray) -> None:
    box = _box(actor, flow)
    if box is None:
        return
    light, slope = actor.light.gain(at, frame) if actor.light else (1.0, 0.0)
    gain = (np.float32(light) + np.float32(slope) * box.s)[..., None]
    above, below = _lips(actor, at, flow, box, gain, frame)
    pixel = 1.2 / float(actor.shapes.poses.scale[at])
    upper_cover = np.clip(0.5 + (box.upper - box.t) / max(pixel, _UPPER_SOFTNESS), 0.0, 1.0)
    lower_cover = np.clip(0.5 + (box.t - box.lower) / max(pixel, _LOWER_SOFTNESS), 0.0, 1.0)
    opening = np.clip(1.0 - upper_cover - lower_cover, 0.0, 1.0)
    total = upper_cover + lower_cover + opening
    picture = (upper_cover / total)[..., None] * above + (lower_cover / total)[..., None] * below
    if actor.closed is None:
        picture *= _contact_shade(float(actor.control[at]), flow, box)[..., None]
    if opening.max() > 0.02:
        rows, columns = (np.flatnonzero((opening > 0).any(axis)) for axis in (1, 0))
        hole = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        picture[hole] += (opening / total)[hole][..., None] * _inside(actor, at, flow, box, hole, gain, frame)
    lay(result, box.rect, 1.0 - box.share[..., None], picture * box.share[..., None], FULL_RANGE)


def _lips(actor: Actor, at: int, flow: Flow, box: _Box, gain: np.ndarray, frame: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The upper and the lower layer in the box: the frame's, and near the seam the track's closed lips in the frame's light."""
    layers = []
    parted = eased((box.lower - box.upper) / _PARTED_GAP)
    for layer in (flow.upper, flow.lower):
        picture = _ycc(frame, flow.lattice.to_pixels(layer.source, box.rect))
        if actor.closed:
            borrowed, amount = actor.closed.sample(flow.lattice.to_pixels(layer.rest, box.rect), parted, layer is flow.upper)
            borrowed = _as_blurred(borrowed, actor.blur[at])
            picture += actor.control[at] * amount * (borrowed * gain - picture)
        layers.append(picture)
    return layers[0], layers[1]


def _contact_shade(control: float, flow: Flow, box: _Box) -> np.ndarray:
    """Lips that the frame shows apart have no shade where they meet: what is left of the light there."""
    gap = np.stack([flow.upper.edge[:, 0], flow.lower.shown_edge[:, 1] - flow.upper.shown_edge[:, 1]], -1)
    away = np.maximum(box.upper - box.t, box.t - box.lower) / np.float32(_CONTACT_SHADOW)
    depth = control * _CONTACT_DARKNESS * eased(curve_at(gap, box.s) / _PARTED_GAP) * np.exp((box.upper - box.lower) / np.float32(_CONTACT_GAP))
    return np.asarray(1.0 - depth * np.exp(-np.square(np.maximum(away, 0.0))))


def _inside(actor: Actor, at: int, flow: Flow, box: _Box, hole: tuple[slice, slice], gain: np.ndarray, frame: np.ndarray) -> np.ndarray:
    """What is between the lips, in a part of the box: on the way to control, the frame's own shows through."""
    painted = actor.interior.paint(box.s[hole], box.t[hole], box.upper[hole], box.lower[hole], actor.mouth.at(at)) * gain[hole]
    painted = _as_blurred(painted, actor.blur[at])
    control = float(actor.control[at])
    if control < 1:
        # Soon: skin that thins out over an opening looks like neither mouth.
        ours = np.float32(eased(np.array(control / _INSIDE_FROM)))
        painted = ours * painted + (1 - ours) * _ycc(frame, flow.lattice.to_pixels(flow.source, box.rect)[hole])
    return painted


def _as_blurred(picture: np.ndarray, blur: np.ndarray) -> np.ndarray:
    """What is not the frame's own, smeared by its motion; see `Actor.blur`."""
    return cv2.GaussianBlur(picture, (0, 0), max(0.1, float(blur[0])), None, max(0.1, float(blur[1]))) if blur.max() > _SHARP else picture


def _half(at: np.ndarray) -> np.ndarray:
    """Positions in the frame as positions in a plane of half its size: a chroma sample lies in the middle of four pixels."""
    return (at + np.float32(0.5)) / 2 - np.float32(0.5)


def _ycc(frame: np.ndarray, at: np.ndarray) -> np.ndarray:
    """(rows, columns, 3) float32 YCC of the frame at the positions `at`."""
    luma, blue, red = i420_planes(frame)
    half = _half(at)
    return np.stack([sampled(luma, at, cv2.INTER_CUBIC) - np.float32(16), *(sampled(plane, half) - np.float32(128) for plane in (blue, red))], -1)
