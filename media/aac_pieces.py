"""A programme's sound encoded in pieces that join without a seam, and what is made of them: a stream that is copied into a file.

A frame of AAC overlaps its neighbours by half, and the coder remembers what came before, so a piece is encoded with some
sound before and after it, and only its own frames are kept. What a frame holds then depends on the sound near it alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from locutor.errors import InternalError
from media.clock import PROGRAMME_RATE

AAC_FRAME = 1024
"""Samples of an AAC-LC frame; the first one of a stream holds what comes before its first sample."""
BIT_RATE = 192_000
CODER = {"aac_coder": "fast", "aac_pns": "0"}
"""FFmpeg's default, "twoloop", takes half as long again, and at 192 kbit/s comes 4 dB less near to the original (a minute of dialogue with music).
Noise in place of what sounds like it is off: in its first half second a coder takes speech for it, here and there."""
WARM_UP = 32 * AAC_FRAME
"""Samples before a piece in which the coder comes to the state that it would have there."""
AFTER = 3 * AAC_FRAME
"""Samples after a piece: half of its last frame, and as far as the coder looks ahead."""
_LENGTH_BYTES = 4


@dataclass(frozen=True)
class EncodedSound:
    """AAC-LC stereo at 48 kHz, begun at the programme's first sample, to be copied into a file."""

    paths: Sequence[Path]
    """Files of `write_packets`, one after the other."""
    samples: int
    """Length of the programme that was encoded."""

    def packets(self) -> Iterator[bytes]:
        for path in self.paths:
            yield from read_packets(path)


def encode_piece(sound: np.ndarray, lead: int, length: int, *, is_last: bool) -> list[bytes]:
    """The frames of a piece of `length` samples.

    `sound`: float32 (n, 2) from `lead` samples before the piece on, `WARM_UP` or, of the programme's first piece, 0; and `AFTER`
    samples beyond it, fewer only where the programme ends. `length` is a whole number of frames, but for the last piece, which
    has one frame more: a stream begins with half an empty one.
    """
    packets = list(_encoded(sound))
    begin = lead // AAC_FRAME
    end = len(packets) if is_last else begin + length // AAC_FRAME
    if lead % AAC_FRAME or (length % AAC_FRAME and not is_last) or len(packets) < end:
        raise InternalError(f"{len(packets)} frames of AAC were made of {len(sound)} samples, of which {begin} to {end} were wanted")
    return packets[begin:end]


def write_packets(path: Path, packets: Iterable[bytes]) -> Path:
    """Each packet after its length."""
    with path.open("wb") as file:
        for packet in packets:
            file.write(len(packet).to_bytes(_LENGTH_BYTES, "little") + packet)
    return path


def read_packets(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while length := file.read(_LENGTH_BYTES):
            yield file.read(int.from_bytes(length, "little"))


def open_coder() -> av.AudioCodecContext:
    """A coder that has not begun. Its parameters are those of every piece."""
    coder = av.AudioCodecContext.create("aac", "w")
    coder.sample_rate, coder.layout, coder.format, coder.bit_rate = PROGRAMME_RATE, "stereo", "fltp", BIT_RATE
    coder.time_base = Fraction(1, PROGRAMME_RATE)
    coder.options = dict(CODER)
    return coder


def _encoded(sound: np.ndarray) -> Iterator[bytes]:
    coder = open_coder()
    for begin in range(0, len(sound), AAC_FRAME):
        block = np.ascontiguousarray(sound[begin : begin + AAC_FRAME].T, dtype=np.float32)
        frame = av.AudioFrame.from_ndarray(block, format="fltp", layout="stereo")
        frame.sample_rate, frame.time_base, frame.pts = PROGRAMME_RATE, Fraction(1, PROGRAMME_RATE), begin
        yield from map(bytes, coder.encode(frame))
    yield from map(bytes, coder.encode(None))
