"""Who spoke when, on real weights and on speech whose speakers are known."""

from __future__ import annotations

import pickle
import struct
from pathlib import Path

import numpy as np
import pytest

from bench.diarization import Dialogue, Utterance, dialogue, diarization_error_rate, diarize, speak, with_music
from locutor.errors import MissingWeights
from services.asr.diarization.checkpoint import read_arrays
from services.asr.diarization.clustering import cluster
from services.asr.diarization.engine import DiarizationOptions, SpeakerTurn, SpeechSpan
from services.asr.diarization.engines.resemblyzer import ResemblyzerEngine
from services.asr.diarization.mels import mel_spectrogram
from services.asr.diarization.pitch import median_pitch, pitch_track
from services.asr.diarization.stretches import GivenStretches
from services.asr.engine import SAMPLE_RATE
from services.weights import ModelStore

QUESTIONS = ("Good morning, and what did you find when you came down to the river?", "How many people live there now?", "Thank you for your time today.")
ANSWERS = ("We found three old boats under the bridge.", "About two hundred, and most of them work in town.", "You are welcome, please come again in spring.")
HOST, GUEST = "am_michael", "af_heart"


@pytest.fixture(scope="module")
def engine() -> ResemblyzerEngine:
    return ResemblyzerEngine(ModelStore(), 2)


@pytest.fixture(scope="module")
def lines() -> list[tuple[int, Utterance]]:
    """Two speakers, a man and a woman, in turn."""
    return [line for question, answer in zip(QUESTIONS, ANSWERS, strict=True) for line in ((0, speak(question, HOST)), (1, speak(answer, GUEST)))]


@pytest.fixture(scope="module")
def talk(lines: list[tuple[int, Utterance]]) -> Dialogue:
    return dialogue(lines, (0.1, 0.6, 0.3))


@pytest.mark.parametrize("count", [0, 2])
def test_two_speakers_of_given_words(engine: ResemblyzerEngine, talk: Dialogue, count: int) -> None:
    found = diarize(engine, talk.audio, DiarizationOptions(count, talk.words))
    assert diarization_error_rate(talk.turns, found.turns) <= 0.05
    man, woman = found.speakers
    assert 80 < man.pitch_hertz < 150 < woman.pitch_hertz < 260
    assert [np.linalg.norm(speaker.embedding) for speaker in found.speakers] == pytest.approx([1, 1], abs=1e-5)
    words_s = sum(word.end_s - word.start_s for word in talk.words)
    assert man.speech_s + woman.speech_s == pytest.approx(words_s, abs=0.01)
    edges = {edge for word in talk.words for edge in (word.start_s, word.end_s)}
    assert all({turn.start_s, turn.end_s} <= edges for turn in found.turns)
    assert min(turn.confidence for turn in found.turns) > 0.5


def test_without_words_speech_is_found(engine: ResemblyzerEngine, talk: Dialogue) -> None:
    found = diarize(engine, talk.audio, DiarizationOptions())
    assert diarization_error_rate(talk.turns, found.turns) <= 0.1
    assert all(one.end_s <= other.start_s for one, other in zip(found.turns, found.turns[1:], strict=False))


def test_music_behind_the_speech(engine: ResemblyzerEngine, talk: Dialogue) -> None:
    found = diarize(engine, with_music(talk.audio, -15), DiarizationOptions(spans=talk.words))
    assert diarization_error_rate(talk.turns, found.turns) <= 0.1


def test_one_speaker_stays_one(engine: ResemblyzerEngine, lines: list[tuple[int, Utterance]]) -> None:
    alone = dialogue([line for line in lines if line[0] == 0], (0.4,))
    found = diarize(engine, alone.audio, DiarizationOptions(spans=alone.words))
    assert len(found.speakers) == 1 and {turn.speaker for turn in found.turns} == {0}


def test_an_embedding_tells_the_voice_in_another_recording(engine: ResemblyzerEngine, talk: Dialogue, lines: list[tuple[int, Utterance]]) -> None:
    """The guest speaks first in the other recording, and says other things."""
    other = dialogue([(1, speak("It is late in the year, and the leaves are already falling from the trees.", GUEST)), lines[0]], (0.5,))
    here = diarize(engine, talk.audio, DiarizationOptions(2, talk.words)).speakers
    there = diarize(engine, other.audio, DiarizationOptions(2, other.words)).speakers
    near = np.array([[one.embedding @ another.embedding for another in there] for one in here])
    assert near.argmax(axis=1).tolist() == [1, 0] and near.max() > 0.8


def test_the_same_however_it_arrives(engine: ResemblyzerEngine, talk: Dialogue) -> None:
    options = DiarizationOptions(2, talk.words)
    by_second, by_crumb = diarize(engine, talk.audio, options), diarize(engine, talk.audio, options, 3001)
    assert by_second.turns == by_crumb.turns


@pytest.mark.parametrize("audio", [np.zeros(0, np.float32), np.zeros(3 * SAMPLE_RATE, np.float32)], ids=["nothing", "silence"])
@pytest.mark.parametrize("spans", [(), (SpeechSpan(0.5, 1.5),), (SpeechSpan(5, 6),)], ids=["no spans", "a span", "a span beyond"])
def test_no_sound_has_no_speakers(engine: ResemblyzerEngine, audio: np.ndarray, spans: tuple[SpeechSpan, ...]) -> None:
    found = diarize(engine, audio, DiarizationOptions(2, spans))
    assert found.turns == () and found.speakers == ()


def test_a_word_alone_is_somebody(engine: ResemblyzerEngine, lines: list[tuple[int, Utterance]]) -> None:
    audio = lines[1][1].audio[: SAMPLE_RATE // 3]
    found = diarize(engine, audio, DiarizationOptions(0, (SpeechSpan(0, 0.33),)))
    assert len(found.speakers) == 1 and len(found.turns) == 1


def test_the_stream_is_not_kept() -> None:
    """Ten minutes of silence between two words, then a span of ten minutes: at most a stretch of it is in memory."""
    spans = (SpeechSpan(1, 1.5), SpeechSpan(600, 1200))
    stretches = GivenStretches(spans)
    longest = 0
    found = []
    for _ in range(1200):
        found += list(stretches.accept(np.zeros(SAMPLE_RATE, np.float32)))
        longest = max(longest, len(stretches._kept))
    assert longest <= 30 * SAMPLE_RATE
    assert sum(len(stretch.audio) for stretch in found) == round(600.5 * SAMPLE_RATE)


def test_clusters_of_many_windows() -> None:
    """An hour of windows of three voices, with about the cosines of real ones."""
    rng = np.random.default_rng(0)
    voices = rng.standard_normal((3, 256))
    voices /= np.linalg.norm(voices, axis=1, keepdims=True)
    who = np.repeat(rng.integers(0, 3, 900), 10)
    noise = rng.standard_normal((9000, 256)) / 16
    windows = voices[who] + 0.58 * noise
    windows /= np.linalg.norm(windows, axis=1, keepdims=True)
    for count in (0, 3):
        found = cluster(windows.astype(np.float32), np.full(9000, 0.4), count, 2.0)
        assert found.shape == (3, 256)
        assert sorted((found @ voices.T).argmax(axis=1).tolist()) == [0, 1, 2]


@pytest.mark.parametrize("hertz", [70.0, 123.4, 245.0, 390.0])
def test_pitch_of_a_known_tone(hertz: float) -> None:
    seconds = np.arange(2 * SAMPLE_RATE) / SAMPLE_RATE
    harmonics = int(4000 / hertz)
    tone = sum(np.sin(2 * np.pi * hertz * k * seconds + k * k) / k for k in range(1, harmonics)) + 0.05 * np.random.default_rng(0).standard_normal(len(seconds))
    assert median_pitch(pitch_track((0.1 * tone).astype(np.float32)), 0.5) == pytest.approx(hertz, rel=0.01)


def test_noise_and_silence_have_no_pitch() -> None:
    noise = np.random.default_rng(0).standard_normal(SAMPLE_RATE).astype(np.float32)
    assert median_pitch(pitch_track(noise), 0.5) == 0.0
    assert not pitch_track(np.zeros(SAMPLE_RATE, np.float32)).any()


def test_mels_of_a_tone() -> None:
    """Power in the band about the tone: a sine of amplitude 1 under a Hann window of 400 samples has (400 / 4)^2 at its bin."""
    tone = np.sin(2 * np.pi * 1000 * np.arange(SAMPLE_RATE) / SAMPLE_RATE).astype(np.float32)
    mels = mel_spectrogram(tone)
    assert mels.shape == (101, 40)
    # 1000 Hz is mel 15 of 45.245, and band b is centred on mel (b + 1) * 45.245 / 41.
    assert mels[50].argmax() in (12, 13)
    assert mels[50].sum() < 2 * mels[50, 12:14].sum()


class Asks:
    """A pickle that asks for a function when it is read."""

    def __reduce__(self) -> tuple[object, ...]:
        return print, ("run",)


def test_a_checkpoint_runs_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "pretrained.pt"
    head = [0x1950A86A20F9469CFC6C, 1001, {}]
    path.write_bytes(b"".join(pickle.dumps(part, 2) for part in [*head, {"model_state": Asks()}, []]))
    with pytest.raises(MissingWeights, match=r"asks for .*print"):
        read_arrays(path, "model_state")
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("keep", [0, 10, 5000, 6667, 1_000_000])
def test_a_damaged_checkpoint_is_refused(tmp_path: Path, keep: int) -> None:
    whole = (ModelStore().ensure("resemblyzer") / "pretrained.pt").read_bytes()
    path = tmp_path / "pretrained.pt"
    path.write_bytes(whole[:keep] + (struct.pack("<q", 1 << 60) if keep == 6667 else b""))
    with pytest.raises(MissingWeights, match=r"pretrained.pt is no checkpoint"):
        read_arrays(path, "model_state")


def test_the_error_rate_counts() -> None:
    truth = [SpeakerTurn(0, 10, 0, 1), SpeakerTurn(10, 20, 1, 1)]
    assert diarization_error_rate(truth, [SpeakerTurn(0, 10, 1, 1), SpeakerTurn(10, 20, 0, 1)]) == 0
    assert diarization_error_rate(truth, [SpeakerTurn(0, 20, 0, 1)]) == pytest.approx(0.5)
    assert diarization_error_rate(truth, [SpeakerTurn(0, 10, 0, 1)]) == pytest.approx(0.5)
    assert diarization_error_rate(truth, [*truth, SpeakerTurn(20, 25.25, 0, 1)]) == pytest.approx(5 / 19, abs=0.01)
