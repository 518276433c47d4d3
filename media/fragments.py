"""Frames to H.264 in a fragmented MP4, as a stream: what is rendered can be watched, sent and kept while the rest is still being rendered.

Every fragment is one closed group of pictures, and all streams of one format have the same parameter sets: pieces that were encoded apart, on
other machines too, join without being encoded again (`media.mux`).
"""

from __future__ import annotations

import struct
from fractions import Fraction

import av
import numpy as np
from av.video.frame import PictureType

from media.colors import BT709, Colors

GROUP_S = 1.0
"""Length of a group of pictures, and so of a fragment, in seconds."""
FIRST_GROUP_S = 0.5
"""The first one is shorter: it decides how long a viewer waits."""
_THREADS = 2
"""Of x264, whatever the machine has: its output depends on their number, and pieces are kept under a hash of what made them."""
RENDERED_CRF, FOOTAGE_CRF = 18, 14
"""Constant rate factors of x264: of pictures that are made here, and of footage, which was encoded before and is not to be seen to be again."""
_X264 = {
    "preset": "veryfast",
    "profile": "high",
    "forced-idr": "1",
    # Key frames lie where `add` asks for them and nowhere else; a short look-ahead holds few frames back. Small changes are not to be dropped:
    # at crf 20 a mouth that had closed kept the dark shadow of its opening until the next key frame.
    "x264-params": "keyint=infinite:scenecut=0:open-gop=0:bframes=2:rc-lookahead=10:force-cfr=1:no-dct-decimate=1",
}
# delay_moov: the header then tells of the encoder's delay, and the first frame is shown at 0.
_MOVFLAGS = "frag_keyframe+empty_moov+delay_moov+default_base_moof+skip_trailer"


class FragmentEncoder:
    """Encodes frames of one size and rate: `add` each, then `finish`; what they return, joined, is the file."""

    def __init__(self, width: int, height: int, frame_rate: Fraction, colors: Colors = BT709, crf: int = RENDERED_CRF) -> None:
        """`width` and `height` in pixels, even; `frame_rate` in frames a second, exact; `colors` is what the frames' numbers mean."""
        rate = Fraction(frame_rate)
        self._shape = (height * 3 // 2, width)
        self._group, self._first_group = max(1, round(GROUP_S * rate)), max(1, round(FIRST_GROUP_S * rate))
        self._count = 0
        self._sink = _Sink()
        self._container = av.open(self._sink, "w", format="mp4", options={"movflags": _MOVFLAGS})
        self._stream = self._container.add_stream("libx264", rate=rate, options={**_X264, "crf": str(crf)})
        context = self._stream.codec_context
        context.width, context.height, context.pix_fmt = width, height, "yuv420p"
        context.time_base = self._stream.time_base = 1 / rate
        context.thread_count = _THREADS
        context.color_primaries, context.color_trc = colors.primaries, colors.transfer
        context.colorspace, context.color_range = colors.matrix, colors.range
        self._colors = colors
        self._time_base = 1 / rate
        self._container.start_encoding()

    def add(self, frame: np.ndarray) -> list[bytes]:
        """Encode a frame: I420, (height * 3 // 2, width) uint8.

        Returns what became ready: the file's header (ftyp, moov) once, then whole fragments (moof, mdat); mostly nothing, since the encoder works
        some frames behind.
        """
        if frame.shape != self._shape or frame.dtype != np.uint8:
            raise ValueError(f"expected {self._shape} uint8, got {frame.shape} {frame.dtype}")
        picture = av.VideoFrame.from_ndarray(frame, format="yuv420p")
        picture.pts, picture.time_base = self._count, self._time_base
        picture.colorspace, picture.color_range = self._colors.matrix, self._colors.range
        since_first = self._count - self._first_group
        if self._count == 0 or (since_first >= 0 and since_first % self._group == 0):
            picture.pict_type = PictureType.I
        self._count += 1
        for packet in self._stream.encode(picture):
            self._container.mux(packet)
        return self._sink.take()

    def finish(self) -> list[bytes]:
        """Encode what is still held back and return the last fragments. The encoder is closed then."""
        for packet in self._stream.encode(None):
            self._container.mux(packet)
        self.close()
        return self._sink.take()

    def close(self) -> None:
        """Let go of the encoder without finishing what was begun. May be called twice."""
        self._container.close()


class _Sink:
    """What the muxer writes to: it cannot seek, and gives its bytes away in whole parts, each ending with the last box of its kind."""

    def __init__(self) -> None:
        self._pending = bytearray()

    def write(self, data: bytes) -> int:
        self._pending += data
        return len(data)

    def take(self) -> list[bytes]:
        parts: list[bytes] = []
        begin = position = 0
        while position + 8 <= len(self._pending):
            size, kind = struct.unpack_from(">I4s", self._pending, position)
            position += size
            if position > len(self._pending):
                break
            if kind in (b"moov", b"mdat"):
                parts.append(bytes(self._pending[begin:position]))
                begin = position
        del self._pending[:begin]
        return parts
