"""Which Whisper runs: artifacts of the store, folders of the operator's, and the numbers that it computes with."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from locutor.errors import InvalidInput, MissingWeights, NotFound, Unavailable
from services.asr.engine import RecognitionOptions
from services.asr.engines.faster_whisper import FasterWhisperEngine
from services.weights import ModelStore
from services.weights.archive import sha256_of
from tests.asr.recordings import read_english, word_error_rate
from tests.asr.test_recognition import heard, sound, text


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The operator's folder, with a model that he converted: here a copy of one of the store's."""
    source = ModelStore().ensure("whisper-tiny-en")
    folder = tmp_path / "mine.en"
    folder.mkdir()
    for file in source.iterdir():
        if not file.name.startswith("."):
            (folder / file.name).symlink_to(file)
    monkeypatch.setenv("LOCUTOR_WHISPER_MODELS", str(tmp_path))
    return folder


@pytest.mark.parametrize("by", ["name", "path"])
def test_a_folder_of_the_operators_is_heard_with(own: Path, monkeypatch: pytest.MonkeyPatch, by: str) -> None:
    monkeypatch.setenv("LOCUTOR_ASR_WEIGHTS", own.name if by == "name" else str(own))
    engine = FasterWhisperEngine(ModelStore(), 2)
    speech = read_english("LJ001-0006")
    assert word_error_rate(speech.text, text(heard(engine, sound(speech)))) <= 0.15
    assert (engine.info.name, engine.info.locales, engine.info.commercial_use) == ("mine.en", ("en",), False)
    assert engine.info.weights["model.bin"] == sha256_of(own / "model.bin")


def test_its_licence_is_what_the_operator_states(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCUTOR_ASR_WEIGHTS", "mine.en")
    monkeypatch.setenv("LOCUTOR_WHISPER_LICENSE", "MIT")
    monkeypatch.setenv("LOCUTOR_WHISPER_COMMERCIAL_USE", "1")
    chosen = FasterWhisperEngine.describe(ModelStore())[0]
    assert (chosen.name, chosen.license, chosen.commercial_use) == ("mine.en", "MIT", True)


def test_all_that_could_be_chosen_is_listed_the_chosen_first(own: Path) -> None:
    listed = FasterWhisperEngine.describe(ModelStore())
    assert [info.name for info in listed] == ["whisper-base", "whisper-tiny-en", "mine.en"]
    (own / "tokenizer.json").unlink()
    damaged = FasterWhisperEngine.describe(ModelStore())[2]
    assert not damaged.installed and "lacks tokenizer.json" in damaged.remedy


def test_what_is_not_whole_is_not_completed_from_the_network(own: Path) -> None:
    (own / "tokenizer.json").unlink()
    with pytest.raises(MissingWeights, match=r"mine\.en: its folder lacks tokenizer\.json"):
        FasterWhisperEngine(ModelStore(), 2, "mine.en")


def test_an_unknown_name_is_refused_with_those_that_are_known() -> None:
    with pytest.raises(NotFound, match=r"whisper-base.* LOCUTOR_ASR_WEIGHTS may also name a folder"):
        FasterWhisperEngine(ModelStore(), 2, "whisper-gigantic")


def test_other_numbers_give_another_version_and_are_refused_where_they_cannot_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCUTOR_DEVICE", "cpu")
    monkeypatch.setenv("LOCUTOR_COMPUTE_TYPE", "float32")
    engine = FasterWhisperEngine(ModelStore(), 2, "whisper-tiny-en")
    assert engine.info.engine_version == "2 (float32)"
    assert list(engine.open(RecognitionOptions()).accept(np.zeros(1600, np.float32), caught_up=False)) == []
    monkeypatch.setenv("LOCUTOR_COMPUTE_TYPE", "float16")
    with pytest.raises(InvalidInput, match=r"float16.* which CTranslate2 does not compute with on cpu; give auto, int8, float32"):
        FasterWhisperEngine(ModelStore(), 2, "whisper-tiny-en")


def test_a_gpu_that_is_asked_for_and_not_there_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCUTOR_DEVICE", "cuda:7")
    with pytest.raises(Unavailable, match=r"NVIDIA's driver|finds"):
        FasterWhisperEngine(ModelStore(), 2, "whisper-tiny-en")


@pytest.mark.parametrize(
    ("variable", "value", "remedy"),
    [
        ("LOCUTOR_ASR_WEIGHTS", "nosuch", "LOCUTOR_ASR_WEIGHTS may also name a folder"),
        ("LOCUTOR_DEVICE", "gpu", "LOCUTOR_DEVICE: found 'gpu'; give auto, cpu"),
        ("LOCUTOR_DEVICE", "cuda:7", "LOCUTOR_DEVICE asks for cuda:7"),
        ("LOCUTOR_COMPUTE_TYPE", "int3", "LOCUTOR_COMPUTE_TYPE: found 'int3'"),
    ],
)
def test_a_wrong_setting_is_told_in_the_list_and_does_not_keep_it_back(monkeypatch: pytest.MonkeyPatch, variable: str, value: str, remedy: str) -> None:
    monkeypatch.setenv(variable, value)
    chosen, *others = FasterWhisperEngine.describe(ModelStore())
    assert not chosen.installed and not chosen.weights and remedy in chosen.remedy
    assert {info.name for info in others} >= {"whisper-tiny-en"}
