"""A still of a video, for players and pages to show before it plays."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av

from locutor.errors import OutOfRange
from media.clock import exact_seconds


def write_cover(video: Path, out: Path, time_s: float | Fraction, quality: int = 90) -> None:
    """Write the frame shown at `time_s` of `video` to `out` as a JPEG of the video's size; `quality` 1 to 95.

    Raises OutOfRange where the video ends before.
    """
    wanted = exact_seconds(time_s)
    with av.open(str(video)) as container:
        stream = container.streams.video[0]
        assert stream.time_base is not None
        shown: av.VideoFrame | None = None
        if wanted >= 0:
            container.seek(int(wanted / stream.time_base), stream=stream)
            for frame in container.decode(stream):
                if frame.pts is not None and frame.pts * stream.time_base > wanted:
                    break
                shown = frame
        length = (stream.duration or 0) * stream.time_base
        if shown is None or (length and wanted >= length):
            raise OutOfRange.of("time_s", f"{float(wanted):.3f} s is not in the video, which lasts {float(length):.3f} s", "OUTSIDE_VIDEO")
        shown.to_image().save(out, "JPEG", quality=quality, optimize=True, subsampling=0)
