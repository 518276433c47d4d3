"""Decodes the pictures of one video file of an unknown sender: a program of its own, so that a hostile file can waste or break only this process.

    python -I footage_decoder.py CONTAINERS FILE WIDTH HEIGHT RATE START COUNT

CONTAINERS are those that may be opened, by FFmpeg's names, with commas. RATE and START (seconds on the file's own clock) are
fractions. Standard output is a line of JSON with the colours, then COUNT pictures as I420: WIDTH * HEIGHT * 3 / 2 bytes each. The
last line of standard error says in JSON how it ended. It knows PyAV, NumPy and nothing of Locutor.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from math import ceil
from typing import Any

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace, Interpolation

MAX_PIXELS = 36 << 20
"""8192 x 4608: what is larger is refused before it is decoded."""
ASPECT_TOLERANCE = 0.02
"""How far the asked picture's proportions may be from the file's: sides are rounded to even numbers."""

_MEMORY_BYTES = 6 << 30
"""Pictures that a 4K decoder keeps for reference, in the threads that it uses."""
_THREADS = 2
_CPU_SECONDS, _CPU_PER_SECOND = 60 * _THREADS, 10 * _THREADS
"""What decoding may cost, and what is added for each second of frames; who reads them waits for half of it."""
_TOLERANCE_S = Fraction(3, 2000)
"""A picture counts as shown this long before its time: containers round times to a millisecond."""
_PLAIN = ("yuv420p", "yuvj420p")
_SCALING = Interpolation.LANCZOS | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INP


@dataclass(frozen=True)
class Order:
    width: int
    height: int
    rate: Fraction
    start: Fraction
    count: int


class Refused(Exception):
    """The file holds no pictures that could be given."""

    def __init__(self, error: str, **facts: Any) -> None:
        super().__init__(error)
        self.facts = {"error": error, **facts}


def main() -> None:
    containers, path, width, height, rate, start, count = sys.argv[1:]
    order = Order(int(width), int(height), Fraction(rate), Fraction(start), int(count))
    _limit(_CPU_SECONDS + _CPU_PER_SECOND * ceil(order.count / order.rate))
    pictures = _Pictures(path, containers)
    writer = _Writer(order, pictures)
    try:
        for time, end, frame in pictures.since(order.start):
            if not writer.show(time, end, frame):
                break
        writer.finish()
    except Refused as refused:
        return _end(**refused.facts)
    except BrokenPipeError:
        return None
    except av.error.FFmpegError as error:
        return _end(error="undecodable", found=error.strerror)
    return _end(held_from=writer.held_from, damage=pictures.damage)


class _Pictures:
    """The pictures of a file's first video track with their times."""

    def __init__(self, path: str, containers: str) -> None:
        self._path, self._containers = path, containers
        self.damage = ""
        """What FFmpeg said of the first part that could not be decoded."""
        self.pixel_aspect = Fraction(1)
        """Width of a pixel over its height."""

    def since(self, start: Fraction) -> Iterator[tuple[Fraction, Fraction, av.VideoFrame]]:
        """Time, end and picture, in order, from the one that is shown at `start` on or earlier."""
        found = self._decoded(start)
        first = next(found, None)
        if first is None or first[0] > start + _TOLERANCE_S:
            # A container without an index may land after the key frame that is needed.
            found = self._decoded(None)
            first = next(found, None)
        if first is None:
            raise Refused("no_pictures", found=self.damage)
        yield first
        yield from found

    def _decoded(self, start: Fraction | None) -> Iterator[tuple[Fraction, Fraction, av.VideoFrame]]:
        with av.open(self._path, options={"format_whitelist": self._containers, "protocol_whitelist": "file"}, metadata_errors="ignore") as container:
            if not container.streams.video:
                raise Refused("no_video_track", found=container.format.name)
            stream = container.streams.video[0]
            context = stream.codec_context
            if context.width * context.height > MAX_PIXELS:
                raise Refused("too_many_pixels", width=context.width, height=context.height)
            self.pixel_aspect = Fraction(stream.sample_aspect_ratio or 1)
            stream.thread_type, context.thread_count = "AUTO", _THREADS
            time_base = stream.time_base or Fraction(1, 1000)
            if start is not None and start > (stream.start_time or 0) * time_base:
                with contextlib.suppress(av.error.FFmpegError):
                    container.seek(int(start / time_base), stream=stream)
            usual = 1 / (stream.average_rate or stream.guessed_rate or Fraction(25))
            # AVI has no times of presentation: there is a frame for every tick, from the key frame on.
            counted = container.format.name == "avi"
            last: Fraction | None = None
            for tick, frame in self._frames(container, stream):
                following = (tick or 0) * time_base if last is None else last + usual
                time = following if counted or frame.pts is None else frame.pts * time_base
                if last is not None and time <= last:
                    continue
                last = time
                yield time, time + (frame.duration * time_base if frame.duration else usual), frame

    def _frames(self, container: av.container.InputContainer, stream: av.VideoStream) -> Iterator[tuple[int | None, av.VideoFrame]]:
        """With each picture the decoding time of the first packet."""
        packets = container.demux(stream)
        first: int | None = None
        while True:
            try:
                packet = next(packets, None)
            except av.error.FFmpegError as error:
                self.damage = self.damage or error.strerror or type(error).__name__
                return
            if packet is None:
                return
            first = packet.dts if first is None else first
            try:
                yield from ((first, frame) for frame in packet.decode() if isinstance(frame, av.VideoFrame) and not frame.is_corrupt)
            except av.error.FFmpegError as error:
                # What comes after a damaged part may be whole again; the picture before it is held meanwhile.
                self.damage = self.damage or error.strerror or type(error).__name__


class _Writer:
    """Writes, for each frame that is asked for, the picture that is shown at its time."""

    def __init__(self, order: Order, pictures: _Pictures) -> None:
        self._order, self._pictures = order, pictures
        self._written = 0
        self._shown: tuple[Fraction, av.VideoFrame] | None = None
        self._i420 = b""
        self.held_from: int | None = None
        """The first frame for which the file had ended."""

    def show(self, time: Fraction, end: Fraction, frame: av.VideoFrame) -> bool:
        """Write what is shown until this picture's `time`; false once all is written."""
        if self._shown is None:
            _check(frame, self._pictures.pixel_aspect, self._order)
            sys.stdout.buffer.write(json.dumps(_colors(frame)).encode() + b"\n")
            sys.stdout.buffer.flush()
        else:
            self._repeat(time)
        self._shown, self._i420 = (end, frame), b""
        return self._written < self._order.count

    def finish(self) -> None:
        """Hold the last picture to the end."""
        if self._shown is not None and self._written < self._order.count:
            self._repeat(self._shown[0])
            if self._written < self._order.count:
                self.held_from = self._written
                self._repeat(None)

    def _repeat(self, until: Fraction | None) -> None:
        assert self._shown is not None
        order = self._order
        while self._written < order.count and (until is None or order.start + self._written / order.rate + _TOLERANCE_S < until):
            self._i420 = self._i420 or _upright(self._shown[1], order)
            view = memoryview(self._i420)
            while view:
                view = view[os.write(1, view) :]
            self._written += 1


def _check(frame: av.VideoFrame, pixel_aspect: Fraction, order: Order) -> None:
    """Raises where the asked size has other proportions than the picture."""
    width, height = frame.width * pixel_aspect, Fraction(frame.height)
    if _turn(frame)[0, 1]:
        width, height = height, width
    if abs(float(width / height * order.height / order.width) - 1) > ASPECT_TOLERANCE + 2 / min(order.width, order.height):
        raise Refused("other_proportions", width=round(width), height=round(height))


def _colors(frame: av.VideoFrame) -> dict[str, int]:
    """ISO/IEC 23091-2 code points, as FFmpeg has them, of what is written."""
    plain = frame.format.name in _PLAIN
    full = frame.format.name == "yuvj420p" or frame.color_range == ColorRange.JPEG
    matrix = int(frame.colorspace) if plain or not frame.format.is_rgb else int(Colorspace.ITU709)
    return {"matrix": matrix, "range": 2 if full else int(frame.color_range), "primaries": int(frame.color_primaries), "transfer": int(frame.color_trc)}


def _upright(frame: av.VideoFrame, order: Order) -> bytes:
    turn = _turn(frame)
    swapped = bool(turn[0, 1])
    width, height = (order.height, order.width) if swapped else (order.width, order.height)
    # An odd last row or column is left out, which changes no other pixel.
    cut = frame.width - frame.width % 2 == width and frame.height - frame.height % 2 == height
    if frame.format.name not in _PLAIN or not cut:
        frame = _converted(frame, frame.width if cut else width, frame.height if cut else height)
    planes = [_plane(frame, 0, width, height), _plane(frame, 1, width // 2, height // 2), _plane(frame, 2, width // 2, height // 2)]
    return b"".join(_turned(plane, turn).tobytes() for plane in planes)


def _converted(frame: av.VideoFrame, width: int, height: int) -> av.VideoFrame:
    """8-bit 4:2:0 of another size, with the frame's own matrix and range."""
    if frame.format.is_rgb:
        return frame.reformat(width, height, "yuv420p", dst_colorspace=Colorspace.ITU709, dst_color_range=ColorRange.MPEG, interpolation=_SCALING)
    full = ColorRange.JPEG if frame.format.name.startswith("yuvj") or frame.color_range == ColorRange.JPEG else ColorRange.MPEG
    return frame.reformat(width, height, "yuv420p", src_color_range=full, dst_color_range=full, interpolation=_SCALING)


def _plane(frame: av.VideoFrame, index: int, width: int, height: int) -> np.ndarray:
    plane = frame.planes[index]
    return np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)[:height, :width]


def _turn(frame: av.VideoFrame) -> np.ndarray:
    """(2, 2) of -1, 0, 1: where the picture's x and y axes lie in the upright one."""
    data: Any = frame.side_data.get("DISPLAYMATRIX")
    if data is None:
        return np.eye(2, dtype=int)
    # 16.16 fixed point, as in ISO/IEC 14496-12: upright x is a * x + c * y, y is b * x + d * y, of the rows (a, b, u) and (c, d, v).
    matrix = np.frombuffer(memoryview(data), np.int32).reshape(3, 3)[:2, :2].T / 65536
    turn = np.rint(matrix).astype(int)
    return turn if abs(np.linalg.det(turn)) == 1 and np.abs(turn).sum() == 2 else np.eye(2, dtype=int)


def _turned(plane: np.ndarray, turn: np.ndarray) -> np.ndarray:
    if turn[0, 1]:
        plane = plane.T
    if turn[0].sum() < 0:
        plane = plane[:, ::-1]
    return plane[::-1] if turn[1].sum() < 0 else plane


def _end(**facts: Any) -> None:
    with contextlib.suppress(BrokenPipeError):
        sys.stdout.buffer.flush()
    print(json.dumps(facts), file=sys.stderr)


def _limit(cpu_s: int) -> None:
    """Bound memory and time of this process, where the system can."""
    if sys.platform == "win32":
        return
    import resource

    limits = {resource.RLIMIT_AS: _MEMORY_BYTES, resource.RLIMIT_CPU: cpu_s, resource.RLIMIT_FSIZE: 0, resource.RLIMIT_CORE: 0}
    for limit, most in limits.items():
        # Who started this process may have been limited further.
        _, hard = resource.getrlimit(limit)
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(limit, (most, most))


if __name__ == "__main__":
    main()
