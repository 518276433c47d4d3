"""When the mouth is the network's: while there is a sound. In silence, and where lips must meet, it is the frame's own, which is closed and still.

Wav2Lip's mouth moves in a quarter of silent frames, and leaves lips apart on m, b and p; here it is not asked there.
"""

from __future__ import annotations

import numpy as np

from services.articulation.coarticulation import articulate
from services.articulation.phonetics import mouth_targets
from services.articulation.speech import Speech

_HOLD_S, _EASE_S = 0.03, 0.10
"""Around a sound the mouth is the network's for so long, and then on its way for so long: silence of a quarter of a second has a rest in it."""
_FULL_PRESS = 0.8
"""Of lips that are closed for a sound, as `articulate` has them."""


def network_share(speech: Speech, times_s: np.ndarray) -> np.ndarray:
    """(frames,) float32, 0 to 1, at `times_s`, (frames,) seconds of the speech's audio."""
    sounds = [span for span in speech.phonemes if mouth_targets(span.symbol)]
    if not sounds:
        return np.zeros(len(times_s), np.float32)
    starts, ends = np.array([span.start_s for span in sounds]), np.maximum.accumulate([span.end_s for span in sounds])
    after = np.searchsorted(starts, times_s, "right")
    since = np.where(after > 0, times_s - ends[np.maximum(after - 1, 0)], np.inf)
    until = np.where(after < len(starts), starts[np.minimum(after, len(starts) - 1)] - times_s, np.inf)
    silent_s = np.clip(np.minimum(since, until) - _HOLD_S, 0.0, _EASE_S)
    voiced = 0.5 + 0.5 * np.cos(np.pi * silent_s / _EASE_S)
    pressed = articulate(speech, times_s, 1.0).press / _FULL_PRESS
    return np.asarray(voiced * (1.0 - np.clip(pressed, 0.0, 1.0)), np.float32)
