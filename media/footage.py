"""The frames of a stretch of moving footage: upright, with square pixels, at a constant rate, and otherwise as the file has them.

Deeper pixels become 8 bits, finer colour 4:2:0; matrix, range and transfer stay, of high dynamic range too: what is made of the frames is tagged with
them and looks like the rest of the file.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import IO, Any

import numpy as np

from locutor.errors import InvalidInput
from media.colors import Colors
from media.containers import CONTAINERS

_DECODER = Path(__file__).with_name("footage_decoder.py")
_PIPE_BYTES = 1 << 20
"""The most that a process may ask for without privileges, by default (Linux)."""
_F_SETPIPE_SZ = 1031
_PATIENCE_S, _PATIENCE_PER_SECOND_S = 60.0, 10.0
"""How long the decoder may be waited for, all in all, and what is added for each second of frames."""
_LOOK_EVERY_S = 0.25
"""How often it is asked whether anybody still wants the frames."""


@dataclass(frozen=True)
class Stretch:
    """Which frames of a file are meant, and as what."""

    width: int
    height: int
    """Pixels of the upright picture with square pixels; even, with the picture's proportions (to 2 %)."""
    frame_rate: Fraction
    start_s: Fraction
    """When the first frame begins, on the file's own clock of presentation times."""
    frame_count: int


class Abandoned(Exception):
    """Nobody wants the frames any more."""


class FootageReader:
    """Reads the frames of a stretch, decoded by a process of its own while they are taken. A context manager; made once, read once."""

    def __init__(self, path: Path, stretch: Stretch, field: str = "video", is_abandoned: Callable[[], bool] = lambda: False) -> None:
        """Decodes the first picture.

        `is_abandoned` is asked while a frame is waited for. Raises `InvalidInput`, named `field`, for what holds no pictures that could be given, or
        none in the time that there is for them, and `Abandoned`, both here and where the frames are read.
        """
        if path.stat().st_size == 0:
            raise InvalidInput.of(field, "the file is empty (0 bytes); send its bytes after the config", "EMPTY")
        self._field, self._stretch, self._is_abandoned = field, stretch, is_abandoned
        self._patience_s = self._left_s = _PATIENCE_S + _PATIENCE_PER_SECOND_S * float(stretch.frame_count / stretch.frame_rate)
        numbers = (stretch.width, stretch.height, stretch.frame_rate, stretch.start_s, stretch.frame_count)
        command = [sys.executable, "-I", str(_DECODER), CONTAINERS, str(path), *(str(number) for number in numbers)]
        self._decoder = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0)
        self.held_from: int | None = None
        """Once all frames are read: the first for which the file had ended, so that its last picture is held."""
        self.damage = ""
        """Once all frames are read: what the decoder said of the first damaged part; a picture before it is held where none could be decoded."""
        try:
            assert self._decoder.stdout is not None
            _widen(self._decoder.stdout.fileno())
            head = b""
            while not head.endswith(b"\n") and (byte := self._read(self._decoder.stdout, 1)):
                head += byte
            if not head.endswith(b"\n"):
                self._end()
                raise self._refusal({"error": "undecodable"})
            self.colors = Colors(**json.loads(head))
            """Of the first picture."""
        except BaseException:
            self.close()
            raise

    def __iter__(self) -> Iterator[np.ndarray]:
        """(height * 3 // 2, width) uint8 each, I420. Pixels of an 8-bit 4:2:0 file of this size are the file's own.

        Raises `InvalidInput` where the decoder breaks off.
        """
        assert self._decoder.stdout is not None
        for _ in range(self._stretch.frame_count):
            frame = np.empty((self._stretch.height * 3 // 2, self._stretch.width), np.uint8)
            view = frame.data.cast("B")
            while view:
                self._wait(self._decoder.stdout)
                if not (count := self._decoder.stdout.readinto(view)):  # type: ignore[attr-defined]
                    self._end()
                    raise self._refusal({"error": "undecodable", "found": "the decoder gave too few frames"})
                view = view[count:]
            yield frame
        self._end()

    @property
    def held_frames(self) -> int:
        """Once all frames are read: how many at the end show the last picture of a file that had ended."""
        return 0 if self.held_from is None else self._stretch.frame_count - self.held_from

    def close(self) -> None:
        """End the decoder. May be called twice, and in the middle."""
        self._decoder.kill()
        for stream in (self._decoder.stdout, self._decoder.stderr):
            if stream is not None:
                stream.close()
        self._decoder.wait()

    def __enter__(self) -> FootageReader:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _end(self) -> None:
        """Hear how the decoder ended. Raises where it was not a good end."""
        assert self._decoder.stderr is not None
        said = b""
        while part := self._read(self._decoder.stderr, 1 << 16):
            said += part
        lines = said.decode(errors="replace").strip().splitlines()
        try:
            end: dict[str, Any] = json.loads(lines[-1])
        except (IndexError, ValueError):
            end = {"error": "undecodable", "found": "the decoder broke off"}
        if "error" in end:
            raise self._refusal(end)
        self.held_from, self.damage = end["held_from"], end["damage"]

    def _read(self, stream: IO[bytes], count: int) -> bytes:
        """At most so many bytes; none where the stream has ended."""
        self._wait(stream)
        return os.read(stream.fileno(), count)

    def _wait(self, stream: IO[bytes]) -> None:
        """Until there is something to read."""
        begin_s = time.monotonic()
        while True:
            # Windows waits for sockets alone.
            ready = sys.platform == "win32" or bool(select.select([stream], [], [], min(_LOOK_EVERY_S, max(self._left_s, 0.0)))[0])
            waited_s = time.monotonic() - begin_s
            if ready:
                self._left_s -= waited_s
                return
            if self._is_abandoned():
                raise Abandoned
            if waited_s > self._left_s:
                raise self._refusal({"error": "too_slow"})

    def _refusal(self, end: dict[str, Any]) -> InvalidInput:
        found = end.get("found") or "nothing could be decoded"
        match end["error"]:
            case "no_video_track":
                return InvalidInput.of(self._field, f"the file ({found}) has no video track; send one that has", "NO_VIDEO_TRACK")
            case "too_slow":
                text = f"its {self._stretch.frame_count} frames are not decoded in {self._patience_s:.0f} s; convert it, with a key frame every few seconds"
                return InvalidInput.of(self._field, text, "TOO_SLOW")
            case "too_many_pixels":
                return InvalidInput.of(self._field, f"has {end['width']} x {end['height']} pixels; send at most 8192 x 4608", "TOO_LARGE")
            case "other_proportions":
                asked = f"{self._stretch.width} x {self._stretch.height}"
                text = f"is {end['width']} x {end['height']} upright with square pixels, and {asked} is asked for; ask for its own proportions"
                return InvalidInput.of(self._field, text, "OTHER_PROPORTIONS")
        return InvalidInput.of(self._field, f"is not a video file that can be decoded ({found}); check the file", "NOT_MEDIA")


def _widen(descriptor: int) -> None:
    """A pipe of the usual 64 KiB would make two processes take turns twenty times a frame."""
    if sys.platform == "linux":
        import fcntl

        with contextlib.suppress(OSError):
            fcntl.fcntl(descriptor, _F_SETPIPE_SZ, _PIPE_BYTES)
