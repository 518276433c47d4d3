"""A request to animate a portrait: messages to dataclasses, checked as they arrive."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator
from fractions import Fraction

from locutor.errors import InvalidInput
from locutor.lipsync.v1 import lipsync_pb2
from services.lipsync.engine import Background, PhonemeSpan, Piece, Speech, VideoFormat
from services.lipsync.image import MAX_BYTES
from services.lipsync.portraits import PortraitOrder
from services.lipsync.servicer.formats import ConfigCheck
from services.lipsync.servicer.performance import check_cues, check_performance, cues_of, performance_of
from services.lipsync.servicer.speech import add_phonemes, samples_of
from services.lipsync.servicer.upload import Upload
from services.serving.uploads import Admitted

LONGEST_PIECE_S = 900
"""A programme is cut into pieces of seconds to minutes; a longer one would hold a worker, and its client, too long."""
MOST_AUDIO_BYTES = 64 << 20
"""Of one piece: 900 s at 24 kHz, and more than 10 minutes at 48 kHz, with one channel."""
LONGEST_PROGRAMME_S = 24 * 3600
"""What moves in a pause is worked out from the programme's start: a second of work at the end of a day."""
LONGEST_OVERHANG_S = 1.0
"""How far sound and phonemes may go on after a piece's last frame: a piece may be cut in speech."""


async def animation(requests: AsyncIterator[lipsync_pb2.AnimateRequest], admitted: Admitted) -> tuple[PortraitOrder, Speech, Piece, str]:
    """Everything a client sends: checked as it arrives, the config before anything else is read."""
    first = await anext(aiter(requests), None)
    if first is None or first.WhichOneof("payload") != "config":
        raise InvalidInput.of("config", f"found {_found(first)} as the first message; send `config` first, then the bytes", "CONFIG_MISSING")
    config = first.config
    video = _checked_config(config)
    portrait, background_image = Upload("portrait", MAX_BYTES, admitted), Upload("background_image", MAX_BYTES, admitted)
    audio = Upload("audio", _most_audio(config, video), admitted)
    phonemes: list[PhonemeSpan] = []
    timed = False
    async for request in requests:
        match request.WhichOneof("payload"):
            case "portrait":
                portrait.add(request.portrait)
            case "background_image":
                background_image.add(request.background_image)
            case "audio":
                audio.add(request.audio)
            case "timeline":
                timed = True
                add_phonemes(phonemes, request.timeline.phonemes)
            case _:
                raise InvalidInput.of("config", f"found {_found(request)} after the first message; send the config once, then bytes", "UNEXPECTED_MESSAGE")
    if not portrait.data():
        raise InvalidInput.of("portrait", "no bytes arrived; send an image file after the config", "EMPTY")
    if config.background.image and not background_image.data():
        raise InvalidInput.of("background_image", "no bytes arrived, but the background is to be an image; send its file", "EMPTY")
    if background_image.data() and not config.background.image:
        raise InvalidInput.of("background_image", "was sent, but config.background.image is not set; set it, or send none", "UNEXPECTED")
    samples, rate = samples_of(audio.data(), config.audio.channels), config.audio.sample_rate_hertz
    if timed and not phonemes:
        # A timeline in which nothing is said is not one that was not sent.
        phonemes.append(PhonemeSpan("", 0.0, len(samples) / rate))
    speech = Speech(samples, rate, tuple(phonemes), config.locale)
    color = _color(config.background.color_rgb) if config.background.WhichOneof("kind") == "color_rgb" else None
    order = PortraitOrder(portrait.data(), video, Background(color=color), background_image.data())
    piece = _piece(config, speech, video)
    _check_end(speech, piece.frame_count / video.frame_rate)
    return order, speech, piece, config.engine


def _check_end(speech: Speech, length_s: Fraction) -> None:
    """Raises `InvalidInput` where phonemes go on after the piece, which lasts `length_s`, and its audio."""
    ends_s = max(float(length_s), len(speech.audio) / speech.sample_rate)
    for index, span in enumerate(speech.phonemes):
        if span.end_s > ends_s + LONGEST_OVERHANG_S:
            text = f"ends at {span.end_s:.3f} s, after the piece ({ends_s:.3f} s); send what is said in it, with offsets from its audio's first sample"
            raise InvalidInput.of(f"timeline.phonemes[{index}]", text, "AFTER_THE_END")


def _most_audio(config: lipsync_pb2.AnimateConfig, video: VideoFormat) -> int:
    """Bytes of sound that a piece may have."""
    longest_s = config.frame_count / video.frame_rate + Fraction(LONGEST_OVERHANG_S) if config.frame_count else LONGEST_PIECE_S
    return min(MOST_AUDIO_BYTES, math.ceil(longest_s * config.audio.sample_rate_hertz) * config.audio.channels * 2)


def _found(request: lipsync_pb2.AnimateRequest | None) -> str:
    if request is None:
        return "the end of the stream"
    return f"`{kind}`" if (kind := request.WhichOneof("payload")) else "an empty message"


def _checked_config(config: lipsync_pb2.AnimateConfig) -> VideoFormat:
    """The format of the video. Raises `InvalidInput` with every field of the config that is wrong."""
    check = ConfigCheck()
    rate = check.video(config.video, "video")
    check.audio(config.audio)
    color = config.background.color_rgb
    check.require(color <= 0xFFFFFF, "background.color_rgb", f"found {color:#x}; give 0xRRGGBB", "OUT_OF_RANGE")
    check_performance(check, config.performance)
    check_cues(check, config.cues, LONGEST_PROGRAMME_S)
    if rate is not None:
        most = math.floor(LONGEST_PIECE_S * rate)
        message = f"found {config.frame_count}; a piece has at most {most} frames ({LONGEST_PIECE_S} s): cut the programme in a pause"
        check.require(config.frame_count <= most, "frame_count", message, "TOO_LONG")
        most = math.floor(LONGEST_PROGRAMME_S * rate)
        message = f"found {config.first_frame}; a programme has at most {most} frames ({LONGEST_PROGRAMME_S // 3600} hours): begin another one"
        check.require(config.first_frame <= most, "first_frame", message, "TOO_LONG")
    check.engine(config.engine)
    check.done()
    assert rate is not None
    return VideoFormat(config.video.width_pixels, config.video.height_pixels, rate)


def _piece(config: lipsync_pb2.AnimateConfig, speech: Speech, video: VideoFormat) -> Piece:
    count = config.frame_count or math.ceil(Fraction(len(speech.audio), speech.sample_rate) * video.frame_rate)
    if count == 0:
        raise InvalidInput.of("audio", "no audio arrived and config.frame_count is 0: there is nothing to make; send audio, or a number of frames", "EMPTY")
    return Piece(config.first_frame, count, performance_of(config.performance), cues_of(config.cues))


def _color(rgb: int) -> tuple[int, int, int]:
    return rgb >> 16, rgb >> 8 & 0xFF, rgb & 0xFF
