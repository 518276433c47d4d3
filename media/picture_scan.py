"""When a video's pictures are shown, read from its packets without decoding them.

The time at which the first picture is shown is where a programme begins: sound, cuts and subtitles count from there.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
import numpy as np

from locutor.errors import InvalidInput
from media.clock import PROGRAMME_RATE, nearest
from media.probe import SHORTFALL_S, announced_end_s, open_media

# Rates that cameras and programmes have; a rate measured from rounded times is one of these if it is near one.
_USUAL_RATES = tuple(Fraction(rate) for rate in (10, 12, 15, 20, 24, 25, 30, 48, 50, 60, 90, 100, 120, 240)) + tuple(
    Fraction(rate * 1000, 1001) for rate in (24, 30, 48, 60, 120, 240)
)
_RATE_TOLERANCE = 2e-4
"""Less than the 1/1001 between 30 and 29.97."""
_JITTER = 0.25
"""Times that lie within this part of a frame of an even grid are even: containers round, some to a millisecond."""
_ROUNDING_S = 0.0011
"""A millisecond clock, the coarsest in use, rounds by less; 120 frames a second lie 8 ms apart."""


@dataclass(frozen=True, eq=False)
class PictureScan:
    """The pictures of a video track in the order in which they are shown."""

    times: np.ndarray
    """(n,) int64: presentation times in ticks of `time_base`, rising, hidden pictures (before an edit list's start) left out."""
    time_base: Fraction
    """Seconds a tick."""
    end_s: Fraction
    """When the last picture goes, on the file's clock."""
    is_variable: bool
    """The pictures do not lie on an even grid of `frame_rate`."""
    frame_rate: Fraction
    """Frames a second: that of the grid; of variable ones, the usual rate that takes at least their average."""
    key_times: np.ndarray
    """(m,) int64: those of the key frames; at them a decoder can begin."""
    group_digests: tuple[str, ...]
    """Of the packets from each key frame to the next one, as they are decoded: equal ones show the same pictures at the same distances."""
    coding_digest: str
    """Of what a decoder must know beside the packets, and of how their pictures are shown."""
    fault: str
    """Why the pictures end before the file says; empty: they do not."""

    @property
    def start_s(self) -> Fraction:
        """When the first picture is shown, on the file's clock: a programme's origin."""
        return int(self.times[0]) * self.time_base

    @property
    def duration_s(self) -> Fraction:
        return self.end_s - self.start_s

    @property
    def samples(self) -> int:
        """Length of the programme's sound at 48 kHz."""
        return nearest(self.duration_s * PROGRAMME_RATE)


def scan_picture(path: Path, track: int = 0, field: str = "media") -> PictureScan:
    """Read all packets of video track `track`: one pass over the file, 8 bytes of memory a picture.

    Raises InvalidInput (NO_VIDEO) where there is no such track or no picture in it. A file that breaks off is as long as what is there.
    """
    shown: list[int] = []
    keys: list[int] = []
    durations: list[int] = []
    groups: dict[int, hashlib.blake2b] = {}
    fault = ""
    with open_media(path, field) as container:
        stream = next(islice(container.streams.video, track, None), None)
        if stream is None or stream.time_base is None:
            raise InvalidInput.of(field, f"{path.name!r} has no video track {track + 1}; give a file with a picture", "NO_VIDEO")
        time_base, fallback = stream.time_base, stream.average_rate or stream.guessed_rate
        coding = _coding_digest(stream)
        try:
            for packet in container.demux(stream):
                if packet.pts is None or packet.size == 0:
                    continue
                if packet.is_keyframe:
                    keys.append(packet.pts)
                    groups[packet.pts] = hashlib.blake2b(digest_size=16)
                if keys:
                    groups[keys[-1]].update(f"{packet.pts - keys[-1]}:{packet.is_discard}:{packet.size}:".encode() + bytes(packet))
                # What comes, or is shown, before the first key frame cannot be decoded: recordings may begin anywhere.
                if keys and packet.pts >= keys[0] and not packet.is_discard:
                    shown.append(packet.pts)
                    durations.append(packet.duration or 0)
        except av.error.FFmpegError as error:
            fault = f"the file breaks off ({error.strerror})"
        announced = announced_end_s(stream)
    if not shown:
        raise InvalidInput.of(field, f"{path.name!r} has no picture in its video track; send the file again", "NO_VIDEO")
    times, last = np.unique(np.array(shown, np.int64)), int(np.argmax(shown))
    variable, rate = _rhythm(times, time_base, fallback)
    # A container may be silent about a picture's length, or count the last one's as nothing.
    length = durations[last] * time_base or 1 / rate
    end = int(times[-1]) * time_base + length
    if not fault and end < announced - SHORTFALL_S:
        fault = f"the file says that its picture lasts until {float(announced):.1f} s, but breaks off at {float(end):.1f} s"
    digests = tuple(groups[key].hexdigest() for key in sorted(groups))
    return PictureScan(times, time_base, end, variable, rate, np.unique(np.array(keys, np.int64)), digests, coding, fault)


def _coding_digest(stream: av.VideoStream) -> str:
    context: av.VideoCodecContext | None = stream.codec_context
    seen = [str(stream.time_base), str(stream.sample_aspect_ratio)]
    if context is not None:
        seen += [context.codec.canonical_name, f"{context.width}x{context.height}", str(context.pix_fmt), bytes(context.extradata or b"").hex()]
    return hashlib.blake2b("|".join(seen).encode(), digest_size=16).hexdigest()


def _rhythm(times: np.ndarray, time_base: Fraction, said: Fraction | None) -> tuple[bool, Fraction]:
    """Whether the pictures lie unevenly, and their rate. `said`: what the container says."""
    if len(times) < 2:
        return False, _usual(said) if said else Fraction(25)
    seconds = (times - times[0]) * float(time_base)
    measured = Fraction(len(times) - 1) / (int(times[-1] - times[0]) * time_base)
    for rate in (*([_usual(said)] if said else []), _usual(measured), measured.limit_denominator(1001)):
        grid = np.arange(len(times)) / float(rate)
        if np.abs(seconds - grid).max() <= min(0.5, _JITTER + _ROUNDING_S * float(rate)) / float(rate):
            return False, rate
    # A grid with pictures left out (a recorder that skipped some) is at the rate of its usual step.
    step = float(np.median(np.diff(seconds)))
    enough = [usual for usual in _USUAL_RATES if usual >= measured * Fraction(999, 1000)]
    return True, min(enough, key=lambda usual: abs(1 / float(usual) - step), default=max(_USUAL_RATES))


def _usual(rate: Fraction) -> Fraction:
    """The usual rate that `rate` is, but for rounding; else itself, in small numbers."""
    near = min(_USUAL_RATES, key=lambda usual: abs(usual - rate))
    return near if abs(near / rate - 1) <= _RATE_TOLERANCE else rate.limit_denominator(1001)
