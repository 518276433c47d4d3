"""Asks `gateway.media_reader`, in a process of its own, what a media file holds, and to take it apart."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import json
import logging
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from locutor.errors import FieldViolation, InvalidInput

log = logging.getLogger("locutor.gateway")

_READER = (sys.executable, "-I", "-m", "gateway.media_reader")
_PROBE_TIMEOUT_S = 60.0
_READ_TIMEOUT_S = 3 * 3600.0


@dataclass(frozen=True)
class ProbedMedia:
    """What a file's headers say."""

    container: str
    """As FFmpeg names it."""
    duration_s: float
    """0 where they do not say."""
    has_video: bool
    sound_languages: tuple[str, ...]
    """ISO 639-2 of each sound track; empty: not said."""


@dataclass(frozen=True)
class Picture:
    """The pictures of a video. Times count from the first picture, where nothing else is said."""

    width: int
    """Pixels of the upright picture with square pixels, even."""
    height: int
    frame_rate: Fraction
    """Frames a second; of a video of variable rate, the constant one that takes all its pictures."""
    is_variable: bool
    start_s: Fraction
    """When the first picture is shown, on the file's own clock."""
    duration_s: Fraction
    samples: int
    """As long at 48 kHz."""
    pictures: int
    sounds: int
    """Sound tracks beside them."""
    keys_s: tuple[float, ...]
    """Key frames."""
    group_digests: tuple[str, ...]
    """Of what is coded from each key frame to the next one."""
    coding_digest: str
    """Of what a decoder must know beside that."""
    copy_obstacle: str
    """Why the pictures cannot be copied into an MP4 and must be encoded; empty: they can."""
    fault: str
    """Why the pictures end before the file says; empty: they do not."""


@dataclass(frozen=True)
class Sound:
    """A sound track, decoded to files of `media.sound_pieces`: stereo at 48 kHz."""

    pieces: tuple[Path, ...]
    loudness: Path
    """Its profile, `media.loudness_profile`, as NumPy saves it."""
    samples: int
    heard_s: float
    """Where the last sound that could be read ends."""
    fault: str
    """Why reading ended before the track's end; empty: it did not."""


async def probe_media(path: Path, field: str) -> ProbedMedia:
    """Raises `InvalidInput` with `field`."""
    found: dict[str, Any] = await _ask(["probe", str(path)], field, _PROBE_TIMEOUT_S)
    videos = [track for track in found["video"] if not track["is_cover"] and track["width"]]
    return ProbedMedia(found["container"], float(Fraction(found["duration_s"])), bool(videos), tuple(track["language"] for track in found["audio"]))


async def read_picture(path: Path, field: str) -> Picture:
    """Raises `InvalidInput` with `field`."""
    return picture_of(await _ask(["picture", str(path)], field, _READ_TIMEOUT_S))


def picture_of(found: Mapping[str, Any]) -> Picture:
    """`found`: as the reader says it, and as `picture_facts` gives it back."""
    return Picture(
        width=_even(found["width"]),
        height=_even(found["height"]),
        frame_rate=Fraction(found["frame_rate"]),
        is_variable=found["is_variable"],
        start_s=Fraction(found["start_s"]),
        duration_s=Fraction(found["duration_s"]),
        samples=found["samples"],
        pictures=found["pictures"],
        sounds=found["sounds"],
        keys_s=tuple(found["keys_s"]),
        group_digests=tuple(found["group_digests"]),
        coding_digest=found["coding_digest"],
        copy_obstacle=found["copy_obstacle"],
        fault=found["fault"],
    )


def picture_facts(picture: Picture) -> dict[str, Any]:
    """As JSON."""
    return {name: str(value) if isinstance(value, Fraction) else value for name, value in asdict(picture).items()}


async def read_sound(
    path: Path, folder: Path, field: str, *, track: int = 0, start_s: Fraction = Fraction(0), samples: int = 0, tell: Callable[[int], None] | None = None
) -> Sound:
    """Decode sound track `track` into `folder`, `samples` long; 0: as long as it is. `tell`: called with the samples done. Raises `InvalidInput`."""
    found = await _ask(["sound", str(path), str(track), str(start_s), str(samples), str(folder)], field, _READ_TIMEOUT_S, tell)
    pieces = tuple(folder / f"{number:05}.flac" for number in range(found["pieces"]))
    return Sound(pieces, folder / "loudness.npy", found["samples"], float(Fraction(found["heard_s"])), found["fault"])


async def cut_picture(path: Path, folder: Path, stretches: Sequence[tuple[Fraction, Fraction]], field: str) -> list[tuple[Path, Fraction] | None]:
    """Copy what shows each [start, end), seconds from the first picture, to a file in `folder`; with each, where its stretch begins on its own clock.

    None for one that is to be encoded, as `media.excerpt` says. Raises `InvalidInput` with `field`.
    """
    starts = await _ask(["pieces", str(path), str(folder), *(f"{start_s}:{end_s}" for start_s, end_s in stretches)], field, _READ_TIMEOUT_S)
    return [(folder / f"{number:05}.mkv", Fraction(start_s)) if start_s is not None else None for number, start_s in enumerate(starts)]


async def copy_picture(path: Path, sound: Path, samples: int, out: Path, field: str, *, language: str) -> int:
    """Write the MP4 `out` with the pictures of `path` and `sound`, packets of AAC encoded for `samples`, which is their length; the number of pictures.

    Raises `InvalidInput` with `field`.
    """
    pictures: int = await _ask(["copy", str(path), str(sound), str(samples), str(out), language], field, _READ_TIMEOUT_S)
    return pictures


async def write_still(path: Path, out: Path, field: str) -> None:
    """The first picture as a JPEG. Raises `InvalidInput` with `field`."""
    await _ask(["cover", str(path), str(out)], field, _PROBE_TIMEOUT_S)


async def _ask(arguments: list[str], field: str, timeout_s: float, tell: Callable[[int], None] | None = None) -> Any:
    """What the reader found. Raises `InvalidInput` where that is the file's fault, else `OSError` or `MemoryError`."""
    process = await asyncio.create_subprocess_exec(*_READER, *arguments, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, limit=1 << 26)
    assert process.stdout is not None
    end: dict[str, Any] = {}
    try:
        async with asyncio.timeout(timeout_s):
            async for line in process.stdout:
                end = _line(line)
                if tell is not None and "done" in end:
                    tell(end["done"])
            await process.wait()
    except TimeoutError as error:
        await _end(process)
        raise _too_slow(field, timeout_s) from error
    except BaseException:
        await _end(process)
        raise
    if process.returncode == 0 and "found" in end:
        return end["found"]
    if process.returncode == 0 and "refused" in end:
        raise InvalidInput([FieldViolation(field, message, reason) for message, reason in end["refused"]])
    raise _failure(arguments[0], process.returncode or 0, end, field)


def _line(line: bytes) -> dict[str, Any]:
    """A line of the reader's; nothing of one that broke off."""
    try:
        found = json.loads(line)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _failure(command: str, code: int, end: dict[str, Any], field: str) -> Exception:
    """Why the reader gave no answer: for want of something here, or because the file broke it."""
    failed = end.get("failed", "") if code == 0 else ""
    if failed == "disk":
        return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    # Nobody but the system's guard against a lack of memory kills a reader that is waited for.
    if failed == "memory" or (sys.platform != "win32" and code == -signal.SIGKILL):
        return MemoryError(f"the reader of media files ran out of memory at {command!r}")
    if sys.platform != "win32" and code == -signal.SIGXCPU:
        return _too_slow(field, _READ_TIMEOUT_S)
    log.warning("the reader of media files ended with %d at %r", code, command)
    return InvalidInput.of(field, "breaks the reader of media files, so it is damaged or hostile; convert it and send it again", "NOT_MEDIA")


def _too_slow(field: str, limit_s: float) -> InvalidInput:
    return InvalidInput.of(field, f"takes longer than {limit_s:g} s to read; it may be damaged: convert it and send it again", "TOO_SLOW")


async def _end(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.kill()
    await asyncio.shield(process.wait())


def _even(pixels: str | int) -> int:
    """A codec of ours needs even sizes."""
    return max(2, round(Fraction(pixels) / 2) * 2)
