"""What is heard: words, times, languages, and nothing where nothing is said."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pytest
import soxr

from locutor.errors import InvalidInput
from services.asr.engine import SAMPLE_RATE, LanguageDetection, RecognitionOptions, Segment
from services.asr.engines.faster_whisper import FasterWhisperEngine
from services.asr.engines.whisper_languages import whisper_language
from tests.asr.recordings import Recording, all_english, read_english, word_error_rate

RNG = np.random.default_rng(7)


def heard(engine: FasterWhisperEngine, audio: np.ndarray, *, live: bool = False, chunk_s: float = 0.25, **options: object) -> list[LanguageDetection | Segment]:
    return list(_heard(engine, audio, live, chunk_s, RecognitionOptions(**options)))  # type: ignore[arg-type]


def _heard(engine: FasterWhisperEngine, audio: np.ndarray, live: bool, chunk_s: float, options: RecognitionOptions) -> Iterator[LanguageDetection | Segment]:
    stream = engine.open(options)
    step = int(chunk_s * SAMPLE_RATE)
    for at in range(0, len(audio), step):
        yield from stream.accept(audio[at : at + step], caught_up=live)
    yield from stream.finish()


def sound(recording: Recording) -> np.ndarray:
    return soxr.resample(recording.samples.astype(np.float32) / 32768, recording.sample_rate, SAMPLE_RATE)


def segments(events: list[LanguageDetection | Segment]) -> list[Segment]:
    return [event for event in events if isinstance(event, Segment)]


def text(events: list[LanguageDetection | Segment]) -> str:
    return " ".join(segment.text for segment in segments(events))


@pytest.mark.parametrize("live", [False, True])
def test_real_speech_is_written_down(whisper: FasterWhisperEngine, live: bool) -> None:
    speech = all_english()
    events = heard(whisper, sound(speech), live=live)
    assert word_error_rate(speech.text, text(events)) <= 0.05
    assert isinstance(events[0], LanguageDetection) and events[0].locale == "en" and events[0].probability > 0.8
    assert sum(isinstance(event, LanguageDetection) for event in events) == 1
    # Five recordings with a second of silence between: no segment reaches over a pause, and there are few more than five.
    assert 5 <= len(segments(events)) <= 9


def test_words_have_their_times_and_probabilities(whisper: FasterWhisperEngine) -> None:
    """The same speech after three seconds of silence is the same three seconds later, and every word is where there is sound."""
    audio = sound(read_english("LJ001-0001"))
    early = segments(heard(whisper, audio, locale="en"))
    late = segments(heard(whisper, np.concatenate([np.zeros(3 * SAMPLE_RATE, np.float32), audio]), locale="en"))
    words = [word for segment in late for word in segment.words]
    assert " ".join(word.text for word in words) == " ".join(segment.text for segment in late)
    assert len(words) > 20
    for before, after in pairwise(words):
        assert before.start_s <= before.end_s <= after.start_s + 0.05
    assert all(0 <= word.probability <= 1 for word in words) and np.mean([word.probability for word in words]) > 0.7
    first_words = [word.start_s for segment in early for word in segment.words][:5]
    assert [word.start_s - 3 for word in words[:5]] == pytest.approx(first_words, abs=0.25)
    loudness = np.array([np.abs(audio[max(0, int((w.start_s - 3) * SAMPLE_RATE)) : int((w.end_s - 3) * SAMPLE_RATE)]).max() for w in words])
    assert (loudness > 0.02).all()


def test_equal_sound_gives_equal_text(tiny_whisper: FasterWhisperEngine) -> None:
    audio = sound(read_english("LJ001-0007"))
    assert heard(tiny_whisper, audio) == heard(tiny_whisper, audio)


def test_chunks_of_any_size_give_the_same(tiny_whisper: FasterWhisperEngine) -> None:
    audio = sound(read_english("LJ001-0005"))
    assert heard(tiny_whisper, audio, chunk_s=0.013) == heard(tiny_whisper, audio, chunk_s=100)


def test_a_live_speaker_is_answered_at_his_pause(tiny_whisper: FasterWhisperEngine) -> None:
    audio = np.concatenate([sound(read_english("LJ001-0006")), np.zeros(SAMPLE_RATE, np.float32)])
    stream = tiny_whisper.open(RecognitionOptions())
    events = [event for at in range(0, len(audio), 1600) for event in stream.accept(audio[at : at + 1600], caught_up=True)]
    assert text(events) and not list(stream.finish())
    patient = tiny_whisper.open(RecognitionOptions())
    assert not [event for at in range(0, len(audio), 1600) for event in patient.accept(audio[at : at + 1600], caught_up=False)]
    assert text(list(patient.finish()))


def test_a_hint_steers_spelling(whisper: FasterWhisperEngine) -> None:
    audio = sound(read_english("LJ001-0007"))
    assert "Gutenberg" not in text(heard(whisper, audio, locale="en"))
    assert "Gutenberg" in text(heard(whisper, audio, locale="en", hint="Gutenberg"))


def _tone() -> np.ndarray:
    time = np.arange(8 * SAMPLE_RATE) / SAMPLE_RATE
    return 0.3 * np.sin(2 * np.pi * 220 * time) * (1 + np.sin(2 * np.pi * 3 * time)) / 2


SOUNDLESS = {
    "silence": lambda: np.zeros(20 * SAMPLE_RATE),
    "white noise": lambda: 0.1 * RNG.standard_normal(20 * SAMPLE_RATE),
    "loud noise in bursts": lambda: 0.5 * RNG.standard_normal(8 * SAMPLE_RATE) * (np.arange(8 * SAMPLE_RATE) // 4000 % 2),
    "a pulsing tone": _tone,
    "clicks": lambda: (np.arange(8 * SAMPLE_RATE) % 8000 < 8).astype(float),
    "a constant": lambda: np.full(5 * SAMPLE_RATE, 0.5),
}


@pytest.mark.parametrize("kind", SOUNDLESS)
def test_what_is_no_speech_has_no_text(tiny_whisper: FasterWhisperEngine, kind: str) -> None:
    assert heard(tiny_whisper, SOUNDLESS[kind]().astype(np.float32)) == []


def test_speech_in_noise_is_found_and_the_noise_is_not(whisper: FasterWhisperEngine) -> None:
    speech = read_english("LJ001-0006")
    audio = np.concatenate([np.zeros(6 * SAMPLE_RATE), sound(speech), np.zeros(6 * SAMPLE_RATE)])
    audio += 0.005 * RNG.standard_normal(len(audio))
    events = heard(whisper, audio.astype(np.float32), locale="en-GB")
    assert word_error_rate(speech.text, text(events)) <= 0.15
    assert events[0] == LanguageDetection("en", 1.0)
    assert segments(events)[0].start_s > 5.5 and segments(events)[-1].end_s < len(audio) / SAMPLE_RATE - 5.5


@pytest.mark.parametrize(
    ("locale", "token"), [("pt-BR", "pt"), ("en", "en"), ("zh-Hant-TW", "zh"), ("nb", "no"), ("cmn", "zh"), ("jv", "jw"), ("fil", "tl"), ("HE", "he")]
)
def test_locales_are_whispers_languages(locale: str, token: str) -> None:
    assert whisper_language(locale, ["pt", "en", "zh", "no", "jw", "tl", "he"]) == token


@pytest.mark.parametrize(("locale", "reason"), [("xx", "MALFORMED_LOCALE"), ("not a tag", "MALFORMED_LOCALE"), ("tlh", "UNKNOWN_LOCALE")])
def test_other_locales_are_refused_with_a_list(whisper: FasterWhisperEngine, locale: str, reason: str) -> None:
    with pytest.raises(InvalidInput, match="af, am, ar") as caught:
        whisper.open(RecognitionOptions(locale=locale))
    assert caught.value.reason == reason
