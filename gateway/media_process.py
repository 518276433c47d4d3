"""Asks `gateway.media_reader`, in a process of its own, what a media file holds."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from locutor.errors import FieldViolation, InvalidInput

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
    fault: str
    """Why the pictures end before the file says; empty: they do not."""


@dataclass(frozen=True)
class Sound:
    """A sound track, decoded to a file of float32 stereo at 48 kHz."""

    path: Path
    samples: int
    heard_s: float
    """Where the last sound that could be read ends."""
    fault: str
    """Why reading ended before the track's end; empty: it did not."""


async def probe_media(path: Path, field: str) -> ProbedMedia:
    """Raises `InvalidInput` with `field`."""
    found = await _ask(["probe", str(path)], field, _PROBE_TIMEOUT_S)
    videos = [track for track in found["video"] if not track["is_cover"] and track["width"]]
    return ProbedMedia(found["container"], float(Fraction(found["duration_s"])), bool(videos), tuple(track["language"] for track in found["audio"]))


async def read_picture(path: Path, field: str) -> Picture:
    """Raises `InvalidInput` with `field`."""
    found = await _ask(["picture", str(path)], field, _READ_TIMEOUT_S)
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
        fault=found["fault"],
    )


async def read_sound(
    path: Path, out: Path, field: str, *, track: int = 0, start_s: Fraction = Fraction(0), samples: int = 0, tell: Callable[[int], None] | None = None
) -> Sound:
    """Decode sound track `track` to `out`, `samples` long; 0: as long as it is. `tell`: called with the samples done. Raises `InvalidInput` with `field`."""
    found = await _ask(["sound", str(path), str(track), str(start_s), str(samples), str(out)], field, _READ_TIMEOUT_S, tell)
    return Sound(out, found["samples"], float(Fraction(found["heard_s"])), found["fault"])


async def _ask(arguments: list[str], field: str, timeout_s: float, tell: Callable[[int], None] | None = None) -> dict[str, Any]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-I", "-m", "gateway.media_reader", *arguments, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, limit=1 << 26
    )
    assert process.stdout is not None
    last = b""
    try:
        async with asyncio.timeout(timeout_s):
            async for line in process.stdout:
                last = line
                if tell is not None and line.startswith(b'{"samples": ') and line.count(b":") == 1:
                    tell(json.loads(line)["samples"])
            await process.wait()
    except TimeoutError as error:
        await _end(process)
        raise InvalidInput.of(field, f"takes longer than {timeout_s:g} s to read; it may be damaged: convert it and send it again", "TOO_SLOW") from error
    except BaseException:
        await _end(process)
        raise
    try:
        found: dict[str, Any] = json.loads(last)
    except ValueError as error:
        raise InvalidInput.of(field, "breaks the reader of media files, so it is damaged or hostile; convert it and send it again", "NOT_MEDIA") from error
    if "error" in found:
        raise InvalidInput([FieldViolation(field, message, reason) for message, reason in found["error"]])
    return found


async def _end(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.kill()
    await asyncio.shield(process.wait())


def _even(pixels: str) -> int:
    """A codec of ours needs even sizes."""
    return max(2, round(Fraction(pixels) / 2) * 2)
