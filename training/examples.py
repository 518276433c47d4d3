"""From utterances to what the network sees: frames of features with the class of each, under several conditions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import soxr

from services.articulation.log_mel import HOP_S, SAMPLE_RATE, frame_count, log_mel, loud_power
from services.articulation.sound_classes import classes_of
from services.articulation.speech import PhonemeSpan
from training.augment import Take, augmented, noise_alone
from training.corpus import Utterance
from training.example import Example

TAKES = 5
"""Of each utterance; the first is as it was said."""
_NOISE_EVERY = 12
"""One in so many examples has no speech in it at all."""
_GAIN_DB = 5.0
"""The level of the speech is measured only so well."""


def take_of(utterance: Utterance) -> Take:
    return Take(soxr.resample(utterance.audio, 24_000, SAMPLE_RATE), utterance.bounds_s)


def labels_of(symbols: Sequence[str], bounds_s: np.ndarray, frames: int) -> np.ndarray:
    """The class of each frame, (frames,) uint8; what is not covered is silence. Diphthongs are cut as `PhonemeSpan.divided` does."""
    labels = np.zeros(frames, np.uint8)
    for symbol, start, end in zip(symbols, bounds_s[:-1], bounds_s[1:], strict=True):
        classes = classes_of(symbol)
        for label, (begin, stop) in zip(classes, PhonemeSpan(symbol, float(start), float(end)).divided(len(classes)), strict=True):
            labels[max(round(begin / HOP_S), 0) : max(round(stop / HOP_S), 0)] = label
    return labels


def examples(utterances: Sequence[Utterance], seed: int) -> Iterator[Example]:
    """`TAKES` of each utterance, and noise between them."""
    takes = [take_of(utterance) for utterance in utterances]
    voices = [take.audio for take in takes]
    for index, (utterance, take) in enumerate(zip(utterances, takes, strict=True)):
        for number in range(TAKES):
            rng = np.random.default_rng([seed, utterance.item.index, number])
            changed = augmented(take, voices, rng) if number else take
            yield _example(changed.audio, utterance.symbols, changed.bounds_s, rng)
            if (index * TAKES + number) % _NOISE_EVERY == 0:
                yield _example(noise_alone(4 * SAMPLE_RATE, rng).astype(np.float32), (), np.zeros(1), rng)


def _example(audio: np.ndarray, symbols: Sequence[str], bounds_s: np.ndarray, rng: np.random.Generator) -> Example:
    gain = 10 ** (rng.uniform(-_GAIN_DB, _GAIN_DB) / 10)
    features = log_mel(audio, loud_power(audio) * gain)
    return Example(features.astype(np.float16), labels_of(symbols, bounds_s, frame_count(len(audio))))
