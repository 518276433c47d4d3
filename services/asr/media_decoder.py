"""Decodes the sound of one media file of an unknown sender: a program of its own, so that a hostile file can waste or break only this process.

    python -I media_decoder.py CONTAINERS FILE SAMPLE_RATE LONGEST_SECONDS

CONTAINERS are those that may be opened, by FFmpeg's names, with commas.
Standard output is the sound, mono float32 in the machine's byte order, as it is decoded; the last line of standard error
says in JSON how it ended. It knows PyAV, NumPy and nothing of Locutor.
"""

from __future__ import annotations

import contextlib
import json
import sys
from itertools import chain
from typing import Any

import av
import numpy as np

_MEMORY_BYTES = 3 << 30
_CPU_SECONDS = 3600
"""An hour of work decodes days of sound: enough for every honest file."""


def main() -> None:
    containers, path, rate, longest_s = sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4])
    _limit()
    written = 0
    try:
        with av.open(path, options={"format_whitelist": containers, "protocol_whitelist": "file"}, metadata_errors="ignore") as container:
            if not container.streams.audio:
                return _end(error="no_audio_track", found=container.format.name)
            track = container.streams.audio[0]
            # FFmpeg's mono is the sum of left and right, each at -3 dB: speech in the middle would be 3 dB over the full scale.
            gain = np.float32(1.0 if track.codec_context.channels == 1 else 0.5**0.5)
            resampler = av.AudioResampler(format="flt", layout="mono", rate=rate)
            for frame in chain(container.decode(track), (None,)):
                for block in resampler.resample(frame):
                    written += block.samples
                    if written > longest_s * rate:
                        return _end(error="too_long")
                    sys.stdout.buffer.write((block.to_ndarray() * gain).tobytes())
    except av.error.FFmpegError as error:
        return _end(error="undecodable", found=error.strerror, seconds=written / rate)
    except BrokenPipeError:
        return None
    return _end()


def _end(**facts: Any) -> None:
    with contextlib.suppress(BrokenPipeError):
        sys.stdout.buffer.flush()
    print(json.dumps(facts), file=sys.stderr)


def _limit() -> None:
    try:
        import resource
    except ImportError:  # not on Windows, where the caller's bounds alone hold
        return
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (_CPU_SECONDS, _CPU_SECONDS))


if __name__ == "__main__":
    main()
