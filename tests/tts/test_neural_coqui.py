"""Coqui's models through the real adapter: tiny ones with random weights, so what is said is noise, of exact length and with exact times."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path

import grpc.aio
import numpy as np
import pytest
import soundfile
import torch

from locutor.address import Address
from locutor.errors import InvalidInput, LocutorError, MissingWeights, OutOfRange
from locutor.status import from_rpc_error
from locutor.tts.v1 import tts_pb2, tts_pb2_grpc
from services.serving import GrpcServer, ServingSettings
from services.tts.engine import SpeechRequest, SpokenSentence
from services.tts.engines.coqui.catalog import CoquiModel, models_of
from services.tts.engines.coqui.engine import CoquiEngine
from services.tts.engines.coqui.noise import equal_noise
from services.tts.engines.coqui.symbols import input_of
from services.tts.engines.coqui.vits import LoadedVits
from services.tts.servicer import TtsServicer
from services.weights import ModelStore
from tests.tts.coqui_models import vits, xtts

ENGLISH, SPANISH, XTTS = "tts_models--en--tiny--vits", "tts_models--es--letters--vits", "xtts_v2"
MARIA = f"coqui:{XTTS}:maria"
TEXT = "Good morning to you all. That costs $5 in the new shop."


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Of models, and of recordings."""
    models, voices = tmp_path_factory.mktemp("models"), tmp_path_factory.mktemp("voices")
    vits(models / ENGLISH, card="* License: MIT\n")
    vits(models / SPANISH, phonemes=False, speakers=("ana", "luis"))
    xtts(models / XTTS)
    noise = 0.1 * np.random.default_rng(0).standard_normal(24_000 * 6)
    for name in ("maria", "nobody"):
        soundfile.write(voices / f"{name}.wav", noise, 24_000)
    (voices / "maria.consent.toml").write_text('statement = "My voice may read the news"\nby = "Maria"\n')
    return models, voices


@pytest.fixture(autouse=True)
def settings(folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCUTOR_COQUI_MODELS", str(folders[0]))
    monkeypatch.setenv("LOCUTOR_COQUI_VOICES", str(folders[1]))


@pytest.fixture(scope="module")
def engine() -> CoquiEngine:
    return CoquiEngine(ModelStore(), 1)


def spoken(engine: CoquiEngine, text: str, locale: str, **fields: object) -> list[SpokenSentence]:
    return list(engine.plan(SpeechRequest(text, locale, **fields)).sentences())  # type: ignore[arg-type]


def length_s(sentences: list[SpokenSentence], sample_rate: int) -> float:
    return sum(len(sentence.audio) for sentence in sentences) / sample_rate


def test_voices_and_models_are_listed_with_their_licences(engine: CoquiEngine) -> None:
    voices = {voice.id: voice for voice in engine.list_voices(ModelStore())}
    assert set(voices) == {f"coqui:{ENGLISH}", *(f"coqui:{SPANISH}:{name}" for name in ("ana", "luis")), *(f"{MARIA}:{code}" for code in ("en", "es", "zh-cn"))}
    english, cloned = voices[f"coqui:{ENGLISH}"], voices[f"{MARIA}:zh-cn"]
    assert (english.locale, english.license, english.commercial_use, english.is_default) == ("en-US", "MIT", True, True)
    assert (cloned.locale, cloned.license, cloned.commercial_use, cloned.display_name) == ("zh-CN", "LicenseRef-CPML", False, "maria")
    models = {info.name: info for info in engine.describe(ModelStore())}
    assert all(info.installed and "config.json" in info.weights for info in models.values())
    assert [english.model, cloned.model] == [ENGLISH, XTTS]
    assert [models[name].commercial_use for name in (ENGLISH, SPANISH, XTTS)] == [True, False, False]


def test_sentences_have_their_sound_and_the_times_of_all_that_is_said(engine: CoquiEngine) -> None:
    speech = engine.plan(SpeechRequest(TEXT, "en-US", f"coqui:{ENGLISH}"))
    first, second = sentences = list(speech.sentences())
    assert (speech.sample_rate, speech.model.name) == (22_050, ENGLISH)
    assert second.spoken_text == "That costs five dollars in the new shop." and second.start_s == len(first.audio) / 22_050
    for sentence in sentences:
        phonemes = sentence.timeline.phonemes
        assert phonemes[0].start_s == pytest.approx(sentence.start_s)
        assert phonemes[-1].end_s == pytest.approx(sentence.start_s + len(sentence.audio) / 22_050)
        assert all(a.end_s == pytest.approx(b.start_s) for a, b in pairwise(phonemes))
    price = next(word for word in second.timeline.words if word.text == "$5")
    assert TEXT[price.text_begin : price.text_end] == "$5"
    assert len({round(span.end_s - span.start_s, 4) for span in first.timeline.phonemes}) > 3, "durations are the model's own"


def test_the_model_reads_and_lasts_as_the_package_itself_would(engine: CoquiEngine) -> None:
    speech = engine.plan(SpeechRequest("Good morning to you all.", "en-US", f"coqui:{ENGLISH}"))
    loaded = engine._loaded[2]  # type: ignore[index]
    assert isinstance(loaded, LoadedVits)
    (chunk,) = speech.chunks
    tokenizer = loaded._model.tokenizer
    ids = tokenizer.intersperse_blank_char(tokenizer.encode(chunk.symbols))
    assert list(input_of(chunk, loaded._alphabet).ids) == ids
    with equal_noise(torch.device("cpu")), torch.inference_mode():
        package = loaded._model.inference(torch.tensor([ids]))
    audio, _ = speech.speak(chunk)
    silence = sum(loaded._breaths(chunk, 1.0))
    assert len(audio) / 256 - silence == package["durations"].sum() == package["model_outputs"].shape[-1] / 256


def test_durations_are_known_before_and_can_be_asked_for(engine: CoquiEngine) -> None:
    request = SpeechRequest(TEXT, "en-US", f"coqui:{ENGLISH}")
    natural, fast = engine.foretell_s(request, [1.0, 1.25])
    assert length_s(spoken(engine, TEXT, "en-US", rate=1.25, voice=request.voice), 22_050) == pytest.approx(fast, abs=1e-6) and fast < natural
    target = natural * 0.9
    assert length_s(spoken(engine, TEXT, "en-US", target_duration_s=target, voice=request.voice), 22_050) == pytest.approx(target, rel=0.02)
    with pytest.raises(OutOfRange, match="cannot be met"):
        engine.plan(SpeechRequest(TEXT, "en-US", request.voice, target_duration_s=natural * 3))


def test_letters_are_read_where_the_model_learnt_letters_and_speakers_differ(engine: CoquiEngine) -> None:
    ana, luis, again = (spoken(engine, "Mañana, señor.", "es", voice=f"coqui:{SPANISH}:{name}")[0] for name in ("ana", "luis", "ana"))
    loaded = engine._loaded[2]  # type: ignore[index]
    assert isinstance(loaded, LoadedVits) and {"ñ", "á"} <= loaded._alphabet.ids.keys()
    assert np.array_equal(ana.audio, again.audio)
    assert ana.audio.shape != luis.audio.shape or not np.allclose(ana.audio, luis.audio)
    assert [word.text for word in ana.timeline.words] == ["Mañana", "señor"]


def test_a_voice_is_cloned_from_a_recording_sentence_by_sentence(engine: CoquiEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    said = []
    speak = type(engine._load(engine_model(engine)))._sound
    monkeypatch.setattr("services.tts.engines.coqui.xtts.LoadedXtts._sound", lambda self, chunk, *rest: said.append(chunk.spoken) or speak(self, chunk, *rest))
    speech = engine.plan(SpeechRequest("Buenos días a todos los amigos. Cuesta 5 euros en la tienda nueva.", "es", f"{MARIA}:es"))
    sentences = speech.sentences()
    first = next(sentences)
    assert said == ["Buenos días a todos los amigos."], "what is not asked for yet is not spoken yet"
    assert (speech.sample_rate, first.audio.dtype) == (24_000, np.float32) and 0.5 < len(first.audio) / 24_000 < 4
    assert [word.text for word in first.timeline.words] == ["Buenos", "días", "a", "todos", "los", "amigos"]
    assert first.timeline.phonemes[-1].end_s == pytest.approx(len(first.audio) / 24_000)


def engine_model(engine: CoquiEngine) -> CoquiModel:
    return next(model for model in models_of(engine._store) if model.kind == "xtts")


@pytest.mark.parametrize(
    ("consent", "found"),
    [
        (None, "nobody.wav has no consent: write beside it"),
        ("statement = 5", "does not state who allows what"),
        ('statement = "yes"\nby = " "', "does not state who allows what"),
        ("yes, by all means", "is no TOML file"),
    ],
)
def test_a_recording_without_a_consent_is_neither_offered_nor_spoken_with(
    engine: CoquiEngine, folders: tuple[Path, Path], consent: str | None, found: str
) -> None:
    path = folders[1] / "nobody.consent.toml"
    if consent is not None:
        path.write_text(consent)
    try:
        assert not any("nobody" in voice.id for voice in engine.list_voices(ModelStore()))
        with pytest.raises(InvalidInput, match=found) as caught:
            engine.plan(SpeechRequest("Hello", "en", f"coqui:{XTTS}:nobody:en"))
        assert caught.value.reason == "NO_CONSENT"
    finally:
        path.unlink(missing_ok=True)


def test_a_consent_that_is_withdrawn_ends_the_voice(engine: CoquiEngine, folders: tuple[Path, Path]) -> None:
    speech = engine.plan(SpeechRequest("Hello to you all.", "en", f"{MARIA}:en"))
    consent = folders[1] / "maria.consent.toml"
    kept = consent.read_text()
    consent.unlink()
    try:
        with pytest.raises(InvalidInput, match="has no consent"):
            next(speech.sentences())
    finally:
        consent.write_text(kept)


@pytest.mark.parametrize(
    ("files", "found"),
    [
        ({"config.json": "{}"}, "no configuration of Coqui's"),
        ({"config.json": '{"model": "tacotron2", "model_args": {}}'}, "'tacotron2' model; vits and xtts"),
        ({"config.json": '{"model": "vits", "model_args": {}}'}, "holds 0 checkpoints"),
        ({"config.json": '{"model": "vits", "model_args": {"use_d_vector_file": true}}'}, "vectors of another network"),
        ({"config.json": "[]"}, "no configuration of Coqui's"),
        ({"config.json": '{"model": "vits", "model_args": []}'}, "it has no model_args"),
        ({"config.json": '{"model": "vits", "model_args": {"use_speaker_embedding": true}}', "model.pth": "", "speakers.pth": "no"}, "(UnpicklingError: "),
        ({"config.json": '{"model": "xtts", "model_args": {}, "languages": null}', "model.pth": "", "vocab.json": ""}, "(TypeError: "),
        ({"config.json": '{"model": "xtts", "model_args": {}, "languages": ["ja"]}', "model.pth": "", "vocab.json": ""}, "none of its languages (ja)"),
        ({"config.json": '{"model": "vits", "model_args": {}, "phoneme_language": "fo"}', "model.pth": ""}, "has no fo"),
        ({"config.json": '{"model": "xtts", "model_args": {}}'}, "lacks model.pth, vocab.json"),
        ({"config.json": '{"model": "vits", "model_args": {}}', "model.pth": ""}, "its language or its speakers are not told"),
    ],
)
def test_a_folder_that_cannot_be_used_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: dict[str, str], found: str) -> None:
    (tmp_path / "mine").mkdir()
    for name, text in files.items():
        (tmp_path / "mine" / name).write_text(text)
    monkeypatch.setenv("LOCUTOR_COQUI_MODELS", str(tmp_path))
    (info,) = CoquiEngine.describe(ModelStore())
    assert not info.installed and found in info.remedy
    assert str(tmp_path) not in info.remedy
    assert CoquiEngine.list_voices(ModelStore()) == []


def _set(folder: Path, **values: object) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


class Harm:
    """What a checkpoint may bring along."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.path,)


def _break(folder: Path, how: str) -> None:
    if how == "garbage":
        (folder / "model.pth").write_bytes(b"no checkpoint")
    elif how == "empty":
        (folder / "model.pth").write_bytes(b"")
    elif how == "harm":
        torch.save({"model": Harm(folder / "done")}, folder / "model.pth")
    elif how == "class":
        characters = json.loads((folder / "config.json").read_text())["characters"]
        _set(folder, characters=characters | {"characters_class": "no.such.module.Letters"})
    else:
        (folder / "vocab.json").write_text("no vocabulary")


@pytest.mark.parametrize(
    ("name", "how"), [(name, how) for name in (ENGLISH, XTTS) for how in ("garbage", "empty", "harm")] + [(ENGLISH, "class"), (XTTS, "vocabulary")]
)
def test_a_model_whose_files_are_broken_is_told_and_runs_nothing(
    folders: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, how: str
) -> None:
    shutil.copytree(folders[0] / name, tmp_path / name)
    _break(tmp_path / name, how)
    monkeypatch.setenv("LOCUTOR_COQUI_MODELS", str(tmp_path))
    broken = CoquiEngine(ModelStore(), 1)
    with pytest.raises(MissingWeights, match=f"{name} cannot be loaded as"):
        broken.plan(SpeechRequest("Hello", "en"))
    assert not (tmp_path / name / "done").exists()


def test_languages_that_nothing_reads_for_a_model_are_not_offered(folders: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(folders[0] / XTTS, tmp_path / XTTS)
    _set(tmp_path / XTTS, languages=["en", "ja", "zh-cn"])
    monkeypatch.setenv("LOCUTOR_COQUI_MODELS", str(tmp_path))
    assert [voice.id for voice in CoquiEngine.list_voices(ModelStore())] == [f"{MARIA}:en", f"{MARIA}:zh-cn"]


def test_a_recording_refuses_no_voice_but_its_own(engine: CoquiEngine, folders: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(folders[1], tmp_path, dirs_exist_ok=True)
    for name in ("es", "ana", XTTS, "coqui"):
        shutil.copy(tmp_path / "nobody.wav", tmp_path / f"{name}.wav")
    monkeypatch.setenv("LOCUTOR_COQUI_VOICES", str(tmp_path))
    assert engine.model_of(SpeechRequest("Hola", "es", f"coqui:{SPANISH}:ana")).name == SPANISH
    assert engine.model_of(SpeechRequest("Hola", "es", f"{MARIA}:es")).name == XTTS
    with pytest.raises(InvalidInput, match=r"es\.wav has no consent"):
        engine.model_of(SpeechRequest("Hola", "es", f"coqui:{XTTS}:es:es"))


@pytest.mark.parametrize(
    ("locale", "code", "longest", "text"),
    [
        ("en", "en", 250, "I went down to the harbour with my brother and his friends to see the ships that had come in from the islands " * 6),
        ("zh", "zh-cn", 82, "我们今天早上去了博物馆，看了很多很老的画，然后在花园里吃了午饭，" * 6),
    ],
)
def test_no_more_letters_are_spoken_in_one_go_than_the_model_takes(engine: CoquiEngine, locale: str, code: str, longest: int, text: str) -> None:
    chunks = engine.plan(SpeechRequest(text, locale, f"{MARIA}:{code}")).chunks
    assert len(chunks) > 2 and max(len(chunk.spoken) for chunk in chunks) <= longest
    assert chunks[0].begin == 0 and all(a.end == b.begin for a, b in pairwise(chunks))


def test_one_thread_at_a_time_draws_noise() -> None:
    drawn: list[torch.Tensor] = []

    def draw() -> None:
        with equal_noise(torch.device("cpu")):
            drawn.append(torch.rand(2))

    other = threading.Thread(target=draw)
    with equal_noise(torch.device("cpu")):
        first = torch.rand(1)
        other.start()
        other.join(0.2)
        assert other.is_alive() and not drawn
        drawn.append(torch.cat([first, torch.rand(1)]))
    other.join()
    assert torch.equal(*drawn)


@asynccontextmanager
async def serving(settings: ServingSettings) -> AsyncIterator[tts_pb2_grpc.TtsServiceStub]:
    server = GrpcServer([TtsServicer(settings, ModelStore())], settings)
    await server.start()
    async with grpc.aio.insecure_channel(Address.parse(server.address).target, options=[("grpc.enable_http_proxy", 0)]) as channel:
        yield tts_pb2_grpc.TtsServiceStub(channel)
    await server.stop(0)


async def synthesize(stub: tts_pb2_grpc.TtsServiceStub, **fields: str) -> list[tts_pb2.SynthesizeResponse] | LocutorError:
    try:
        return [response async for response in stub.Synthesize(tts_pb2.SynthesizeRequest(**fields))]
    except grpc.aio.AioRpcError as error:
        return from_rpc_error(error)


async def test_the_service_speaks_with_it_and_a_commercial_one_asks_for_the_licence_of_each_voice() -> None:
    async with serving(ServingSettings(threads=1, engine="coqui", commercial=True)) as stub:
        responses = await synthesize(stub, text=TEXT, locale="en-US", engine="coqui", voice=f"coqui:{ENGLISH}")
        assert isinstance(responses, list) and responses[0].header.model.name == ENGLISH
        audio = b"".join(response.audio for response in responses)
        assert len(audio) == responses[-1].summary.sample_count * 2 > 22_050
        for voice, locale, licence in ((f"coqui:{SPANISH}:ana", "es", "LicenseRef-unknown"), (f"{MARIA}:es", "es", "LicenseRef-CPML")):
            refused = await synthesize(stub, text="Hola a todos", locale=locale, engine="coqui", voice=voice)
            assert isinstance(refused, InvalidInput) and refused.reason == "NON_COMMERCIAL_WEIGHTS" and licence in refused.message
        voices = (await stub.ListVoices(tts_pb2.ListVoicesRequest(locale="es"))).voices
        assert {voice.id: voice.commercial_use for voice in voices if voice.engine == "coqui"}[f"{MARIA}:es"] is False
