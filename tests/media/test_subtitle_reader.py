from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import pysubs2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from locutor.errors import InvalidInput
from media.subtitle_files import to_srt, to_vtt
from media.subtitle_markup import SpokenPart, spoken_parts
from media.subtitle_reader import MOST_BYTES, ReadCue, read_subtitles
from media.subtitles import Cue

SRT = """1
00:00:01,000 --> 00:00:02,500
Good morning.

2
00:00:03,000 --> 00:01:00,040
<i>My name</i> is
<font color="#fff">Jordi &amp; Mas</font>{\\an8}
"""


def _texts(written: str | bytes) -> list[str]:
    return [cue.text for cue in read_subtitles(written if isinstance(written, bytes) else written.encode()).cues]


def test_subrip() -> None:
    found = read_subtitles(SRT.encode())
    assert found.cues == (
        ReadCue(Fraction(1), Fraction(5, 2), "Good morning.", "", 2),
        ReadCue(Fraction(3), Fraction(6004, 100), "My name is Jordi & Mas", "", 6),
    )
    assert (found.warnings, found.encoding) == ((), "utf-8")


def test_webvtt_with_voices_notes_and_styles() -> None:
    written = """WEBVTT - a title

NOTE 00:00 this is
not shown

STYLE
::cue { color: red }

intro
00:01.000 --> 00:02.000 align:start position:10%
<v.loud Anna>Hello &lt;there&gt;

01:00:00.250 --> 01:00:04.250
<v Anna>Hi, <00:00:01.500>Bob!</v>
<v Bob Smith>Hi, Ann!
"""
    found = read_subtitles(written.encode())
    assert [(cue.speaker, cue.text) for cue in found.cues] == [("Anna", "Hello <there>"), ("Anna", "Hi, Bob!"), ("Bob Smith", "Hi, Ann!")]
    assert [cue.start_s for cue in found.cues] == [1, Fraction(360025, 100), Fraction(360225, 100)]
    assert found.cues[2].end_s == Fraction(360425, 100)


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("Où est passée l'élève? Ça, c'est déjà réglé, à côté de la forêt, après Noël.", "cp1252"),
        ("El niño comió piñas en la montaña; mañana, ¿qué más querrá?", "cp1252"),
        ("Привет, как дела? Сегодня хорошая погода, и мы пойдём гулять.", "cp1251"),
        ("こんにちは、元気ですか。今日はとてもいい天気ですね。散歩に行きましょう。", "shift_jis"),
        ("你好，今天天气很好，我们去公园散步吧。这是一个测试。", "gb18030"),
        ("مرحبا، كيف حالك اليوم؟ الطقس جميل جدا.", "cp1256"),
        ("Grüße aus Köln — naïve", "utf-16"),
        ("Grüße aus Köln", "utf-16-le"),
        ("Grüße aus Köln", "utf-8-sig"),
    ],
)
def test_encodings(text: str, encoding: str) -> None:
    written = "\r\n".join(f"{number}\r\n00:00:0{number},000 --> 00:00:0{number},900\r\n{text}\r\n" for number in range(1, 4))
    found = read_subtitles(written.encode(encoding))
    assert [cue.text for cue in found.cues] == [text] * 3
    if encoding not in ("utf-16", "utf-8-sig"):
        assert "not UTF-8" in found.warnings[0]


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_line_endings_and_missing_blank_lines(ending: str) -> None:
    written = "1\n0:00:01.5 --> 0:00:02.25\nOne.\n2\n00:03 --> 00:04\nTwo,\nthree.\n\n\nfour.\n3\n00:05,000 -> 00:06,000\nnot read".replace(
        "-> 00:06", "--> 00:06"
    )
    assert _texts(written.replace("\n", ending)) == ["One.", "Two, three. four.", "not read"]


def test_what_is_not_spoken_is_left_out_and_told() -> None:
    bodies = ["[door slams]", "♪ la la ♪", "(LAUGHS)", "[sighs] Well (maybe).", "- Yes.\n- No!", "...", "-One dash"]
    written = "\n".join(f"00:00:{number:02},000 --> 00:00:{number:02},800\n{body}\n" for number, body in enumerate(bodies, 1))
    found = read_subtitles(written.encode())
    assert [cue.text for cue in found.cues] == ["Well (maybe).", "Yes.", "No!", "-One dash"]
    assert [warning.split(":")[0] for warning in found.warnings] == ["line 1", "line 4", "line 7", "line 17"]


def test_lines_are_joined_as_their_writing_joins_words() -> None:
    assert _texts("00:01,0 --> 00:02,0\n今日は\nいい天気\n") == ["今日はいい天気"]
    assert _texts("00:01,0 --> 00:02,0\n안녕\n하세요\n") == ["안녕 하세요"]


def test_order_and_overlaps_are_mended_and_told() -> None:
    written = "00:05,0 --> 00:09,0\nlater\n\n00:01,0 --> 00:06,0\nearlier\n\n00:10,0 --> 00:12,0\nfour\n\n00:10,0 --> 00:12,0\ntwelve chars\n"
    found = read_subtitles(written.encode())
    assert [(cue.text, cue.start_s, cue.end_s) for cue in found.cues] == [
        ("earlier", 1, 5),
        ("later", 5, 9),
        ("four", 10, Fraction(21, 2)),
        ("twelve chars", Fraction(21, 2), 12),
    ]
    told = "\n".join(found.warnings)
    assert "line 4: begins at 1.000 s, before the cue above it" in told
    assert "line 4: lasts until 6.000 s, past the next cue's beginning; ended at 5.000 s" in told
    assert "line 10: begins together with another cue" in told


@pytest.mark.parametrize(
    ("written", "reason", "told"),
    [
        (b"", "EMPTY", "SubRip"),
        (b"just a text\nwithout times\n", "EMPTY", "SubRip"),
        (b"1\n00:00:01,000 --> soon\nHello\n", "BAD_TIMES", r"line 2: '00:00:01,000 --> soon' is no pair of times"),
        (b"1\n00:00:05,000 --> 00:00:05,000\nHello\n", "BAD_TIMES", r"line 2: ends at 5\.000 s, not after"),
        (b"00:01,0 --> 00:02,0\n[music]\n", "EMPTY", "no subtitle that is spoken"),
        (b"x" * (MOST_BYTES + 1), "TOO_LARGE", "at most"),
        (b"00:01,0 --> 00:02,0\n" + b"<v " * 2_000, "TOO_LONG", "line 1: a cue of 5999 characters"),
        (b"00:01,0 --> 00:02,0\n- a\n- b\n\n" * 10_001, "TOO_LARGE", "more than 20000"),
        (b"\xff\xfe\x00\xd8\x00", "BAD_ENCODING", "UTF-8"),
    ],
)
def test_what_cannot_be_read_says_where(written: bytes, reason: str, told: str) -> None:
    with pytest.raises(InvalidInput, match=told) as caught:
        read_subtitles(written, "dub.targets[0].subtitles_uri")
    assert (caught.value.reason, caught.value.violations[0].field) == (reason, "dub.targets[0].subtitles_uri")


def test_all_wrong_times_are_told_at_once() -> None:
    with pytest.raises(InvalidInput) as caught:
        read_subtitles(b"a --> b\nx\n\nc --> d\ny\n")
    assert [violation.message.split(":")[0] for violation in caught.value.violations] == ["line 1", "line 4"]


CUES = st.lists(st.tuples(st.integers(0, 40), st.integers(1, 9), st.text("abcdéñ", min_size=1, max_size=20)), min_size=1)


@settings(max_examples=60, deadline=None)
@given(cues=CUES)
def test_what_we_write_is_read_back_and_as_pysubs2_does(cues: list[tuple[int, int, str]]) -> None:
    made, position = [], 0
    for gap, length, text in cues:
        made.append(Cue(Fraction(position + gap, 25), Fraction(position + gap + length, 25), (text.strip(),)))
        position += gap + length
    for written, kind in ((to_srt(made), "srt"), (to_vtt(made), "vtt")):
        found = read_subtitles(written.encode()).cues
        assert [(cue.start_s, cue.end_s, cue.text) for cue in found] == [(cue.start, cue.end, cue.lines[0]) for cue in made]
        other = pysubs2.SSAFile.from_string(written, format_=kind)
        assert [(event.start, event.end) for event in other] == [(int(cue.start_s * 1000), int(cue.end_s * 1000)) for cue in found]


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 60), st.integers(1, 20)), min_size=1, max_size=20))
def test_whatever_the_times_no_cue_overlaps(times: list[tuple[int, int]]) -> None:
    written = "\n".join(f"00:{start:02},000 --> 01:{(start + length) % 60:02},000\nabc\n" for start, length in times)
    cues = read_subtitles(written.encode()).cues
    assert len(cues) == len(times)
    assert all(cue.start_s < cue.end_s for cue in cues) and all(before.end_s <= after.start_s for before, after in pairwise(cues))


def test_a_voice_tag_that_never_ends_is_read_once() -> None:
    """Each `<` once asked for all that follows it: these characters took minutes."""
    assert spoken_parts(["<v " * 200_000 + "<v Ana>Hello."])[-1] == SpokenPart("Hello.", "Ana")
