"""TrackFaces and AnimateVideo through a server on a unix socket, with the real engine."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from pathlib import Path

import av
import grpc
import grpc.aio
import numpy as np
import pytest
import pytest_asyncio

from locutor.address import CHANNEL_OPTIONS, Address
from locutor.common.v1 import audio_pb2, timeline_pb2, video_pb2
from locutor.errors import InvalidInput
from locutor.lipsync.v1 import lipsync_pb2, lipsync_pb2_grpc
from locutor.status import from_rpc_error
from services.lipsync.servicer import LipsyncServicer
from services.serving import GrpcServer, ServingSettings
from services.serving.messages import duration
from services.weights import ModelStore
from tests.lipsync.clips import RATE, Shot, beside, pictures
from tests.media.videos import decoded, encode

HZ = 16_000
WIDTH, HEIGHT, COUNT = 480, 360, 50
CHUNK = 100_000
Track, Dub = lipsync_pb2.TrackFacesRequest, lipsync_pb2.AnimateVideoRequest
Stub = lipsync_pb2_grpc.LipsyncServiceStub
pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stub(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stub]:
    settings = ServingSettings(listen=f"unix:{tmp_path_factory.mktemp('s')}/lipsync.sock", idle_s=5.0)
    server = GrpcServer([LipsyncServicer(settings, ModelStore())], settings)
    await server.start()
    await server.load()
    async with grpc.aio.insecure_channel(Address.parse(server.address).target, options=CHANNEL_OPTIONS) as channel:
        yield Stub(channel)
    await server.stop(0)


@pytest.fixture(scope="module")
def talk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds of a man who talks, in the colours of an old camera."""
    return encode(tmp_path_factory.mktemp("v") / "talk.mp4", pictures(Shot("glasses", COUNT, 30), WIDTH, HEIGHT), RATE, colorspace=5, color_range=1)


def footage(count: int = COUNT, start: float = 0.0, width: int = WIDTH, height: int = HEIGHT) -> lipsync_pb2.Footage:
    video = video_pb2.VideoFormat(width_pixels=width, height_pixels=height, frame_rate_numerator=RATE.numerator, frame_rate_denominator=RATE.denominator)
    return lipsync_pb2.Footage(video=video, start_offset=duration(start), frame_count=count)


def dubbing(video: lipsync_pb2.Footage) -> lipsync_pb2.AnimateVideoConfig:
    audio = audio_pb2.AudioFormat(encoding=audio_pb2.AUDIO_ENCODING_PCM_S16LE, sample_rate_hertz=HZ, channels=1)
    return lipsync_pb2.AnimateVideoConfig(footage=video, audio=audio, locale="es")


def line(symbols: str, source: tuple[float, float], offset: float, speaker: str = "a") -> lipsync_pb2.DubbedLine:
    spans = [timeline_pb2.Phoneme(symbol=s, start_offset=duration(i * 0.1), end_offset=duration(i * 0.1 + 0.1)) for i, s in enumerate(symbols.split())]
    return lipsync_pb2.DubbedLine(
        speaker=speaker,
        source_start_offset=duration(source[0]),
        source_end_offset=duration(source[1]),
        timeline=timeline_pb2.Timeline(phonemes=spans),
        timeline_offset=duration(offset),
    )


def vowel() -> np.ndarray:
    """Two seconds of an open vowel: a voice of 120 Hz, made loud around 750, 1150 and 2500 Hz."""
    pitches = 120.0 * np.arange(1, 40)[:, None]
    formants = np.array([[750, 90, 1.0], [1150, 100, 0.6], [2500, 150, 0.2]])
    loudness = sum(gain / (1 + ((pitches - center) / width) ** 2) for center, width, gain in formants)
    sound = (loudness * np.sin(2 * np.pi * pitches * np.arange(2 * HZ) / HZ)).sum(axis=0)
    return np.asarray(sound / np.abs(sound).max() * 0.4)


def in_chunks(data: bytes) -> list[bytes]:
    return [data[begin : begin + CHUNK] for begin in range(0, len(data), CHUNK)]


def file_chunks(path: Path) -> list[bytes]:
    return in_chunks(path.read_bytes())


def files_in(folder: Path) -> int:
    return len(list(folder.iterdir()))


async def track(stub: Stub, path: Path, config: lipsync_pb2.Footage) -> list[lipsync_pb2.TrackFacesResponse]:
    sent = [Track(config=config), *(Track(video=chunk) for chunk in file_chunks(path))]
    return [response async for response in stub.TrackFaces(iter(sent))]


def tracks_of(responses: list[lipsync_pb2.TrackFacesResponse]) -> bytes:
    return b"".join(response.tracks for response in responses)


async def dub(
    stub: Stub, path: Path, config: lipsync_pb2.AnimateVideoConfig, tracks: bytes, *lines: lipsync_pb2.DubbedLine, sound: np.ndarray | None = None
) -> list[lipsync_pb2.AnimateVideoResponse]:
    sound = 0.2 * np.sin(np.arange(HZ * 2) / 15) if sound is None else sound
    sent = [
        Dub(config=config),
        *(Dub(audio=chunk) for chunk in in_chunks((sound * 32767).astype("<i2").tobytes())),
        *(Dub(video=chunk) for chunk in file_chunks(path)),
        *(Dub(line=one) for one in lines),
        *(Dub(tracks=chunk) for chunk in in_chunks(tracks)),
    ]
    return [response async for response in stub.AnimateVideo(iter(sent))]


def frames_of(responses: list[lipsync_pb2.AnimateVideoResponse]) -> list[np.ndarray]:
    with av.open(io.BytesIO(b"".join(response.fragment for response in responses))) as container:
        frames = list(container.decode(video=0))
        assert (frames[0].colorspace, frames[0].color_range) == (5, 1)
        assert [frame.pts * frame.time_base for frame in frames] == [n / RATE for n in range(len(frames))]
        return [frame.to_ndarray() for frame in frames]


async def refused(call: object) -> InvalidInput:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call  # type: ignore[misc]
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT, caught.value.details()
    error = from_rpc_error(caught.value)
    assert isinstance(error, InvalidInput)
    return error


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def tracking(stub: Stub, talk: Path) -> list[lipsync_pb2.TrackFacesResponse]:
    return await track(stub, talk, footage())


async def test_faces_are_tracked(tracking: list[lipsync_pb2.TrackFacesResponse]) -> None:
    kinds = [response.WhichOneof("payload") for response in tracking]
    assert kinds[:5] == ["progress"] * 5 and set(kinds[5:-1]) == {"tracks"} and kinds[-1] == "summary"
    assert [response.progress.frames_done for response in tracking[:5]] == [10, 20, 30, 40, 50]
    summary = tracking[-1].summary
    assert (summary.frame_count, list(summary.shots), len(summary.faces)) == (50, [0], 1)
    (face,) = summary.faces
    assert (face.person, face.first_frame, face.frame_count, face.usable_frames) == (0, 0, 50, 50)
    assert 45 < face.face.interocular_pixels < 100 and abs(face.face.yaw_degrees) < 20
    assert summary.model.engine == "face-tracker" and summary.model.installed and len(summary.model.weights) == 3


async def test_only_the_mouth_says_other_words(stub: Stub, talk: Path, tracking: list[lipsync_pb2.TrackFacesResponse]) -> None:
    responses = await dub(stub, talk, dubbing(footage()), tracks_of(tracking), line("m a p iː m u s a", (0.7, 1.4), 0.7))
    kinds = [response.WhichOneof("payload") for response in responses]
    assert kinds[0] == "header" and kinds[-1] == "summary" and set(kinds[1:-1]) == {"fragment", "progress"}
    summary = responses[-1].summary
    assert (summary.frame_count, list(summary.persons), len(summary.unusable)) == (50, [0], 0)
    # 0.7 s to 1.5 s, and 0.2 s of easing at both ends.
    assert 20 <= summary.changed_frames <= 31
    before, after = decoded(talk), frames_of(responses)
    changes = [np.abs(a[:HEIGHT].astype(int) - b[:HEIGHT]).astype(np.uint8) for a, b in zip(after, before, strict=True)]
    assert max(change.max() for change in changes[:10]) < 25
    assert max(change.max() for change in changes[20:35]) > 35
    face = tracking[-1].summary.faces[0].face
    middle = round(face.top_pixels + face.height_pixels / 3)
    assert max(change[:middle].max() for change in changes) < 30


async def test_a_line_that_is_not_said_needs_no_times(stub: Stub, talk: Path, tracking: list[lipsync_pb2.TrackFacesResponse]) -> None:
    silent = lipsync_pb2.DubbedLine(speaker="a", source_start_offset=duration(1.0), source_end_offset=duration(1.6), silent=True)
    responses = await dub(stub, talk, dubbing(footage()), tracks_of(tracking), silent)
    summary = responses[-1].summary
    # 0.6 s, and 0.2 s of easing at both ends; and nothing at the start, where the sound's times would count from.
    assert list(summary.persons) == [0] and 15 <= summary.changed_frames <= 26
    changes = [np.abs(a[:HEIGHT].astype(int) - b[:HEIGHT]).max() for a, b in zip(frames_of(responses), decoded(talk), strict=True)]
    assert max(changes[:18]) < 25


async def test_sounds_that_are_not_told_are_heard(stub: Stub, talk: Path, tracking: list[lipsync_pb2.TrackFacesResponse]) -> None:
    """The same vowel, once with nothing told of it, once told to be silence."""
    heard, rests = (
        lipsync_pb2.DubbedLine(speaker="a", source_start_offset=duration(0.6), source_end_offset=duration(1.6), silent=silent) for silent in (False, True)
    )
    first, second = [frames_of(await dub(stub, talk, dubbing(footage()), tracks_of(tracking), one, sound=vowel())) for one in (heard, rests)]
    assert max(np.abs(a[:HEIGHT].astype(int) - b[:HEIGHT]).max() for a, b in zip(first, second, strict=True)) > 30


async def test_footage_that_ends_early_is_told(stub: Stub, talk: Path) -> None:
    tracking = await track(stub, talk, footage(20, start=1.6))
    assert (tracking[-1].summary.held_frames, tracking[-1].summary.damage) == (10, "")
    responses = await dub(stub, talk, dubbing(footage(20, start=1.6)), tracks_of(tracking))
    assert (responses[-1].summary.held_frames, responses[-1].summary.damage) == (10, "")


async def test_without_lines_nothing_changes(stub: Stub, talk: Path, tracking: list[lipsync_pb2.TrackFacesResponse]) -> None:
    responses = await dub(stub, talk, dubbing(footage()), tracks_of(tracking))
    summary = responses[-1].summary
    assert (summary.frame_count, summary.changed_frames, list(summary.persons)) == (50, 0, [])
    apart = [np.abs(a.astype(int) - b).mean() for a, b in zip(frames_of(responses), decoded(talk), strict=True)]
    assert max(apart) < 1.0


async def test_the_same_request_gives_the_same_bytes(stub: Stub, talk: Path, tracking: list[lipsync_pb2.TrackFacesResponse]) -> None:
    again = await track(stub, talk, footage())
    assert tracks_of(again) == tracks_of(tracking)
    said = line("m a p iː", (0.2, 0.8), 0.2)
    first, second = [await dub(stub, talk, dubbing(footage()), tracks_of(tracking), said) for _ in range(2)]
    assert [response.fragment for response in first] == [response.fragment for response in second]


async def test_a_listener_is_left_alone(stub: Stub, tmp_path: Path) -> None:
    path = encode(tmp_path / "two.mp4", beside(Shot("glasses", 30, 40, size=900), Shot("suit", 30, size=900)), RATE, colorspace=5, color_range=1)
    video = footage(30, width=960, height=720)
    tracking = await track(stub, path, video)
    faces = tracking[-1].summary.faces
    assert len({face.person for face in faces}) == 2
    talker = min(faces, key=lambda face: face.face.left_pixels)
    responses = await dub(stub, path, dubbing(video), tracks_of(tracking), line("m a p iː m u", (0.2, 1.0), 0.2), line("s a", (2.0, 2.4), 2.0, "b"))
    summary = responses[-1].summary
    assert list(summary.persons) == [talker.person, -1]
    right = [np.abs(a[:720, 500:].astype(int) - b[:720, 500:]).max() for a, b in zip(frames_of(responses), decoded(path), strict=True)]
    assert max(right) < 30


async def test_lines_that_nobody_could_say_are_told(stub: Stub, tmp_path: Path) -> None:
    frames = [np.full((HEIGHT, WIDTH, 3), 90, np.uint8)] * 20
    path = encode(tmp_path / "grey.mp4", frames, RATE, colorspace=5, color_range=1)
    video = footage(20)
    tracking = await track(stub, path, video)
    assert not tracking[-1].summary.faces
    responses = await dub(stub, path, dubbing(video), tracks_of(tracking), line("m a", (0.2, 0.4), 0.2))
    (span,) = responses[-1].summary.unusable
    assert (span.reason, span.start_offset.ToMilliseconds(), span.end_offset.ToMilliseconds()) == ("NO_FACE", 200, 400)
    assert responses[-1].summary.changed_frames == 0


async def test_every_field_is_checked(stub: Stub, talk: Path) -> None:
    video = footage(0, start=1e8, width=641, height=64)
    error = await refused(track(stub, talk, video))
    assert {v.field for v in error.violations} == {"config.video.width_pixels", "config.video.height_pixels", "config.frame_count", "config.start_offset"}
    config = dubbing(footage(25 * 121))
    config.audio.sample_rate_hertz, config.performance.expression_percent, config.engine = 1, 200, "other"
    config.audio_lead.FromSeconds(-1)
    error = await refused(dub(stub, talk, config, b""))
    fields = {"footage.frame_count", "audio.sample_rate_hertz", "performance.expression_percent", "engine", "audio_lead"}
    assert {v.field for v in error.violations} == {f"config.{field}" for field in fields}


async def test_order_of_messages(stub: Stub, talk: Path) -> None:
    async def sent(*messages: Track) -> None:
        async for _ in stub.TrackFaces(iter(messages)):
            pass

    assert (await refused(sent())).reason == "CONFIG_MISSING"
    assert (await refused(sent(Track(video=b"x")))).reason == "CONFIG_MISSING"
    assert (await refused(sent(Track(config=footage()), Track(config=footage())))).reason == "UNEXPECTED_MESSAGE"
    assert (await refused(sent(Track(config=footage())))).violations[0].field == "video"
    assert (await refused(sent(Track(config=footage()), Track(video=b"no video at all")))).reason == "NOT_MEDIA"
    assert (await refused(track(stub, talk, footage(width=360, height=480)))).reason == "OTHER_PROPORTIONS"


async def test_tracks_and_lines_are_checked(stub: Stub, talk: Path, tracking: list[lipsync_pb2.TrackFacesResponse]) -> None:
    known = tracks_of(tracking)
    assert (await refused(dub(stub, talk, dubbing(footage()), b""))).reason == "BAD_TRACKS"
    assert (await refused(dub(stub, talk, dubbing(footage()), known[:-9]))).reason == "BAD_TRACKS"
    assert (await refused(dub(stub, talk, dubbing(footage(40)), known))).reason == "OTHER_FOOTAGE"
    for wrong in (line("a", (1.0, 0.5), 1.0), line("a", (900.0, 901.0), 1.0), line("a", (0.5, 1.0), 1e5), line("a " * 6001, (0.5, 1.0), 0.5)):
        error = await refused(dub(stub, talk, dubbing(footage()), known, line("a", (0.1, 0.2), 0.1), wrong))
        assert error.reason == "BAD_TIMES" and error.violations[0].field.startswith("line[1].")
    both = line("m a", (0.5, 1.0), 0.5)
    both.silent = True
    error = await refused(dub(stub, talk, dubbing(footage()), known, both))
    assert (error.violations[0].field, error.reason) == ("line[0].timeline", "UNEXPECTED")


async def test_no_more_sound_than_is_heard_in_the_footage(stub: Stub, talk: Path, tracking: list[lipsync_pb2.TrackFacesResponse]) -> None:
    config = dubbing(footage())
    config.audio_lead.FromMilliseconds(500)

    async def sent(size: int) -> None:
        async for _ in stub.AnimateVideo(iter([Dub(config=config), Dub(audio=bytes(size))])):
            pass

    most = 2 * round(4.5 * HZ)
    # It is the next thing that is missed.
    assert (await refused(sent(most))).violations[0].field == "tracks"
    error = await refused(sent(most + 2))
    assert (error.violations[0].field, error.reason) == ("audio", "TOO_LARGE") and "2 s after the last" in str(error)


async def test_too_large_a_video_is_refused_while_it_arrives(stub: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.lipsync.servicer.footage.MOST_VIDEO_BYTES", 3 << 20)

    async def sent() -> None:
        async for _ in stub.TrackFaces(iter([Track(config=footage()), *[Track(video=bytes(1 << 20))] * 4])):
            pass

    error = await refused(sent())
    assert (error.violations[0].field, error.reason) == ("video", "TOO_LARGE")


async def test_leaving_early_frees_the_worker_and_the_file(stub: Stub, talk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """There is one worker: were the first call's 3000 frames tracked to their end, the second would not answer within the test's patience."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    call = stub.TrackFaces(iter([Track(config=footage(3000)), *(Track(video=chunk) for chunk in file_chunks(talk))]))
    assert (await call.read()).HasField("progress")
    assert files_in(tmp_path) == 1
    call.cancel()
    responses = await asyncio.wait_for(track(stub, talk, footage(10)), 60)
    assert responses[-1].summary.frame_count == 10
    assert files_in(tmp_path) == 0
