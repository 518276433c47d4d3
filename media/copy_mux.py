"""A video's own picture with another sound, in MP4: the picture's packets are copied, so that nothing of it is lost.

Turning, pixel shape, colours, and the times of pictures that come unevenly stay as they are; the first picture is shown
at 0. Memory stays constant: the sound is pulled as the picture advances.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from av.stream import Disposition

from locutor.errors import InvalidInput
from media.aac_pieces import EncodedSound
from media.clock import PROGRAMME_RATE, nearest
from media.picture_packets import timed_packets
from media.picture_scan import PictureScan, scan_picture
from media.probe import UNKNOWN_CODEC, open_media
from media.sound_stream import iso_639, sound_stream

COPIED_CODECS = ("h264", "hevc", "av1", "vp9", "mpeg4")
"""What players expect in MP4."""
# Apple's players know H.265 by this tag alone.
_TAGS = {"hevc": "hvc1"}


@dataclass(frozen=True)
class FurtherSound:
    """A sound that a viewer can choose in place of the first."""

    audio: Iterable[np.ndarray] | EncodedSound
    """As `copy_mux`'s."""
    language: str = ""
    """BCP 47."""
    title: str = ""


@dataclass(frozen=True)
class CopiedProgramme:
    """What was written."""

    path: Path
    pictures: int
    samples: int
    """Length of the sound at 48 kHz: the picture's."""
    size_bytes: int

    @property
    def duration_s(self) -> float:
        return self.samples / PROGRAMME_RATE


def copy_obstacle(path: Path, track: int = 0, field: str = "media") -> str:
    """Why the picture of `path` cannot be copied into an MP4 and must be encoded; empty: it can."""
    with open_media(path, field) as container:
        context: av.VideoCodecContext | None = container.streams.video[track].codec_context
        codec = context.codec.canonical_name if context else UNKNOWN_CODEC
    return "" if codec in COPIED_CODECS else f"the picture is {codec}, which players do not expect in MP4"


def copy_mux(
    out: Path,
    source: Path,
    audio: np.ndarray | Iterable[np.ndarray] | EncodedSound,
    *,
    track: int = 0,
    language: str = "",
    title: str = "",
    further: Sequence[FurtherSound] = (),
    audio_bit_rate: int = 192_000,
    field: str = "media",
) -> CopiedProgramme:
    """Write `out` (MP4, fast start) with the picture of video track `track` of `source`, and `audio`.

    `audio`: float32 at 48 kHz, full scale 1, (n,) or (n, 2), whole or in blocks, from the first picture on; cut, or
    followed by silence, to the picture's length. Or what was encoded before, as long as the picture: it is copied.
    `language`: BCP 47, of `audio`. `audio_bit_rate`: bits a second.

    `out` appears whole or not at all. Raises InvalidInput: CANNOT_COPY where the picture must be encoded anew.
    """
    scan = scan_picture(source, track, field)
    if obstacle := copy_obstacle(source, track, field):
        raise InvalidInput.of(field, f"{obstacle}; it must be encoded anew", "CANNOT_COPY")
    partial = out.with_name(f".{out.name}.partial")
    try:
        with av.open(str(partial), "w", format="mp4", options={"movflags": "+faststart"}) as output:
            if title:
                output.metadata["title"] = title
            sounds = (FurtherSound([audio] if isinstance(audio, np.ndarray) else audio, language), *further)
            _write(output, source, track, scan, sounds, audio_bit_rate, field)
        partial.replace(out)
    finally:
        partial.unlink(missing_ok=True)
    return CopiedProgramme(out, len(scan.times), scan.samples, out.stat().st_size)


def _write(
    output: av.container.OutputContainer, source: Path, track: int, scan: PictureScan, sounds: Sequence[FurtherSound], bit_rate: int, field: str
) -> None:
    with open_media(source, field) as container:
        stream = container.streams.video[track]
        picture = output.add_stream_from_template(stream, opaque=True)
        picture.time_base = scan.time_base
        if tag := _TAGS.get(stream.codec_context.codec.canonical_name):
            picture.codec_context.codec_tag = tag
        tracks = [sound_stream(output, sound.audio, bit_rate, language=sound.language, title=sound.title) for sound in sounds]
        if sounds[0].language:
            picture.metadata["language"] = iso_639(sounds[0].language)
        for number, sound in enumerate(tracks):
            sound.stream.disposition = Disposition.default if number == 0 else Disposition(0)
        for packet in timed_packets(container, stream, scan, int(scan.times[0]), field):
            packet.stream = picture
            try:
                output.mux(packet)
            except av.error.FFmpegError as error:
                raise InvalidInput.of(field, f"the picture's packets do not go into MP4 ({error.strerror}); it must be encoded anew", "CANNOT_COPY") from error
            for sound in tracks:
                sound.advance(min(scan.samples, nearest((packet.dts or 0) * scan.time_base * PROGRAMME_RATE)))
        for sound in tracks:
            sound.finish(scan.samples)
