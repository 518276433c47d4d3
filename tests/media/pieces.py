"""Small H.264 pieces as a renderer makes them, each frame a grey of its own."""

from __future__ import annotations

import io
from fractions import Fraction

import av
import numpy as np

SIZE = (160, 96)


def grey_of(frame: int) -> int:
    return 20 + frame * 3 % 200


def encode_piece(frames: int, first: int = 0, rate: Fraction = Fraction(25), size: tuple[int, int] = SIZE, b_frames: int = 0, crf: str = "18") -> bytes:
    """A fragmented MP4 of `frames` frames; frame i is as grey as `grey_of(first + i)`."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4", options={"movflags": "frag_keyframe+empty_moov+default_base_moof"}) as container:
        stream = container.add_stream("libx264", rate=rate)
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        stream.profile = "High"
        stream.time_base = 1 / rate
        stream.options = {"preset": "veryfast", "crf": crf, "x264-params": f"bframes={b_frames}:open-gop=0:threads=1:8x8dct=1:cabac=1"}
        for number in range(frames):
            picture = np.full((size[1] * 3 // 2, size[0]), 128, np.uint8)
            picture[: size[1]] = grey_of(first + number)
            frame = av.VideoFrame.from_ndarray(picture, "yuv420p")
            frame.pts = number
            frame.time_base = 1 / rate
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return buffer.getvalue()
