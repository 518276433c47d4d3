"""Wav2Lip as an engine: the network draws the mouth; all else that moves in a portrait, and the frames of footage, are the warp engine's.

What upstream does not: a soft mask that follows the head instead of a pasted box, the frame's own colours, a mouth that is still in silence and closed
on m, b and p, several faces, batches, half precision, and frames without a usable face that pass as they are.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from locutor.errors import MissingWeights
from services.engine import ModelInfo
from services.lipsync.engine import Background, Performance, Piece, PreparedPortrait, Speech, VideoFormat
from services.lipsync.engines.warp import WarpEngine
from services.lipsync.engines.warp.laying import FULL_RANGE, LIMITED_RANGE
from services.lipsync.engines.warp.portrait import WarpPortrait
from services.lipsync.engines.wav2lip.performer import performers, portrait_performer
from services.lipsync.engines.wav2lip.runtime import load_runtime
from services.lipsync.engines.wav2lip.settings import ENGINE_NAME, PUBLIC_LICENSE, Checkpoint, Load, find_checkpoint
from services.lipsync.engines.wav2lip.speaking import speak
from services.lipsync.footage import FaceTracks, Role
from services.weights import ModelStore

ENGINE_VERSION = "1"


class Wav2LipEngine:
    """Constructed as `Wav2LipEngine(store, threads)`; see `LipsyncEngine`. Safe to call from several threads."""

    def __init__(self, store: ModelStore, threads: int | None = None) -> None:
        """`threads` for the network, and for the frames around it; default: the processors this process may use.

        Raises `MissingWeights` where no checkpoint is set, or what is set is none, `MissingExtra` for a PyTorch file without PyTorch, and as
        `torch_device` for a device that cannot be had.
        """
        self.info = self.describe(store)
        checkpoint = find_checkpoint(store)
        if isinstance(checkpoint, str):
            raise MissingWeights(f"no checkpoint of Wav2Lip is installed: {checkpoint}")
        threads = threads or len(os.sched_getaffinity(0))
        self._runtime = load_runtime(checkpoint, Load.read(threads))
        self._warp = WarpEngine(store, threads)

    @staticmethod
    def describe(store: ModelStore) -> ModelInfo:
        """What `info` is once loaded; nothing is loaded or fetched."""
        around, checkpoint = WarpEngine.describe(store), find_checkpoint(store)
        here = checkpoint if isinstance(checkpoint, Checkpoint) else None
        license_ = here.license if here else PUBLIC_LICENSE
        return ModelInfo(
            engine=ENGINE_NAME,
            engine_version=f"{ENGINE_VERSION} (warp {around.engine_version})",
            name=here.path.stem if here else "wav2lip",
            # Digests of what is not there say that it is fetched when it is asked for, which a checkpoint is not.
            weights={here.path.name: here.sha256, **around.weights} if here else {},
            license=f"{license_} AND {around.license}",
            commercial_use=here is not None and here.commercial_use and around.commercial_use,
            installed=here is not None and around.installed,
            remedy="; ".join(filter(None, ("" if here else str(checkpoint), around.remedy))),
        )

    def prepare(self, portrait: np.ndarray, video: VideoFormat, background: Background) -> WarpPortrait:
        """See `LipsyncEngine.prepare`."""
        return self._warp.prepare(portrait, video, background)

    def animate(self, portrait: PreparedPortrait, speech: Speech, piece: Piece) -> Iterator[np.ndarray]:
        """See `LipsyncEngine.animate`. Raises `TypeError` for a portrait that another engine prepared."""
        if not isinstance(portrait, WarpPortrait):
            raise TypeError(f"the wav2lip engine animates what it has prepared, not {type(portrait).__name__}")
        performer = portrait_performer(portrait, speech, piece, self._runtime.side)
        frames = ((frame, frame) for frame in self._warp.animate(portrait, speech, piece))
        yield from speak(frames, [performer], self._runtime, LIMITED_RANGE)

    def revoice(self, frames: Iterable[np.ndarray], tracks: FaceTracks, roles: Sequence[Role], performance: Performance) -> Iterator[np.ndarray]:
        """See `LipsyncEngine.revoice`."""
        given: deque[np.ndarray] = deque()
        moved = self._warp.revoice(_remembered(frames, given), tracks, roles, performance)
        pairs = ((given.popleft(), frame) for frame in moved)
        yield from speak(pairs, performers(roles, tracks.frame_rate), self._runtime, FULL_RANGE)


def _remembered(frames: Iterable[np.ndarray], given: deque[np.ndarray]) -> Iterator[np.ndarray]:
    """The frames; each is kept until what was made of it is there."""
    for frame in frames:
        given.append(frame)
        yield frame
