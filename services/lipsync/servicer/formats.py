"""The formats of pictures and sound that several calls have in their configs, checked."""

from __future__ import annotations

from fractions import Fraction

from locutor.common.v1 import audio_pb2, video_pb2
from locutor.errors import FieldViolation, InvalidInput
from services.lipsync.engine import ENGINES

SIDE_PIXELS = (128, 3840)
FRAME_RATES = (10, 60)
SAMPLE_RATES = (8_000, 96_000)
CHANNELS = (1, 8)


class ConfigCheck:
    """Collects every field of a config that is wrong."""

    def __init__(self) -> None:
        self._violations: list[FieldViolation] = []

    def require(self, right: bool, field: str, message: str, reason: str) -> None:
        """`field` is a path from the config: "video.width_pixels"."""
        if not right:
            self._violations.append(FieldViolation(f"config.{field}", message, reason))

    def done(self) -> None:
        """Raises `InvalidInput` with all that was found."""
        if self._violations:
            raise InvalidInput(self._violations)

    def video(self, video: video_pb2.VideoFormat, field: str) -> Fraction | None:
        """The frame rate, where it is right."""
        for name in ("width_pixels", "height_pixels"):
            side = getattr(video, name)
            right = SIDE_PIXELS[0] <= side <= SIDE_PIXELS[1] and side % 2 == 0
            self.require(right, f"{field}.{name}", f"found {side}; give an even number from {SIDE_PIXELS[0]} to {SIDE_PIXELS[1]}", "UNSUPPORTED_SIZE")
        rate = _frame_rate(video)
        found = f"{video.frame_rate_numerator}/{video.frame_rate_denominator}"
        message = f"found {found}; give a fraction from {FRAME_RATES[0]} to {FRAME_RATES[1]} in value, such as 25/1 or 30000/1001"
        self.require(rate is not None, f"{field}.frame_rate_numerator", message, "UNSUPPORTED_FRAME_RATE")
        return rate

    def audio(self, audio: audio_pb2.AudioFormat) -> None:
        encoding = audio_pb2.AudioEncoding.Name(audio.encoding) if audio.encoding in audio_pb2.AudioEncoding.values() else str(audio.encoding)
        right = audio.encoding == audio_pb2.AUDIO_ENCODING_PCM_S16LE
        self.require(right, "audio.encoding", f"found {encoding}; give AUDIO_ENCODING_PCM_S16LE", "UNSUPPORTED_ENCODING")
        right = SAMPLE_RATES[0] <= audio.sample_rate_hertz <= SAMPLE_RATES[1]
        message = f"found {audio.sample_rate_hertz}; give {SAMPLE_RATES[0]} to {SAMPLE_RATES[1]}"
        self.require(right, "audio.sample_rate_hertz", message, "UNSUPPORTED_SAMPLE_RATE")
        right = CHANNELS[0] <= audio.channels <= CHANNELS[1]
        self.require(right, "audio.channels", f"found {audio.channels}; give {CHANNELS[0]} to {CHANNELS[1]}", "UNSUPPORTED_CHANNELS")

    def engine(self, name: str) -> None:
        message = f"{name!r} is not an engine of this service; choose from {', '.join(ENGINES)}"
        self.require(not name or name in ENGINES, "engine", message, "UNKNOWN_ENGINE")


def _frame_rate(video: video_pb2.VideoFormat) -> Fraction | None:
    if video.frame_rate_denominator == 0:
        return None
    rate = Fraction(video.frame_rate_numerator, video.frame_rate_denominator)
    # The container's clock counts in parts of the rate's denominator: 1001 is the largest in use.
    return rate if FRAME_RATES[0] <= rate <= FRAME_RATES[1] and rate.denominator <= 10_000 else None
