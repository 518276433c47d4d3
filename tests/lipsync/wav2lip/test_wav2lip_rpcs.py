"""Animate and AnimateVideo with the engine named in the request, through a server on a unix socket."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import grpc.aio
import numpy as np
import pytest
import pytest_asyncio

from locutor.address import CHANNEL_OPTIONS, Address
from locutor.lipsync.v1 import lipsync_pb2, lipsync_pb2_grpc
from locutor.status import from_rpc_error
from services.lipsync.servicer import LipsyncServicer
from services.serving import GrpcServer, ServingSettings
from services.weights import ModelStore
from tests.lipsync import test_servicer as stills
from tests.lipsync import test_video_rpcs as videos
from tests.lipsync.clips import RATE, Shot, pictures
from tests.media.videos import encode

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stub(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[videos.Stub]:
    settings = ServingSettings(listen=f"unix:{tmp_path_factory.mktemp('s')}/lipsync.sock")
    server = GrpcServer([LipsyncServicer(settings, ModelStore())], settings)
    await server.start()
    await server.load()
    async with grpc.aio.insecure_channel(Address.parse(server.address).target, options=CHANNEL_OPTIONS) as channel:
        yield videos.Stub(channel)
    await server.stop(0)


async def test_without_a_checkpoint_the_call_says_what_to_do(stub: lipsync_pb2_grpc.LipsyncServiceStub, astronaut: np.ndarray) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stills.answers(stub, stills.requests(stills.config(engine="wav2lip"), stills.png(astronaut), 0.2))
    error = from_rpc_error(caught.value)
    assert error.reason == "MISSING_WEIGHTS" and "set LOCUTOR_WAV2LIP to a checkpoint of Wav2Lip" in error.message
    listed = {model.engine: model for model in (await stub.ListModels(lipsync_pb2.ListModelsRequest())).models}
    assert listed["warp"].is_default and listed["warp"].installed
    assert not listed["wav2lip"].installed and not listed["wav2lip"].commercial_use and "LOCUTOR_WAV2LIP" in listed["wav2lip"].remedy


async def test_a_portrait_speaks(stub: videos.Stub, astronaut: np.ndarray, checkpoints: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCUTOR_WAV2LIP", str(checkpoints / "noise.onnx"))
    made = {}
    for engine in ("warp", "wav2lip"):
        responses = await stills.answers(stub, stills.requests(stills.config(engine=engine, frame_count=20), stills.png(astronaut), 1.0, "a o a e i"))
        assert responses[0].header.model.engine == engine and responses[-1].summary.frame_count == 20
        made[engine] = stills.frames_of(stills.video_of(responses))
    assert "noise.onnx" in {file.name for file in responses[0].header.model.weights}
    change = [np.abs(a.astype(int) - b).max() for a, b in zip(made["wav2lip"], made["warp"], strict=True)]
    assert max(change[8:18]) > 60 > 20 > max(change[:2]), "another mouth while it speaks; before, what encoding makes of the same frames"


async def test_a_man_in_a_video_speaks(stub: videos.Stub, tmp_path: Path, checkpoints: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCUTOR_WAV2LIP", str(checkpoints / "noise.onnx"))
    count = 25
    talk = encode(tmp_path / "talk.mp4", pictures(Shot("glasses", count, 30), videos.WIDTH, videos.HEIGHT), RATE, colorspace=5, color_range=1)
    tracked = await videos.track(stub, talk, videos.footage(count))
    config = videos.dubbing(videos.footage(count))
    said = videos.line("a o a e a", (0.2, 0.7), 0.2)
    made = {}
    for engine in ("warp", "wav2lip"):
        config.engine = engine
        responses = await videos.dub(stub, talk, config, videos.tracks_of(tracked), said, sound=videos.vowel()[: videos.HZ])
        header, summary = responses[0].header, responses[-1].summary
        assert header.model.engine == engine and summary.frame_count == count and 0 < summary.changed_frames < count
        made[engine] = videos.frames_of(responses)
    assert "noise.onnx" in {file.name for file in header.model.weights} and not header.model.commercial_use
    change = [np.abs(a.astype(int) - b).max() for a, b in zip(made["wav2lip"], made["warp"], strict=True)]
    assert max(change[7:15]) > 40 > 20 > max(change[-2:])
