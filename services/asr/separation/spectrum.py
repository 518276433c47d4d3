"""Short-time Fourier transform and back, as music separation models are trained with: periodic Hann window, frames centred, edges reflected."""

from __future__ import annotations

import numpy as np
from scipy.signal import get_window


class Spectrum:
    """Of chunks of `hop` * (`frames` - 1) samples, as `frames` spectra of `n_fft` // 2 + 1 bins."""

    def __init__(self, n_fft: int, hop: int, frames: int) -> None:
        self._n_fft, self._hop = n_fft, hop
        self.samples = hop * (frames - 1)
        """Samples of a chunk."""
        self._window = get_window("hann", n_fft).astype(np.float32)
        weight = np.zeros(self.samples + n_fft, np.float32)
        for frame in range(frames):
            weight[frame * hop : frame * hop + n_fft] += self._window**2
        self._weight = np.maximum(weight, 1e-8)

    def forward(self, chunk: np.ndarray) -> np.ndarray:
        """(channels, `samples`) float32 to (channels, bins, frames) complex64."""
        padded = np.pad(chunk, ((0, 0), (self._n_fft // 2, self._n_fft // 2)), mode="reflect")
        frames = np.lib.stride_tricks.sliding_window_view(padded, self._n_fft, axis=1)[:, :: self._hop]
        return np.fft.rfft(frames * self._window, axis=2).transpose(0, 2, 1).astype(np.complex64)

    def backward(self, spectra: np.ndarray) -> np.ndarray:
        """The inverse of `forward`; bins that are not there (the highest) are 0."""
        frames = np.fft.irfft(spectra.transpose(0, 2, 1), self._n_fft, axis=2).astype(np.float32) * self._window
        sums = np.zeros((len(spectra), len(self._weight)), np.float32)
        for index in range(frames.shape[1]):
            sums[:, index * self._hop : index * self._hop + self._n_fft] += frames[:, index]
        half = self._n_fft // 2
        return (sums / self._weight)[:, half : half + self.samples]
