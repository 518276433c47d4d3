"""Sound and its phonemes, as they come in parts."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from locutor.common.v1 import timeline_pb2
from locutor.errors import InvalidInput
from services.lipsync.engine import PhonemeSpan

MOST_PHONEMES = 50_000
LONGEST_SYMBOL = 16
LONGEST_OVERLAP_S = 0.05
"""Neighbouring phonemes share a boundary, which may have been measured or rounded apart."""


def add_phonemes(phonemes: list[PhonemeSpan], messages: Iterable[timeline_pb2.Phoneme], timeline: str = "timeline") -> None:
    """Append what a `Timeline` holds. Raises `InvalidInput` where times are negative, overlap or go backwards; `timeline` is the field's name."""
    for message in messages:
        field = f"{timeline}.phonemes[{len(phonemes)}]"
        start, end = message.start_offset.ToNanoseconds() / 1e9, message.end_offset.ToNanoseconds() / 1e9
        if len(message.symbol) > LONGEST_SYMBOL:
            raise InvalidInput.of(f"{field}.symbol", f"has {len(message.symbol)} characters; a phoneme has at most {LONGEST_SYMBOL}", "SYMBOL_TOO_LONG")
        if start < 0 or end < start:
            raise InvalidInput.of(field, f"lasts from {start:.3f} s to {end:.3f} s; give offsets from the audio's first sample, start before end", "BAD_TIMES")
        if phonemes and start < phonemes[-1].start_s:
            text = f"starts at {start:.3f} s, before the one before it ({phonemes[-1].start_s:.3f} s); send them in order of time"
            raise InvalidInput.of(field, text, "OUT_OF_ORDER")
        if phonemes and start < phonemes[-1].end_s - LONGEST_OVERLAP_S:
            text = f"starts at {start:.3f} s, but the one before it ends at {phonemes[-1].end_s:.3f} s; send one sound at a time"
            raise InvalidInput.of(field, text, "OVERLAP")
        if len(phonemes) >= MOST_PHONEMES:
            raise InvalidInput.of(f"{timeline}.phonemes", f"are more than {MOST_PHONEMES}; cut the programme in a pause", "TOO_LONG")
        phonemes.append(PhonemeSpan(message.symbol, start, end, message.stressed))


def samples_of(data: bytes, channels: int) -> np.ndarray:
    """(samples,) float32 mono of interleaved 16-bit samples."""
    if len(data) % (2 * channels):
        raise InvalidInput.of("audio", f"{len(data)} bytes are no whole number of frames of {channels} channels with 2 bytes each", "TRUNCATED_AUDIO")
    samples = np.frombuffer(data, "<i2").reshape(-1, channels)
    return samples.mean(axis=1, dtype=np.float32) / np.float32(32768)
