"""How loud people speak in a programme, and the gain that makes their dubbed voices as loud."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite

import numpy as np

from media.loudness import Loudness, LoudnessMeter
from media.place import Placement

_FURTHEST_DB = 24.0
"""A voice is not raised or lowered by more: what differs so much is not a voice at another level, but a wrong span."""


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

    programme: Loudness
    speech_lufs: Mapping[str, float]
    """Gated loudness of each speaker's spans; -inf where they are silent or under 400 ms in all."""
    all_speech_lufs: float
    """That of all spans together."""


def measure_source(blocks: Iterable[np.ndarray], spans: Sequence[SpeechSpan]) -> SourceLevels:
    """One pass over the source's sound, float32 (n, 2) blocks at 48 kHz."""
    whole, together = LoudnessMeter(), LoudnessMeter()
    speakers: defaultdict[str, LoudnessMeter] = defaultdict(LoudnessMeter)
    ordered = sorted(spans, key=lambda span: span.start)
    position = next_up = 0
    for block in blocks:
        whole.push(block)
        end = position + len(block)
        while next_up < len(ordered) and ordered[next_up].end <= position:
            next_up += 1
        for span in ordered[next_up:]:
            if span.start >= end:
                break
            part = block[max(0, span.start - position) : max(0, span.end - position)]
            speakers[span.speaker].push(part)
            together.push(part)
        position = end
    return SourceLevels(whole.finish(), {name: meter.finish().integrated_lufs for name, meter in speakers.items()}, together.finish().integrated_lufs)


def speech_gains(placements: Sequence[Placement], levels: SourceLevels) -> dict[str, float]:
    """For each speaker of `placements`, the gain in dB that brings the dubbed voice to the loudness of his own in the source.

    One whose own is not known, or too short to be measured, takes that of all speech; where there is none, 0 dB.
    """
    speakers: defaultdict[str, LoudnessMeter] = defaultdict(LoudnessMeter)
    for placement in placements:
        speakers[placement.speaker].push(placement.sound())
    gains = {}
    for name, meter in speakers.items():
        dubbed = meter.finish().integrated_lufs
        own = levels.speech_lufs.get(name, levels.all_speech_lufs)
        wanted = own if isfinite(own) else levels.all_speech_lufs
        known = isfinite(dubbed) and isfinite(wanted)
        gains[name] = min(_FURTHEST_DB, max(-_FURTHEST_DB, wanted - dubbed)) if known else 0.0
    return gains
