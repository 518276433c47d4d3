"""What a media file holds, read from its headers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
from av.stream import Disposition
from av.video.reformatter import ColorTrc

from locutor.errors import InvalidInput
from media.containers import CONTAINERS

UNKNOWN_CODEC = "unknown"
"""Of a track that nothing here can decode."""
SHORTFALL_S = Fraction(1, 2)
"""A track that ends this much before the time that its file announces was cut off."""


@dataclass(frozen=True)
class VideoTrack:
    codec: str
    """As FFmpeg names the format, not its decoder: "h264", "av1"."""
    width: int
    """Pixels, as coded (before any rotation)."""
    height: int
    frame_rate: Fraction
    """Frames a second, on average."""
    pixel_format: str
    profile: str
    """Empty where the codec has none."""
    frame_count: int
    """0 where the container does not say."""
    duration_s: Fraction
    """0 where the container does not say."""
    language: str
    """ISO 639-2; empty: not said."""
    pixel_aspect: Fraction
    """Width of a pixel over its height."""
    is_hdr: bool
    """Its light is coded by PQ or HLG (ITU-R BT.2100)."""
    is_cover: bool
    """One still that stands for a recording: no video."""


@dataclass(frozen=True)
class AudioTrack:
    codec: str
    """As FFmpeg names the format: "aac"."""
    sample_rate: int
    """Hertz."""
    channels: int
    layout: str
    """As FFmpeg names it: "5.1(side)"."""
    duration_s: Fraction
    """0 where the container does not say."""
    bit_rate: int
    """Bits a second; 0 where not known."""
    language: str
    """ISO 639-2; empty: not said."""
    title: str
    """As its maker named it: "Director's commentary"; empty: not said."""
    is_default: bool
    """What a player plays where nobody chooses."""


@dataclass(frozen=True)
class MediaInfo:
    container: str
    """As FFmpeg names it: "mov,mp4,m4a,3gp,3g2,mj2"."""
    size_bytes: int
    duration_s: Fraction
    """The longest track's, or the container's own where the tracks do not say."""
    title: str
    video: tuple[VideoTrack, ...]
    audio: tuple[AudioTrack, ...]
    subtitles: tuple[str, ...]
    """Codec of each subtitle track."""


def probe(path: Path, field: str = "media") -> MediaInfo:
    """Read `path`'s headers; nothing is decoded beyond what FFmpeg needs to know the tracks.

    `field` is the name under which InvalidInput (NOT_MEDIA, EMPTY) is raised.
    """
    if not path.is_file():
        raise InvalidInput.of(field, f"there is no file {path.name!r}", "NOT_FOUND")
    size = path.stat().st_size
    if size == 0:
        raise InvalidInput.of(field, f"{path.name!r} is empty (0 bytes); send the file again", "EMPTY")
    try:
        with open_media(path, field) as container:
            video = tuple(_video_track(stream) for stream in container.streams.video)
            audio = tuple(_audio_track(stream) for stream in container.streams.audio)
            subtitles = tuple(stream.codec_context.name if stream.codec_context else UNKNOWN_CODEC for stream in container.streams.subtitles)
            overall = Fraction(container.duration, av.time_base) if container.duration else Fraction(0)
            info = MediaInfo(
                container=container.format.name,
                size_bytes=size,
                duration_s=max([*(track.duration_s for track in video), *(track.duration_s for track in audio)], default=Fraction(0)) or overall,
                title=container.metadata.get("title", ""),
                video=video,
                audio=audio,
                subtitles=subtitles,
            )
    except av.error.FFmpegError as error:
        raise InvalidInput.of(field, f"{path.name!r} is not an audio or video file that can be read ({error.strerror})", "NOT_MEDIA") from error
    if not any(track.width and track.height for track in video) and not any(track.sample_rate for track in audio):
        raise InvalidInput.of(field, f"{path.name!r} (looks like {info.container}) has neither video nor audio in it", "NOT_MEDIA")
    return info


@contextmanager
def open_media(path: Path, field: str = "media") -> Iterator[av.container.InputContainer]:
    """`path` opened to be read: a media file of its own, which opens no other. Times that its container lacks are made up as it is read.

    Raises InvalidInput (NOT_MEDIA) where FFmpeg cannot open it.
    """
    try:
        container = av.open(str(path), options={"format_whitelist": CONTAINERS, "protocol_whitelist": "file", "fflags": "+genpts"})
    except (av.error.FFmpegError, OSError) as error:
        raise InvalidInput.of(field, f"{path.name!r} is not an audio or video file that can be read ({error.strerror})", "NOT_MEDIA") from error
    with container:
        yield container


def announced_end_s(stream: av.stream.Stream) -> Fraction:
    """When `stream` ends, on the file's clock, as its headers say; 0 where they do not."""
    length = _seconds(stream)
    return length + (stream.start_time or 0) * (stream.time_base or Fraction(0)) if length else length


def _seconds(stream: av.stream.Stream) -> Fraction:
    if stream.duration and stream.time_base:
        return stream.duration * stream.time_base
    # Matroska keeps a track's length as a tag, "00:01:02.500000000".
    written = re.fullmatch(r"(\d+):(\d\d):(\d\d(?:\.\d+)?)", stream.metadata.get("DURATION", ""))
    return int(written[1]) * 3600 + int(written[2]) * 60 + Fraction(written[3]) if written else Fraction(0)


def _video_track(stream: av.VideoStream) -> VideoTrack:
    context: av.VideoCodecContext | None = stream.codec_context
    return VideoTrack(
        codec=context.codec.canonical_name if context else UNKNOWN_CODEC,
        width=context.width if context else 0,
        height=context.height if context else 0,
        frame_rate=stream.average_rate or stream.guessed_rate or Fraction(0),
        pixel_format=(context.pix_fmt or "") if context else "",
        profile=(context.profile or "") if context else "",
        frame_count=stream.frames,
        duration_s=_seconds(stream),
        language=stream.metadata.get("language", "").replace("und", ""),
        pixel_aspect=Fraction(stream.sample_aspect_ratio or 1),
        is_hdr=context is not None and context.color_trc in (ColorTrc.SMPTE2084, ColorTrc.ARIB_STD_B67),
        is_cover=bool(stream.disposition & Disposition.attached_pic),
    )


def _audio_track(stream: av.AudioStream) -> AudioTrack:
    context: av.AudioCodecContext | None = stream.codec_context
    return AudioTrack(
        codec=context.codec.canonical_name if context else UNKNOWN_CODEC,
        sample_rate=context.sample_rate if context else 0,
        channels=context.channels if context else 0,
        layout=context.layout.name if context else "",
        duration_s=_seconds(stream),
        bit_rate=(stream.bit_rate or 0) if context else 0,
        language=stream.metadata.get("language", "").replace("und", ""),
        title=stream.metadata.get("title", ""),
        is_default=bool(stream.disposition & Disposition.default),
    )
