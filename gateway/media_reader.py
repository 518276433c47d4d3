"""Reads one media file of an unknown sender: a program of its own, so that a hostile file can waste or break only this process.

    python -I -m gateway.media_reader probe FILE
    python -I -m gateway.media_reader picture FILE
    python -I -m gateway.media_reader sound FILE TRACK START_S SAMPLES OUT

`probe` reads headers, `picture` all packets of the video track and its first picture, `sound` writes a sound track to OUT as
float32 stereo at 48 kHz, SAMPLES long from START_S on the file's clock (0: as long as it is). The last line of standard
output says in JSON what was found, or how it failed.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import asdict
from fractions import Fraction
from pathlib import Path
from typing import Any

from locutor.errors import InvalidInput
from media.picture_scan import scan_picture
from media.probe import open_media, probe

_MEMORY_BYTES = 4 << 30
_CPU_SECONDS = 7200
_DONE_EVERY = 60
"""Blocks of a second between two lines that say how far it is."""


def main() -> None:
    command, path, *rest = sys.argv[1:]
    _limit()
    commands: dict[str, Callable[..., dict[str, Any]]] = {"probe": _probe, "picture": _picture, "sound": _sound}
    try:
        found = commands[command](Path(path), *rest)
    except InvalidInput as error:
        found = {"error": [[v.message, v.reason] for v in error.violations]}
    print(json.dumps(found, default=str), flush=True)


def _probe(path: Path) -> dict[str, Any]:
    return asdict(probe(path, "media"))


def _picture(path: Path) -> dict[str, Any]:
    scan = scan_picture(path)
    with open_media(path) as container:
        track = container.streams.video[0]
        frame = next(container.decode(track), None)
        if frame is None:
            raise InvalidInput.of("media", "no picture of the video can be decoded; send the file again", "NOT_MEDIA")
        aspect = Fraction(track.sample_aspect_ratio or 1)
        turned = frame.rotation % 180 != 0
        width, height = frame.width * aspect, Fraction(frame.height)
        sounds = len(container.streams.audio)
    return {
        "sounds": sounds,
        "width": str(height if turned else width),
        "height": str(width if turned else height),
        "frame_rate": scan.frame_rate,
        "is_variable": scan.is_variable,
        "start_s": scan.start_s,
        "duration_s": scan.duration_s,
        "samples": scan.samples,
        "pictures": len(scan.times),
        "keys_s": [float((int(key) * scan.time_base) - scan.start_s) for key in scan.key_times],
        "fault": scan.fault,
    }


def _sound(path: Path, track: str, start_s: str, samples: str, out: str) -> dict[str, Any]:
    from media.soundtrack import SoundCondition, Soundtrack  # brings the resampler, which is slow to load

    condition = SoundCondition()
    sound = Soundtrack(path, int(track), Fraction(start_s), int(samples) or None)
    written = 0
    with Path(out).open("wb") as file:
        for number, block in enumerate(sound.blocks(condition)):
            file.write(block.astype("<f4").tobytes())
            written += len(block)
            if number % _DONE_EVERY == 0:
                print(json.dumps({"samples": written}), flush=True)
    return {**asdict(condition), "samples": written}


def _limit() -> None:
    try:
        import resource
    except ImportError:  # not on Windows, where the caller's bounds alone hold
        return
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (_CPU_SECONDS, _CPU_SECONDS))


if __name__ == "__main__":
    main()
