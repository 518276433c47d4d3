"""A stretch of a video's picture as a file of its own, its packets copied: what a service needs to see of a long video, and no more."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import ceil
from pathlib import Path

import av
import numpy as np
from av.video.stream import VideoStream

from locutor.errors import InvalidInput, OutOfRange
from media.picture_packets import timed_packets
from media.picture_scan import PictureScan
from media.probe import open_media

_LEAD_S = 1
"""When the first key frame is shown in the excerpt: decoding times before it are then never negative, which Matroska would shift."""
LONGEST_RUN_UP_S = 30
"""From the key frame to the stretch. A video may have one key frame: each excerpt would hold all that comes before it."""
MOST_BYTES = 240 << 20
"""A service takes 256 MiB."""


@dataclass(frozen=True)
class Excerpt:
    """A Matroska file, which holds any codec; its times are rounded to milliseconds."""

    path: Path
    start_s: Fraction
    """Where the stretch begins, on the excerpt's own clock of presentation times; before it are pictures from a key frame on."""
    size_bytes: int


def write_excerpt(out: Path, source: Path, scan: PictureScan, start_s: Fraction, end_s: Fraction, *, track: int = 0, field: str = "media") -> Excerpt | None:
    """Copy what shows [start_s, end_s) of video track `track` of `source`, seconds from its first picture, to `out`.

    It begins with the last key frame at or before `start_s`, and has no sound. `scan`: the source's. `out` appears whole
    or not at all: None where the run-up would be longer than `LONGEST_RUN_UP_S`, the file larger than `MOST_BYTES`, or the
    pictures have no times that could be copied; `media.encoded_excerpts` serves then. Raises OutOfRange where the stretch
    is not in the video.
    """
    if not 0 <= start_s < end_s or start_s >= scan.duration_s:
        message = f"[{float(start_s):.3f} s, {float(end_s):.3f} s) is not a stretch of a video of {float(scan.duration_s):.3f} s"
        raise OutOfRange.of(field, message, "OUTSIDE_VIDEO")
    shown = int(scan.times[np.searchsorted(scan.times, scan.times[0] + float(start_s / scan.time_base) + 0.5, "right") - 1])
    keys = scan.key_times[scan.key_times <= shown]
    key = int(keys[-1])
    if (shown - key) * scan.time_base > LONGEST_RUN_UP_S:
        return None
    origin = key - ceil(_LEAD_S / scan.time_base)
    end = ceil(end_s / scan.time_base) + int(scan.times[0]) - origin
    partial = out.with_name(f".{out.name}.partial")
    written = 0
    try:
        with open_media(source, field) as container, av.open(str(partial), "w", format="matroska") as output:
            stream = container.streams.video[track]
            picture = output.add_stream_from_template(stream, opaque=True)
            picture.time_base = scan.time_base
            _seek(container, stream, key)
            for packet in timed_packets(container, stream, scan, origin, field, key):
                if packet.dts is not None and packet.dts >= end:
                    break
                written += packet.size
                if written > MOST_BYTES:
                    return None
                packet.stream = picture
                output.mux(packet)
        partial.replace(out)
    except InvalidInput as error:
        if error.reason != "CANNOT_COPY":
            raise
        return None
    finally:
        partial.unlink(missing_ok=True)
    return Excerpt(out, start_s + (int(scan.times[0]) - origin) * scan.time_base, out.stat().st_size)


def _seek(container: av.container.InputContainer, stream: VideoStream, key: int) -> None:
    """Go to the key frame at `key`, or to the beginning where the container has no index, and would land elsewhere."""
    try:
        container.seek(key, stream=stream)
        keys = (packet.pts for packet in container.demux(stream) if packet.is_keyframe and packet.pts is not None)
        is_there = next((pts for pts in keys if pts >= key), None) == key
        container.seek(key if is_there else 0, stream=stream)
    except av.error.FFmpegError:
        container.seek(0)
