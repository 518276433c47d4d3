"""SeparationService over gRPC, with the real engine on tiny models whose outcome is known exactly."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

import grpc
import grpc.aio
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from locutor.address import CHANNEL_OPTIONS, Address
from locutor.asr.v1 import separation_pb2, separation_pb2_grpc
from locutor.common.v1 import audio_pb2
from locutor.errors import InvalidInput, LocutorError, Unavailable
from locutor.status import from_rpc_error
from services.asr.separation.chunks import ChunkedStream
from services.asr.separation.engines import mdx
from services.asr.separation.engines.mdx import MdxEngine
from services.asr.separation.spectrum import Spectrum
from services.asr.servicer import SeparationServicer
from services.serving import GrpcServer, ServingSettings
from services.weights import ModelStore

PCM = audio_pb2.AUDIO_ENCODING_PCM_S16LE
N_FFT, HOP, FRAMES = 256, 64, 33
BINS = N_FFT // 2 + 1


def model(path: Path, mask: np.ndarray, bins: int = BINS, frames: int = FRAMES, parts: int = 4) -> Path:
    """Multiplies each bin by a number: (bins,) in `mask`."""
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        [helper.make_node("Mul", ["mix", "mask"], ["stem"])],
        "mask",
        [value("mix", TensorProto.FLOAT, [1, parts, bins, frames])],
        [value("stem", TensorProto.FLOAT, [1, parts, bins, frames])],
        [numpy_helper.from_array(mask.astype(np.float32).reshape(1, 1, -1, 1), "mask")],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9), path)
    return path


@pytest.fixture
def set_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def call(mask: float | np.ndarray = 1.0, **settings: str) -> None:
        path = model(tmp_path / "tiny.onnx", np.full(BINS, 1.0) * mask)
        for name, text in {"MODEL": str(path), "N_FFT": str(N_FFT), "HOP": str(HOP), **settings}.items():
            monkeypatch.setenv(f"LOCUTOR_SEPARATION_{name}", text)

    return call


@asynccontextmanager
async def serving() -> AsyncIterator[separation_pb2_grpc.SeparationServiceStub]:
    settings = ServingSettings(threads=1)
    server = GrpcServer([SeparationServicer(settings, ModelStore())], settings)
    await server.start()
    await server.load()
    async with grpc.aio.insecure_channel(Address.parse(server.address).target, options=CHANNEL_OPTIONS) as channel:
        yield separation_pb2_grpc.SeparationServiceStub(channel)
    await server.stop(0)


def config(rate: int = 44_100, channels: int = 2, encoding: int = PCM, engine: str = "") -> separation_pb2.SeparateRequest:
    sound = audio_pb2.AudioFormat(encoding=encoding, sample_rate_hertz=rate, channels=channels)  # type: ignore[arg-type]
    return separation_pb2.SeparateRequest(config=separation_pb2.SeparateConfig(format=sound, engine=engine))


def chunks(data: bytes, size: int = 10_001) -> list[separation_pb2.SeparateRequest]:
    return [separation_pb2.SeparateRequest(audio=data[at : at + size]) for at in range(0, len(data), size)]


async def separate(requests: Iterable[separation_pb2.SeparateRequest]) -> tuple[separation_pb2.SeparateHeader, bytes]:
    async with serving() as stub:
        responses = [response async for response in stub.Separate(iter(requests))]
    assert [r.WhichOneof("payload") for r in responses] == ["header", *["background"] * (len(responses) - 1)]
    return responses[0].header, b"".join(r.background for r in responses[1:])


async def refusal(requests: Iterable[separation_pb2.SeparateRequest]) -> LocutorError:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await separate(requests)
    return from_rpc_error(caught.value)


def noise(seconds: float) -> np.ndarray:
    """(n, 2) int16 at 44.1 kHz."""
    return (4000 * np.random.default_rng(0).standard_normal((round(seconds * 44_100), 2))).astype("<i2")


@pytest.mark.parametrize("stem", ["vocals", "instrumental"])
@pytest.mark.parametrize("seconds", [0.5, 0.001, 2.0])
async def test_a_model_that_takes_half(set_up, stem: str, seconds: float) -> None:
    """Half of the sound is the voice, or half is the rest: the other half is left, sample by sample, to the last one."""
    set_up(0.5, STEM=stem)
    mix = noise(seconds)
    header, data = await separate([config(), *chunks(mix.tobytes())])
    background = np.frombuffer(data, "<i2").reshape(-1, 2)
    assert background.shape == mix.shape
    assert np.abs(background - mix * 0.5).max() <= 1.5
    assert header.model.engine == "mdx" and header.model.name == "tiny" and len(header.model.weights[0].sha256) == 64


async def test_a_model_that_finds_no_voice_changes_nothing(set_up) -> None:
    set_up(0.0)
    mix = noise(1.0)
    _, data = await separate([config(), *chunks(mix.tobytes())])
    assert data == mix.tobytes()


@pytest.mark.parametrize(("rate", "channels"), [(48_000, 2), (48_000, 1), (16_000, 1), (22_050, 2)])
async def test_rates_and_channels(set_up, rate: int, channels: int) -> None:
    """A voice of 300 to 900 Hz goes, music above 2 kHz stays, in the rate and the channels that came."""
    hertz = np.arange(BINS) * 44_100 / N_FFT
    set_up((hertz < 1500).astype(float))
    seconds = np.arange(3 * rate + 7) / rate
    voice = 6000 * sum(np.sin(2 * np.pi * f * seconds) for f in (300, 600, 900))
    music = 6000 * np.sin(2 * np.pi * 3000 * seconds)
    mix = np.repeat((voice + music)[:, None], channels, axis=1).astype("<i2")
    _, data = await separate([config(rate, channels), *chunks(mix.tobytes())])
    background = np.frombuffer(data, "<i2").reshape(-1, channels)
    assert background.shape == mix.shape
    inner = slice(rate // 10, -rate // 10)
    left = background[inner] - music[inner, None]
    assert np.sqrt(np.mean(left**2)) < 0.03 * np.sqrt(np.mean(voice**2))


async def test_the_background_comes_while_the_mix_arrives(set_up) -> None:
    set_up(0.5)
    mix = noise(2.0).tobytes()
    async with serving() as stub:
        call = stub.Separate()
        await call.write(config())
        assert (await call.read()).HasField("header")
        await call.write(separation_pb2.SeparateRequest(audio=mix[:100_000]))
        assert len((await call.read()).background) > 0
        await call.done_writing()
        while await call.read() is not grpc.aio.EOF:
            pass
        assert await call.code() is grpc.StatusCode.OK


def test_chunks_of_an_hour_take_no_more_memory() -> None:
    stream = ChunkedStream(lambda chunk: chunk, 2048, 128)
    told = 0
    for _ in range(1000):
        for voices in stream.accept(np.ones((1500, 2), np.float32)):
            assert np.abs(voices - 1).max() < 1e-6
            told += len(voices)
        assert stream._kept.shape[1] < 2 * 2048
    told += sum(len(voices) for voices in stream.finish())
    assert told == 1_500_000


def test_spectrum_and_back() -> None:
    spectrum = Spectrum(N_FFT, HOP, FRAMES)
    chunk = np.random.default_rng(0).standard_normal((2, spectrum.samples)).astype(np.float32)
    spectra = spectrum.forward(chunk)
    assert spectra.shape == (2, BINS, FRAMES)
    assert spectrum.backward(spectra) == pytest.approx(chunk, abs=1e-5)


async def test_without_a_model_it_says_what_to_do() -> None:
    error = await refusal([config(), *chunks(bytes(4000))])
    assert isinstance(error, Unavailable) and error.reason == "MISSING_WEIGHTS" and mdx.MODEL_VARIABLE in error.message
    async with serving() as stub:
        (listed,) = (await stub.ListSeparationModels(separation_pb2.ListSeparationModelsRequest())).models
    assert not listed.installed and mdx.MODEL_VARIABLE in listed.remedy and listed.is_default


async def test_the_operators_licence_is_told(set_up) -> None:
    set_up(LICENSE="MIT", COMMERCIAL_USE="1")
    info = MdxEngine(ModelStore(), 1).info
    assert (info.license, info.commercial_use, info.installed) == ("MIT", True, True)
    set_up(STEM="instrumental")
    assert MdxEngine(ModelStore(), 1).info.engine_version != info.engine_version


WRONG_FILES = {
    "no ONNX": (lambda path: path.write_bytes(b"not a model" * 100), "cannot be loaded"),
    "another shape": (lambda path: model(path, np.ones(BINS), parts=2), "takes and gives"),
    "too few frames": (lambda path: model(path, np.ones(BINS), frames=5), "does not fit"),
    "too many bins": (lambda path: model(path, np.ones(BINS * 2), bins=BINS * 2), "does not fit"),
}


@pytest.mark.parametrize("case", WRONG_FILES)
async def test_a_file_that_is_no_such_model(set_up, tmp_path: Path, case: str) -> None:
    set_up()
    write, message = WRONG_FILES[case]
    write(tmp_path / "tiny.onnx")
    error = await refusal([config(), *chunks(bytes(4000))])
    assert isinstance(error, Unavailable) and message in error.message, error


REFUSED = {
    "audio first": ([*chunks(bytes(4))], "config", "CONFIG_MISSING"),
    "a file": ([config(encoding=audio_pb2.AUDIO_ENCODING_FILE)], "config.format.encoding", "UNSUPPORTED_ENCODING"),
    "no rate": ([config(rate=0)], "config.format.sample_rate_hertz", "UNSUPPORTED_SAMPLE_RATE"),
    "six channels": ([config(channels=6)], "config.format.channels", "UNSUPPORTED_CHANNELS"),
    "no audio": ([config()], "audio", "EMPTY_AUDIO"),
    "half a sample": ([config(), *chunks(bytes(4001))], "audio", "TRUNCATED_AUDIO"),
    "another engine": ([config(engine="spleeter")], "config.engine", "UNKNOWN_ENGINE"),
}


@pytest.mark.parametrize("case", REFUSED)
async def test_bad_input_names_the_field(set_up, case: str) -> None:
    set_up()
    requests, field, reason = REFUSED[case]
    error = await refusal(requests)
    assert isinstance(error, InvalidInput), error
    assert (error.violations[0].field, error.violations[0].reason) == (field, reason)


@pytest.mark.parametrize(("name", "text"), [("STEM", "drums"), ("N_FFT", "many"), ("N_FFT", "7"), ("HOP", "6144"), ("GAIN", "nan")])
async def test_settings_that_cannot_be(set_up, name: str, text: str) -> None:
    set_up(**{name: text})
    with pytest.raises(InvalidInput, match=f"LOCUTOR_SEPARATION_{name}"):
        MdxEngine(ModelStore(), 1)
