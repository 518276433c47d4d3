"""Reads one media file of an unknown sender: a program of its own, so that a hostile file can waste or break only this process.

    python -I -m gateway.media_reader probe FILE
    python -I -m gateway.media_reader picture FILE
    python -I -m gateway.media_reader sound FILE TRACK START_S SAMPLES FOLDER
    python -I -m gateway.media_reader pieces FILE FOLDER START_S:END_S ...
    python -I -m gateway.media_reader copy FILE SOUND SAMPLES OUT LANGUAGE
    python -I -m gateway.media_reader cover FILE OUT

`probe` reads headers, `picture` all packets of the video track and its first picture, `sound` writes a sound track to FOLDER as
00000.flac and so on, stereo at 48 kHz, SAMPLES long from START_S on the file's clock (0: as long as it is), and its profile as
loudness.npy. `pieces` copies stretches of the picture, in seconds from its first one, to FOLDER as 00000.mkv and so on; `copy` the
whole of it beside SOUND, AAC encoded for it, into an MP4; `cover` writes the first picture as a JPEG.

Standard output is lines of JSON, each an object with one key: `done` says how far it is; the last line is `found`, or `refused`
with what is wrong with the file, or `failed` with what is wanting here: "disk" or "memory".
"""

from __future__ import annotations

import errno
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict
from fractions import Fraction
from pathlib import Path
from typing import Any

import av

from locutor.errors import InvalidInput
from media.picture_scan import scan_picture
from media.probe import open_media, probe

_MEMORY_BYTES = 4 << 30
_CPU_SECONDS = 7200
_DONE_EVERY = 60
"""Blocks of a second between two lines that say how far it is."""
_SAMPLE_BYTES = 8
_SPARE_BYTES = 64 << 20
"""What a file that is made of another's packets may be larger than it, and the most that a still can have."""


def main() -> None:
    command, path, *rest = sys.argv[1:]
    commands: dict[str, Callable[..., Any]] = {"probe": _probe, "picture": _picture, "sound": _sound, "pieces": _pieces, "copy": _copy, "cover": _cover}
    try:
        _limit(_most_bytes(command, Path(path), rest))
        end = {"found": commands[command](Path(path), *rest)}
    except (InvalidInput, OSError, MemoryError, av.error.FFmpegError) as error:
        end = _failure(error)
    _say(end)


def _probe(path: Path) -> dict[str, Any]:
    return asdict(probe(path, "media"))


def _picture(path: Path) -> dict[str, Any]:
    from media.copy_mux import copy_obstacle

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
        "group_digests": scan.group_digests,
        "coding_digest": scan.coding_digest,
        "copy_obstacle": copy_obstacle(path),
        "fault": scan.fault,
    }


def _sound(path: Path, track: str, start_s: str, samples: str, folder: str) -> dict[str, Any]:
    import numpy as np

    from media.loudness import EnergyMeter
    from media.sound_pieces import write_pieces
    from media.soundtrack import SoundCondition, Soundtrack  # brings the resampler, which is slow to load

    condition, meter = SoundCondition(), EnergyMeter()
    sound = Soundtrack(path, int(track), Fraction(start_s), int(samples) or None)
    written = 0

    def measured() -> Iterator[np.ndarray]:
        nonlocal written
        for number, block in enumerate(sound.blocks(condition)):
            meter.push(block)
            yield block
            written += len(block)
            if number % _DONE_EVERY == 0:
                _say({"done": written})

    pieces = sum(1 for _ in write_pieces(measured(), Path(folder)))
    np.save(Path(folder, "loudness.npy"), meter.energies())
    return {**asdict(condition), "samples": written, "pieces": pieces}


def _pieces(path: Path, folder: str, *stretches: str) -> list[str | None]:
    """Where each stretch begins, on its file's own clock; None for one that was not copied."""
    from media.excerpt import write_excerpt

    scan = scan_picture(path)
    starts: list[str | None] = []
    for number, stretch in enumerate(stretches):
        start_s, end_s = map(Fraction, stretch.split(":"))
        excerpt = write_excerpt(Path(folder, f"{number:05}.mkv"), path, scan, start_s, min(end_s, scan.duration_s))
        starts.append(str(excerpt.start_s) if excerpt is not None else None)
        _say({"done": number + 1})
    return starts


def _copy(path: Path, sound: str, samples: str, out: str, language: str) -> int:
    """How many pictures were copied."""
    from media.aac_pieces import EncodedSound
    from media.copy_mux import copy_mux

    return copy_mux(Path(out), path, EncodedSound([Path(sound)], int(samples)), language=language).pictures


def _cover(path: Path, out: str) -> None:
    from media.cover import write_cover

    write_cover(path, Path(out), 0)


def _say(line: dict[str, Any]) -> None:
    print(json.dumps(line, default=str), flush=True)


def _failure(error: Exception) -> dict[str, Any]:
    """The file's fault or ours. A library may have wrapped what the system said."""
    causes: list[BaseException] = [error]
    while (cause := causes[-1].__cause__) is not None:
        causes.append(cause)
    numbers = {getattr(cause, "errno", None) for cause in causes}
    if numbers & {errno.ENOSPC, errno.EDQUOT}:
        return {"failed": "disk"}
    if errno.ENOMEM in numbers or any(isinstance(cause, MemoryError) for cause in causes):
        return {"failed": "memory"}
    if errno.EFBIG in numbers:
        return {"refused": [["what it holds is longer, or larger, than what it announces allows; convert it and send it again", "TOO_LARGE"]]}
    if isinstance(error, InvalidInput):
        return {"refused": [[violation.message, violation.reason] for violation in error.violations]}
    if isinstance(error, av.error.FFmpegError):
        return {"refused": [[f"cannot be read ({error.strerror}); it may be damaged: convert it and send it again", "NOT_MEDIA"]]}
    raise error


def _most_bytes(command: str, path: Path, rest: list[str]) -> int:
    """Of any one file that the command may write."""
    if command == "sound":
        from media.sound_pieces import PIECE

        return PIECE * _SAMPLE_BYTES + _SPARE_BYTES
    if command == "copy":
        return path.stat().st_size + Path(rest[0]).stat().st_size + _SPARE_BYTES
    if command == "pieces":
        return path.stat().st_size + _SPARE_BYTES
    return _SPARE_BYTES if command == "cover" else 0


def _limit(most_bytes: int) -> None:
    try:
        import resource
    except ImportError:  # not on Windows, where the caller's bounds alone hold
        return
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    # The first limit's signal tells that it was the time; the second's could be anybody's.
    resource.setrlimit(resource.RLIMIT_CPU, (_CPU_SECONDS, _CPU_SECONDS + 10))
    resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, most_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    main()
