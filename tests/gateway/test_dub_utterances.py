"""Words to utterances."""

from __future__ import annotations

from gateway.dub.utterances import MAX_CHARACTERS, MAX_S, MIN_CHARACTERS, MIN_S, SpokenWord, cut, words_of_cue


def words(text: str, start_s: float = 0.0, *, speaker: int = 0, rate: float = 0.3, gaps: dict[int, float] | None = None) -> list[SpokenWord]:
    """Each word lasts `rate` seconds; `gaps`: silence before the word of that number."""
    found, at = [], start_s
    for number, word in enumerate(text.split()):
        at += (gaps or {}).get(number, 0.0)
        found.append(SpokenWord(word, at, at + rate, speaker))
        at += rate
    return found


def texts(spoken: list[SpokenWord]) -> list[str]:
    return [utterance.text for utterance in cut(spoken)]


def test_sentences_of_a_good_length_are_utterances() -> None:
    one, other = "This is the first sentence that somebody says in this video.", "And this is the second one, which is as long as the first."
    assert texts(words(f"{one} {other}")) == [one, other]


def test_short_sentences_are_joined() -> None:
    assert texts(words("Hi. I am Anna. Nice to meet you.")) == ["Hi. I am Anna. Nice to meet you."]


def test_a_long_silence_parts_and_a_short_one_does_not() -> None:
    assert texts(words("I came home and went to bed", gaps={3: 0.7})) == ["I came home", "and went to bed"]
    assert len(texts(words("I came home and went to bed", gaps={3: 0.5}))) == 1


def test_two_speakers_are_never_in_one_utterance() -> None:
    spoken = [*words("Are you there?", speaker=0), *words("Yes.", 0.95, speaker=1), *words("Good.", 1.3, speaker=0)]
    found = cut(spoken)
    assert [(one.speaker, one.text) for one in found] == [(0, "Are you there?"), (1, "Yes."), (0, "Good.")]
    assert [one.id for one in found] == ["u0001", "u0002", "u0003"]


def test_a_sentence_that_never_ends_is_cut_at_its_clauses_within_the_limits() -> None:
    clause = "and then we went on to the next house in the street,"
    spoken = words(" ".join([clause] * 12))
    found = cut(spoken)
    assert all(one.end_s - one.start_s <= MAX_S + 1e-9 and len(one.text) <= MAX_CHARACTERS for one in found)
    assert all(one.text.endswith(",") for one in found)
    assert " ".join(one.text for one in found) == " ".join(word.text for word in spoken)


def test_no_utterance_is_too_short_where_it_has_a_neighbour() -> None:
    spoken = words("Well. " + "This is a sentence that lasts for quite a while and says nothing at all to anybody. " * 2 + "So.")
    assert all(one.end_s - one.start_s >= MIN_S or len(one.text) >= MIN_CHARACTERS for one in cut(spoken))


def test_a_single_endless_word_is_kept() -> None:
    assert texts([SpokenWord("a" * 200, 0.0, 12.0, 0)]) == ["a" * 200]


def test_nothing_said_is_no_utterance() -> None:
    assert cut([]) == []


def test_languages_without_spaces_are_joined_without() -> None:
    spoken = words_of_cue("你好。 我是安娜。", 1.0, 3.0, 0, spaces=False)
    assert [one.text for one in cut(spoken, "")] == ["你好。我是安娜。"]
    assert (spoken[0].start_s, spoken[-1].end_s) == (1.0, 3.0)


def test_a_cues_time_is_shared_out_by_length() -> None:
    found = words_of_cue("a bbb", 2.0, 4.0, 1, spaces=True)
    assert [(word.start_s, word.end_s, word.speaker) for word in found] == [(2.0, 2.5, 1), (2.5, 4.0, 1)]
