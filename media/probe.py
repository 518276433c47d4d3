"""What a media file holds, read from its headers."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av

from locutor.errors import InvalidInput

# Files alone, and no playlists or manifests: those would make FFmpeg open what they name.
CONTAINERS = "aac,avi,flac,matroska,webm,mov,mp4,m4a,3gp,3g2,mj2,mp3,mpeg,mpegts,ogg,wav"


@dataclass(frozen=True)
class VideoTrack:
    codec: str
    """As FFmpeg names it: "h264"."""
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


@dataclass(frozen=True)
class AudioTrack:
    codec: str
    """As FFmpeg names it: "aac"."""
    sample_rate: int
    """Hertz."""
    channels: int
    duration_s: Fraction
    """0 where the container does not say."""
    bit_rate: int
    """Bits a second; 0 where not known."""
    language: str
    """ISO 639-2; empty: not said."""


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
        with av.open(str(path), options={"format_whitelist": CONTAINERS, "protocol_whitelist": "file"}) as container:
            video = tuple(_video_track(stream) for stream in container.streams.video)
            audio = tuple(_audio_track(stream) for stream in container.streams.audio)
            subtitles = tuple(stream.codec_context.name for stream in container.streams.subtitles)
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


def _seconds(stream: av.stream.Stream) -> Fraction:
    return stream.duration * stream.time_base if stream.duration and stream.time_base else Fraction(0)


def _video_track(stream: av.VideoStream) -> VideoTrack:
    context = stream.codec_context
    return VideoTrack(
        codec=context.name,
        width=context.width,
        height=context.height,
        frame_rate=stream.average_rate or stream.guessed_rate or Fraction(0),
        pixel_format=context.pix_fmt or "",
        profile=context.profile or "",
        frame_count=stream.frames,
        duration_s=_seconds(stream),
        language=stream.metadata.get("language", "").replace("und", ""),
    )


def _audio_track(stream: av.AudioStream) -> AudioTrack:
    context = stream.codec_context
    return AudioTrack(
        codec=context.name,
        sample_rate=context.sample_rate,
        channels=context.channels,
        duration_s=_seconds(stream),
        bit_rate=stream.bit_rate or 0,
        language=stream.metadata.get("language", "").replace("und", ""),
    )
