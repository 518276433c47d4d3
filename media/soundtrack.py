"""One sound track of a media file as a stream of blocks on the programme's clock.

Sample 0 is heard when the first picture is shown. Positions come from the file's own time stamps, never from the sum of
what was decoded: what is missing is silence, what is there twice is heard once, and an hour drifts by nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
import numpy as np
from av.stream import Disposition

from locutor.errors import InvalidInput
from media.blocks import exact_blocks, larger_blocks
from media.clock import PROGRAMME_RATE, nearest
from media.downmix import downmix
from media.probe import SHORTFALL_S, announced_end_s, open_media
from media.resample import resample_blocks

_LATE_S = 10
"""Sound may go on this long after the end that its file announces, with gaps in it."""
_JITTER_S = Fraction(20, 1000)
"""Time stamps that are off by less are roundings of a container's clock; sound and picture this far apart are not noticed."""
LONGEST_SAMPLES = 6 * 3600 * PROGRAMME_RATE
"""Of a sound track whose length nobody has asked for: beyond, a time stamp is wrong, or a file hostile."""
_PACKED_SCALES = {"u8": 2.0**-7, "s16": 2.0**-15, "s32": 2.0**-31, "s64": 2.0**-63, "flt": 1.0, "dbl": 1.0}


@dataclass
class SoundCondition:
    """What was found while a track was read; complete once its last block was taken."""

    heard_s: float = 0.0
    """Where the last sound that could be read ends, from the first picture."""
    filled_s: float = 0.0
    """Silence put where the file has none: gaps between its time stamps, and a late beginning."""
    dropped_s: float = 0.0
    """Sound left out because it lay before the first picture or on top of other sound."""
    broken_packets: int = 0
    """Packets that could not be decoded."""
    ends_s: float = 0.0
    """Where the track ends by its file's headers, from the first picture; 0 where they do not say."""
    fault: str = ""
    """Why reading ended before the track's end; empty: it did not."""


@dataclass(frozen=True)
class Soundtrack:
    """A sound track that can be read as often as wanted, each time in constant memory."""

    path: Path
    track: int = 0
    """Number among the file's sound tracks."""
    origin_s: Fraction = Fraction(0)
    """What is sample 0, on the file's clock: `PictureScan.start_s`. A file without a picture begins with its own first sound, whatever is said here."""
    length: int | None = None
    """Samples to give, at `sample_rate`; None: until the sound ends, or `LONGEST_SAMPLES`."""
    sample_rate: int = PROGRAMME_RATE
    stereo: bool = True
    """Give (n, 2); else mono, (n,). Other layouts are mixed down by ITU-R BS.775."""
    field: str = "media"
    """Name under which InvalidInput is raised."""

    def blocks(self, condition: SoundCondition | None = None) -> Iterator[np.ndarray]:
        """The sound as float32, full scale 1, in blocks of up to a second; `condition` is filled in as they are taken.

        A file that breaks off gives what can be read, then silence up to `length`; `condition.fault` says so.
        Raises InvalidInput: NO_AUDIO where there is no such track.
        """
        found = condition if condition is not None else SoundCondition()
        sound = self._resampled(found)
        yield from sound if self.length is None else exact_blocks(sound, self.length, self.sample_rate)

    def _resampled(self, found: SoundCondition) -> Iterator[np.ndarray]:
        with open_media(self.path, self.field) as container:
            stream = next(islice(container.streams.audio, self.track, None), None)
            if stream is None:
                count = len(container.streams.audio)
                said = f"{self.path.name!r} has {count} sound tracks, not a number {self.track + 1}" if count else f"{self.path.name!r} has no sound"
                raise InvalidInput.of(self.field, f"{said}; choose another track or file", "NO_AUDIO")
            if stream.codec_context is None:
                raise InvalidInput.of(
                    self.field, f"sound track {self.track + 1} of {self.path.name!r} is of a kind that cannot be decoded here; choose another", "NO_AUDIO"
                )
            frames = _frames(container, stream, found)
            first = next(frames, None)
            if first is None:
                found.fault = found.fault or "nothing in the sound track can be decoded"
                return
            origin = self._origin_s(container, first)
            announced = announced_end_s(stream)
            found.ends_s = float(announced - origin) if announced else 0.0
            placed = self._placed(first, frames, origin, announced - origin if announced else None, found)
            yield from resample_blocks(larger_blocks(placed, first.sample_rate), first.sample_rate, self.sample_rate)
            if not found.fault:
                found.fault = self._shortfall(stream, origin, found.heard_s)

    def _origin_s(self, container: av.container.InputContainer, first: av.AudioFrame) -> Fraction:
        """An MP3 says that it begins when its encoder's delay is over, 23 ms late: on its own that means nothing."""
        has_picture = any(not stream.disposition & Disposition.attached_pic for stream in container.streams.video)
        if has_picture or first.pts is None or first.time_base is None:
            return self.origin_s
        return first.pts * first.time_base

    def _shortfall(self, stream: av.AudioStream, origin_s: Fraction, heard_s: float) -> str:
        """What is missing of the sound that was asked for; empty: nothing. Many containers end where they were cut off, without an error."""
        announced = announced_end_s(stream) - origin_s
        wanted = announced if self.length is None else min(announced, Fraction(self.length, self.sample_rate))
        if heard_s >= wanted - SHORTFALL_S:
            return ""
        return f"the file says that its sound lasts {float(announced):.1f} s, but breaks off after {float(heard_s):.1f} s"

    def _placed(
        self, first: av.AudioFrame, rest: Iterator[av.AudioFrame], origin_s: Fraction, announced_s: Fraction | None, found: SoundCondition
    ) -> Iterator[np.ndarray]:
        """What was decoded, from sample 0 on, without gaps or overlaps, at the track's own rate. `announced_s`: where the file says that it ends."""
        rate, position = first.sample_rate, 0
        filled = dropped = 0
        jitter = nearest(_JITTER_S * rate)
        tick, origin = Fraction(0), origin_s * rate
        enough = Fraction(LONGEST_SAMPLES, PROGRAMME_RATE) * rate if self.length is None else Fraction(self.length, self.sample_rate) * rate + rate
        last = enough if announced_s is None or self.length is not None else min(enough, (announced_s + _LATE_S) * rate)
        frame: av.AudioFrame | None = first
        began = False
        while frame is not None:
            if frame.sample_rate != rate:
                found.fault = f"the sample rate changes from {rate} to {frame.sample_rate} Hz after {position / rate:.3f} s"
                break
            audio = downmix(_samples(frame), tuple(channel.name for channel in frame.layout.channels), self.stereo)
            start = position
            if frame.pts is not None and frame.time_base is not None:
                tick = tick or frame.time_base * rate
                start = nearest(frame.pts * tick - origin)
            offset = start - position
            if offset > rate and start > last and self.length is None:
                found.fault = f"after {position / rate:.1f} s a time stamp says {start / rate:.1f} s, which is past the sound's end"
                break
            if offset > (jitter if began else 0):
                # In parts of a second: a time stamp may be wrong by hours.
                for gap in range(0, offset, rate):
                    yield np.zeros((min(rate, offset - gap), *audio.shape[1:]), np.float32)
                filled += offset
                position = start
            elif offset < -(jitter if began else 0):
                dropped += min(-offset, len(audio))
                audio = audio[-offset:]
            if len(audio):
                began = True
                yield audio
                position += len(audio)
            found.heard_s, found.filled_s, found.dropped_s = position / rate, filled / rate, dropped / rate
            if position >= enough:
                return
            frame = next(rest, None)


def _frames(container: av.container.InputContainer, stream: av.AudioStream, found: SoundCondition) -> Iterator[av.AudioFrame]:
    """All frames that can be decoded."""
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets, None)
        except av.error.FFmpegError as error:
            found.fault = f"the file breaks off ({error.strerror})"
            return
        if packet is None:
            return
        try:
            yield from packet.decode()
        except av.error.FFmpegError:
            found.broken_packets += 1


def _samples(frame: av.AudioFrame) -> np.ndarray:
    """(n, channels) float32, full scale 1."""
    sound, kind = frame.to_ndarray(), frame.format.name
    columns = sound.T if frame.format.is_planar else sound.reshape(-1, frame.layout.nb_channels)
    name = kind.removesuffix("p")
    if name == "u8":
        return (columns.astype(np.float32) - 128) * np.float32(_PACKED_SCALES[name])
    return columns.astype(np.float32) * np.float32(_PACKED_SCALES[name])
