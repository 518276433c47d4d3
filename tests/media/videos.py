"""Small videos of every kind, encoded as tests need them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.frame import VideoFrame

CLOCK = 90_000
"""Ticks a second of the files' time base."""


def numbered(width: int, height: int, count: int) -> list[np.ndarray]:
    """I420 frames that say their number in grey and have a pattern in which right, left, up and down differ."""
    frames = []
    y, x = np.mgrid[0:height, 0:width]
    for number in range(count):
        frame = np.full((height * 3 // 2, width), 128, np.uint8)
        frame[:height] = 60 + (x * 60 // width) + (y * 30 // height)
        frame[height // 4 : height // 2, width // 4 : width // 2] = 30 + number * 3 % 200
        frame[height : height * 5 // 4] = 100
        frames.append(frame)
    return frames


def number_of(frame: np.ndarray) -> int:
    """Of a frame of `numbered`, upright and of its own size, whatever the encoder did to it."""
    height, width = frame.shape[0] * 2 // 3, frame.shape[1]
    inside = frame[height // 4 + 4 : height // 2 - 4, width // 4 + 4 : width // 2 - 4]
    return round((float(inside.mean()) - 30) / 3)


def encode(
    path: Path,
    frames: Iterable[np.ndarray],
    rate: Fraction = Fraction(25),
    *,
    times: Sequence[Fraction] | None = None,
    rotation: int = 0,
    codec: str = "libx264",
    pixels: str = "yuv420p",
    options: dict[str, str] | None = None,
    first: Fraction = Fraction(0),
    **context: object,
) -> Path:
    """Frames, I420 or (height, width, 3) BGR, to a file of the container that the name says.

    `times` in seconds make a variable rate; `rotation` is by how much a player turns the picture counter-clockwise; `context` are fields of the
    encoder, such as `sample_aspect_ratio`.
    """
    # AVI counts frames and has no other times.
    clock = 1 / rate if path.suffix == ".avi" else Fraction(1, CLOCK)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate, options=options or {"preset": "veryfast", "crf": "12", "g": "25"})
        started = False
        for number, frame in enumerate(frames):
            picture = VideoFrame.from_ndarray(frame, format="bgr24" if frame.ndim == 3 else "yuv420p")
            if not started:
                stream.width, stream.height, stream.pix_fmt = picture.width, picture.height, pixels
                stream.codec_context.time_base = clock
                for name, value in context.items():
                    setattr(stream.codec_context, name, value)
                if rotation:
                    stream.set_display_rotation(rotation)
                started = True
            picture.pts = round((first + (times[number] if times else number / rate)) / clock)
            picture.time_base = clock
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    return path


def decoded(path: Path) -> list[np.ndarray]:
    """The frames as they are coded, I420."""
    with av.open(str(path)) as container:
        return [frame.to_ndarray() for frame in container.decode(video=0)]
