"""Joins pieces of H.264 and a programme's sound into one MP4, without touching the picture.

The pieces' packets are copied; only their times are new, counted in frames. Memory stays constant: one piece is open at
a time and the sound is pulled as the picture advances.
"""

from __future__ import annotations

import io
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

from locutor.errors import InvalidInput
from media.aac_pieces import EncodedSound
from media.clock import frame_to_sample, nearest
from media.sound_stream import CopiedSound, SoundStream, iso_639, sound_stream


@dataclass(frozen=True)
class MuxedProgram:
    """What was written."""

    path: Path
    frames: int
    frame_rate: Fraction
    samples: int
    """Length of the sound at 48 kHz, equal to the picture's to the sample."""
    size_bytes: int

    @property
    def duration_s(self) -> float:
        return float(self.frames / self.frame_rate)


@dataclass(frozen=True)
class _Parameters:
    """What must be equal in all pieces for a decoder to go from one to the next."""

    codec: str
    width: int
    height: int
    pixel_format: str
    frame_rate: Fraction | None
    """As the stream's headers say, if they do."""
    parameter_sets: bytes
    """SPS and PPS as in the avcC box."""


def mux_program(
    out: Path,
    video_pieces: Iterable[Path | bytes],
    audio: np.ndarray | Iterable[np.ndarray] | EncodedSound,
    *,
    frame_rate: Fraction,
    language: str = "",
    title: str = "",
    audio_bit_rate: int = 192_000,
) -> MuxedProgram:
    """Write `out` (MP4, fast start) from `video_pieces` in their order and `audio`.

    `video_pieces`: MP4 files or bytes, each H.264 from a key frame on, all with one set of parameters and `frame_rate`.
    `audio`: float32 at 48 kHz, full scale 1, (n,) mono or (n, 2) stereo, whole or in blocks; written as AAC-LC stereo. Or what was encoded
    before, as long as the picture: it is copied.
    Where it is shorter than the picture, silence follows; it may outlast it by less than a frame, which is cut.
    `language`: BCP 47. `audio_bit_rate`: bits a second.

    `out` appears whole or not at all. Raises InvalidInput with `video_pieces[i]` or `audio` as its field.
    """
    frame_rate = Fraction(frame_rate)
    partial = out.with_name(f".{out.name}.partial")
    try:
        frames, samples = _write(partial, video_pieces, audio, frame_rate, language, title, audio_bit_rate)
        partial.replace(out)
    finally:
        partial.unlink(missing_ok=True)
    return MuxedProgram(path=out, frames=frames, frame_rate=frame_rate, samples=samples, size_bytes=out.stat().st_size)


def _write(
    path: Path,
    pieces: Iterable[Path | bytes],
    audio: np.ndarray | Iterable[np.ndarray] | EncodedSound,
    rate: Fraction,
    language: str,
    title: str,
    bit_rate: int,
) -> tuple[int, int]:
    first: _Parameters | None = None
    video: VideoStream | None = None
    sound: SoundStream | CopiedSound | None = None
    frame_count = 0
    decoded_count = 0
    with av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"}) as output:
        if title:
            output.metadata["title"] = title
        for number, piece in enumerate(pieces):
            field = f"video_pieces[{number}]"
            with _open_piece(piece, field) as container:
                source = container.streams.video[0]
                parameters = _parameters(source)
                if first is None or video is None or sound is None:
                    first = parameters
                    if first.codec != "h264":
                        raise InvalidInput.of(field, f"the video is {first.codec}; give H.264", "UNSUPPORTED_CODEC")
                    video = output.add_stream_from_template(source)
                    video.time_base = 1 / rate
                    sound = sound_stream(output, audio, bit_rate, language=language)
                    if language:
                        video.metadata["language"] = iso_639(language)
                elif parameters != first:
                    raise InvalidInput.of(field, _difference(first, parameters), "PIECES_DIFFER")
                reorder_delay = source.codec_context.has_b_frames
                shown: set[int] = set()
                for packet in container.demux(source):
                    if packet.pts is None or packet.time_base is None:
                        continue  # the demuxer's end mark
                    if not shown:
                        if not packet.is_keyframe:
                            raise InvalidInput.of(field, "does not begin with a key frame, so it cannot follow another piece", "NO_KEY_FRAME")
                        origin = packet.pts * packet.time_base
                    frame = _frame_number(packet.pts * packet.time_base - origin, rate, field)
                    shown.add(frame)
                    packet.pts = frame_count + frame
                    packet.dts = decoded_count - reorder_delay
                    packet.duration = 1
                    packet.time_base = 1 / rate
                    packet.stream = video
                    decoded_count += 1
                    output.mux(packet)
                    sound.advance(frame_to_sample(decoded_count, rate))
                if shown != set(range(len(shown))) or not shown:
                    raise InvalidInput.of(field, f"its {len(shown)} frames are not one after another at {rate} frames a second", "FRAMES_MISSING")
                frame_count += len(shown)
        if sound is None:
            raise InvalidInput.of("video_pieces", "there is none; give at least one piece", "EMPTY")
        samples = frame_to_sample(frame_count, rate)
        sound.finish(samples, allowed_excess=frame_to_sample(1, rate))
    return frame_count, samples


def _open_piece(piece: Path | bytes, field: str) -> av.container.InputContainer:
    try:
        container = av.open(io.BytesIO(piece) if isinstance(piece, bytes) else str(piece), mode="r", format="mp4")
    except (av.error.FFmpegError, OSError) as error:
        raise InvalidInput.of(field, f"is not an MP4 that can be read ({error}); give one made by the encoder", "UNREADABLE") from error
    if not container.streams.video:
        container.close()
        raise InvalidInput.of(field, "has no video; give H.264 in MP4", "NO_VIDEO")
    return container


def _parameters(stream: VideoStream) -> _Parameters:
    context: VideoCodecContext = stream.codec_context
    return _Parameters(context.name, context.width, context.height, context.pix_fmt or "unknown", context.framerate or None, bytes(context.extradata or b""))


def _difference(first: _Parameters, other: _Parameters) -> str:
    """Says what is not as in the first piece, the most telling thing first."""
    if first.codec != other.codec:
        found = f"is {other.codec}, the first is {first.codec}"
    elif (first.width, first.height) != (other.width, other.height):
        found = f"is {other.width}x{other.height}, the first is {first.width}x{first.height}"
    elif first.pixel_format != other.pixel_format:
        found = f"is {other.pixel_format}, the first is {first.pixel_format}"
    elif first.frame_rate != other.frame_rate:
        found = f"is at {other.frame_rate} frames a second, the first at {first.frame_rate}"
    else:
        found = "has other H.264 parameter sets (SPS, PPS) than the first"
    return f"{found}; encode all pieces of a programme with the same settings"


def _frame_number(time_s: Fraction, rate: Fraction, field: str) -> int:
    """Number of the frame at `time_s` in its piece. A container's clock may be coarse, but not by a quarter of a frame."""
    exact = time_s * rate
    number = nearest(exact)
    if abs(exact - number) > Fraction(1, 4) or number < 0:
        raise InvalidInput.of(field, f"a frame lies at {float(time_s):.4f} s, between those of {rate} frames a second; encode it at that rate", "RATE_DIFFERS")
    return number
