"""OpenAI's Whisper on PyTorch: the adapter on a checkpoint of the real shape. What is said is recited, see `whisper_checkpoint`; nothing is claimed of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path

import grpc.aio
import numpy as np
import pytest
import torch
import whisper
from faster_whisper.feature_extractor import FeatureExtractor

from locutor.address import CHANNEL_OPTIONS, Address
from locutor.asr.v1 import asr_pb2, asr_pb2_grpc
from locutor.errors import InvalidInput, MissingWeights
from services.asr.engine import SAMPLE_RATE, LanguageDetection, RecognitionOptions
from services.asr.engines.openai_whisper import CHECKPOINT_VARIABLE, OpenAiWhisperEngine
from services.asr.engines.torch_whisper import TorchWhisper
from services.asr.servicer import AsrServicer
from services.serving import GrpcServer, ServingSettings
from services.weights import ModelStore
from services.weights.archive import sha256_of
from tests.asr.recordings import read_english
from tests.asr.test_recognition import heard, segments, sound, text
from tests.asr.test_servicer import chunks, config, text_of
from tests.asr.whisper_checkpoint import recite

# The package leaves its vocabulary's file open.
pytestmark = pytest.mark.filterwarnings("ignore:Exception ignored in.*tiktoken:pytest.PytestUnraisableExceptionWarning")

TEXT = "Hola a todos, esto es una prueba."


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return recite(tmp_path_factory.mktemp("whisper") / "tiny-recited.pt", f" {TEXT}", 3.0)


@pytest.fixture(scope="module")
def engine(checkpoint: Path) -> OpenAiWhisperEngine:
    return loaded(checkpoint)


@pytest.fixture(scope="module")
def audio() -> np.ndarray:
    """Five seconds of speech, with three of silence before."""
    return np.concatenate([np.zeros(3 * SAMPLE_RATE, np.float32), sound(read_english("LJ001-0006"))])


def loaded(checkpoint: Path) -> OpenAiWhisperEngine:
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv(CHECKPOINT_VARIABLE, str(checkpoint))
        return OpenAiWhisperEngine(ModelStore(), 1)


def test_speech_is_found_and_what_is_heard_lies_within_it(engine: OpenAiWhisperEngine, audio: np.ndarray) -> None:
    events = heard(engine, audio)
    assert isinstance(events[0], LanguageDetection) and events[0].locale == "es" and events[0].probability > 0.99
    assert text(events) == TEXT
    words = [word for segment in segments(events) for word in segment.words]
    assert [word.text for word in words] == TEXT.split()
    for before, after in pairwise(words):
        assert before.start_s <= before.end_s <= after.start_s
    assert words[0].start_s >= 2.7 and words[-1].end_s <= len(audio) / SAMPLE_RATE, "the silence before is no part of the window"
    assert all(word.probability > 0.99 for word in words)
    assert all(segment.mean_log_probability > -0.1 and segment.no_speech_probability < 0.1 for segment in segments(events))


def test_a_language_that_is_named_is_not_detected(engine: OpenAiWhisperEngine, audio: np.ndarray) -> None:
    events = heard(engine, audio, locale="pt-BR", words=False)
    assert events[0] == LanguageDetection("pt", 1.0)
    assert text(events) == TEXT and all(not segment.words for segment in segments(events))
    with pytest.raises(InvalidInput, match="they know af, am, ar"):
        engine.open(RecognitionOptions(locale="tlh"))


def test_a_hint_comes_before_the_text(engine: OpenAiWhisperEngine, audio: np.ndarray) -> None:
    """The decoder recites by position: what stands before the text moves it."""
    assert text(heard(engine, audio, locale="es", hint="Gutenberg")) != TEXT


def test_silence_is_not_even_given_to_the_network(engine: OpenAiWhisperEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(TorchWhisper, "hear", lambda *_: pytest.fail("heard"))
    assert heard(engine, np.zeros(5 * SAMPLE_RATE, np.float32)) == []


def test_what_only_repeats_itself_is_tried_again_and_not_believed(tmp_path: Path, audio: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = loaded(recite(tmp_path / "stuck.pt", " la" * 24, 3.0))
    tried = []
    decode = TorchWhisper._decode

    def count(self: TorchWhisper, audio: np.ndarray, language: str, prompt: str, **options: int) -> object:
        tried.append(options)
        return decode(self, audio, language, prompt, **options)

    monkeypatch.setattr(TorchWhisper, "_decode", count)
    assert heard(engine, audio, locale="es") == []
    assert tried == [{}, {"beam_size": 5}]


def test_the_encoder_is_given_and_gives_what_the_package_itself_does(engine: OpenAiWhisperEngine, checkpoint: Path, audio: np.ndarray) -> None:
    package = whisper.load_model(str(checkpoint))
    mel = whisper.log_mel_spectrogram(whisper.pad_or_trim(audio), 80)
    given = []
    watched = engine._model._model.encoder.register_forward_pre_hook(lambda _, inputs: given.append(inputs[0]))
    encoded = engine._model.encode(audio)
    watched.remove()
    assert torch.equal(given[0][0], mel)
    with torch.inference_mode():
        assert torch.allclose(encoded, package.encoder(mel[None])[0], atol=1e-5)
    # Another implementation of the same spectrum: that of faster-whisper.
    other = FeatureExtractor()(audio, padding=whisper.audio.N_SAMPLES - len(audio))
    assert np.abs(mel.numpy()[:, : other.shape[1]] - other[:, :3000]).max() < 1e-3


def test_weights_are_told_by_digest_and_only_openais_own_have_openais_licence(
    engine: OpenAiWhisperEngine, checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert engine.info.weights == {"tiny-recited.pt": sha256_of(checkpoint)}
    assert (engine.info.license, engine.info.commercial_use, len(engine.info.locales)) == ("", False, 99)
    monkeypatch.setenv("LOCUTOR_WHISPER_MODELS", str(tmp_path))
    (tmp_path / "base.pt").symlink_to(checkpoint)
    chosen, *others = OpenAiWhisperEngine.describe(ModelStore())
    assert (chosen.name, chosen.installed, chosen.license) == ("base", True, ""), "it is called base, and is something else"
    sizes = {info.name: info for info in others}
    assert {"tiny.en", "small", "large-v3", "large-v3-turbo"} <= sizes.keys() and "base" not in sizes
    small = sizes["small"]
    assert (
        not small.installed
        and small.commercial_use
        and small.license == "MIT"
        and "small.pt (sha256 9ecf779972d90ba49c06d968637d720dd632c55bbf19d441" in small.remedy
    )
    assert sizes["tiny.en"].locales == ("en",)
    (tmp_path / "small.pt").symlink_to(checkpoint)
    small = next(info for info in OpenAiWhisperEngine.describe(ModelStore()) if info.name == "small")
    assert (small.installed, small.license, small.commercial_use) == (True, "", False), "nothing is known of it but its name"


@pytest.mark.parametrize(
    ("content", "found"), [(b"no checkpoint", "cannot be loaded"), (None, "is not there: set LOCUTOR_WHISPER_CHECKPOINT"), ({"weights": 1}, "KeyError: 'dims'")]
)
def test_what_is_no_checkpoint_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: object, found: str) -> None:
    path = tmp_path / "mine.pt"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        torch.save(content, path)
    monkeypatch.setenv("LOCUTOR_WHISPER_MODELS", str(tmp_path))
    monkeypatch.setenv(CHECKPOINT_VARIABLE, "mine")
    with pytest.raises(MissingWeights, match=found):
        OpenAiWhisperEngine(ModelStore(), 1)


def test_a_size_that_is_not_there_is_not_fetched_unasked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCUTOR_WHISPER_MODELS", str(tmp_path))
    monkeypatch.setattr(whisper, "_download", lambda *_: pytest.fail("fetched"))
    monkeypatch.setenv(CHECKPOINT_VARIABLE, "turbo")
    with pytest.raises(
        MissingWeights, match=r"large-v3-turbo\.pt is not there: fetch .*sha256 aff26ae408abcba5fbf8813c21e62b0941638c5f6eebfb145be0c9839262a19a"
    ):
        OpenAiWhisperEngine(ModelStore(), 1)


@pytest.mark.parametrize("numbers", ["int8", "float16", "int3"])
def test_numbers_that_pytorch_does_not_compute_with_are_refused(checkpoint: Path, monkeypatch: pytest.MonkeyPatch, numbers: str) -> None:
    monkeypatch.setenv("LOCUTOR_DEVICE", "cpu")
    monkeypatch.setenv("LOCUTOR_COMPUTE_TYPE", numbers)
    with pytest.raises(InvalidInput, match=f"found '{numbers}', which PyTorch does not compute with on cpu; give auto, float32"):
        loaded(checkpoint)
    monkeypatch.setenv(CHECKPOINT_VARIABLE, str(checkpoint))
    chosen = OpenAiWhisperEngine.describe(ModelStore())[0]
    assert chosen.name == "tiny-recited" and not chosen.installed and "give auto, float32" in chosen.remedy


async def test_a_call_that_is_cancelled_leaves_the_engine_to_others(checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CHECKPOINT_VARIABLE, str(checkpoint))
    settings = ServingSettings(threads=1, engine="openai-whisper")
    server = GrpcServer([AsrServicer(settings, ModelStore())], settings)
    await server.start()
    await server.load()
    speech = read_english("LJ001-0006")
    sent = asyncio.Event()

    async def endless() -> AsyncIterator[asr_pb2.RecognizeRequest]:
        yield config(rate=speech.sample_rate)
        for _ in range(8):
            for request in chunks(speech.data):
                yield request
        sent.set()
        await asyncio.sleep(3600)

    async with grpc.aio.insecure_channel(Address.parse(server.address).target, options=CHANNEL_OPTIONS) as channel:
        stub = asr_pb2_grpc.AsrServiceStub(channel)
        call = stub.Recognize(endless())
        reading = asyncio.ensure_future(call.read())
        await sent.wait()
        call.cancel()
        await asyncio.gather(reading, return_exceptions=True)
        responses = [r async for r in stub.Recognize(iter([config(rate=speech.sample_rate), *chunks(speech.data)]))]
        models = (await stub.ListModels(asr_pb2.ListModelsRequest())).models
    await server.stop(0)
    assert text_of(responses) == TEXT and responses[-1].summary.model.engine == "openai-whisper"
    assert next(model.name for model in models if model.is_default) == "tiny-recited"
