from __future__ import annotations

import re
from fractions import Fraction
from itertools import pairwise

import pysubs2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from locutor.errors import InvalidInput
from media.subtitle_files import to_srt, to_vtt
from media.subtitle_text import width
from media.subtitles import Cue, TimedText, TimedWord, make_cues, rules_for

RATES = st.sampled_from([Fraction(25), Fraction(30_000, 1001), Fraction(24)])
MARKS = st.sampled_from(["", "", "", "", ",", ".", "!", "?", ":", " —", "…"])
LATIN_WORD = st.text("abcdeéñçüîABC", min_size=1, max_size=12)


@st.composite
def spoken(draw: st.DrawFn, word: st.SearchStrategy[str], mark: st.SearchStrategy[str], space: str, seconds_per_character: float) -> TimedText:
    """A text as a synthesiser times it: words in proportion to their length, pauses at marks."""
    text, words, time = "", [], Fraction(draw(st.integers(0, 3000)), 1000)
    for written in draw(st.lists(word, min_size=1, max_size=60)):
        length = Fraction(round(len(written) * seconds_per_character * draw(st.integers(700, 1400))), 1000)
        words.append(TimedWord(len(text), len(text) + len(written), time, time + length))
        said = draw(mark)
        text += written + said + space
        time += length + (Fraction(draw(st.integers(50, 900)), 1000) if said else 0)
    return TimedText(text.rstrip(), tuple(words))


def _check_hard_limits(cues: list[Cue], locale: str, rate: Fraction) -> None:
    rules = rules_for(locale)
    for cue in cues:
        assert 1 <= len(cue.lines) <= rules.lines
        assert all(line and line == line.strip() and width(line, rules) <= rules.line_length for line in cue.lines)
        assert (cue.start * rate).denominator == 1 and (cue.end * rate).denominator == 1
        assert 0 <= cue.start < cue.end and cue.end - cue.start <= rules.longest_s
    for before, after in pairwise(cues):
        assert (after.start - before.end) * rate >= rules.gap_frames


@settings(max_examples=60, deadline=None)
@given(timed=spoken(LATIN_WORD, MARKS, " ", 0.07), rate=RATES)
def test_alphabetic_limits_hold_and_no_text_is_lost(timed: TimedText, rate: Fraction) -> None:
    cues = make_cues([timed], "fr-FR", rate)
    _check_hard_limits(cues, "fr-FR", rate)
    assert " ".join(line for cue in cues for line in cue.lines) == " ".join(timed.text.split())
    # A cue appears with its first word, within a frame.
    starts = {word.start_s for word in timed.words}
    assert all(any(0 <= start - cue.start < 1 / rate for start in starts) for cue in cues)


@settings(max_examples=60, deadline=None)
@given(timed=spoken(st.text("你好世界語音影片", min_size=1, max_size=4), st.sampled_from(["", "", "", "，", "。", "！"]), "", 0.2), rate=RATES)
def test_chinese_limits_hold_without_spaces(timed: TimedText, rate: Fraction) -> None:
    cues = make_cues([timed], "zh-CN", rate)
    _check_hard_limits(cues, "zh-CN", rate)
    assert "".join(line for cue in cues for line in cue.lines) == timed.text
    assert not any(line[0] in "，。！" for cue in cues for line in cue.lines)


@settings(max_examples=60, deadline=None)
@given(times=st.lists(st.integers(0, 400), min_size=2, max_size=80), rate=RATES)
def test_order_and_gaps_hold_however_odd_the_times(times: list[int], rate: Fraction) -> None:
    """Words of no length, many in one frame, minutes apart."""
    stamps = [Fraction(time**2, 1000) for time in sorted(times)]
    words = tuple(TimedWord(5 * number, 5 * number + 4, stamp, stamp) for number, stamp in enumerate(stamps))
    cues = make_cues([TimedText("word " * len(words), words)], "en-US", rate)
    _check_hard_limits(cues, "en-US", rate)
    assert [word for cue in cues for line in cue.lines for word in line.split()] == ["word"] * len(words)


@settings(max_examples=60, deadline=None)
@given(timed=spoken(st.text("abcdefgh", min_size=2, max_size=9), st.sampled_from(["", "", "", "", ", ".strip(), "."]), " ", 0.085), rate=RATES)
def test_at_an_easy_rate_of_speech_every_cue_can_be_read(timed: TimedText, rate: Fraction) -> None:
    """12 characters a second and pauses: then nothing is too fast or too short."""
    rules = rules_for("en-GB")
    for cue in make_cues([timed], "en-GB", rate):
        shown = cue.end - cue.start
        assert shown >= rules.shortest_s
        assert width(" ".join(cue.lines), rules) / shown <= rules.characters_per_second * 1.35


def _timed(text: str, pattern: str, characters_per_second: float, start_s: float = 0.0) -> TimedText:
    words = []
    for match in re.finditer(pattern, text):
        length = len(match.group()) / characters_per_second
        words.append(TimedWord(match.start(), match.end(), start_s, start_s + length))
        start_s += length + (0.35 if text[match.end() : match.end() + 1] in ".!?" else 0.0)
    return TimedText(text, tuple(words))


def test_cuts_fall_at_sentences_and_lines_are_balanced() -> None:
    text = "It speaks nine languages, runs on a laptop, and needs no graphics card. Nothing leaves the room in which you work. Try it now!"
    cues = make_cues([_timed(text, r"\w+", 13)], "en-US", Fraction(25))
    assert [cue.lines[-1][-1] for cue in cues] in ([".", "!"], [".", ".", "!"])
    assert any(len(cue.lines) == 2 for cue in cues)
    for cue in cues:
        if len(cue.lines) == 2:
            assert abs(len(cue.lines[0]) - len(cue.lines[1])) <= 8


def test_punctuation_stays_with_its_word() -> None:
    text = '¿Dijo "hola (amigos)"? Bien-estar — sí: 3,5 % de 1.200 €.'
    cues = make_cues([_timed(text, r"[\w.,]*\w", 9)], "es", Fraction(25))
    assert " ".join(line for cue in cues for line in cue.lines) == text
    for cue in cues:
        for line in cue.lines:
            assert not line.startswith(("—", ",", ")", "?")) and not line.endswith(("(", "¿"))


def test_an_address_wider_than_a_line_is_shown_whole() -> None:
    address = "https://example.org/" + "a-long-path/" * 9
    cues = make_cues([TimedText(f"See {address}.", (TimedWord(0, 3, 0, 0.3), TimedWord(4, 4 + len(address), 0.3, 9.0)))], "en", Fraction(25))
    _check_hard_limits(cues, "en", Fraction(25))
    assert "".join(line for cue in cues for line in cue.lines).replace("See", "") == f"{address}."


def test_a_long_pause_parts_cues_and_the_programme_ends_them() -> None:
    text = TimedText("One two", (TimedWord(0, 3, 1.0, 1.2), TimedWord(4, 7, 4.0, 4.3)))
    first, second = make_cues([text], "en", Fraction(25), programme_end_s=4.81)
    assert (first.lines, second.lines) == (("One",), ("two",))
    assert first.end - first.start == Fraction(21, 25) and second.end == Fraction(120, 25)


def test_words_out_of_order_are_refused() -> None:
    with pytest.raises(InvalidInput, match=r"texts\[0\]\.words\[1\].*in the text"):
        make_cues([TimedText("a b", (TimedWord(0, 2, 0, 1), TimedWord(1, 3, 1, 2)))], "en", Fraction(25))
    with pytest.raises(InvalidInput, match=r"texts\[1\]\.words\[0\].*in time"):
        make_cues([TimedText("a", (TimedWord(0, 1, 0, 1),)), TimedText("b", (TimedWord(0, 1, 0.5, 2),))], "en", Fraction(25))
    assert make_cues([], "en", Fraction(25)) == []


def test_files_are_read_back_as_they_were_meant() -> None:
    cues = [
        Cue(Fraction(0), Fraction(32, 25), ("R&D <b>&amp; Q&A -->", "“é” {x}")),
        Cue(Fraction(3_661 * 25 + 1, 25), Fraction(3_665), ("你好",)),
    ]
    srt = pysubs2.SSAFile.from_string(to_srt(cues), format_="srt", keep_unknown_html_tags=True)
    assert [(event.start, event.end) for event in srt] == [(0, 1280), (3_661_040, 3_665_000)]
    assert to_srt(cues).splitlines()[:4] == ["1", "00:00:00,000 --> 00:00:01,280", "R&D <b>&amp; Q&A →", "“é” {x}"]
    vtt = to_vtt(cues)
    assert vtt.startswith("WEBVTT\n\n1\n00:00:00.000 --> 00:00:01.280\nR&amp;D &lt;b&gt;&amp;amp; Q&amp;A --&gt;\n“é” {x}\n\n2\n01:01:01.040 -->")
    assert [(event.start, event.end) for event in pysubs2.SSAFile.from_string(vtt, format_="vtt")] == [(0, 1280), (3_661_040, 3_665_000)]


def test_a_gap_too_short_to_be_seen_as_one_is_closed() -> None:
    texts = ("The first sentence is said at its leisure, word after word.", "And then, a moment later, here is another one of like length.")
    first = _timed(texts[0], r"\w+", 13, 0.0)
    second = _timed(texts[1], r"\w+", 13, float(first.words[-1].end_s) + 0.6)
    before, after = make_cues([first, second], "en", Fraction(25))
    assert after.start - before.end == Fraction(2, 25)
