"""Small media files of every sort that is sent to be dubbed, made on the spot."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
from av.container import OutputContainer
from scipy.signal import lfilter

from tests.media.pieces import SIZE, grey_of


@dataclass(frozen=True)
class Sound:
    """A sound track to be written."""

    audio: np.ndarray
    """(n, channels) float32."""
    rate: int = 48_000
    layout: str = "stereo"
    codec: str = "aac"
    start_s: Fraction = Fraction(0)
    gap: tuple[int, int] | None = None
    """Samples [begin, end) that are left out, with time going on."""
    language: str = ""
    title: str = ""


def noise(seconds: float, rate: int = 48_000, channels: int = 2, seed: int = 1, level: float = 0.05) -> np.ndarray:
    """Low noise, (n, channels), each channel its own: it has one clear place in time."""
    white = np.random.default_rng(seed).standard_normal((round(seconds * rate), channels))
    return (level * lfilter([1.0], [1.0, -0.9], white, axis=0)).astype(np.float32)


def write_source(
    path: Path,
    times: Sequence[Fraction],
    sounds: Sequence[Sound] = (),
    *,
    codec: str = "libx264",
    options: dict[str, str] | None = None,
    time_base: Fraction = Fraction(1, 60_000),
    b_frames: int = 0,
    size: tuple[int, int] = SIZE,
    last_s: Fraction = Fraction(1, 25),
    aspect: Fraction | None = None,
) -> Path:
    """A file with a picture at each of `times`, the i-th as grey as `grey_of(i)`, the last for `last_s`, and `sounds`."""
    with av.open(str(path), "w", options=options or {}) as container:
        if times:
            steps = [after - before for before, after in pairwise(times)] or [last_s]
            rate = 1 / (sum(steps, Fraction(0)) / len(steps))
            stream = container.add_stream(codec, rate=rate.limit_denominator(1001))
            stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
            stream.time_base = stream.codec_context.time_base = time_base
            if aspect:
                stream.codec_context.sample_aspect_ratio = aspect
            if codec == "libx264":
                stream.options = {"preset": "veryfast", "crf": "18", "x264-params": f"bframes={b_frames}:keyint=25:threads=1:open-gop=0"}
        tracks = []
        for sound in sounds:
            track = container.add_stream(sound.codec, rate=sound.rate, layout=sound.layout)
            track.codec_context.time_base = Fraction(1, sound.rate)
            if sound.language:
                track.metadata["language"] = sound.language
            if sound.title:
                track.metadata["title"] = sound.title
            tracks.append(track)
        if times:
            picture = np.full((size[1] * 3 // 2, size[0]), 128, np.uint8)
            for number, time in enumerate(times):
                picture[: size[1]] = grey_of(number)
                frame = av.VideoFrame.from_ndarray(picture, "yuv420p")
                frame.pts, frame.time_base = round(time / time_base), time_base
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
        for sound, track in zip(sounds, tracks, strict=True):
            _write_sound(container, track, sound)
    return path


def _write_sound(container: OutputContainer, track: av.AudioStream, sound: Sound) -> None:
    kind = track.codec_context.format.name
    for begin in range(0, len(sound.audio), 1024):
        block = sound.audio[begin : begin + 1024]
        if sound.gap and begin < sound.gap[1] and begin + len(block) > sound.gap[0]:
            continue
        if kind == "s16":
            frame = av.AudioFrame.from_ndarray((block * 32767).astype(np.int16).reshape(1, -1), format="s16", layout=sound.layout)
        else:
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(block.T), format="fltp", layout=sound.layout)
        frame.sample_rate, frame.time_base = sound.rate, Fraction(1, sound.rate)
        frame.pts = round(sound.start_s * sound.rate) + begin
        container.mux(track.encode(frame))
    container.mux(track.encode(None))


def even_times(count: int, rate: Fraction = Fraction(25)) -> list[Fraction]:
    return [number / rate for number in range(count)]


def turn(path: Path, degrees: int) -> None:
    """Says in the MP4 at `path` that its picture is to be shown turned clockwise by 90 or 180 degrees, as a telephone does."""
    data = bytearray(path.read_bytes())
    at = data.index(b"tkhd") + 8 + 20 + 16
    one = 1 << 16
    matrix = {90: (0, one, 0, -one, 0, 0), 180: (-one, 0, 0, 0, -one, 0)}[degrees]
    struct.pack_into(">9i", data, at, *matrix, 0, 0, 1 << 30)
    path.write_bytes(data)
