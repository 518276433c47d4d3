"""The sound of a media file of any container and codec, as engines hear it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path
from typing import Any

import numpy as np

from locutor.errors import InvalidInput
from media.containers import CONTAINERS
from services.asr.engine import SAMPLE_RATE

LONGEST_S = 6 * 3600
"""A decoder can turn a small hostile file into days of sound: more than this is refused."""
_BLOCK_BYTES = SAMPLE_RATE * 4
"""One second of float32 samples is yielded at a time."""
_DECODER = Path(__file__).with_name("media_decoder.py")


def sound_of(path: Path) -> Generator[np.ndarray, None, None]:
    """(n,) float32 mono at 16 kHz, a second at a time, of the file's first audio track; decoded by a process of its own while it is read.

    Raises `InvalidInput` (field "audio") for what is no media file, has no sound, is damaged or lasts too long.
    """
    if path.stat().st_size == 0:
        raise InvalidInput.of("audio", "the file is empty (0 bytes); send its bytes after the config", "EMPTY_AUDIO")
    command = [sys.executable, "-I", str(_DECODER), CONTAINERS, str(path), str(SAMPLE_RATE), str(LONGEST_S)]
    heard = 0
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as decoder:
        assert decoder.stdout is not None and decoder.stderr is not None
        try:
            while block := decoder.stdout.read(_BLOCK_BYTES):
                heard += len(block)
                yield np.frombuffer(block, np.float32)
            said = decoder.stderr.read()
        finally:
            decoder.kill()
    _check(said, heard / 4 / SAMPLE_RATE)


def _check(said: bytes, heard_s: float) -> None:
    """Raises where the decoder did not come to a good end."""
    lines = said.decode(errors="replace").strip().splitlines()
    try:
        end: dict[str, Any] = json.loads(lines[-1])
    except (IndexError, ValueError):
        end = {"error": "undecodable", "found": "the decoder broke off"}
    error, found = end.get("error"), end.get("found")
    if error == "no_audio_track":
        raise InvalidInput.of("audio", f"the file ({found}) has no audio track; send one that has", "NO_AUDIO_TRACK")
    if error == "too_long":
        raise InvalidInput.of("audio", f"the sound is longer than {LONGEST_S // 3600} hours; cut it", "AUDIO_TOO_LONG")
    if error:
        where = f" after {heard_s:.1f} s of sound" if heard_s else ""
        raise InvalidInput.of("audio", f"not an audio or video file that can be decoded{where} ({found}); check the file", "NOT_MEDIA")
    if not heard_s:
        raise InvalidInput.of("audio", "the file's audio track holds no sound; check the file", "NO_AUDIO_TRACK")
