"""Loudness of a programme and bringing it to a target (ITU-R BS.1770-4, EBU R 128), in linear time and constant memory.

Mono is measured as it will be heard, from both sides: 3 dB above what one channel alone would give.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from math import inf, isfinite, log10

import numpy as np
from scipy.signal import sosfilt

from media.clock import PROGRAMME_RATE
from media.limiter import Limiter
from media.true_peak import DELAY, TruePeakEnvelope

# K weighting at 48 kHz: a shelf for the head and a high pass (BS.1770-4, tables 1 and 2).
K_WEIGHTING = np.array(
    [
        [1.53512485958697, -2.69169618940638, 1.19839281085285, 1.0, -1.69065929318241, 0.73248077421585],
        [1.0, -2.0, 1.0, 1.0, -1.99004745483398, 0.99007225036621],
    ]
)
HOP = PROGRAMME_RATE // 10
"""Samples between two of the gate's blocks of 400 ms, which overlap by three quarters."""
_HOPS_PER_BLOCK = 4
_ABSOLUTE_GATE_LUFS = -70.0
_RELATIVE_GATE_LU = -10.0
_OFFSET_LUFS = -0.691
_BLOCK = PROGRAMME_RATE
_TOLERANCE_LU = 0.1
_MAX_ROUNDS = 4
"""Measurements of the limited programme. Each closes nine tenths of what is left, if the target can be reached at all."""


@dataclass(frozen=True)
class Loudness:
    integrated_lufs: float
    """Gated loudness of the whole; -inf for silence or less than 400 ms."""
    true_peak_dbtp: float
    """Greatest level between the samples over full scale; -inf for silence."""


@dataclass(frozen=True)
class LoudnessTarget:
    integrated_lufs: float
    true_peak_dbtp: float
    """The ceiling."""


WEB = LoudnessTarget(-16.0, -1.5)
BROADCAST = LoudnessTarget(-23.0, -1.0)
"""EBU R 128."""


@dataclass(frozen=True)
class Normalisation:
    """What was done to a programme."""

    source: Loudness
    result: Loudness
    gain_db: float
    limited_db: float
    """The limiter's greatest reduction; 0 where it was not needed."""


class EnergyMeter:
    """Weighted energy of each 100 ms of a stream of float32 blocks at 48 kHz, (n,) or (n, channels), all channels together."""

    def __init__(self, skip: int = 0) -> None:
        """`skip`: samples at the beginning that are heard, but not counted."""
        self._skip = skip
        self._state: np.ndarray | None = None
        self._carry = np.zeros(0)
        self._energies: list[np.ndarray] = []

    def push(self, block: np.ndarray) -> None:
        columns = (block[:, None] if block.ndim == 1 else block).astype(np.float64)
        if self._state is None:
            self._state = np.zeros((len(K_WEIGHTING), 2, columns.shape[1]))
        if len(block) == 0:
            return
        weighted, self._state = sosfilt(K_WEIGHTING, columns, axis=0, zi=self._state)
        power = np.square(weighted).sum(axis=1) * (2 if columns.shape[1] == 1 else 1)
        skipped = min(self._skip, len(power))
        self._skip -= skipped
        power = np.concatenate([self._carry, power[skipped:]])
        whole = len(power) // HOP * HOP
        self._energies.append(power[:whole].reshape(-1, HOP).sum(axis=1))
        self._carry = power[whole:]

    def energies(self) -> np.ndarray:
        """(n,) float64; a last hop that is not whole is left out."""
        return np.concatenate(self._energies) if self._energies else np.zeros(0)


class LoudnessMeter:
    """Measures a stream of float32 blocks at 48 kHz, (n,) or (n, channels)."""

    def __init__(self) -> None:
        self._energy = EnergyMeter()
        self._shape: tuple[int, ...] = ()
        self._envelope = TruePeakEnvelope()
        self._peak = 0.0

    def push(self, block: np.ndarray) -> None:
        self._shape = block.shape[1:]
        self._energy.push(block)
        if len(block):
            self._peak = max(self._peak, float(self._envelope.push(block, floor=self._peak).max()))

    def finish(self) -> Loudness:
        if self._peak > 0:
            self._peak = max(self._peak, float(self._envelope.push(np.zeros((DELAY, *self._shape), np.float32), floor=self._peak).max()))
        return Loudness(gated_loudness(self._energy.energies()), 20 * log10(self._peak) if self._peak > 0 else -inf)


def gated_loudness(hop_energies: np.ndarray) -> float:
    """Integrated loudness from the energy of each 100 ms."""
    if len(hop_energies) < _HOPS_PER_BLOCK:
        return -inf
    blocks = np.convolve(hop_energies, np.ones(_HOPS_PER_BLOCK), "valid") / (_HOPS_PER_BLOCK * HOP)
    loud = blocks[blocks > _power(_ABSOLUTE_GATE_LUFS)]
    if len(loud) == 0:
        return -inf
    gate = _power(_lufs(float(loud.mean())) + _RELATIVE_GATE_LU)
    return _lufs(float(loud[loud > gate].mean()))


def _power(lufs: float) -> float:
    return float(10 ** ((lufs - _OFFSET_LUFS) / 10))


def _lufs(power: float) -> float:
    return _OFFSET_LUFS + 10 * log10(power)


def measure(audio: np.ndarray | Iterable[np.ndarray]) -> Loudness:
    """Loudness of float32 sound at 48 kHz, (n,) or (n, channels), whole or in blocks."""
    meter = LoudnessMeter()
    for block in _in_blocks(audio) if isinstance(audio, np.ndarray) else audio:
        meter.push(block)
    return meter.finish()


def normalise(audio: np.ndarray, target: LoudnessTarget = WEB) -> tuple[np.ndarray, Normalisation]:
    """`audio` (float32 at 48 kHz, (n,) or (n, channels)) at the target's loudness and under its ceiling."""
    blocks, done = normalise_blocks(lambda: _in_blocks(audio), target)
    return np.concatenate([audio[:0], *blocks]), done


def normalise_blocks(read: Callable[[], Iterable[np.ndarray]], target: LoudnessTarget = WEB) -> tuple[Iterator[np.ndarray], Normalisation]:
    """As `normalise`, for a programme that `read` gives anew, block by block, each time that it is called.

    One gain for the whole programme; where peaks would then pass the ceiling, a limiter takes them, and the gain is
    raised by what that costs in loudness. Silence stays as it is.
    """
    source = measure(read())
    if not isfinite(source.integrated_lufs):
        return iter(read()), Normalisation(source, source, 0.0, 0.0)
    gain_db = target.integrated_lufs - source.integrated_lufs
    if source.true_peak_dbtp + gain_db <= target.true_peak_dbtp:
        result = Loudness(target.integrated_lufs, source.true_peak_dbtp + gain_db)
        return _amplified(read(), gain_db), Normalisation(source, result, gain_db, 0.0)
    for round_number in itertools.count(1):
        limiter = Limiter(target.true_peak_dbtp)
        result = measure(_limited(_amplified(read(), gain_db), limiter))
        missing = target.integrated_lufs - result.integrated_lufs
        if abs(missing) <= _TOLERANCE_LU or round_number == _MAX_ROUNDS:
            break
        gain_db += missing
    done = Normalisation(source, result, gain_db, limiter.deepest_db)
    return _limited(_amplified(read(), gain_db), Limiter(target.true_peak_dbtp)), done


def _in_blocks(audio: np.ndarray) -> Iterator[np.ndarray]:
    for begin in range(0, len(audio), _BLOCK):
        yield np.asarray(audio[begin : begin + _BLOCK], np.float32)


def _amplified(blocks: Iterable[np.ndarray], gain_db: float) -> Iterator[np.ndarray]:
    factor = np.float32(10 ** (gain_db / 20))
    for block in blocks:
        yield block * factor


def _limited(blocks: Iterable[np.ndarray], limiter: Limiter) -> Iterator[np.ndarray]:
    for block in blocks:
        yield limiter.process(block)
    yield limiter.flush()
