"""Animate, Inspect and ListModels through a server on a unix socket, with the real engine."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator, Iterable
from fractions import Fraction
from pathlib import Path

import av
import grpc
import grpc.aio
import numpy as np
import pytest
import pytest_asyncio
from PIL import Image

from locutor.address import CHANNEL_OPTIONS, Address
from locutor.common.v1 import audio_pb2, timeline_pb2, video_pb2
from locutor.errors import InvalidInput, MissingWeights
from locutor.lipsync.v1 import lipsync_pb2, lipsync_pb2_grpc
from locutor.status import from_rpc_error
from media.mux import mux_program
from services.lipsync.servicer import LipsyncServicer
from services.serving import GrpcServer, ServingSettings
from services.serving.messages import duration
from services.weights import ModelStore

RATE = 16_000
WIDTH, HEIGHT = 320, 180
Request = lipsync_pb2.AnimateRequest


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stub(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[lipsync_pb2_grpc.LipsyncServiceStub]:
    settings = ServingSettings(listen=f"unix:{tmp_path_factory.mktemp('s')}/lipsync.sock")
    server = GrpcServer([LipsyncServicer(settings, ModelStore())], settings)
    await server.start()
    await server.load()
    async with grpc.aio.insecure_channel(Address.parse(server.address).target, options=CHANNEL_OPTIONS) as channel:
        yield lipsync_pb2_grpc.LipsyncServiceStub(channel)
    await server.stop(0)


pytestmark = pytest.mark.asyncio(loop_scope="module")


def png(rgb: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(rgb).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture(scope="module")
def portrait(astronaut: np.ndarray) -> bytes:
    return png(astronaut)


def config(**changes: object) -> lipsync_pb2.AnimateConfig:
    made = lipsync_pb2.AnimateConfig(
        video=video_pb2.VideoFormat(width_pixels=WIDTH, height_pixels=HEIGHT, frame_rate_numerator=25, frame_rate_denominator=1),
        audio=audio_pb2.AudioFormat(encoding=audio_pb2.AUDIO_ENCODING_PCM_S16LE, sample_rate_hertz=RATE, channels=1),
    )
    made.MergeFrom(lipsync_pb2.AnimateConfig(**changes))
    return made


def spoken(symbols: str, each_s: float = 0.12, begin_s: float = 0.2) -> timeline_pb2.Timeline:
    spans = [(s, begin_s + i * each_s, begin_s + (i + 1) * each_s) for i, s in enumerate(symbols.split())]
    return timeline_pb2.Timeline(phonemes=[timeline_pb2.Phoneme(symbol=s, start_offset=duration(a), end_offset=duration(b)) for s, a, b in spans])


def tone(seconds: float) -> bytes:
    return (9000 * np.sin(np.arange(round(seconds * RATE)) / 20)).astype("<i2").tobytes()


def requests(made: lipsync_pb2.AnimateConfig, portrait: bytes, seconds: float = 2.0, symbols: str = "m a p iː m u s a") -> Iterable[Request]:
    yield Request(config=made)
    for begin in range(0, len(portrait), 65536):
        yield Request(portrait=portrait[begin : begin + 65536])
    yield Request(timeline=spoken(symbols))
    sound = tone(seconds)
    for begin in range(0, len(sound), 65536):
        yield Request(audio=sound[begin : begin + 65536])


def cue(start_s: float, kind: video_pb2.CueKind = video_pb2.CUE_KIND_NOD) -> video_pb2.Cue:
    return video_pb2.Cue(kind=kind, start_offset=duration(start_s))


async def answers(stub: lipsync_pb2_grpc.LipsyncServiceStub, sent: Iterable[Request]) -> list[lipsync_pb2.AnimateResponse]:
    return [response async for response in stub.Animate(iter(list(sent)))]


def video_of(responses: list[lipsync_pb2.AnimateResponse]) -> bytes:
    return b"".join(response.fragment for response in responses)


def frames_of(data: bytes) -> list[np.ndarray]:
    with av.open(io.BytesIO(data)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


async def refused(stub: lipsync_pb2_grpc.LipsyncServiceStub, sent: Iterable[Request]) -> InvalidInput:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await answers(stub, sent)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT, caught.value.details()
    error = from_rpc_error(caught.value)
    assert isinstance(error, InvalidInput)
    return error


async def test_a_portrait_speaks(stub: lipsync_pb2_grpc.LipsyncServiceStub, portrait: bytes) -> None:
    responses = await answers(stub, requests(config(), portrait))
    kinds = [response.WhichOneof("payload") for response in responses]
    assert kinds[0] == "header" and kinds[-1] == "summary" and set(kinds[1:-1]) == {"fragment", "progress"}
    header, summary = responses[0].header, responses[-1].summary
    assert (header.model.engine, header.frame_count, len(header.warnings)) == ("warp", 50, 0)
    assert [file.name for file in header.model.weights] == ["face_landmarker_v2.task", "selfie_segmentation.tflite", "viseme_estimator.onnx"]
    assert header.model.name == "mediapipe-face-landmarker + mediapipe-selfie-segmentation"
    assert summary.frame_count == 50 and not summary.unusable
    done = [response.progress.frames_done for response in responses if response.HasField("progress")]
    assert done == [10, 20, 30, 40, 50]
    frames = frames_of(video_of(responses))
    assert len(frames) == 50 and frames[0].shape == (HEIGHT, WIDTH, 3)
    # It moves: the mouth's region differs between a closed and an open frame.
    assert max(np.abs(frame.astype(int) - frames[0]).max() for frame in frames) > 40


async def test_same_request_gives_the_same_bytes(stub: lipsync_pb2_grpc.LipsyncServiceStub, portrait: bytes) -> None:
    first, second = [video_of(await answers(stub, requests(config(), portrait, 1.0))) for _ in range(2)]
    assert first == second


async def test_pieces_join(stub: lipsync_pb2_grpc.LipsyncServiceStub, portrait: bytes, tmp_path: Path) -> None:
    first = video_of(await answers(stub, requests(config(frame_count=30), portrait, 1.0)))
    second = video_of(await answers(stub, requests(config(frame_count=20, first_frame=30), portrait, 0.6)))
    program = mux_program(tmp_path / "joined.mp4", [first, second], np.zeros(96_000, np.float32), frame_rate=Fraction(25))
    assert program.frames == 50


async def test_frames_may_outlast_the_audio_or_come_without_any(stub: lipsync_pb2_grpc.LipsyncServiceStub, portrait: bytes) -> None:
    responses = await answers(stub, [Request(config=config(frame_count=7)), Request(portrait=portrait)])
    assert len(frames_of(video_of(responses))) == 7


async def test_several_channels_and_rates(stub: lipsync_pb2_grpc.LipsyncServiceStub, portrait: bytes) -> None:
    made = config(frame_count=5)
    made.audio.channels, made.audio.sample_rate_hertz = 2, 48_000
    made.video.frame_rate_numerator, made.video.frame_rate_denominator = 30_000, 1001
    responses = await answers(stub, [Request(config=made), Request(portrait=portrait), Request(audio=bytes(48_000))])
    with av.open(io.BytesIO(video_of(responses))) as container:
        assert container.streams.video[0].average_rate == Fraction(30_000, 1001)


async def test_style_gaze_still_and_cues_reach_the_frames(stub: lipsync_pb2_grpc.LipsyncServiceStub, portrait: bytes) -> None:
    """Twelve frames from the programme's second 4 on; a cue lies on the programme's time."""

    async def made(**changes: object) -> np.ndarray:
        wanted = config(frame_count=12, first_frame=100, **changes)
        return np.stack(frames_of(video_of(await answers(stub, [Request(config=wanted), Request(portrait=portrait)])))).astype(int)

    def apart(other: np.ndarray, begin: int = 0, end: int = 12) -> float:
        return float(np.abs(other - plain)[begin:end].mean())

    plain = await made()
    assert apart(await made()) == 0
    assert apart(await made(performance=video_pb2.Performance(style=video_pb2.STYLE_NEUTRAL, gaze_percent=100))) == 0
    assert apart(await made(performance=video_pb2.Performance(style=video_pb2.STYLE_FRIENDLY))) > 0.3
    assert apart(await made(performance=video_pb2.Performance(still=True))) > 0.3
    nod = await made(cues=[cue(4.2), cue(60.0)])
    assert 5 * apart(nod, 0, 4) < apart(nod, 8, 12), "before the cue there is only what the encoder's looking ahead changes"
    assert apart(await made(cues=[cue(60.0)])) == 0


async def test_warnings_come_with_the_header(stub: lipsync_pb2_grpc.LipsyncServiceStub, astronaut: np.ndarray) -> None:
    small = png(np.asarray(Image.fromarray(astronaut).resize((400, 400), Image.Resampling.LANCZOS)))
    responses = await answers(stub, [Request(config=config(frame_count=1)), Request(portrait=small)])
    (warning,) = responses[0].header.warnings
    assert (warning.reason, warning.severity) == ("FACE_TOO_SMALL", lipsync_pb2.SEVERITY_WARNING)


async def test_background_image(stub: lipsync_pb2_grpc.LipsyncServiceStub, portraits: dict[str, np.ndarray]) -> None:
    made = config(frame_count=1)
    made.background.image = True
    green = png(np.full((90, 160, 3), (0, 200, 0), np.uint8))
    responses = await answers(stub, [Request(config=made), Request(portrait=png(portraits["presenter_suit"])), Request(background_image=green)])
    (frame,) = frames_of(video_of(responses))
    assert np.abs(frame[90, 2].astype(int) - (0, 200, 0)).max() < 12


@pytest.mark.parametrize(
    ("change", "fields"),
    [
        (lambda c: setattr(c.video, "width_pixels", 321), {"config.video.width_pixels"}),
        (lambda c: setattr(c.video, "height_pixels", 64), {"config.video.height_pixels"}),
        (lambda c: setattr(c.video, "width_pixels", 3842), {"config.video.width_pixels"}),
        (lambda c: setattr(c.video, "frame_rate_denominator", 0), {"config.video.frame_rate_numerator"}),
        (lambda c: setattr(c.video, "frame_rate_numerator", 61), {"config.video.frame_rate_numerator"}),
        (lambda c: c.ClearField("video"), {"config.video.width_pixels", "config.video.height_pixels", "config.video.frame_rate_numerator"}),
        (lambda c: setattr(c.audio, "encoding", audio_pb2.AUDIO_ENCODING_FILE), {"config.audio.encoding"}),
        (lambda c: setattr(c.audio, "sample_rate_hertz", 4000), {"config.audio.sample_rate_hertz"}),
        (lambda c: setattr(c.audio, "channels", 9), {"config.audio.channels"}),
        (lambda c: setattr(c.background, "color_rgb", 0x1000000), {"config.background.color_rgb"}),
        (lambda c: setattr(c.performance, "expression_percent", 151), {"config.performance.expression_percent"}),
        (lambda c: setattr(c.performance, "head_motion_percent", 200), {"config.performance.head_motion_percent"}),
        (lambda c: setattr(c.performance, "gaze_percent", 151), {"config.performance.gaze_percent"}),
        (lambda c: setattr(c.performance, "style", 9), {"config.performance.style"}),
        (lambda c: c.cues.add(), {"config.cues[0].kind"}),
        (lambda c: c.cues.add(kind=99), {"config.cues[0].kind"}),
        (lambda c: c.cues.add(kind=video_pb2.CUE_KIND_NOD, start_offset=duration(-1)), {"config.cues[0].start_offset"}),
        (lambda c: c.cues.add(kind=video_pb2.CUE_KIND_NOD, duration=duration(0)), {"config.cues[0].duration"}),
        (lambda c: c.cues.add(kind=video_pb2.CUE_KIND_NOD, duration=duration(61)), {"config.cues[0].duration"}),
        (lambda c: c.cues.extend(cue(second) for second in (2, 1)), {"config.cues[1].start_offset"}),
        (lambda c: c.cues.extend(cue(0) for _ in range(5001)), {"config.cues"}),
        (lambda c: setattr(c, "frame_count", 25 * 900 + 1), {"config.frame_count"}),
        (lambda c: setattr(c, "first_frame", 25 * 24 * 3600 + 1), {"config.first_frame"}),
        (lambda c: setattr(c, "first_frame", 2**32 - 1), {"config.first_frame"}),
        (lambda c: setattr(c, "engine", "wav3lip"), {"config.engine"}),
    ],
)
async def test_every_field_is_checked(stub: lipsync_pb2_grpc.LipsyncServiceStub, portrait: bytes, change: object, fields: set[str]) -> None:
    made = config()
    change(made)  # type: ignore[operator]
    error = await refused(stub, requests(made, portrait))
    assert {v.field for v in error.violations} == fields
    assert all("found" in v.message or "choose" in v.message for v in error.violations)


async def test_order_of_messages(stub: lipsync_pb2_grpc.LipsyncServiceStub, portrait: bytes) -> None:
    assert (await refused(stub, [])).reason == "CONFIG_MISSING"
    assert (await refused(stub, [Request(portrait=portrait)])).reason == "CONFIG_MISSING"
    assert (await refused(stub, [Request(config=config()), Request(config=config())])).reason == "UNEXPECTED_MESSAGE"
    assert (await refused(stub, [Request(config=config(frame_count=1))])).violations[0].field == "portrait"
    assert (await refused(stub, [Request(config=config()), Request(portrait=portrait)])).violations[0].field == "audio"
    assert (await refused(stub, [Request(config=config()), Request(portrait=portrait), Request(audio=b"\1\2\3")])).reason == "TRUNCATED_AUDIO"


async def test_background_image_must_match_the_config(stub: lipsync_pb2_grpc.LipsyncServiceStub, portrait: bytes) -> None:
    made = config(frame_count=1)
    error = await refused(stub, [Request(config=made), Request(portrait=portrait), Request(background_image=portrait)])
    assert (error.violations[0].field, error.reason) == ("background_image", "UNEXPECTED")
    made.background.image = True
    error = await refused(stub, [Request(config=made), Request(portrait=portrait)])
    assert (error.violations[0].field, error.reason) == ("background_image", "EMPTY")
    error = await refused(stub, [Request(config=made), Request(portrait=portrait), Request(background_image=b"no image at all")])
    assert (error.violations[0].field, error.reason) == ("background_image", "NOT_AN_IMAGE")


async def test_timeline_is_checked(stub: lipsync_pb2_grpc.LipsyncServiceStub, portrait: bytes) -> None:
    def timeline(*spans: tuple[str, float, float]) -> list[Request]:
        phonemes = [timeline_pb2.Phoneme(symbol=s, start_offset=duration(a), end_offset=duration(b)) for s, a, b in spans]
        return [Request(config=config(frame_count=1)), Request(portrait=portrait), Request(timeline=timeline_pb2.Timeline(phonemes=phonemes))]

    for spans, reason in (
        ([("a", -0.1, 0.2)], "BAD_TIMES"),
        ([("a", 0.3, 0.2)], "BAD_TIMES"),
        ([("a", 0.0, 0.2), ("m", 0.3, 0.4), ("p", 0.1, 0.2)], "OUT_OF_ORDER"),
        ([("a", 0.0, 0.2), ("m", 0.1, 0.4)], "OVERLAP"),
        ([("a", 0.0, 0.2), ("m", 0.19, 1.1)], "AFTER_THE_END"),
        ([("a" * 17, 0.0, 0.2)], "SYMBOL_TOO_LONG"),
    ):
        error = await refused(stub, timeline(*spans))
        assert error.reason == reason and error.violations[0].field.startswith(f"timeline.phonemes[{len(spans) - 1}]")


async def test_portraits_that_cannot_speak(stub: lipsync_pb2_grpc.LipsyncServiceStub, astronaut: np.ndarray) -> None:
    for data, reason in (
        (b"just some text", "NOT_AN_IMAGE"),
        (png(np.full((200, 200, 3), 127, np.uint8)), "NO_FACE"),
        (png(np.hstack([astronaut, astronaut])), "SEVERAL_FACES"),
    ):
        error = await refused(stub, [Request(config=config(frame_count=1)), Request(portrait=data)])
        assert (error.violations[0].field, error.reason) == ("portrait", reason)


async def test_too_large_a_portrait_is_refused_while_it_arrives(stub: lipsync_pb2_grpc.LipsyncServiceStub) -> None:
    chunk = bytes(1 << 20)
    error = await refused(stub, [Request(config=config(frame_count=1)), *(Request(portrait=chunk) for _ in range(26))])
    assert (error.violations[0].field, error.reason) == ("portrait", "TOO_LARGE")


@pytest.mark.parametrize("frame_count", [0, 5, 20_000])
async def test_more_sound_than_a_piece_has_is_refused_while_it_arrives(stub: lipsync_pb2_grpc.LipsyncServiceStub, frame_count: int) -> None:
    made = config(frame_count=frame_count)
    made.audio.sample_rate_hertz, made.audio.channels = 96_000, 8
    most = 1.2 * 96_000 * 8 * 2 if frame_count == 5 else 64 << 20
    sound = [Request(audio=bytes(1 << 20)) for _ in range(int(most) // (1 << 20) + 1)]
    error = await refused(stub, [Request(config=made), *sound])
    assert (error.violations[0].field, error.reason) == ("audio", "TOO_LARGE")
    # A little less of it passes: the portrait is what is missed.
    assert (await refused(stub, [Request(config=made), *sound[:-1]])).violations[0].field == "portrait"


async def test_calls_share_a_limit_of_memory(portrait: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.lipsync.servicer.MOST_UPLOADED_BYTES", len(portrait) * 3 // 2)
    settings = ServingSettings(listen=f"unix:{tmp_path}/lipsync.sock", idle_s=3.0)
    server = GrpcServer([LipsyncServicer(settings, ModelStore())], settings)
    await server.start()

    async def unfinished() -> AsyncIterator[Request]:
        yield Request(config=config(frame_count=1))
        yield Request(portrait=portrait)
        await asyncio.sleep(3600)

    async with grpc.aio.insecure_channel(Address.parse(server.address).target, options=CHANNEL_OPTIONS) as channel:
        stub = lipsync_pb2_grpc.LipsyncServiceStub(channel)
        first = asyncio.ensure_future(stub.Animate(unfinished()).read())
        await asyncio.sleep(0.5)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await answers(stub, [Request(config=config(frame_count=1)), Request(portrait=portrait)])
        assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED, caught.value.details()
        # The first one never goes on, which is noticed; then there is room.
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await first
        assert (caught.value.code(), from_rpc_error(caught.value).reason) == (grpc.StatusCode.DEADLINE_EXCEEDED, "IDLE_STREAM")
        responses = await answers(stub, [Request(config=config(frame_count=1)), Request(portrait=portrait)])
        assert responses[-1].summary.frame_count == 1
    await server.stop(0)


async def test_a_look_at_a_face_does_not_wait_for_pieces(portrait: bytes, tmp_path: Path) -> None:
    """The only worker is at a piece of 20,000 frames, and there is no queue."""
    settings = ServingSettings(listen=f"unix:{tmp_path}/lipsync.sock", workers=1, queue=0)
    server = GrpcServer([LipsyncServicer(settings, ModelStore())], settings)
    await server.start()
    async with grpc.aio.insecure_channel(Address.parse(server.address).target, options=CHANNEL_OPTIONS) as channel:
        stub = lipsync_pb2_grpc.LipsyncServiceStub(channel)
        piece = stub.Animate(iter([Request(config=config(frame_count=20_000)), Request(portrait=portrait)]))
        assert (await piece.read()).HasField("header")
        assert (await stub.Inspect(iter([lipsync_pb2.InspectRequest(portrait=portrait)]), timeout=60)).usable
        assert not piece.done()
        piece.cancel()
    await server.stop(0)


@pytest.mark.parametrize("ending", ["never asked for", "cancelled", "failed", "cancelled, then failed"])
async def test_closing_without_portraits(ending: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCUTOR_OFFLINE", "1")
    monkeypatch.setenv("LOCUTOR_MODELS", str(tmp_path))
    servicer = LipsyncServicer(ServingSettings(), ModelStore())

    async def upload() -> AsyncIterator[lipsync_pb2.InspectRequest]:
        yield lipsync_pb2.InspectRequest(portrait=b"x")

    async def inspect() -> None:
        # The call's context is not used.
        await servicer.Inspect(upload(), None)  # type: ignore[arg-type]

    if "cancelled" in ending:
        loading = asyncio.ensure_future(inspect())
        before = asyncio.all_tasks()
        await asyncio.sleep(0)
        (load,) = asyncio.all_tasks() - before
        load.cancel()
        with pytest.raises(asyncio.CancelledError):
            await loading
    if "failed" in ending:
        for _ in range(2):
            with pytest.raises(MissingWeights):
                await inspect()
    await servicer.close()


async def test_leaving_early_frees_the_worker(stub: lipsync_pb2_grpc.LipsyncServiceStub, portrait: bytes) -> None:
    """There is one worker: were the first call's 20,000 frames rendered to their end, the second would not answer within the test's patience."""
    call = stub.Animate(iter([Request(config=config(frame_count=20_000)), Request(portrait=portrait)]))
    async for response in call:
        if response.HasField("fragment"):
            break
    call.cancel()
    responses = await asyncio.wait_for(answers(stub, [Request(config=config(frame_count=3)), Request(portrait=portrait)]), 60)
    assert responses[-1].summary.frame_count == 3


async def test_inspect(stub: lipsync_pb2_grpc.LipsyncServiceStub, portrait: bytes) -> None:
    chunks = [lipsync_pb2.InspectRequest(portrait=portrait[i : i + 65536]) for i in range(0, len(portrait), 65536)]
    answer = await stub.Inspect(iter(chunks))
    assert answer.usable and not answer.findings
    assert (answer.width_pixels, answer.height_pixels) == (512, 512)
    assert answer.face.interocular_pixels == pytest.approx(42.6, abs=2) and abs(answer.face.yaw_degrees) < 10
    assert 170 < answer.face.left_pixels < 190 and 80 < answer.face.width_pixels < 100


async def test_inspect_answers_about_what_is_no_portrait(stub: lipsync_pb2_grpc.LipsyncServiceStub) -> None:
    for sent, reason in (
        ([], "EMPTY"),
        ([b"#!/bin/sh\necho hello\n"], "NOT_AN_IMAGE"),
        ([bytes(1 << 20)] * 26, "TOO_LARGE"),
        ([png(np.full((300, 300, 3), 90, np.uint8))], "NO_FACE"),
    ):
        answer = await stub.Inspect(iter([lipsync_pb2.InspectRequest(portrait=chunk) for chunk in sent]))
        assert not answer.usable and not answer.HasField("face")
        assert [(f.severity, f.reason) for f in answer.findings] == [(lipsync_pb2.SEVERITY_ERROR, reason)]


async def test_models(stub: lipsync_pb2_grpc.LipsyncServiceStub) -> None:
    models = (await stub.ListModels(lipsync_pb2.ListModelsRequest())).models
    (default,) = [model for model in models if model.is_default]
    assert (default.engine, default.installed, default.license) == ("warp", True, "Apache-2.0")


async def test_more_uploads_than_there_is_room_for_are_refused(portrait: bytes, tmp_path: Path) -> None:
    settings = ServingSettings(listen=f"unix:{tmp_path}/lipsync.sock", workers=1, queue=0)
    server = GrpcServer([LipsyncServicer(settings, ModelStore())], settings)
    await server.start()
    async with grpc.aio.insecure_channel(Address.parse(server.address).target, options=CHANNEL_OPTIONS) as channel:
        stub = lipsync_pb2_grpc.LipsyncServiceStub(channel)
        first = stub.Animate(iter([Request(config=config(frame_count=20_000)), Request(portrait=portrait)]))
        assert (await first.read()).HasField("header")
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await answers(stub, requests(config(), portrait))
        assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert from_rpc_error(caught.value).retry_after_s == 2.0
        first.cancel()
    await server.stop(0)
