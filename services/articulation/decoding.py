"""From frame-wise scores to spans: the best path in which every class lasts as long as lips need for it."""

from __future__ import annotations

import numpy as np

from services.articulation.sound_classes import CLASSES, CLOSURES, SILENCE

_LEAST_FRAMES = 3
_SILENCE_LEAST_FRAMES = 6
"""60 ms: what is shorter is the closure of a stop."""
_SWITCH = -2.5
"""Log-probability of going from one class to another; keeps spans from flickering."""
_CLOSURE_BONUS = 0.75
"""Added to the log-probabilities of closures: one that is missed is seen, one too many hardly."""


class SpanDecoder:
    """Viterbi's algorithm, fed block by block. Keeps about 50 bytes a frame."""

    def __init__(self) -> None:
        count = len(CLASSES)
        self._least = np.full(count, _LEAST_FRAMES)
        self._least[CLASSES.index(SILENCE)] = _SILENCE_LEAST_FRAMES
        self._bonus = np.array([_CLOSURE_BONUS if symbol in CLOSURES else 0.0 for symbol in CLASSES], np.float32)
        # Column k holds paths whose class has lasted k + 1 frames; a class's last one holds all that have lasted long enough.
        self._paths = np.full((count, _SILENCE_LEAST_FRAMES), -np.inf, np.float32)
        self._last = (np.arange(count), self._least - 1)
        self._came_from: list[np.ndarray] = []
        self._stayed: list[np.ndarray] = []

    def feed(self, log_probabilities: np.ndarray) -> None:
        """(frames, classes) float32, following those before."""
        for scores in log_probabilities + self._bonus:
            if not self._came_from:
                # The sound may begin in the middle of anything.
                self._paths[self._last] = scores
                self._came_from.append(np.arange(len(scores), dtype=np.uint8))
                self._stayed.append(np.ones(len(scores), bool))
                continue
            lasting = self._paths[self._last]
            best, second = np.argpartition(-lasting, 1)[:2]
            if lasting[second] > lasting[best]:
                best, second = second, best
            source = np.full(len(scores), best, np.uint8)
            source[best] = second
            aged = self._paths[self._last[0], self._last[1] - 1]
            stays = lasting >= aged
            self._paths[:, 1:] = self._paths[:, :-1]
            self._paths[:, 0] = lasting[source] + _SWITCH
            self._paths[self._last] = np.maximum(lasting, aged)
            self._paths += scores[:, None]
            self._came_from.append(source)
            self._stayed.append(stays)

    def finish(self) -> list[tuple[int, int, int]]:
        """(class, first frame, end frame) in order, covering all frames."""
        frame = len(self._came_from) - 1
        if frame < 0:
            return []
        label = int(self._paths[self._last].argmax())
        spans = []
        while frame >= 0:
            end = frame + 1
            while frame > 0 and self._stayed[frame][label]:
                frame -= 1
            # From here back the class has its least length, or the sound begins.
            frame = max(frame - int(self._least[label]) + 1, 0) if frame > 0 else 0
            spans.append((label, frame, end))
            label = int(self._came_from[frame][label])
            frame -= 1
        return spans[::-1]
