"""The embedded lip-sync engine: a portrait warped by its landmarks, with a rendered mouth interior, on the CPU, faster than real time."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import cv2
import numpy as np

from locutor.errors import InvalidInput
from services.articulation.coarticulation import articulate
from services.articulation.estimator import network_weights
from services.engine import ModelInfo
from services.lipsync.engine import Background, Performance, Piece, PreparedPortrait, Speech, VideoFormat
from services.lipsync.engines.warp.behaviour import move
from services.lipsync.engines.warp.behaviour_manners import MANNERS
from services.lipsync.engines.warp.footage.revoice import revoice
from services.lipsync.engines.warp.portrait import WarpPortrait, analyse
from services.lipsync.engines.warp.render import render
from services.lipsync.face_search import MAX_FACES, find_faces
from services.lipsync.footage import FaceTracks, Role
from services.lipsync.framing import frame_portrait
from services.lipsync.landmarks import MODEL_ARTIFACT, MODEL_FILE, FaceLandmarker
from services.lipsync.model_info import model_info
from services.lipsync.person import PERSON_ARTIFACT, PERSON_FILE, PersonSegmenter
from services.weights import ModelStore

ENGINE_VERSION = "4"
_LOOKAHEAD = 2
"""Frames in the making for each thread: enough that a consumer that takes them one by one does not wait, and no more to hold."""


class WarpEngine:
    """Constructed as `WarpEngine(store, threads)`; see `LipsyncEngine`. Safe to call from several threads."""

    def __init__(self, store: ModelStore, threads: int | None = None) -> None:
        """`threads` that render the frames of one piece together; default: the processors this process may use."""
        self.info = self.describe(store)
        self._threads = threads or len(os.sched_getaffinity(0))
        self._landmarker = FaceLandmarker(store.ensure(MODEL_ARTIFACT) / MODEL_FILE, max_faces=MAX_FACES)
        self._segmenter = PersonSegmenter(store.ensure(PERSON_ARTIFACT) / PERSON_FILE)
        # Whole frames are shared out to threads; OpenCV's own threads would only stand in each other's way.
        cv2.setNumThreads(1)

    @staticmethod
    def describe(store: ModelStore) -> ModelInfo:
        """What `info` is once loaded; nothing is loaded or fetched."""
        # The sounds that mouths are moved by may be those that the estimator hears.
        return model_info(store, "warp", ENGINE_VERSION, (MODEL_ARTIFACT, PERSON_ARTIFACT), network_weights())

    def prepare(self, portrait: np.ndarray, video: VideoFormat, background: Background) -> WarpPortrait:
        """See `LipsyncEngine.prepare`."""
        faces = find_faces(portrait, self._landmarker)
        if not faces:
            raise InvalidInput.of("portrait", "no face was found in the picture; use one with a face that looks into the camera", "NO_FACE")
        return analyse(frame_portrait(portrait, faces[0], video, background), video, self._segmenter.cover)

    def animate(self, portrait: PreparedPortrait, speech: Speech, piece: Piece) -> Iterator[np.ndarray]:
        """See `LipsyncEngine.animate`. Raises `TypeError` for a portrait that another engine prepared."""
        if not isinstance(portrait, WarpPortrait):
            raise TypeError(f"the warp engine animates what it has prepared, not {type(portrait).__name__}")
        rate = float(portrait.video.frame_rate)
        # A frame shows the middle of its time.
        performance, manner = piece.performance, MANNERS[piece.performance.style]
        mouth = articulate(speech, (np.arange(piece.frame_count) + 0.5) / rate, performance.expression * manner.opening, manner.width)
        motion = move(speech, piece, rate)
        if self._threads == 1:
            # Another one would be a second.
            yield from (render(portrait, mouth.at(frame), motion.at(frame)) for frame in range(piece.frame_count))
            return
        pending: deque[Future[np.ndarray]] = deque()
        with ThreadPoolExecutor(self._threads, thread_name_prefix="warp") as pool:
            try:
                for frame in range(piece.frame_count):
                    pending.append(pool.submit(render, portrait, mouth.at(frame), motion.at(frame)))
                    if len(pending) > _LOOKAHEAD * self._threads:
                        yield pending.popleft().result()
                while pending:
                    yield pending.popleft().result()
            finally:
                for future in pending:
                    future.cancel()

    def revoice(self, frames: Iterable[np.ndarray], tracks: FaceTracks, roles: Sequence[Role], performance: Performance) -> Iterator[np.ndarray]:
        """See `LipsyncEngine.revoice`."""
        return revoice(frames, tracks, roles, performance, self._threads)
