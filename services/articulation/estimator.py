"""The sounds of speech, and when they are made, from the sound alone: for recorded voices, and for engines that tell no times.

A small network (see training/) scores each frame of 10 ms, looking 90 ms ahead; a path through the scores in which every sound lasts long enough to
be seen makes spans of them. What comes out are not the words' phonemes but sounds that look like them: good for lips, not for reading.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import numpy as np
import onnxruntime as ort
import soxr

from locutor.errors import InvalidInput
from services.articulation.decoding import SpanDecoder
from services.articulation.log_mel import HOP_S, SAMPLE_RATE, frame_count, log_mel, loud_power
from services.articulation.sound_classes import CLASSES
from services.articulation.speech import PhonemeSpan

_NETWORK = Path(__file__).with_name("viseme_estimator.onnx")

_BLOCK_FRAMES = 3000
_PAST_FRAMES, _FUTURE_FRAMES = 39, 9
"""What the network sees of what lies around a frame."""
_SILENT_POWER = 1e-5
"""Of the loud parts, -50 dBFS: below it is no speech, only what converters and synthesisers hiss in pauses."""
_VOWELS = frozenset("iɪeɛəaɔouy")
_ACCENT_REACH_S = 0.45
"""Accents lie further apart than this."""


@cache
def network_weights() -> Mapping[str, str]:
    """The network's file name to its sha256: a part of the key under which is kept what was made with it."""
    return {_NETWORK.name: hashlib.sha256(_NETWORK.read_bytes()).hexdigest()}


class VisemeEstimator:
    """Safe to call from several threads."""

    def __init__(self, threads: int = 1) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        # Spinning threads take the cores from those that render.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = ort.InferenceSession(_NETWORK, options, providers=["CPUExecutionProvider"])

    def estimate(self, audio: np.ndarray, sample_rate: int) -> list[PhonemeSpan]:
        """Sounds and silences that cover the audio without gap, none where there is no audio.

        `audio` is (samples,) float32, -1 to 1, mono, at `sample_rate` hertz, of any length. Symbols are those of `CLASSES`; loud and long vowels
        are marked as stressed. Raises `InvalidInput` (field "audio") for another shape.
        """
        if audio.ndim != 1:
            raise InvalidInput.of("audio", f"has the shape {audio.shape}; give one channel", "NOT_MONO")
        if not audio.size:
            return []
        length_s = len(audio) / sample_rate
        heard = audio if sample_rate == SAMPLE_RATE else soxr.resample(audio, sample_rate, SAMPLE_RATE)
        power = loud_power(heard)
        if power < _SILENT_POWER:
            return [PhonemeSpan("", 0.0, length_s)]
        decoder = SpanDecoder()
        for block in self._scores(heard, power):
            decoder.feed(block)
        spans = decoder.finish()
        bounds = [min(begin * HOP_S, length_s) for _, begin, _ in spans] + [length_s]
        stressed = _accents(heard, spans)
        return [PhonemeSpan(CLASSES[label], bounds[i], bounds[i + 1], i in stressed) for i, (label, _, _) in enumerate(spans) if bounds[i + 1] > bounds[i]]

    def log_probabilities(self, audio: np.ndarray) -> np.ndarray:
        """(frames of 10 ms, classes) float32 of audio at 16 kHz, which must not be silent: what `estimate` decodes."""
        return np.concatenate(list(self._scores(audio, loud_power(audio))))

    def _scores(self, audio: np.ndarray, power: float) -> Iterator[np.ndarray]:
        """`log_probabilities` block by block, so that what is held does not grow with the audio."""
        frames = frame_count(len(audio))
        for begin in range(0, frames, _BLOCK_FRAMES):
            end = min(begin + _BLOCK_FRAMES, frames)
            first, last = max(begin - _PAST_FRAMES, 0), min(end + _FUTURE_FRAMES, frames)
            scores = self._session.run(None, {"features": log_mel(audio, power, first, last - first)[None]})[0][0]
            yield scores[begin - first : end - first]


def _accents(audio: np.ndarray, spans: list[tuple[int, int, int]]) -> set[int]:
    """Indices of the vowels that stand out from those around them by energy: loud, long, or both. `audio` is at 16 kHz."""
    hop = round(SAMPLE_RATE * HOP_S)
    energies = np.array([float(np.square(audio[begin * hop : end * hop]).sum()) if CLASSES[label] in _VOWELS else 0.0 for label, begin, end in spans])
    middles_s = np.array([(begin + end) / 2 * HOP_S for _, begin, end in spans])
    least = np.median(energies[energies > 0]) if (energies > 0).any() else np.inf
    accents: set[int] = set()
    for index in np.flatnonzero(energies >= least):
        near = slice(*np.searchsorted(middles_s, [middles_s[index] - _ACCENT_REACH_S, middles_s[index] + _ACCENT_REACH_S]))
        if energies[index] >= energies[near].max():
            accents.add(int(index))
    return accents
