"""Footage in, footage out: the frames in which somebody speaks other words go through the renderer, all others pass."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np

from services.lipsync.engine import Performance
from services.lipsync.engines.warp.footage.actor import Actor, cast
from services.lipsync.engines.warp.footage.render import speak
from services.lipsync.footage import FaceTracks, Role

_LOOKAHEAD = 2
"""Frames in the making for each thread."""


def revoice(frames: Iterable[np.ndarray], tracks: FaceTracks, roles: Sequence[Role], performance: Performance, threads: int) -> Iterator[np.ndarray]:
    """See `LipsyncEngine.revoice`."""
    actors = [actor for role in roles if (actor := cast(role, tracks.frame_rate, performance.expression))]
    if threads == 1:
        # Another one would be a second.
        yield from (_spoken(actors, number, frame) for number, frame in enumerate(frames))
        return
    pending: deque[Future[np.ndarray]] = deque()
    with ThreadPoolExecutor(threads, thread_name_prefix="revoice") as pool:
        try:
            for number, frame in enumerate(frames):
                pending.append(pool.submit(_spoken, actors, number, frame))
                if len(pending) > _LOOKAHEAD * threads:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            for future in pending:
                future.cancel()


def _spoken(actors: Sequence[Actor], number: int, frame: np.ndarray) -> np.ndarray:
    for actor in actors:
        if actor.speaks_in(number):
            frame = speak(actor, number, frame)
    return frame
