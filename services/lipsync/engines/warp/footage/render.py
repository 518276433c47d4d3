"""One frame of footage with one mouth speaking other words."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from services.lipsync.engines.warp.color import halved, i420_planes
from services.lipsync.engines.warp.footage.actor import Actor
from services.lipsync.engines.warp.lattice import Lattice, Rect, eased, sampled
from services.lipsync.engines.warp.mouth import curve_at

_CELLS_PER_UNIT = 16
"""Lattice cells along an interpupillary distance."""
_UPPER_SOFTNESS, _LOWER_SOFTNESS = 0.010, 0.015
_MOUTH_MARGIN = 0.10
_CONTACT_SHADOW, _CONTACT_DARKNESS, _CONTACT_GAP = 0.012, 0.30, 0.05
_DEPTH_ROUNDS = 2


def speak(actor: Actor, number: int, frame: np.ndarray) -> np.ndarray:
    """The frame `number` of the footage, I420, with the actor's mouth as it should be. A new array; `frame` is left as it is."""
    at = number - actor.first_frame
    result = frame.copy()
    flow = _Flow.of(actor, at, frame)
    if flow is None:
        return result
    _warp_skin(flow, frame, result)
    _draw_mouth(actor, at, flow, frame, result)
    return result


@dataclass(frozen=True, eq=False)
class _Flow:
    """Where the pixels of one frame come from."""

    lattice: Lattice
    """Over the part of the frame that changes."""
    plate_at: np.ndarray
    """(rows, columns, 2) plate position of every node."""
    mask: np.ndarray
    upper: np.ndarray
    """(rows, columns, 2): pixel of the frame that a node's pixel comes from, in the upper layer."""
    lower: np.ndarray
    both: np.ndarray
    upper_rest: np.ndarray
    """(rows, columns, 2): place of the plate at rest that a node shows, in the upper layer."""
    lower_rest: np.ndarray
    upper_edge: np.ndarray
    """(SAMPLES, 2) s, t."""
    lower_edge: np.ndarray
    source_gap: np.ndarray
    """(SAMPLES,) how far the frame's lips are apart."""

    @classmethod
    def of(cls, actor: Actor, at: int, frame: np.ndarray) -> _Flow | None:
        plate, pose, control = actor.plate, actor.shapes.poses, float(actor.control[at])
        rect = _rect(actor, at, Rect(0, 0, frame.shape[1], frame.shape[0] * 2 // 3))
        if rect.width < 8 or rect.height < 8:
            return None
        lattice = Lattice(rect, max(2, round(float(pose.scale[at]) / _CELLS_PER_UNIT / 2) * 2))
        grid = plate.lattice
        depth = np.full(lattice.nodes.shape[:2], float(plate.depth.mean()))
        for _ in range(_DEPTH_ROUNDS):
            here = plate.to_plate(pose.unproject(at, lattice.nodes, depth))
            depth = grid.sample(plate.depth, here)[..., 0]
        amounts = actor.motion.amounts(actor.mouth.at(at))
        shifts = np.concatenate([actor.shapes.move[at], actor.shapes.mood[at]], 1)
        fields, backward = plate.fields(shifts), actor.motion.backward(amounts)
        mask = grid.sample(plate.mask, here)
        mixed, depths, rests = [], [], []
        for field, back in zip(fields, backward, strict=True):
            calm = here - grid.sample(np.ascontiguousarray(field[..., 2:]), here)
            rest = calm + actor.motion.lattice.sample(back, calm)
            rests.append(rest)
            source = rest + grid.sample(np.ascontiguousarray(field[..., :2]), rest)
            mixed.append(here + control * mask * (source - here))
            depths.append(depth + control * mask[..., 0] * (grid.sample(plate.depth, rest)[..., 0] - depth))
        weight = actor.motion.lattice.sample(actor.motion.lower_weight, here)
        pixels = [pose.project(at, plate.to_face(place), deep).astype(np.float32) for place, deep in zip(mixed, depths, strict=True)]
        both = pixels[0] * (1 - weight) + pixels[1] * weight
        edges, gap = _edges(actor, fields, amounts, control)
        return cls(lattice, here, mask, pixels[0], pixels[1], both, rests[0], rests[1], edges[0], edges[1], gap)


def _rect(actor: Actor, at: int, frame: Rect) -> Rect:
    plate = actor.plate
    depth = plate.lattice.sample(plate.depth, plate.rim[None])[0, :, 0]
    return Rect.around(actor.shapes.poses.project(at, plate.to_face(plate.rim), depth), plate.lattice.step, frame)


def _edges(actor: Actor, fields: tuple[np.ndarray, np.ndarray], amounts: np.ndarray, control: float) -> tuple[tuple[np.ndarray, np.ndarray], np.ndarray]:
    """The inner edges of the lips on their way from where the frame has them to where they should be, and the frame's gap between them."""
    lips, grid = actor.lips, actor.plate.lattice
    at_rest = lips.pixels(lips.s, lips.seam)[None]
    resting = np.stack([lips.s, lips.seam], -1)
    shown, edges = [], []
    for field, wanted in zip(fields, actor.motion.edges(amounts), strict=True):
        shifts = grid.sample(field, at_rest)[0] / actor.plate.unit
        shown.append(resting + shifts[:, :2])
        target = wanted + shifts[:, 2:]
        edges.append(((1 - control) * shown[-1] + control * target).astype(np.float32))
    middle = (edges[0][:, 1] + edges[1][:, 1]) / 2
    crossed = edges[1][:, 1] < edges[0][:, 1]
    for edge in edges:
        edge[crossed, 1] = middle[crossed]
    return (edges[0], edges[1]), np.maximum(shown[1][:, 1] - shown[0][:, 1], 0.0)


def _warp_skin(flow: _Flow, frame: np.ndarray, result: np.ndarray) -> None:
    rect, small = flow.lattice.rect, flow.lattice.rect.halved()
    luma, blue, red = i420_planes(frame)
    new_luma, new_blue, new_red = i420_planes(result)
    changes = flow.lattice.to_pixels(flow.mask, rect) > 0
    warped = sampled(luma, flow.lattice.to_pixels(flow.both, rect), cv2.INTER_CUBIC)
    np.copyto(new_luma[rect.rows, rect.columns], warped, where=changes)
    half = flow.lattice.to_pixels((flow.both + np.float32(0.5)) / 2 - np.float32(0.5), rect, scale=2)
    changes = flow.lattice.to_pixels(flow.mask, rect, scale=2) > 0
    for plane, target in ((blue, new_blue), (red, new_red)):
        np.copyto(target[small.rows, small.columns], sampled(plane, half), where=changes)


def _draw_mouth(actor: Actor, at: int, flow: _Flow, frame: np.ndarray, result: np.ndarray) -> None:
    control = float(actor.control[at])
    lips, upper_edge, lower_edge = actor.lips, flow.upper_edge, flow.lower_edge
    s0, s1 = min(upper_edge[0, 0], lower_edge[0, 0]) - _MOUTH_MARGIN, max(upper_edge[-1, 0], lower_edge[-1, 0]) + _MOUTH_MARGIN
    t0, t1 = upper_edge[:, 1].min() - _MOUTH_MARGIN, lower_edge[:, 1].max() + _MOUTH_MARGIN
    local = lips.local(flow.plate_at)
    inside = (local[..., 0] > s0) & (local[..., 0] < s1) & (local[..., 1] > t0) & (local[..., 1] < t1)
    if not inside.any():
        return
    rect = Rect.around(flow.lattice.nodes[inside], flow.lattice.step, flow.lattice.rect)
    local = flow.lattice.to_pixels(local, rect)
    s, t = np.ascontiguousarray(local[..., 0]), np.ascontiguousarray(local[..., 1])
    upper, lower = curve_at(upper_edge, s), curve_at(lower_edge, s)
    above, below = (_sampled_ycc(frame, flow.lattice.to_pixels(where, rect)) for where in (flow.upper, flow.lower))
    middle_gain, slope = actor.light.gain(at, frame) if actor.light else (1.0, 0.0)
    gain = (np.float32(middle_gain) + np.float32(slope) * s)[..., None]
    if actor.closed:
        for layer, rest in ((above, flow.upper_rest), (below, flow.lower_rest)):
            borrowed = actor.closed.sample(flow.lattice.to_pixels(rest, rect))
            layer += control * borrowed[..., 3:] * (borrowed[..., :3] * gain - layer)
    pixel = 1.2 / float(actor.shapes.poses.scale[at])
    upper_cover = np.clip(0.5 + (upper - t) / max(pixel, _UPPER_SOFTNESS), 0.0, 1.0)
    lower_cover = np.clip(0.5 + (t - lower) / max(pixel, _LOWER_SOFTNESS), 0.0, 1.0)
    opening = np.clip(1.0 - upper_cover - lower_cover, 0.0, 1.0)
    total = upper_cover + lower_cover + opening
    picture = (upper_cover / total)[..., None] * above + (lower_cover / total)[..., None] * below
    # Lips that the frame shows apart have no shadow where they meet.
    parted = (0.0 if actor.closed else 1.0) * eased(curve_at(np.stack([upper_edge[:, 0], flow.source_gap], -1).astype(np.float32), s) / 0.06)
    away = np.maximum(upper - t, t - lower) / np.float32(_CONTACT_SHADOW)
    depth = control * _CONTACT_DARKNESS * parted * np.exp(-np.clip(lower - upper, 0.0, None) / np.float32(_CONTACT_GAP))
    picture *= (1.0 - depth * np.exp(-np.square(np.maximum(away, 0.0))))[..., None]
    if opening.max() > 0.02:
        rows, columns = (np.flatnonzero((opening > 0).any(axis)) for axis in (1, 0))
        hole = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        painted = actor.interior.paint(s[hole], t[hole], upper[hole], lower[hole], actor.mouth.at(at)) * gain[hole]
        if control < 1:
            painted = control * painted + (1 - control) * _sampled_ycc(frame, flow.lattice.to_pixels(flow.both, rect)[hole])
        picture[hole] += (opening / total)[hole][..., None] * painted
    share = eased((s - s0 - 0.04) / 0.06) * eased((s1 - 0.04 - s) / 0.06) * eased((t - t0) / 0.06) * eased((t1 - t) / 0.06)
    share *= flow.lattice.to_pixels(flow.mask, rect) > 0
    _lay(result, rect, 1.0 - share[..., None], picture * share[..., None])


def _sampled_ycc(frame: np.ndarray, at: np.ndarray) -> np.ndarray:
    luma, blue, red = i420_planes(frame)
    half = (at + np.float32(0.5)) / 2 - np.float32(0.5)
    return np.stack([sampled(luma, at, cv2.INTER_CUBIC) - np.float32(16), *(sampled(plane, half) - np.float32(128) for plane in (blue, red))], -1)


def _lay(frame: np.ndarray, rect: Rect, keep: np.ndarray, over: np.ndarray) -> None:
    luma, blue, red = i420_planes(frame)
    patch = luma[rect.rows, rect.columns]
    changes = keep[..., 0] < 1
    laid = np.clip((patch.astype(np.float32) - 16.0) * keep[..., 0] + over[..., 0] + 16.5, 0, 255).astype(np.uint8)
    np.copyto(patch, laid, where=changes)
    small = rect.halved()
    layers = halved(np.concatenate([keep, over[..., 1:]], -1).astype(np.float32))
    for plane, layer in ((blue, layers[..., 1]), (red, layers[..., 2])):
        patch = plane[small.rows, small.columns]
        laid = np.clip((patch.astype(np.float32) - 128.0) * layers[..., 0] + layer + 128.5, 0, 255).astype(np.uint8)
        np.copyto(patch, laid, where=layers[..., 0] < 1)
