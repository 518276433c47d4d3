"""The sound of a media file of any container and codec, as engines hear it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np

from locutor.errors import InvalidInput
from services.asr.engine import SAMPLE_RATE

LONGEST_S = 6 * 3600
"""A decoder can turn a small hostile file into days of sound: more than this is refused."""
_BLOCK = SAMPLE_RATE
"""About as many samples are yielded at a time: one second."""


def sound_of(path: Path) -> Iterator[np.ndarray]:
    """(n,) float32 mono at 16 kHz, a second or so at a time, of the file's first audio track.

    Raises `InvalidInput` (field "audio") for what is no media file, has no sound, is damaged or lasts too long.
    """
    if path.stat().st_size == 0:
        raise InvalidInput.of("audio", "the file is empty (0 bytes); send its bytes after the config", "EMPTY_AUDIO")
    heard = 0
    blocks: list[np.ndarray] = []
    try:
        with av.open(str(path), metadata_errors="ignore") as container:
            if not container.streams.audio:
                raise InvalidInput.of("audio", f"the file ({container.format.name}) has no audio track; send one that has", "NO_AUDIO_TRACK")
            resampler = av.AudioResampler(format="flt", layout="mono", rate=SAMPLE_RATE)
            for frame in container.decode(audio=0):
                blocks += [resampled.to_ndarray()[0] for resampled in resampler.resample(frame)]
                ready = sum(map(len, blocks))
                if heard + ready > LONGEST_S * SAMPLE_RATE:
                    raise InvalidInput.of("audio", f"the sound is longer than {LONGEST_S // 3600} hours; cut it", "AUDIO_TOO_LONG")
                if ready >= _BLOCK:
                    yield np.concatenate(blocks)
                    heard += ready
                    blocks.clear()
            blocks += [resampled.to_ndarray()[0] for resampled in resampler.resample(None)]
    except av.error.FFmpegError as error:
        where = f" after {heard / SAMPLE_RATE:.1f} s of sound" if heard else ""
        raise InvalidInput.of("audio", f"not an audio or video file that can be decoded{where} ({error.strerror}); check the file", "NOT_MEDIA") from error
    if blocks:
        yield np.concatenate(blocks)
    elif not heard:
        raise InvalidInput.of("audio", "the file's audio track holds no sound; check the file", "NO_AUDIO_TRACK")
