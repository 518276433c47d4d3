"""Where the pixels of one frame come from: from the mouth as it should be, over the face at rest, to the mouth as the frame shows it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from services.lipsync.engines.warp.footage.actor import Actor
from services.lipsync.engines.warp.lattice import Lattice, Rect

_CELLS_PER_UNIT = 16
"""Lattice cells along an interpupillary distance."""
_DEPTH_ROUNDS = 2
_LEAST_SIDE = 8
"""Pixels of a part of a frame that is worth changing."""


@dataclass(frozen=True, eq=False)
class Layer:
    """What is above or below the lips' seam."""

    source: np.ndarray
    """(rows, columns, 2): pixel of the frame that a node's pixel comes from."""
    rest: np.ndarray
    """(rows, columns, 2): place of the plate that a node shows."""
    edge: np.ndarray
    """(SAMPLES, 2) s, t of the lip's inner edge as it should be."""
    shown_edge: np.ndarray
    """(SAMPLES, 2) as the frame shows it."""


@dataclass(frozen=True, eq=False)
class Flow:
    """One frame's."""

    lattice: Lattice
    """Over the part of the frame that changes."""
    plate: np.ndarray
    """(rows, columns, 2) plate position of every node."""
    mask: np.ndarray
    """(rows, columns, 1): nothing changes where it is 0."""
    upper: Layer
    lower: Layer
    source: np.ndarray
    """(rows, columns, 2): the layers' blend, for what is not lips."""


def flow_of(actor: Actor, at: int, width: int, height: int) -> Flow | None:
    """For frame `at` of the actor's track, whose size is given; none where nothing that would change is in the picture."""
    plate, pose, motion, control = actor.plate, actor.shapes.poses, actor.motion, float(actor.control[at])
    rect = _rect(actor, at, Rect(0, 0, width // 2 * 2, height // 2 * 2))
    if rect.width < _LEAST_SIDE or rect.height < _LEAST_SIDE:
        return None
    lattice, grid = Lattice(rect, max(2, round(float(pose.scale[at]) / _CELLS_PER_UNIT / 2) * 2)), plate.lattice
    depth = np.full(lattice.nodes.shape[:2], float(plate.depth.mean()))
    for _ in range(_DEPTH_ROUNDS):
        here = plate.to_plate(pose.unproject(at, lattice.nodes, depth))
        depth = grid.sample(plate.depth, here)[..., 0]
    amounts = motion.amounts(actor.mouth.at(at))
    fields = plate.fields(np.concatenate([actor.shapes.move[at], actor.shapes.mood[at]], 1))
    mask = grid.sample(plate.mask, here)
    layers = []
    for field, back, wanted in zip(fields, motion.backward(amounts), motion.edges(amounts), strict=True):
        move, mood = np.ascontiguousarray(field[..., :2]), np.ascontiguousarray(field[..., 2:])
        calm = here - grid.sample(mood, here)
        rest = calm + motion.lattice.sample(back, calm)
        shown = rest + grid.sample(move, rest)
        share = control * mask
        deep = depth + share[..., 0] * (grid.sample(plate.depth, rest)[..., 0] - depth)
        # As a shift of the node, so that what nothing moves stays where it is to the last bit.
        shift = pose.project(at, plate.to_face(here + share * (shown - here)), deep) - pose.project(at, plate.to_face(here), depth)
        source = lattice.nodes + shift.astype(np.float32)
        layers.append(Layer(source, rest, *_edge(actor, field, wanted, control)))
    upper, lower = layers
    _part(upper.edge, lower.edge)
    weight = motion.lattice.sample(motion.lower_weight, here)
    return Flow(lattice, here, mask, upper, lower, upper.source * (1 - weight) + lower.source * weight)


def _rect(actor: Actor, at: int, frame: Rect) -> Rect:
    plate = actor.plate
    depth = plate.lattice.sample(plate.depth, plate.rim[None])[0, :, 0]
    return Rect.around(actor.shapes.poses.project(at, plate.to_face(plate.rim), depth), plate.lattice.step, frame)


def _edge(actor: Actor, field: np.ndarray, wanted: np.ndarray, control: float) -> tuple[np.ndarray, np.ndarray]:
    """A lip's inner edge on its way from where the frame has it to where it should be, and where the frame has it."""
    lips = actor.lips
    shifts = actor.plate.lattice.sample(field, lips.pixels(lips.s, lips.seam)[None])[0] / actor.plate.unit
    shown = np.stack([lips.s, lips.seam], -1) + shifts[:, :2]
    return ((1 - control) * shown + control * (wanted + shifts[:, 2:])).astype(np.float32), shown.astype(np.float32)


def _part(upper: np.ndarray, lower: np.ndarray) -> None:
    """Let edges that have crossed meet halfway."""
    crossed = lower[:, 1] < upper[:, 1]
    upper[crossed, 1] = lower[crossed, 1] = (upper[crossed, 1] + lower[crossed, 1]) / 2
