"""Real speech in every locale: its timeline, its length, its bounds."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from locutor.errors import InvalidInput, OutOfRange
from services.tts.engine import SpeechRequest, Viseme
from services.tts.engines.kokoro.engine import KokoroEngine
from services.tts.engines.kokoro.graph import FRAME_SAMPLES
from services.tts.rate import TOLERANCE

TEXTS = {
    "en-US": ("Buy 2 apples for $5 today.", ["Buy", "2", "apples", "for", "$5", "today"]),
    "en-GB": ("My bike cost £20.", ["My", "bike", "cost", "£20"]),
    "es": ("¿Puedo pagar 21 €?", ["Puedo", "pagar", "21 €"]),
    "fr": ("L'école a 80 élèves.", ["L'école", "a", "80", "élèves"]),
    "hi": ("मेरे पास 5 आम हैं।", ["मेरे", "पास", "5", "आम", "हैं"]),
    "it": ("Il prezzo è 3 €.", ["Il", "prezzo", "è", "3 €"]),
    "ja": ("東京は3月です。", ["東京", "は", "3月", "です"]),
    "pt-BR": ("O pão custa R$ 2.", ["O", "pão", "custa", "R$ 2"]),
    "zh": ("北京有2个机场。", ["北京", "有", "2个", "机场"]),
}


@pytest.mark.parametrize("locale", TEXTS)
def test_timeline(kokoro: KokoroEngine, locale: str) -> None:
    text, words = TEXTS[locale]
    speech = kokoro.plan(SpeechRequest(text, locale))
    (sentence,) = speech.sentences()
    assert speech.voice.locale == locale and speech.voice.is_default
    audio, timeline = sentence.audio, sentence.timeline
    assert audio.dtype == np.float32 and np.isfinite(audio).all() and 0.1 < np.abs(audio).max() < 0.9
    assert len(audio) % FRAME_SAMPLES == 0
    length_s = len(audio) / kokoro.sample_rate
    for spans in (timeline.phonemes, timeline.visemes):
        assert spans[0].start_s == 0 and spans[-1].end_s == pytest.approx(length_s, abs=1e-9)
        assert all(span.end_s > span.start_s for span in spans)
        assert all(before.end_s == behind.start_s for before, behind in pairwise(spans))
    assert timeline.phonemes[0].symbol == timeline.phonemes[-1].symbol == ""
    assert timeline.visemes[0].viseme is Viseme.SILENCE
    assert [word.text for word in timeline.words] == words
    assert all(text[word.text_begin : word.text_end] == word.text for word in timeline.words)
    assert all(before.end_s <= behind.start_s + 1e-9 for before, behind in pairwise(timeline.words))
    # Silence in the timeline is silence in the audio, and speech is not.
    first, last = timeline.phonemes[0].end_s, timeline.phonemes[-1].start_s
    levels = [np.sqrt(np.mean(part**2)) for part in np.split(audio, [round(first * kokoro.sample_rate), round(last * kokoro.sample_rate)])]
    assert levels[1] > 20 * max(levels[0], levels[2])


def test_sentences_tile_the_audio(kokoro: KokoroEngine) -> None:
    text = "The first sentence is here. The second one follows it at once! Yes."
    sentences = list(kokoro.plan(SpeechRequest(text, "en-US")).sentences())
    # The last is too short to be spoken alone.
    assert [sentence.text for sentence in sentences] == ["The first sentence is here.", "The second one follows it at once! Yes."]
    end_s = 0.0
    levels = []
    for sentence in sentences:
        assert sentence.start_s == end_s == sentence.timeline.phonemes[0].start_s
        end_s += len(sentence.audio) / kokoro.sample_rate
        assert sentence.timeline.phonemes[-1].end_s == pytest.approx(end_s, abs=1e-9)
        assert np.abs(sentence.audio[[0, -1]]).max() < 1e-3
        loud = np.abs(sentence.audio) > 0.02
        levels.append(20 * np.log10(np.sqrt(np.mean(sentence.audio[loud] ** 2))))
    assert abs(levels[0] - levels[1]) < 2.0
    words = [word for sentence in sentences for word in sentence.timeline.words]
    assert [text[word.text_begin : word.text_end] for word in words] == text.replace(".", "").replace("!", "").split()


def test_equal_requests_give_equal_sound(kokoro: KokoroEngine) -> None:
    request = SpeechRequest("Say it again.", "en-US", "am_michael", rate=1.2)
    (one,), (two,) = (list(kokoro.plan(request).sentences()) for _ in range(2))
    assert np.array_equal(one.audio, two.audio) and one.timeline == two.timeline


@pytest.mark.parametrize("target_s", [2.7, 3.3])
def test_target_duration(kokoro: KokoroEngine, target_s: float) -> None:
    speech = kokoro.plan(SpeechRequest("Please keep the blue paper boat dry, and come back soon.", "en-US", target_duration_s=target_s))
    samples = sum(len(sentence.audio) for sentence in speech.sentences())
    assert 0.85 <= speech.rate <= 1.35
    assert samples / kokoro.sample_rate == pytest.approx(target_s, rel=TOLERANCE)


def test_a_target_out_of_reach_tells_what_is_in_reach(kokoro: KokoroEngine) -> None:
    request = SpeechRequest("This takes about two seconds to say.", "en-US", target_duration_s=20)
    with pytest.raises(OutOfRange, match=r"lasts \d\.\d\d to \d\.\d\d s") as raised:
        kokoro.plan(request)
    assert raised.value.violations[0].field == "target_duration"


def test_a_long_sentence_is_cut_where_one_breathes(kokoro: KokoroEngine) -> None:
    clause = "we walked along the river and watched the boats go by in the morning sun"
    text = ", ".join([clause] * 9) + "."
    speech = kokoro.plan(SpeechRequest(text, "en-US"))
    assert len(speech.chunks) > 1
    assert "".join(text[chunk.begin : chunk.end] for chunk in speech.chunks) == text
    assert all(len(chunk.symbols) <= 510 for chunk in speech.chunks)
    assert all(text[chunk.begin : chunk.end].strip().endswith((",", ".")) for chunk in speech.chunks)


@pytest.mark.parametrize(
    ("field", "request_"),
    [
        ("text", SpeechRequest("... 🎉 —", "en-US")),
        ("locale", SpeechRequest("Hallo", "de")),
        ("voice", SpeechRequest("Hello", "en-US", "nobody")),
        ("voice", SpeechRequest("Hola", "es", "af_heart")),
    ],
)
def test_refusals(kokoro: KokoroEngine, field: str, request_: SpeechRequest) -> None:
    with pytest.raises(InvalidInput) as raised:
        kokoro.plan(request_)
    assert raised.value.violations[0].field == field


def test_a_long_first_sentence_begins_early_and_has_no_hole(kokoro: KokoroEngine) -> None:
    text = "When the morning sun came up over the quiet harbour, the boats were ready, and everybody who had waited through the night walked down to the water."
    speech = kokoro.plan(SpeechRequest(text, "en-US", target_duration_s=8.0))
    sentences = list(speech.sentences())
    assert len(sentences) == 2 and sentences[0].text.endswith(",")
    assert len(sentences[0].audio) / kokoro.sample_rate < 6
    assert sum(len(sentence.audio) for sentence in sentences) / kokoro.sample_rate == pytest.approx(8.0, rel=TOLERANCE)
    seam = sentences[1].start_s
    hole = sentences[1].timeline.phonemes[0].end_s - sentences[0].timeline.phonemes[-1].start_s
    assert sentences[0].timeline.phonemes[-1].start_s < seam and 0.1 < hole < 0.6
