from __future__ import annotations

import shutil
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from locutor.errors import Unavailable
from media.burn import SubtitleBurner, burned_pieces
from media.colors import BT709, Colors
from media.fonts import FontFile, FontSet, find_fonts
from media.footage import Abandoned, Stretch
from media.fragments import FragmentEncoder
from media.mux import mux_program
from media.picture_scan import scan_picture
from media.probe import probe
from media.subtitles import Cue
from media.text_runs import text_runs
from tests.media.sources import Sound, even_times, noise, turn, write_source

WIDTH, HEIGHT = 640, 360
TEXTS = {
    "es-ES": "¿Qué tal, señor Núñez?",
    "zh-CN": "早上好，我来自 Barcelona。",
    "ja-JP": "おはようございます。骨と直す",
    "hi-IN": "सुप्रभात क्षत्रिय Locutor 3.5",
    "ar-EG": "صباح الخير Jordi",
    "ko-KR": "좋은 아침입니다",
}


def _grey(level: int = 120) -> np.ndarray:
    frame = np.full((HEIGHT * 3 // 2, WIDTH), 90, np.uint8)
    frame[:HEIGHT] = level
    return frame


def _cue(*lines: str) -> Cue:
    return Cue(Fraction(1), Fraction(2), lines)


def _burned(locale: str, *lines: str, colors: Colors = BT709, frame: np.ndarray | None = None) -> np.ndarray:
    return SubtitleBurner([_cue(*lines)], WIDTH, HEIGHT, locale, colors).draw(_grey() if frame is None else frame, Fraction(3, 2))


@pytest.fixture(autouse=True)
def _fonts() -> None:
    if shutil.which("fc-match") is None:
        pytest.skip("fontconfig is not installed")


@pytest.mark.parametrize("locale", TEXTS)
def test_every_writing_is_drawn_at_the_bottom(locale: str) -> None:
    before = _grey()
    after = _burned(locale, TEXTS[locale], frame=before)
    assert np.array_equal(before, _grey())  # the frame given is left alone
    changed = np.argwhere(after[:HEIGHT] != before[:HEIGHT])
    (top, left), (bottom, right) = changed.min(axis=0), changed.max(axis=0)
    assert HEIGHT * 0.8 < top < bottom < HEIGHT * 0.97
    assert abs((left + right) / 2 - WIDTH / 2) < 10
    assert after[:HEIGHT].max() == 235 and after[:HEIGHT].min() == 16
    # Letters and rim have no colour of their own.
    assert after[HEIGHT:].max() <= 128 and (after[HEIGHT:] == 128).any()


def test_scripts_are_shaped_not_spelled() -> None:
    """Letters that join, reorder or stack take other room together than one by one."""
    for locale, text in (("ar-EG", "لا"), ("hi-IN", "क्षि")):
        together = SubtitleBurner([_cue(text)], WIDTH, HEIGHT, locale)._length(text)
        apart = sum(SubtitleBurner([_cue(letter)], WIDTH, HEIGHT, locale)._length(letter) for letter in text)
        assert together < 0.9 * apart


def test_arabic_runs_from_right_to_left() -> None:
    """Its first word, alone a mark wide, stands at the right."""
    wide, narrow = "شششششش", "ا"
    shown = _burned("ar-EG", f"{narrow} {wide}")[:HEIGHT] == 235
    columns = np.flatnonzero(shown.any(axis=0))
    gaps = np.flatnonzero(np.diff(columns) > 4)
    assert len(gaps) >= 1
    assert columns[-1] - columns[gaps[-1] + 1] < columns[gaps[-1]] - columns[0]


def test_the_wanted_form_of_han_letters() -> None:
    """The same code points are drawn otherwise for Chinese and Japanese readers."""
    assert "SC" in find_fonts("zh-CN", "骨直").fonts[0].family and "JP" in find_fonts("ja-JP", "骨直").fonts[0].family
    assert not np.array_equal(_burned("zh-CN", "骨直"), _burned("ja-JP", "骨直"))


def test_cues_come_and_go_on_time() -> None:
    burner = SubtitleBurner([_cue("one"), Cue(Fraction(2), Fraction(3), ("two",))], WIDTH, HEIGHT, "en")
    frame = _grey()
    for time in (Fraction(0), Fraction(999, 1000), Fraction(3), Fraction(100)):
        assert burner.draw(frame, time) is frame
    one, two = burner.draw(frame, Fraction(1)), burner.draw(frame, Fraction(2))
    assert not np.array_equal(one, two) and np.array_equal(burner.draw(frame, Fraction(1999, 1000)), one)
    assert SubtitleBurner([], WIDTH, HEIGHT, "en").draw(frame, Fraction(1)) is frame


def test_lines_fit_a_narrow_picture() -> None:
    frame = np.full((640 * 3 // 2, 360), 100, np.uint8)
    shown = SubtitleBurner([_cue("forty-two characters on a single line ok!!", "two")], 360, 640, "en").draw(frame, Fraction(1))
    columns = np.flatnonzero((shown[:640] != 100).any(axis=0))
    assert columns[0] >= 17 and columns[-1] <= 342


def test_white_is_as_bright_as_the_picture_s_light_allows() -> None:
    full = Colors(matrix=1, range=2, primaries=1, transfer=1)
    hdr = Colors(matrix=9, range=1, primaries=9, transfer=16)
    assert _burned("en", "HHH", colors=full)[:HEIGHT].max() == 255 and _burned("en", "HHH", colors=full)[:HEIGHT].min() == 0
    assert 140 < _burned("en", "HHH", colors=hdr)[:HEIGHT].max() < 146


def test_a_sign_that_no_font_has_is_left_out_and_a_letter_is_refused() -> None:
    assert np.array_equal(_burned("en", "Hi\U000f0000"), _burned("en", "Hi")) or "\U000f0000" in find_fonts("en", "\U000f0000").uncovered
    frame = _grey()
    assert SubtitleBurner([_cue("\U000f0000 \U000f0001")], WIDTH, HEIGHT, "en").draw(frame, Fraction(1)) is frame
    with pytest.raises(Unavailable, match=r"no font here has .* \(U\+18B00\).*apt-get install fonts-noto-core") as caught:
        find_fonts("en", "a\U00018b00")
    assert caught.value.reason == "MISSING_FONT"


def test_without_fontconfig_the_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(Unavailable, match="apt-get install fontconfig"):
        find_fonts("en", "a")
    # A picture without subtitles needs no font.
    frame = _grey()
    assert SubtitleBurner([], WIDTH, HEIGHT, "en").draw(frame, Fraction(0)) is frame


def test_foreign_words_stand_where_they_are_read() -> None:
    latin, arabic = frozenset("abcdefghijklmnopqrstuvwxyz"), frozenset("ابتثج.,()1234567890")
    fonts = FontSet((FontFile(Path("a"), 0, "A", arabic), FontFile(Path("l"), 0, "L", latin)), frozenset("☃"))
    runs = text_runs("ابت (jordi mas), جث ☃", fonts, leftward=True)
    assert [(run.text, run.font, run.leftward) for run in runs] == [("), جث ", 0, True), ("jordi mas", 1, False), ("ابت (", 0, True)]
    fonts = FontSet((FontFile(Path("l"), 0, "L", latin | frozenset(".,")), FontFile(Path("a"), 0, "A", arabic)), frozenset())
    assert [(run.text, run.leftward) for run in text_runs("ab ابت cd", fonts, leftward=False)] == [("ab ", False), ("ابت ", True), ("cd", False)]


def test_a_turned_video_of_uneven_rate_is_burned_and_muxed(tmp_path: Path) -> None:
    times = [time for number, time in enumerate(even_times(60, Fraction(30))) if number % 7 != 3]
    source = write_source(tmp_path / "s.mp4", times, [Sound(noise(2))], size=(320, 192))
    turn(source, 90)
    scan = scan_picture(source)
    stretch = Stretch(192, 320, scan.frame_rate, scan.start_s, 60)
    pieces = burned_pieces(source, stretch, [Cue(Fraction(1), Fraction(3, 2), ("Hallo",))], "de")
    done = mux_program(tmp_path / "out.mp4", pieces, noise(2), frame_rate=scan.frame_rate, language="de")
    track = probe(done.path).video[0]
    assert (track.width, track.height, track.frame_rate, done.frames) == (192, 320, Fraction(30), 60)
    with av.open(str(done.path)) as container:
        contrast = [float(np.ptp(frame.to_ndarray()[240:320].astype(int))) for frame in container.decode(video=0)]
    assert all((value > 100) == (30 <= number < 45) for number, value in enumerate(contrast))


def test_the_encoder_is_let_go_where_drawing_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    closed = []

    class Encoder(FragmentEncoder):
        def close(self) -> None:
            closed.append(self)
            super().close()

    def fail(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("media.burn.FragmentEncoder", Encoder)
    monkeypatch.setattr(SubtitleBurner, "draw", fail)
    source = write_source(tmp_path / "source.mp4", even_times(5), size=(128, 96))
    with pytest.raises(ZeroDivisionError):
        next(burned_pieces(source, Stretch(128, 96, Fraction(25), Fraction(0), 5), (), "en"))
    assert len(closed) == 1


def test_nobody_is_drawn_for_who_has_left(tmp_path: Path) -> None:
    """A piece is ten seconds: whoever cancels is not to wait for the rest of it."""
    asked = iter([False] * 3)
    source = write_source(tmp_path / "source.mp4", even_times(50), size=(128, 96))
    with pytest.raises(Abandoned):
        next(burned_pieces(source, Stretch(128, 96, Fraction(25), Fraction(0), 50), (), "en", lambda: next(asked, True)))
