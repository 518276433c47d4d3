"""One face that speaks: in which frames, where its box lies there, and what is heard."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from services.articulation.coarticulation import articulate
from services.lipsync.engine import Piece, Speech
from services.lipsync.engines.warp.behaviour import move
from services.lipsync.engines.warp.footage.pose import find_poses
from services.lipsync.engines.warp.portrait import WarpPortrait
from services.lipsync.engines.warp.render import render
from services.lipsync.engines.wav2lip.crops import face_boxes, face_of
from services.lipsync.engines.wav2lip.mask import LIPS, RING, mouth_mask, skin_share
from services.lipsync.engines.wav2lip.mel import SAMPLE_RATE, mel_chunks
from services.lipsync.engines.wav2lip.voice import network_share
from services.lipsync.footage import Role, Usability
from services.lipsync.landmarks import FACE_OVAL

_EYE_CORNERS = (33, 263)
_NEEDED = (*FACE_OVAL, *RING, *LIPS, *_EYE_CORNERS)
_RIM, _MOUTH = slice(0, len(FACE_OVAL)), slice(len(FACE_OVAL), -len(_EYE_CORNERS))
_INVERSION_ROUNDS = 3


@dataclass(frozen=True, eq=False)
class Performer:
    """A face and what is asked of the network for it. Immutable."""

    first_frame: int
    share: np.ndarray
    """(frames,) float32 from `first_frame` on: how much of the mouth is the network's."""
    boxes: np.ndarray
    """(frames, 2, 3), see `face_boxes`."""
    mouths: np.ndarray
    """(frames, n, 2): where `RING` and `LIPS` lie at rest, in the boxes' unit squares."""
    mel: np.ndarray
    """(frames, 80, 16)."""
    reference: np.ndarray | None = None
    """(side, side, 3): the face that the network looks at; None: that of each frame."""

    def speaks_in(self, frame: int) -> bool:
        """Whether the network is asked for this frame."""
        return 0 <= frame - self.first_frame < len(self.share) and self.share[frame - self.first_frame] > 0

    def mask(self, frame: int) -> np.ndarray:
        """How much of the box is the network's picture where all of the mouth is its own, (rows, columns) float32."""
        return mouth_mask(self.mouths[frame - self.first_frame, : len(RING)])

    def skin(self, frame: int) -> np.ndarray:
        """Where in the box no lips are, (rows, columns) float32."""
        return skin_share(self.mouths[frame - self.first_frame, len(RING) :])


def portrait_performer(portrait: WarpPortrait, speech: Speech, piece: Piece, side: int) -> Performer:
    """Of a portrait whose head moves as the warp engine moves it; the network looks at the portrait with its mouth at rest, as silence shows it."""
    rate = float(portrait.video.frame_rate)
    at_rest = portrait.face.points[list(_NEEDED), :2].astype(np.float64) - 0.5
    motion = move(speech, piece, rate)
    shifts = (portrait.head.shift(motion.at(frame)) for frame in range(piece.frame_count))
    points = np.stack([_moved(portrait, at_rest, shift) for shift in shifts])
    [still] = face_boxes(at_rest[None, _RIM], at_rest[None, -2], at_rest[None, -1])
    # A frame shows the middle of its time, but what is heard is counted from its begin, as the network learned it.
    begins = np.arange(piece.frame_count) / rate
    return _performer(
        0, network_share(speech, begins + 0.5 / rate), points, mel_chunks(speech.audio, speech.sample_rate, begins), face_of(_at_rest(portrait), still, side)
    )


def _at_rest(portrait: WarpPortrait) -> np.ndarray:
    """The portrait, I420, with its mouth closed and without a smile: one that shows would be seen to come and go with the network's mouth."""
    closed = articulate(Speech(np.zeros(0, np.float32), SAMPLE_RATE, ()), np.zeros(1), 1.0)
    return render(portrait, closed.at(0), {"blink": 0.0, "gaze_x": 0.0, "gaze_y": 0.0})


def _moved(portrait: WarpPortrait, points: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """Where points of the portrait are seen; `shift` leads from there back to the portrait."""
    moved = points
    for _ in range(_INVERSION_ROUNDS):
        moved = points - portrait.lattice.sample(shift, moved[None].astype(np.float32))[0]
    return moved


def role_performer(role: Role, frame_rate: Fraction) -> Performer | None:
    """Of a face in footage; none where no frame of its track changes."""
    face, rate = role.face, float(frame_rate)
    usable = face.usability == Usability.USABLE
    begins = (face.first_frame + np.arange(len(usable))) / rate + role.lead_s
    share = np.where(usable, role.control[face.first_frame : face.end_frame] * network_share(role.speech, begins + 0.5 / rate), 0.0).astype(np.float32)
    if not share.any():
        return None
    # The skull's place and the face's mean shape: what is said in the footage moves neither box nor mask.
    poses, shape = find_poses(face.points, usable)
    needed = shape[list(_NEEDED)]
    points = np.stack([poses.project(frame, needed[:, :2], needed[:, 2]) for frame in range(len(usable))])
    return _performer(face.first_frame, share, points, mel_chunks(role.speech.audio, role.speech.sample_rate, begins), None)


def _performer(first_frame: int, share: np.ndarray, points: np.ndarray, mel: np.ndarray, reference: np.ndarray | None) -> Performer:
    boxes = face_boxes(points[:, _RIM], points[:, -2], points[:, -1])
    back = np.linalg.inv(boxes[:, :, :2])
    mouths = np.einsum("fij,fpj->fpi", back, points[:, _MOUTH] - boxes[:, None, :, 2])
    return Performer(first_frame, share, boxes, mouths, mel, reference)


def performers(roles: Sequence[Role], frame_rate: Fraction) -> list[Performer]:
    """Of all roles that say something."""
    return [performer for role in roles if (performer := role_performer(role, frame_rate))]
