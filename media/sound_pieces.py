"""A programme's sound in pieces of one length, each a FLAC file: what is kept of a sound, and read again a piece at a time.

Pieces begin at multiples of `PIECE`, counted from the programme's first sample, so that a piece is the same file as long as
its own sound is, whatever happens elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from locutor.errors import InternalError
from media.blocks import larger_blocks
from media.clock import PROGRAMME_RATE

PIECE = 32 * PROGRAMME_RATE
"""Samples: whole frames of AAC, and whole hops of a loudness measurement."""
_FRAME = 4096
_HEADROOM = 2.0
"""A decoder's sound may pass full scale between its samples and at them: 6 dB above it are kept, and 23 bits below."""
_STEPS = {"s16": 2.0**15, "s32": 2.0**31}
_LEVEL = "1"
"""Of compression: the higher ones take twice the time for a few per cent."""


def write_pieces(blocks: Iterable[np.ndarray], folder: Path) -> Iterator[Path]:
    """`blocks`, float32 (n, 2) at 48 kHz, as files 00000.flac, 00001.flac, ... in `folder`, each of `PIECE` samples but for the last.

    Each file is given as soon as it is whole. Levels are kept to a part in 8 million of full scale, up to 6 dB above it.
    """
    number, held = 0, np.zeros((0, 2), np.float32)
    for block in larger_blocks(blocks, PIECE):
        held = np.concatenate([held, block])
        while len(held) >= PIECE:
            yield _write_wide(folder / f"{number:05}.flac", held[:PIECE])
            number, held = number + 1, held[PIECE:]
    if len(held):
        yield _write_wide(folder / f"{number:05}.flac", held)


def read_wide(path: Path) -> np.ndarray:
    """A file of `write_pieces` as float32 (n, 2)."""
    return (_read(path, "s32").astype(np.float32)) * np.float32(_HEADROOM / _STEPS["s32"])


def write_exact(path: Path, sound: np.ndarray) -> Path:
    """int16 (n, 2) as FLAC."""
    return _write(path, sound, "s16")


def read_exact(path: Path) -> np.ndarray:
    """What `write_exact` was given."""
    return _read(path, "s16")


def _write_wide(path: Path, sound: np.ndarray) -> Path:
    # 24 bits, in the upper part of 32.
    steps = np.clip(np.rint(sound.astype(np.float64) * (2**23 / _HEADROOM)), -(2**23), 2**23 - 1).astype(np.int32) << 8
    return _write(path, steps, "s32")


def _write(path: Path, sound: np.ndarray, kind: str) -> Path:
    partial = path.with_name(f".{path.name}.partial")
    with av.open(str(partial), "w", format="flac") as output:
        stream = output.add_stream("flac", rate=PROGRAMME_RATE, layout="stereo", options={"compression_level": _LEVEL})
        stream.codec_context.format = kind
        for begin in range(0, len(sound), _FRAME):
            block = np.ascontiguousarray(sound[begin : begin + _FRAME]).reshape(1, -1)
            frame = av.AudioFrame.from_ndarray(block, format=kind, layout="stereo")
            frame.sample_rate, frame.time_base, frame.pts = PROGRAMME_RATE, Fraction(1, PROGRAMME_RATE), begin
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return partial.replace(path)


def _read(path: Path, kind: str) -> np.ndarray:
    with av.open(str(path), format="flac") as container:
        parts = []
        for frame in container.decode(audio=0):
            if frame.format.name != kind:
                raise InternalError(f"{path.name} holds samples of the kind {frame.format.name}, not {kind}")
            parts.append(frame.to_ndarray().reshape(-1, 2))
    return np.concatenate(parts) if parts else np.zeros((0, 2), np.int32 if kind == "s32" else np.int16)
