"""Speech made to measure: sounds of equal length, with a tone for a voice."""

from __future__ import annotations

import numpy as np

from services.articulation.speech import PhonemeSpan, Speech

RATE = 24000


def speech_of(*sounds: str, each_s: float = 0.08, rest_s: float = 0.5, stressed: bool = False) -> Speech:
    """Sounds of equal length between two silences; "" is a silence of that length too. The voice is a steady tone while there is sound."""
    spans = [PhonemeSpan("", 0.0, rest_s)]
    for sound in sounds:
        start = spans[-1].end_s
        spans.append(PhonemeSpan(sound, start, start + each_s, stressed))
    spans.append(PhonemeSpan("", spans[-1].end_s, spans[-1].end_s + rest_s))
    time = np.arange(int(spans[-1].end_s * RATE)) / RATE
    voiced = np.zeros(len(time), bool)
    for span in spans:
        if span.symbol:
            voiced |= (time >= span.start_s) & (time < span.end_s)
    return Speech((0.3 * np.sin(2 * np.pi * 150 * time) * voiced).astype(np.float32), RATE, spans)
