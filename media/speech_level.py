"""How loud people speak in a programme, and the gain that makes their dubbed voices as loud."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite

import numpy as np

from media.loudness import HOP, gated_loudness

_FURTHEST_DB = 24.0
"""A voice is not raised or lowered by more: what differs so much is not a voice at another level, but a wrong span."""
_STEP_DB = 0.5
"""Of a voice's gain: half of it is not heard, and one line that is said otherwise must not move all others by a hair."""


@dataclass(frozen=True)
class SpeechSpan:
    """Somebody speaks in the source."""

    start: int
    """First sample at 48 kHz, from the programme's origin."""
    end: int
    """One past the last."""
    speaker: str = ""


@dataclass(frozen=True)
class SourceLevels:
    """Of a source's whole sound."""

    programme_lufs: float
    """-inf for silence."""
    speech_lufs: Mapping[str, float]
    """Gated loudness of each speaker's spans; -inf where they are silent or under 400 ms in all."""
    all_speech_lufs: float
    """That of all spans together."""


def source_levels(energies: np.ndarray, spans: Sequence[SpeechSpan]) -> SourceLevels:
    """`energies`: the profile of the source's whole sound. Spans count in whole tenths of a second."""
    speakers: defaultdict[str, list[np.ndarray]] = defaultdict(list)
    ordered = sorted(spans, key=lambda span: span.start)
    for span in ordered:
        speakers[span.speaker].append(energies[round(span.start / HOP) : round(span.end / HOP)])
    together = [part for parts in speakers.values() for part in parts]
    return SourceLevels(gated_loudness(energies), {name: _joined(parts) for name, parts in speakers.items()}, _joined(together))


def speech_gains(voices: Iterable[tuple[str, np.ndarray]], levels: SourceLevels) -> dict[str, float]:
    """For each speaker the gain in dB, in steps of `_STEP_DB`, that brings his dubbed voice to the loudness of his own in the source.

    `voices`: of each dubbed line, who says it, and its profile. A speaker whose own voice is not known, or too short to be
    measured, takes the loudness of all speech; where there is none, 0 dB.
    """
    speakers: defaultdict[str, list[np.ndarray]] = defaultdict(list)
    for name, energies in voices:
        speakers[name].append(energies)
    gains = {}
    for name, parts in speakers.items():
        dubbed = _joined(parts)
        own = levels.speech_lufs.get(name, levels.all_speech_lufs)
        wanted = own if isfinite(own) else levels.all_speech_lufs
        known = isfinite(dubbed) and isfinite(wanted)
        gains[name] = min(_FURTHEST_DB, max(-_FURTHEST_DB, round((wanted - dubbed) / _STEP_DB) * _STEP_DB)) if known else 0.0
    return gains


def _joined(parts: Sequence[np.ndarray]) -> float:
    return gated_loudness(np.concatenate(parts)) if parts else gated_loudness(np.zeros(0))
