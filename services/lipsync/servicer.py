"""LipsyncService: messages to dataclasses and back."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Iterable
from contextlib import aclosing
from fractions import Fraction

import grpc.aio
import numpy as np

from locutor.common.v1 import audio_pb2, timeline_pb2, video_pb2
from locutor.errors import FieldViolation, InvalidInput
from locutor.lipsync.v1 import lipsync_pb2, lipsync_pb2_grpc
from services.lipsync.engine import ENGINES, Background, LipsyncEngine, Performance, PhonemeSpan, Piece, Speech, VideoFormat
from services.lipsync.image import MAX_BYTES
from services.lipsync.inspection import Finding, Inspection, Severity
from services.lipsync.portraits import PortraitOrder, Portraits
from services.lipsync.rendering import Started, render
from services.serving import EnginePool, ServingSettings
from services.serving.draining import drain
from services.serving.engine_shelf import EngineShelf
from services.serving.messages import model_message
from services.serving.uploads import Admitted, UploadGate, unidle
from services.weights import ModelStore

SIDE_PIXELS = (128, 3840)
FRAME_RATES = (10, 60)
SAMPLE_RATES = (8_000, 96_000)
CHANNELS = (1, 8)
MOST_PERCENT = 150
LONGEST_PIECE_S = 900
"""A programme is cut into pieces of seconds to minutes; a longer one would hold a worker, and its client, too long."""
MOST_AUDIO_BYTES = 64 << 20
"""Of one piece: 900 s at 24 kHz, and more than 10 minutes at 48 kHz, with one channel."""
MOST_UPLOADED_BYTES = 512 << 20
"""Of all pieces at work and waiting, and of all portraits that are looked at: they are held in memory."""
LONGEST_PROGRAMME_S = 24 * 3600
"""What moves in a pause is worked out from the programme's start: a second of work at the end of a day."""
MOST_PHONEMES = 50_000
LONGEST_SYMBOL = 16
LONGEST_OVERLAP_S = 0.05
"""Neighbouring phonemes share a boundary, which may have been measured or rounded apart."""
LONGEST_OVERHANG_S = 1.0
"""How far sound and phonemes may go on after a piece's last frame: a piece may be cut in speech."""
_PROGRESS_EVERY = 10
"""Frames."""


class LipsyncServicer(lipsync_pb2_grpc.LipsyncServiceServicer):
    full_name = "locutor.lipsync.v1.LipsyncService"

    def __init__(self, settings: ServingSettings, store: ModelStore) -> None:
        self._shelf: EngineShelf[LipsyncEngine] = EngineShelf(ENGINES, store, settings)
        self._pool = EnginePool("lipsync", workers=settings.workers, queue=settings.queue)
        # A look at a face takes a moment, and somebody waits for it: it does not queue behind pieces.
        self._inspections = EnginePool("lipsync inspection", workers=1, queue=settings.queue)
        self._store = store
        self._portraits: asyncio.Task[Portraits] | None = None
        # Uploads are held in memory: no more of them than the pools admit.
        self._gate = UploadGate("pieces", calls=settings.workers + settings.queue, total_bytes=MOST_UPLOADED_BYTES)
        self._inspection_gate = UploadGate("portraits", calls=1 + settings.queue, total_bytes=MOST_UPLOADED_BYTES)
        self._idle_s = settings.idle_s

    def register(self, server: grpc.aio.Server) -> None:
        lipsync_pb2_grpc.add_LipsyncServiceServicer_to_server(self, server)

    async def load(self) -> None:
        await self._shelf.get()
        await self._load_portraits()

    async def close(self) -> None:
        await asyncio.gather(self._pool.close(), self._inspections.close())
        if self._portraits is not None:
            # Why they could not be loaded was told to those who asked for them.
            [portraits] = await asyncio.gather(self._portraits, return_exceptions=True)
            if isinstance(portraits, Portraits):
                portraits.close()

    async def Animate(
        self, requests: AsyncIterator[lipsync_pb2.AnimateRequest], context: grpc.aio.ServicerContext
    ) -> AsyncIterator[lipsync_pb2.AnimateResponse]:
        with self._gate.admit() as admitted:
            order, speech, piece, engine_name = await _animation(unidle(requests, self._idle_s), admitted)
            engine, portraits = await self._shelf.get(engine_name), await self._load_portraits()
            frames = 0
            async with aclosing(self._pool.stream(render, portraits, order, engine, speech, piece)) as events:
                async for event in events:
                    if isinstance(event, Started):
                        warnings = [_finding(finding) for finding in event.warnings]
                        header = lipsync_pb2.AnimateHeader(model=model_message(engine.info), frame_count=piece.frame_count, warnings=warnings)
                        yield lipsync_pb2.AnimateResponse(header=header)
                        continue
                    for part in event.parts:
                        yield lipsync_pb2.AnimateResponse(fragment=part)
                    if event.frames % _PROGRESS_EVERY == 0 and event.frames > frames:
                        yield lipsync_pb2.AnimateResponse(progress=lipsync_pb2.AnimateProgress(frames_done=event.frames))
                    frames = event.frames
            yield lipsync_pb2.AnimateResponse(summary=lipsync_pb2.AnimateSummary(frame_count=frames))

    async def Inspect(self, requests: AsyncIterator[lipsync_pb2.InspectRequest], context: grpc.aio.ServicerContext) -> lipsync_pb2.InspectResponse:
        try:
            with self._inspection_gate.admit() as admitted:
                portrait = _Upload("portrait", MAX_BYTES, admitted)
                async for request in unidle(requests, self._idle_s):
                    portrait.add(request.portrait)
                inspection = await self._inspections.run((await self._load_portraits()).inspect, portrait.data())
        except InvalidInput as error:
            await drain(requests)
            # To say what is wrong with an image is this call's answer, not its failure.
            errors = [lipsync_pb2.Finding(severity=lipsync_pb2.SEVERITY_ERROR, reason=v.reason, message=f"the file {v.message}") for v in error.violations]
            return lipsync_pb2.InspectResponse(usable=False, findings=errors)
        return _inspection(inspection)

    async def ListModels(self, request: lipsync_pb2.ListModelsRequest, context: grpc.aio.ServicerContext) -> lipsync_pb2.ListModelsResponse:
        return lipsync_pb2.ListModelsResponse(models=[model_message(info) for info in await self._shelf.models()])

    async def _load_portraits(self) -> Portraits:
        if self._portraits is None or (self._portraits.done() and (self._portraits.cancelled() or self._portraits.exception() is not None)):
            self._portraits = asyncio.create_task(asyncio.to_thread(Portraits, self._store))
        return await asyncio.shield(self._portraits)


class _Upload:
    """Bytes that arrive in parts, up to a limit."""

    def __init__(self, field: str, most: int, admitted: Admitted) -> None:
        self._field, self._most, self._admitted = field, most, admitted
        self._data = bytearray()

    def add(self, chunk: bytes) -> None:
        if len(self._data) + len(chunk) > self._most:
            raise InvalidInput.of(self._field, f"is larger than {self._most / 2**20:.3g} MiB, which is the limit; send less", "TOO_LARGE")
        self._admitted.hold(len(chunk))
        self._data += chunk

    def data(self) -> bytes:
        return bytes(self._data)


async def _animation(requests: AsyncIterator[lipsync_pb2.AnimateRequest], admitted: Admitted) -> tuple[PortraitOrder, Speech, Piece, str]:
    """Everything a client sends: checked as it arrives, the config before anything else is read."""
    first = await anext(aiter(requests), None)
    if first is None or first.WhichOneof("payload") != "config":
        raise InvalidInput.of("config", f"found {_found(first)} as the first message; send `config` first, then the bytes", "CONFIG_MISSING")
    config = first.config
    video = _checked_config(config)
    portrait, background_image = _Upload("portrait", MAX_BYTES, admitted), _Upload("background_image", MAX_BYTES, admitted)
    audio = _Upload("audio", _most_audio(config, video), admitted)
    phonemes: list[PhonemeSpan] = []
    async for request in requests:
        match request.WhichOneof("payload"):
            case "portrait":
                portrait.add(request.portrait)
            case "background_image":
                background_image.add(request.background_image)
            case "audio":
                audio.add(request.audio)
            case "timeline":
                _add_phonemes(phonemes, request.timeline.phonemes)
            case _:
                raise InvalidInput.of("config", f"found {_found(request)} after the first message; send the config once, then bytes", "UNEXPECTED_MESSAGE")
    if not portrait.data():
        raise InvalidInput.of("portrait", "no bytes arrived; send an image file after the config", "EMPTY")
    if config.background.image and not background_image.data():
        raise InvalidInput.of("background_image", "no bytes arrived, but the background is to be an image; send its file", "EMPTY")
    if background_image.data() and not config.background.image:
        raise InvalidInput.of("background_image", "was sent, but config.background.image is not set; set it, or send none", "UNEXPECTED")
    speech = Speech(_samples(audio.data(), config.audio.channels), config.audio.sample_rate_hertz, tuple(phonemes), config.locale)
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
    violations: list[FieldViolation] = []

    def check(right: bool, field: str, message: str, reason: str) -> None:
        if not right:
            violations.append(FieldViolation(f"config.{field}", message, reason))

    video, audio = config.video, config.audio
    for name in ("width_pixels", "height_pixels"):
        side = getattr(video, name)
        right = SIDE_PIXELS[0] <= side <= SIDE_PIXELS[1] and side % 2 == 0
        check(right, f"video.{name}", f"found {side}; give an even number from {SIDE_PIXELS[0]} to {SIDE_PIXELS[1]}", "UNSUPPORTED_SIZE")
    rate = _frame_rate(video)
    found = f"{video.frame_rate_numerator}/{video.frame_rate_denominator}"
    message = f"found {found}; give a fraction from {FRAME_RATES[0]} to {FRAME_RATES[1]} in value, such as 25/1 or 30000/1001"
    check(rate is not None, "video.frame_rate_numerator", message, "UNSUPPORTED_FRAME_RATE")
    encoding = audio_pb2.AudioEncoding.Name(audio.encoding) if audio.encoding in audio_pb2.AudioEncoding.values() else str(audio.encoding)
    right = audio.encoding == audio_pb2.AUDIO_ENCODING_PCM_S16LE
    check(right, "audio.encoding", f"found {encoding}; give AUDIO_ENCODING_PCM_S16LE", "UNSUPPORTED_ENCODING")
    right = SAMPLE_RATES[0] <= audio.sample_rate_hertz <= SAMPLE_RATES[1]
    message = f"found {audio.sample_rate_hertz}; give {SAMPLE_RATES[0]} to {SAMPLE_RATES[1]}"
    check(right, "audio.sample_rate_hertz", message, "UNSUPPORTED_SAMPLE_RATE")
    right = CHANNELS[0] <= audio.channels <= CHANNELS[1]
    check(right, "audio.channels", f"found {audio.channels}; give {CHANNELS[0]} to {CHANNELS[1]}", "UNSUPPORTED_CHANNELS")
    color = config.background.color_rgb
    check(color <= 0xFFFFFF, "background.color_rgb", f"found {color:#x}; give 0xRRGGBB", "OUT_OF_RANGE")
    for name in ("expression_percent", "head_motion_percent"):
        percent = getattr(config.performance, name)
        check(percent <= MOST_PERCENT, f"performance.{name}", f"found {percent}; give 0 to {MOST_PERCENT}", "OUT_OF_RANGE")
    if rate is not None:
        most = math.floor(LONGEST_PIECE_S * rate)
        message = f"found {config.frame_count}; a piece has at most {most} frames ({LONGEST_PIECE_S} s): cut the programme in a pause"
        check(config.frame_count <= most, "frame_count", message, "TOO_LONG")
        most = math.floor(LONGEST_PROGRAMME_S * rate)
        message = f"found {config.first_frame}; a programme has at most {most} frames ({LONGEST_PROGRAMME_S // 3600} hours): begin another one"
        check(config.first_frame <= most, "first_frame", message, "TOO_LONG")
    if config.engine and config.engine not in ENGINES:
        check(False, "engine", f"{config.engine!r} is not an engine of this service; choose from {', '.join(ENGINES)}", "UNKNOWN_ENGINE")
    if violations or rate is None:
        raise InvalidInput(violations)
    return VideoFormat(video.width_pixels, video.height_pixels, rate)


def _frame_rate(video: video_pb2.VideoFormat) -> Fraction | None:
    if video.frame_rate_denominator == 0:
        return None
    rate = Fraction(video.frame_rate_numerator, video.frame_rate_denominator)
    # The container's clock counts in parts of the rate's denominator: 1001 is the largest in use.
    return rate if FRAME_RATES[0] <= rate <= FRAME_RATES[1] and rate.denominator <= 10_000 else None


def _add_phonemes(phonemes: list[PhonemeSpan], messages: Iterable[timeline_pb2.Phoneme]) -> None:
    """Append what a `timeline` message holds. Raises `InvalidInput` where times are negative, overlap or go backwards."""
    for message in messages:
        field = f"timeline.phonemes[{len(phonemes)}]"
        start, end = message.start_offset.ToNanoseconds() / 1e9, message.end_offset.ToNanoseconds() / 1e9
        if len(message.symbol) > LONGEST_SYMBOL:
            raise InvalidInput.of(f"{field}.symbol", f"has {len(message.symbol)} characters; a phoneme has at most {LONGEST_SYMBOL}", "SYMBOL_TOO_LONG")
        if start < 0 or end < start:
            raise InvalidInput.of(field, f"lasts from {start:.3f} s to {end:.3f} s; give offsets from the audio's first sample, start before end", "BAD_TIMES")
        if phonemes and start < phonemes[-1].start_s:
            text = f"starts at {start:.3f} s, before the one before it ({phonemes[-1].start_s:.3f} s); send them in order of time"
            raise InvalidInput.of(field, text, "OUT_OF_ORDER")
        if phonemes and start < phonemes[-1].end_s - LONGEST_OVERLAP_S:
            text = f"starts at {start:.3f} s, but the one before it ends at {phonemes[-1].end_s:.3f} s; send one sound at a time"
            raise InvalidInput.of(field, text, "OVERLAP")
        if len(phonemes) >= MOST_PHONEMES:
            raise InvalidInput.of("timeline.phonemes", f"are more than {MOST_PHONEMES}; cut the programme in a pause", "TOO_LONG")
        phonemes.append(PhonemeSpan(message.symbol, start, end, message.stressed))


def _samples(data: bytes, channels: int) -> np.ndarray:
    """(samples,) float32 mono of interleaved 16-bit samples."""
    if len(data) % (2 * channels):
        raise InvalidInput.of("audio", f"{len(data)} bytes are no whole number of frames of {channels} channels with 2 bytes each", "TRUNCATED_AUDIO")
    samples = np.frombuffer(data, "<i2").reshape(-1, channels)
    return samples.mean(axis=1, dtype=np.float32) / np.float32(32768)


def _piece(config: lipsync_pb2.AnimateConfig, speech: Speech, video: VideoFormat) -> Piece:
    count = config.frame_count or math.ceil(Fraction(len(speech.audio), speech.sample_rate) * video.frame_rate)
    if count == 0:
        raise InvalidInput.of("audio", "no audio arrived and config.frame_count is 0: there is nothing to make; send audio, or a number of frames", "EMPTY")
    performance = Performance(
        seed=config.performance.seed,
        expression=config.performance.expression_percent / 100 if config.performance.HasField("expression_percent") else 1.0,
        head_motion=config.performance.head_motion_percent / 100 if config.performance.HasField("head_motion_percent") else 1.0,
    )
    return Piece(config.first_frame, count, performance)


def _color(rgb: int) -> tuple[int, int, int]:
    return rgb >> 16, rgb >> 8 & 0xFF, rgb & 0xFF


def _finding(finding: Finding) -> lipsync_pb2.Finding:
    severity = lipsync_pb2.SEVERITY_ERROR if finding.severity is Severity.ERROR else lipsync_pb2.SEVERITY_WARNING
    return lipsync_pb2.Finding(severity=severity, reason=finding.reason, message=finding.message)


def _inspection(inspection: Inspection) -> lipsync_pb2.InspectResponse:
    response = lipsync_pb2.InspectResponse(
        usable=inspection.usable,
        findings=[_finding(finding) for finding in inspection.findings],
        width_pixels=inspection.width,
        height_pixels=inspection.height,
    )
    if (face := inspection.face) is not None:
        left, top, right, bottom = face.bounding_box
        response.face.left_pixels, response.face.top_pixels = left, top
        response.face.width_pixels, response.face.height_pixels = right - left, bottom - top
        response.face.interocular_pixels = face.interocular
        response.face.yaw_degrees, response.face.pitch_degrees, response.face.roll_degrees = face.yaw, face.pitch, face.roll
    return response
