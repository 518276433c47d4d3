"""What speech meets on its way from a mouth to a file: other voices' pitch and pace, rooms, noise, music, telephones, codecs."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

import av
import numpy as np
import soxr
from scipy.signal import butter, fftconvolve, sosfilt

from services.articulation.log_mel import SAMPLE_RATE

Generator = np.random.Generator


@dataclass(frozen=True, eq=False)
class Take:
    """A sound and the bounds of what is said in it."""

    audio: np.ndarray
    """(samples,) float32 at 16 kHz."""
    bounds_s: np.ndarray
    """(sounds + 1,) float64."""


def augmented(take: Take, others: Sequence[np.ndarray], rng: Generator) -> Take:
    """The take under some of the conditions that recorded speech is in, in the order in which they come about.

    `others` are sounds of other speakers, (samples,) float32 at 16 kHz.
    """
    take = _paced(take, rng)
    take = _with_silence(take, rng)
    audio = take.audio
    for chance, condition in (
        (0.5, _equalised),
        (0.45, _in_a_room),
        (0.75, lambda sound, random: _with_noise(sound, others, random)),
        (0.25, _band_limited),
        (0.45, _coded),
        (0.10, _clipped),
    ):
        if rng.random() < chance:
            audio = condition(audio, rng)
    return Take(audio.astype(np.float32), take.bounds_s)


def noise_alone(samples: int, rng: Generator) -> np.ndarray:
    """Noise or music in which nobody speaks, (samples,) float32."""
    return (_coloured if rng.random() < 0.5 else _music)(samples, rng)


def _paced(take: Take, rng: Generator) -> Take:
    """Played slower or faster: length, pitch and formants change together, as between speakers of different size."""
    factor = rng.uniform(0.86, 1.18)
    audio = soxr.resample(take.audio, SAMPLE_RATE * factor, SAMPLE_RATE, quality="HQ")
    return Take(audio, take.bounds_s / factor)


def _with_silence(take: Take, rng: Generator) -> Take:
    before, after = rng.uniform(0.05, 0.7, 2)
    audio = np.pad(take.audio, (round(before * SAMPLE_RATE), round(after * SAMPLE_RATE)))
    return Take(audio, take.bounds_s + before)


def _equalised(audio: np.ndarray, rng: Generator) -> np.ndarray:
    """By a smooth curve of a few dB: microphones and their places."""
    spectrum = np.fft.rfft(audio)
    octaves = np.log2(np.maximum(np.fft.rfftfreq(len(audio), 1 / SAMPLE_RATE), 60.0) / 60.0)
    knots = np.linspace(0.0, octaves[-1], 6)
    return np.fft.irfft(spectrum * 10 ** (np.interp(octaves, knots, rng.normal(0.0, 4.0, 6)) / 20), len(audio))


def _in_a_room(audio: np.ndarray, rng: Generator) -> np.ndarray:
    """Convolved with a direct sound and exponentially decaying noise: Polack's model of reverberation."""
    decay_s = rng.uniform(0.12, 0.6)
    times_s = np.arange(round(decay_s * SAMPLE_RATE)) / SAMPLE_RATE
    tail = rng.standard_normal(len(times_s)) * 10 ** (-3 * times_s / decay_s)
    tail[: round(rng.uniform(0.001, 0.008) * SAMPLE_RATE)] = 0.0
    tail *= 10 ** (-rng.uniform(0.0, 12.0) / 20) / np.linalg.norm(tail)
    tail[0] = 1.0
    return fftconvolve(audio, tail)[: len(audio)]


def _with_noise(audio: np.ndarray, others: Sequence[np.ndarray], rng: Generator) -> np.ndarray:
    kind = rng.choice(3, p=[0.5, 0.25, 0.25])
    noise = (_coloured, _music, lambda samples, random: _babble(samples, others, random))[kind](len(audio), rng)
    # Music and voices are kept further down: what is as loud as the speaker is speech to be articulated too.
    ratio_db = rng.uniform(3.0, 35.0) if kind == 0 else rng.uniform(10.0, 30.0)
    return audio + noise * np.sqrt(np.mean(np.square(audio)) / (np.mean(np.square(noise)) + 1e-12)) * 10 ** (-ratio_db / 20)


def _coloured(samples: int, rng: Generator) -> np.ndarray:
    """Noise of a random slope, slowly swelling; white to brown."""
    spectrum = np.fft.rfft(rng.standard_normal(samples))
    hertz = np.maximum(np.fft.rfftfreq(samples, 1 / SAMPLE_RATE), 20.0)
    noise = np.fft.irfft(spectrum * hertz ** -rng.uniform(0.0, 1.2), samples)
    swell = np.interp(np.arange(samples), np.linspace(0, samples, 8), 10 ** (rng.uniform(-8.0, 0.0, 8) / 20))
    return noise * swell


def _music(samples: int, rng: Generator) -> np.ndarray:
    """Chords that change every half second or so, plucked or held, with harmonics."""
    times_s = np.arange(samples) / SAMPLE_RATE
    result = np.zeros(samples)
    start_s = 0.0
    while start_s < times_s[-1]:
        length_s = rng.uniform(0.2, 1.0)
        inside = slice(round(start_s * SAMPLE_RATE), round((start_s + length_s) * SAMPLE_RATE))
        local = times_s[inside] - start_s
        envelope = np.minimum(local / 0.01, 1.0) * np.exp(-local * rng.uniform(0.0, 6.0))
        root = 55.0 * 2 ** rng.uniform(0.0, 3.0)
        for semitones in (0, rng.choice([3, 4]), 7):
            pitch = root * 2 ** (semitones / 12)
            for harmonic in range(1, 9):
                result[inside] += envelope * np.sin(2 * np.pi * pitch * harmonic * local + rng.uniform(0, 6.28)) / harmonic ** rng.uniform(1.0, 2.0)
        start_s += length_s
    return result


def _babble(samples: int, others: Sequence[np.ndarray], rng: Generator) -> np.ndarray:
    """Three to six people talking at once."""
    result = np.zeros(samples)
    for _ in range(rng.integers(3, 7)):
        voice = others[int(rng.integers(len(others)))]
        result += np.roll(np.resize(voice, samples), rng.integers(samples)) / (np.std(voice) + 1e-6)
    return result


def _band_limited(audio: np.ndarray, rng: Generator) -> np.ndarray:
    low, high = (rng.uniform(200.0, 350.0), rng.uniform(3200.0, 3800.0)) if rng.random() < 0.4 else (rng.uniform(20.0, 150.0), rng.uniform(3500.0, 7500.0))
    return sosfilt(butter(4, [low, high], "bandpass", fs=SAMPLE_RATE, output="sos"), audio)


def _clipped(audio: np.ndarray, rng: Generator) -> np.ndarray:
    limit = np.abs(audio).max() * rng.uniform(0.15, 0.7)
    return np.clip(audio, -limit, limit)


# Container, codec, sample rate, lowest and highest bit rate.
_CODECS = (("mp3", "libmp3lame", 24_000, 32_000, 64_000), ("adts", "aac", 24_000, 24_000, 64_000), ("ogg", "libopus", 24_000, 10_000, 32_000))


def _coded(audio: np.ndarray, rng: Generator) -> np.ndarray:
    """Through a codec and back, at the time that it had."""
    container, codec, rate, low, high = _CODECS[rng.integers(len(_CODECS))]
    audio = audio / (np.abs(audio).max() + 1e-9) * 0.7
    decoded = _round_trip(soxr.resample(audio.astype(np.float32), SAMPLE_RATE, rate), container, codec, rate, int(rng.integers(low, high)))
    return _aligned(soxr.resample(decoded, rate, SAMPLE_RATE), audio)


def _round_trip(audio: np.ndarray, container: str, codec: str, rate: int, bit_rate: int) -> np.ndarray:
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=container) as output:
        stream = output.add_stream(codec, rate=rate, bit_rate=bit_rate, layout="mono")
        assert isinstance(stream, av.AudioStream)
        frame = av.AudioFrame.from_ndarray(np.round(audio[None] * 32767).astype(np.int16), format="s16", layout="mono")
        frame.sample_rate = rate
        resampler = av.AudioResampler(stream.codec_context.format.name, "mono", rate, stream.codec_context.frame_size or 1152)
        for part in (*resampler.resample(frame), *resampler.resample(None)):
            output.mux(stream.encode(part))
        output.mux(stream.encode(None))
    buffer.seek(0)
    back = av.AudioResampler("flt", "mono", rate)
    with av.open(buffer, "r") as source:
        parts = [piece.to_ndarray().ravel() for frame in source.decode(audio=0) for piece in back.resample(frame)]
    return np.concatenate(parts)


def _aligned(decoded: np.ndarray, original: np.ndarray) -> np.ndarray:
    """Without the codec's delay, which containers tell or do not: shifted to where it fits the original best."""
    correlation: np.ndarray = fftconvolve(decoded, original[::-1])
    delay = int(correlation.argmax()) - (len(original) - 1)
    shifted = decoded[delay:] if delay >= 0 else np.pad(decoded, (-delay, 0))
    return np.pad(shifted[: len(original)], (0, max(0, len(original) - len(shifted))))
