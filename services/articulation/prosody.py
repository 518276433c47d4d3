"""Level, accents and pauses of speech: what drives a jaw, a head and eyelids besides the sounds themselves."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from services.articulation.phonetics import mouth_targets
from services.articulation.speech import PhonemeSpan, Speech


def stress_times(speech: Speech) -> np.ndarray:
    """Middles of the stressed vowels, in seconds of the audio: where accents of head and brows may fall."""
    return np.array(
        [(span.start_s + span.end_s) / 2 for span in speech.phonemes if span.stressed and any(target.is_vowel for target in mouth_targets(span.symbol))]
    )


def voice_level(audio: np.ndarray, sample_rate: int, times_s: np.ndarray, smoothing_s: float = 0.06) -> np.ndarray:
    """Level of the voice at `times_s`: 0 at 26 dB under its own loud parts, 1 at them. (frames,) float64."""
    if audio.size == 0:
        return np.zeros(len(times_s))
    hop = max(1, round(sample_rate * 0.01))
    count = -(-len(audio) // hop)
    power = np.square(np.pad(audio.astype(np.float64), (0, count * hop - len(audio)))).reshape(count, hop).mean(1)
    power = _smooth(power, 2.0)
    loud = np.percentile(power, 90)
    if loud < 1e-9:
        return np.zeros(len(times_s))
    level = np.clip((10.0 * np.log10(power / loud + 1e-9) + 26.0) / 26.0, 0.0, 1.1)
    return np.interp(times_s, (np.arange(count) + 0.5) * hop / sample_rate, _smooth(level, smoothing_s / 0.01), left=0.0, right=0.0)


def _smooth(values: np.ndarray, sigma: float) -> np.ndarray:
    reach = int(4 * sigma) + 1
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    return np.convolve(np.pad(values, reach, mode="edge"), kernel / kernel.sum(), "valid")


def silences(phonemes: Sequence[PhonemeSpan]) -> list[tuple[float, float]]:
    """Begin and end of every silence between the sounds, given as a span or as a gap. Seconds."""
    sounds = [span for span in phonemes if mouth_targets(span.symbol)]
    return [(a.end_s, b.start_s) for a, b in itertools.pairwise(sounds) if b.start_s > a.end_s + 1e-6]
