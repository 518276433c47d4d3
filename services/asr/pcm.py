"""Raw samples of any rate and any number of channels, as engines hear them."""

from __future__ import annotations

import numpy as np

from locutor.errors import InvalidInput
from media.resample import Resampler
from services.asr.engine import SAMPLE_RATE

_BYTES_PER_SAMPLE = 2
RATES = (8_000, 96_000)
CHANNELS = (1, 8)


class PcmReader:
    """Signed 16-bit little-endian bytes, cut anywhere, to mono float32 at 16 kHz."""

    def __init__(self, sample_rate: int, channels: int) -> None:
        """Raises `InvalidInput` (fields "config.format...") for a rate or a number of channels outside `RATES` and `CHANNELS`."""
        if not RATES[0] <= sample_rate <= RATES[1]:
            raise InvalidInput.of(
                "config.format.sample_rate_hertz", f"found {sample_rate}; give {RATES[0]} to {RATES[1]} samples per second", "UNSUPPORTED_SAMPLE_RATE"
            )
        if not CHANNELS[0] <= channels <= CHANNELS[1]:
            raise InvalidInput.of("config.format.channels", f"found {channels}; give {CHANNELS[0]} to {CHANNELS[1]}", "UNSUPPORTED_CHANNELS")
        self._channels = channels
        self._bytes_per_second = sample_rate * channels * _BYTES_PER_SAMPLE
        self._frame_bytes = channels * _BYTES_PER_SAMPLE
        self._rest = b""
        self._resampler = Resampler(sample_rate, SAMPLE_RATE)

    def seconds(self, data: bytes) -> float:
        """How long the sound of so many bytes is."""
        return len(data) / self._bytes_per_second

    def accept(self, data: bytes) -> np.ndarray:
        """(n,) float32, -1 to 1, of what is complete by now."""
        data = self._rest + data
        whole = len(data) // self._frame_bytes * self._frame_bytes
        self._rest = data[whole:]
        samples = np.frombuffer(data[:whole], "<i2").reshape(-1, self._channels).mean(axis=1, dtype=np.float32) / np.float32(32768)
        return self._resampler.accept(samples)

    def finish(self) -> np.ndarray:
        """What the resampler still holds. Raises `InvalidInput` (field "audio") where the bytes end within a sample."""
        if self._rest:
            raise InvalidInput.of(
                "audio",
                f"the audio ends {len(self._rest)} bytes into a frame of {self._frame_bytes}; is it 16-bit PCM with {self._channels} channels?",
                "TRUNCATED_AUDIO",
            )
        return self._resampler.finish()
