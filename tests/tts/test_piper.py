"""Piper's real voice: what it says, when, and what of an operator's folder is spoken."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import jiwer
import numpy as np
import onnx
import pytest
import soxr
from faster_whisper import WhisperModel
from onnx import TensorProto, helper

from locutor.errors import InvalidInput, OutOfRange
from services.tts.engine import SpeechRequest, Viseme
from services.tts.engines.piper.catalog import FOLDER_VARIABLE
from services.tts.engines.piper.engine import PiperEngine
from services.tts.engines.piper.halves import halve
from services.tts.engines.piper.voice import FRAME_SAMPLES
from services.tts.rate import TOLERANCE
from services.weights import ModelStore

VOICE = "piper:en_US-joe-medium"
TEXT = "Welcome to our little museum. Please leave your bags at the front desk, and enjoy the pictures on the second floor."


@pytest.fixture(scope="module")
def piper() -> PiperEngine:
    ModelStore().ensure("piper-en-us-joe")
    return PiperEngine(ModelStore(), threads=2)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    return tmp_path


def _bring(folder: Path, name: str, **changes: object) -> Path:
    """The real model under another name, with another configuration."""
    source = ModelStore().ensure("piper-en-us-joe") / "en_US-joe-medium.onnx"
    config = json.loads(source.with_name(f"{source.name}.json").read_text()) | changes
    folder.mkdir(exist_ok=True)
    model = folder / f"{name}.onnx"
    model.symlink_to(source)
    model.with_name(f"{model.name}.json").write_text(json.dumps(config))
    return model


def test_what_is_said_is_heard_and_timed(piper: PiperEngine) -> None:
    speech = piper.plan(SpeechRequest(TEXT, "en"))
    sentences = list(speech.sentences())
    assert (speech.voice.id, speech.sample_rate, speech.model.commercial_use) == (VOICE, 22050, False)
    end_s = 0.0
    for sentence in sentences:
        assert sentence.audio.dtype == np.float32 and 0.1 < np.abs(sentence.audio).max() < 0.9
        assert len(sentence.audio) % FRAME_SAMPLES == 0 and np.abs(sentence.audio[[0, -1]]).max() < 1e-3
        assert sentence.start_s == end_s
        end_s += len(sentence.audio) / speech.sample_rate
        for spans in (sentence.timeline.phonemes, sentence.timeline.visemes):
            assert spans[0].start_s == sentence.start_s and spans[-1].end_s == pytest.approx(end_s, abs=1e-9)
            assert all(before.end_s == behind.start_s and before.end_s > before.start_s for before, behind in pairwise(spans))
        assert sentence.timeline.visemes[0].viseme is sentence.timeline.visemes[-1].viseme is Viseme.SILENCE
    words = [word for sentence in sentences for word in sentence.timeline.words]
    assert [TEXT[word.text_begin : word.text_end] for word in words] == TEXT.replace(".", "").replace(",", "").split()
    whisper = WhisperModel(str(ModelStore().ensure("whisper-tiny-en")), device="cpu", compute_type="int8", cpu_threads=2)
    audio = np.concatenate([sentence.audio for sentence in sentences])
    segments, _ = whisper.transcribe(soxr.resample(audio, speech.sample_rate, 16000), language="en", word_timestamps=True)
    heard = [word for segment in segments for word in segment.words or ()]
    said = jiwer.Compose([jiwer.ToLowerCase(), jiwer.RemovePunctuation(), jiwer.Strip()])
    assert jiwer.wer(said(TEXT), said("".join(word.word for word in heard))) <= 0.1
    # Whisper's own times are good to about a tenth of a second.
    assert len(heard) == len(words)
    assert np.median([abs(there.start - here.start_s) for there, here in zip(heard, words, strict=True)]) < 0.15


def test_phonemes_are_where_they_sound(piper: PiperEngine) -> None:
    speech = piper.plan(SpeechRequest("She sells six sea shells. Sam says yes.", "en"))
    hiss, rest = [], []
    for sentence in speech.sentences():
        for phoneme in sentence.timeline.phonemes:
            begin, end = (round((at_s - sentence.start_s) * speech.sample_rate) for at_s in (phoneme.start_s, phoneme.end_s))
            spectrum = np.abs(np.fft.rfft(sentence.audio[begin:end])) ** 2
            high = spectrum[np.fft.rfftfreq(end - begin, 1 / speech.sample_rate) > 4000].sum() / max(spectrum.sum(), 1e-9)
            if phoneme.symbol:
                (hiss if phoneme.symbol in ("s", "ʃ") else rest).append(high)
    assert np.median(hiss) > 0.6 > 0.1 > np.median(rest)


def test_equal_requests_give_equal_sound_on_any_number_of_threads(piper: PiperEngine) -> None:
    other = PiperEngine(ModelStore(), threads=1)
    (one,), (two,), (three,) = (list(engine.plan(SpeechRequest("Say it again.", "en", rate=1.2)).sentences()) for engine in (piper, piper, other))
    assert np.array_equal(one.audio, two.audio) and one.timeline == two.timeline
    assert len(three.audio) == len(one.audio) and np.abs(three.audio - one.audio).max() < 1e-4


@pytest.mark.parametrize("target_s", [5.7, 7.0])
def test_target_duration(piper: PiperEngine, target_s: float) -> None:
    speech = piper.plan(SpeechRequest(TEXT, "en", target_duration_s=target_s))
    lasts_s = sum(len(sentence.audio) for sentence in speech.sentences()) / speech.sample_rate
    assert lasts_s == pytest.approx(target_s, rel=TOLERANCE)
    assert piper.foretell_s(SpeechRequest(TEXT, "en"), [speech.rate]) == [pytest.approx(lasts_s, abs=1e-9)]
    with pytest.raises(OutOfRange):
        piper.plan(SpeechRequest(TEXT, "en", target_duration_s=30))


def test_a_folder_of_voices(piper: PiperEngine, folder: Path) -> None:
    _bring(folder / "thor", "de_DE-thor-high", language={"code": "de_DE"}, espeak={"voice": "de"}, audio={"sample_rate": 22050, "quality": "high"})
    (folder / "thor" / "MODEL_CARD").write_text(
        "# Model card for thor\n\n## Dataset\n\n* URL: somewhere\n* License: CC0\n\n## Training\n\nTrained from scratch.\n"
    )
    _bring(folder / "eva", "de_DE-eva-low", language={"code": "de_DE"}, espeak={"voice": "de"}, audio={"sample_rate": 16000, "quality": "low"})
    (folder / "eva" / "MODEL_CARD").write_text("* License: CC-BY-NC 4.0\n")
    _bring(folder / "more", "fi_FI-two-medium", language={"code": "fi_FI"}, espeak={"voice": "fi"}, num_speakers=2, speaker_id_map={"a": 0, "b": 1})
    _bring(folder, "odd", phoneme_type="pinyin")
    (folder / "alone.onnx").write_bytes(b"")
    listed = {voice.id: voice for voice in piper.list_voices(ModelStore())}
    assert list(listed) == ["piper:de_DE-eva-low", "piper:fi_FI-two-medium:a", "piper:fi_FI-two-medium:b", "piper:de_DE-thor-high", VOICE]
    assert [voice.id for voice in listed.values() if voice.is_default] == ["piper:fi_FI-two-medium:a", "piper:de_DE-thor-high", VOICE]
    licences = {voice.id: (voice.license, voice.commercial_use) for voice in listed.values()}
    assert licences["piper:de_DE-thor-high"] == ("CC0-1.0", True)
    assert licences["piper:de_DE-eva-low"] == ("LicenseRef-CC-BY-NC-4.0", False)
    assert licences["piper:fi_FI-two-medium:a"] == ("LicenseRef-unknown", False)
    _bring(folder / "again", "de_DE-thor-high")
    (twice,) = [info for info in piper.describe(ModelStore()) if "is there twice" in info.remedy]
    assert (twice.name, twice.installed) == ("de_DE-thor-high", False) and str(folder) not in twice.remedy
    (folder / "again" / "de_DE-thor-high.onnx").unlink()
    models = {info.name: info for info in piper.describe(ModelStore())}
    assert all(models[voice.model].license == voice.license for voice in listed.values())
    assert models["de_DE-thor-high"].installed and len(models["de_DE-thor-high"].weights) == 2
    assert "pinyin" in models["odd"].remedy and "JSON" in models["alone"].remedy and not models["alone"].installed
    text = "Am 3. Oktober kostet es 3,50 €."
    (sentence,) = piper.plan(SpeechRequest(text, "de")).sentences()
    assert [word.text for word in sentence.timeline.words] == ["Am", "3.", "Oktober", "kostet", "es", "3,50", "€"]
    assert {"œ", "k", "ɔ", "f"} & {phoneme.symbol for phoneme in sentence.timeline.phonemes}


def test_a_voice_that_reads_letters_has_the_times_of_its_words(piper: PiperEngine, folder: Path) -> None:
    _bring(folder, "en_GB-letters-medium", phoneme_type="text", language={"code": "en_GB"}, espeak={"voice": "en"})
    speech = piper.plan(SpeechRequest("A map, a man.", "en-GB"))
    (sentence,) = speech.sentences()
    assert speech.voice.id == "piper:en_GB-letters-medium"
    assert [word.text for word in sentence.timeline.words] == ["A", "map", "a", "man"]
    assert [phoneme.symbol for phoneme in sentence.timeline.phonemes if phoneme.symbol] == ["ɐ", "m", "a", "p", "ɐ", "m", "a", "n"]


def test_a_folder_that_is_none_is_told(piper: PiperEngine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "none"))
    assert [info.installed for info in piper.describe(ModelStore())] == [False, True]
    remedy = piper.describe(ModelStore())[0].remedy
    assert "'none', which is no folder" in remedy and str(tmp_path) not in remedy, "who lists models need not know the operator's folders"
    assert [voice.id for voice in piper.list_voices(ModelStore())] == [VOICE]


def test_a_model_of_another_kind_is_refused(tmp_path: Path) -> None:
    value = helper.make_tensor_value_info("input", TensorProto.FLOAT, [1])
    output = helper.make_tensor_value_info("output", TensorProto.FLOAT, [1])
    onnx.save(helper.make_model(helper.make_graph([helper.make_node("Neg", ["input"], ["output"])], "g", [value], [output])), tmp_path / "neg.onnx")
    (tmp_path / "cut.onnx").write_bytes((ModelStore().ensure("piper-en-us-joe") / "en_US-joe-medium.onnx").read_bytes()[:100_000])
    for name, said in (("neg", "rounds up durations"), ("cut", "whole file")):
        with pytest.raises(InvalidInput, match=said) as raised:
            halve(tmp_path / f"{name}.onnx")
        assert raised.value.violations[0].field == "voice"


@pytest.mark.parametrize(
    ("field", "request_"), [("voice", SpeechRequest("Hi", "en", "nobody")), ("locale", SpeechRequest("Hej", "sv")), ("text", SpeechRequest("!", "en"))]
)
def test_refusals(piper: PiperEngine, field: str, request_: SpeechRequest) -> None:
    with pytest.raises(InvalidInput) as raised:
        piper.plan(request_)
    assert raised.value.violations[0].field == field
