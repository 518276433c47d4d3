"""A mix without its voices, in the mix's own rate, channels and number of samples."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from locutor.errors import InvalidInput
from media.resample import Resampler
from services.asr.separation.engine import SeparationEngine

RATES = (8_000, 96_000)
_FULL_SCALE = 32768


class BackgroundStream:
    """Signed 16-bit little-endian bytes in, cut anywhere; as many out.

    The voices go through the engine's rate and back, and are taken from the mix itself: where nobody speaks, nothing is changed.
    """

    def __init__(self, engine: SeparationEngine, sample_rate: int, channels: int) -> None:
        """Raises `InvalidInput` (fields "config.format...") for a rate outside `RATES` and for more than two channels."""
        if not RATES[0] <= sample_rate <= RATES[1]:
            raise InvalidInput.of(
                "config.format.sample_rate_hertz", f"found {sample_rate}; give {RATES[0]} to {RATES[1]} samples per second", "UNSUPPORTED_SAMPLE_RATE"
            )
        if channels not in (1, 2):
            raise InvalidInput.of("config.format.channels", f"found {channels}; give 1 or 2: mix more down first", "UNSUPPORTED_CHANNELS")
        self._channels = channels
        self._voices = engine.open()
        self._there = Resampler(sample_rate, engine.sample_rate, 2)
        self._back = Resampler(engine.sample_rate, sample_rate, 2)
        self._rest = b""
        self._waiting = np.zeros((0, 2), np.float32)

    def accept(self, data: bytes) -> Iterator[bytes]:
        """What is known of the background by now. Exhaust the iterator."""
        data = self._rest + data
        frame = 2 * self._channels
        whole = len(data) // frame * frame
        self._rest = data[whole:]
        mix = np.frombuffer(data[:whole], "<i2").reshape(-1, self._channels).astype(np.float32) / _FULL_SCALE
        mix = np.repeat(mix, 2, axis=1) if self._channels == 1 else mix
        self._waiting = np.concatenate([self._waiting, mix])
        for voices in self._voices.accept(self._there.accept(mix)):
            yield self._without(self._back.accept(voices))

    def finish(self) -> Iterator[bytes]:
        """The rest. Raises `InvalidInput` (field "audio") where the bytes end within a sample."""
        if self._rest:
            raise InvalidInput.of(
                "audio",
                f"the audio ends {len(self._rest)} bytes into a frame of {2 * self._channels}; is it 16-bit PCM with {self._channels} channels?",
                "TRUNCATED_AUDIO",
            )
        for voices in (*self._voices.accept(self._there.finish()), *self._voices.finish()):
            yield self._without(self._back.accept(voices))
        yield self._without(self._back.finish())
        # There and back may end a sample short: the rest of the mix is left as it is.
        yield self._without(np.zeros_like(self._waiting))

    def _without(self, voices: np.ndarray) -> bytes:
        count = min(len(voices), len(self._waiting))
        background = self._waiting[:count] - voices[:count]
        self._waiting = self._waiting[count:]
        if self._channels == 1:
            background = background.mean(axis=1, keepdims=True)
        return np.clip(np.rint(background * _FULL_SCALE), -_FULL_SCALE, _FULL_SCALE - 1).astype("<i2").tobytes()
