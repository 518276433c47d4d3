"""How long a text would last: foretold where the engine can, else heard."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol, runtime_checkable

from services.tts.engine import SpeechRequest, TtsEngine


@runtime_checkable
class Foretelling(Protocol):
    """An engine that knows how long it will speak before it does."""

    def foretell_s(self, request: SpeechRequest, rates: Sequence[float]) -> list[float]:
        """Seconds of audio at each of `rates`; the request's own rate and target are ignored. Raises as `TtsEngine.plan`."""
        ...


def measure(engine: TtsEngine, request: SpeechRequest, rates: Sequence[float]) -> list[float]:
    """Seconds of audio at each of `rates`. Raises as `TtsEngine.plan`."""
    if isinstance(engine, Foretelling):
        return engine.foretell_s(request, rates)
    spoken = engine.plan(replace(request, rate=1.0, target_duration_s=None))
    natural_s = sum(len(sentence.audio) for sentence in spoken.sentences()) / spoken.sample_rate
    return [natural_s / rate for rate in rates]
