"""Level, accents and pauses of speech: what drives a jaw, a head and eyelids besides the sounds themselves."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from services.articulation.phonetics import is_vowel, mouth_targets
from services.articulation.speech import PhonemeSpan, Speech

_PITCHES_HERTZ = (65.0, 450.0)
"""Of speaking voices, deep men's to high women's."""
_PITCH_WINDOW_S = 0.050
"""Three periods of the deepest voice."""
_VOICED = 0.35
"""Correlation of a voice with itself a period later, at least."""
_ACCENT_SEMITONES, _ACCENT_LEVEL, _MISREAD_SEMITONES = 2.5, 0.2, 8.0
"""What counts as clearly higher and as clearly louder than other accents."""
_STANDS_OUT, _ACCENT_GAP_S = 0.5, 0.45
"""Without known stress: an accent is above the median, and there are as many as stressed vowels in English, about two a second."""


@dataclass(frozen=True)
class Accent:
    """A vowel with which head and brows may move."""

    time_s: float
    """Its middle, in seconds of the audio."""
    prominence: float
    """0 to 1: how high and loud it is among the accents of the same speech; 0.5 is usual."""


def accents(speech: Speech) -> list[Accent]:
    """The stressed vowels in their order; where no stress is known (tone languages, sounds told from audio alone), those that stand out by the voice."""
    vowels = [span for span in speech.phonemes if is_vowel(span.symbol)]
    stressed = [span for span in vowels if span.stressed]
    found = _weighed(speech, np.array([(span.start_s + span.end_s) / 2 for span in stressed or vowels]))
    return found if stressed else _apart(found)


def _weighed(speech: Speech, times_s: np.ndarray) -> list[Accent]:
    if not len(times_s):
        return []
    pitch = np.array([_pitch_hertz(speech, time_s) for time_s in times_s])
    level = voice_level(speech.audio, speech.sample_rate, times_s)
    voiced = ~np.isnan(pitch)
    # An octave has twelve semitones; a speaker's accents differ by a few of them.
    semitones = 12.0 * np.log2(np.where(voiced, pitch, 1.0) / np.median(pitch[voiced])) if voiced.any() else np.zeros(len(times_s))
    # Nobody's accent is two thirds of an octave from his others: that is a period misread.
    semitones = np.where(voiced & (np.abs(semitones) < _MISREAD_SEMITONES), semitones, 0.0)
    above = semitones / _ACCENT_SEMITONES + (level - np.median(level)) / _ACCENT_LEVEL
    return [Accent(float(time_s), float(strength)) for time_s, strength in zip(times_s, 0.5 + 0.5 * np.tanh(0.5 * above), strict=True)]


def _apart(found: Sequence[Accent]) -> list[Accent]:
    """The most prominent ones, none near to another."""
    kept: list[Accent] = []
    for accent in sorted(found, key=lambda one: one.prominence, reverse=True):
        if accent.prominence > _STANDS_OUT and all(abs(accent.time_s - other.time_s) >= _ACCENT_GAP_S for other in kept):
            kept.append(accent)
    return sorted(kept, key=lambda one: one.time_s)


def _pitch_hertz(speech: Speech, time_s: float) -> float:
    """Of the voice around a time, by the autocorrelation of a window; NaN where it is not voiced."""
    half = round(_PITCH_WINDOW_S / 2 * speech.sample_rate)
    middle = round(time_s * speech.sample_rate)
    window = speech.audio[max(0, middle - half) : middle + half].astype(np.float64)
    shortest, longest = (round(speech.sample_rate / hertz) for hertz in (_PITCHES_HERTZ[1], _PITCHES_HERTZ[0]))
    if len(window) < 2 * longest:
        return float("nan")
    spectrum = np.fft.rfft(window - window.mean(), 2 * len(window))
    correlation = np.fft.irfft(np.abs(spectrum) ** 2)[: len(window)] / np.arange(len(window), 0, -1)
    if correlation[0] <= 1e-12:
        return float("nan")
    # Two periods are as alike as one: the first of the high peaks is the voice's own.
    high = shortest + int(np.argmax(correlation[shortest:longest] > 0.85 * correlation[shortest:longest].max()))
    lag = high + int(correlation[high : high + high // 4 + 1].argmax())
    return speech.sample_rate / lag if correlation[lag] > _VOICED * correlation[0] else float("nan")


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
