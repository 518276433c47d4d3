"""Subtitles drawn into the picture: white letters with a dark rim, at the bottom, in any writing.

Shaping and direction are HarfBuzz's and FriBidi's, by way of Pillow.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain, islice
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont, features

from locutor.errors import Unavailable
from media.colors import BT709, Colors
from media.fonts import find_fonts
from media.footage import Abandoned, FootageReader, Stretch
from media.fragments import FOOTAGE_CRF, FragmentEncoder
from media.subtitle_text import right_to_left
from media.subtitles import Cue
from media.text_runs import TextRun, text_runs

_SIZE_PER_HEIGHT = 0.052
"""Of the letters' em: about what streaming services show, 56 pixels at 1080."""
_WIDEST = 0.9
"""Of the picture's width; in a narrow picture letters shrink until the widest line fits."""
_FROM_BOTTOM = 0.06
_LEADING = 1.25
_RIM = 0.07
"""Of the em."""
_SMALLEST = 10
"""Pixels of the em: below, no letter can be read."""
_PIECE_S = 10
"""Seconds of a piece: one is in memory at a time."""
_FULL_RANGE = 2
_GREY = 128
_WHITE = {16: 0.58, 18: 0.75}
"""Level of graphics white in HDR, by transfer function: 203 cd/m2 in PQ and HLG (ITU-R BT.2408-7, table 1). The peak would dazzle."""


@dataclass(frozen=True)
class _Drawing:
    """A cue's pixels."""

    top: int
    left: int
    """Even, as are height and width."""
    kept: np.ndarray
    """(h, w) float32, 0 to 1: how much of the picture's luma shows through."""
    added: np.ndarray
    """(h, w) float32: luma of letters and rim, by how much they cover."""
    kept_chroma: np.ndarray
    """(h / 2, w / 2) float32."""


def burned_pieces(source: Path, stretch: Stretch, cues: Sequence[Cue], locale: str, is_abandoned: Callable[[], bool] = lambda: False) -> Iterator[bytes]:
    """The pictures of `stretch` of `source` with `cues` drawn in, as pieces of H.264 for `media.mux`, in constant memory.

    The cues' times count from the stretch's first frame. Frames come upright, with square pixels and at the stretch's
    constant rate; their colours stay what they were. `is_abandoned` is asked at each frame. Raises as `FootageReader` and
    `SubtitleBurner`, at the first piece.
    """
    rate = Fraction(stretch.frame_rate)
    length = max(1, round(_PIECE_S * rate))
    with FootageReader(source, stretch, is_abandoned=is_abandoned) as reader:
        burner = SubtitleBurner(cues, stretch.width, stretch.height, locale, reader.colors)
        frames = enumerate(_wanted(reader, is_abandoned))
        while part := list(islice(frames, 1)):
            with closing(FragmentEncoder(stretch.width, stretch.height, rate, reader.colors, FOOTAGE_CRF)) as encoder:
                piece = [data for number, frame in chain(part, islice(frames, length - 1)) for data in encoder.add(burner.draw(frame, number / rate))]
                piece += encoder.finish()
            yield b"".join(piece)


def _wanted(frames: Iterable[np.ndarray], is_abandoned: Callable[[], bool]) -> Iterator[np.ndarray]:
    for frame in frames:
        if is_abandoned():
            raise Abandoned
        yield frame


class SubtitleBurner:
    """Draws the cues of one programme into its frames."""

    def __init__(self, cues: Sequence[Cue], width: int, height: int, locale: str, colors: Colors = BT709) -> None:
        """`cues` in order. `width` and `height` of the frames in pixels, even. `locale`: BCP 47, of the text. `colors`: what the frames' numbers mean.

        Raises Unavailable where no font covers the text (MISSING_FONT), or Pillow cannot shape it (MISSING_EXTRA).
        """
        if cues and not features.check("raqm"):
            raise Unavailable("this build of Pillow cannot shape text (no Raqm); install Pillow's own wheel: pip install pillow", reason="MISSING_EXTRA")
        self._set = find_fonts(locale, "".join(line for cue in cues for line in cue.lines))
        # Where no font has any of it, as of pictures alone, nothing is drawn.
        self._cues = list(cues) if self._set.fonts else []
        self._starts = [cue.start for cue in self._cues]
        self._width, self._height = width, height
        self._black, top = (0, 255) if colors.range == _FULL_RANGE else (16, 235)
        self._white = self._black + _WHITE.get(colors.transfer, 1.0) * (top - self._black)
        self._locale = locale
        self._leftward = right_to_left(locale)
        self._size = 0
        self._faces: list[ImageFont.FreeTypeFont] = []
        self._fit()
        self._drawn: tuple[int, _Drawing] | None = None

    @property
    def font_families(self) -> tuple[str, ...]:
        """What it draws with, the font for the text's language first."""
        return tuple(font.family for font in self._set.fonts)

    def draw(self, frame: np.ndarray, time_s: Fraction) -> np.ndarray:
        """`frame` (I420, (height * 3 // 2, width) uint8) as it is to be shown at `time_s`: a copy where a cue is shown, else itself."""
        number = bisect_right(self._starts, time_s) - 1
        if number < 0 or time_s >= self._cues[number].end:
            return frame
        if self._drawn is None or self._drawn[0] != number:
            self._drawn = (number, self._drawing(self._cues[number].lines))
        return self._blended(frame, self._drawn[1])

    def _fit(self) -> None:
        """Chooses the size at which the widest line fits."""
        usual = max(_SMALLEST, round(self._height * _SIZE_PER_HEIGHT))
        self._resize(usual)
        widest = max((self._length(line) for cue in self._cues for line in cue.lines), default=0.0)
        room = self._width * _WIDEST - 2 * _RIM * usual
        if widest > room:
            self._resize(max(_SMALLEST, int(usual * room / widest)))

    def _resize(self, size: int) -> None:
        self._size = size
        raqm = ImageFont.Layout.RAQM
        self._faces = [ImageFont.truetype(str(font.path), size, index=font.index, layout_engine=raqm) for font in self._set.fonts]

    def _length(self, line: str) -> float:
        return sum(self._run_length(run) for run in text_runs(line, self._set, self._leftward))

    def _run_length(self, run: TextRun) -> float:
        return self._faces[run.font].getlength(run.text, direction="rtl" if run.leftward else "ltr", language=self._locale)

    def _write(self, pen: ImageDraw.ImageDraw, line: str, baseline: int, stroke: int) -> None:
        runs = text_runs(line, self._set, self._leftward)
        left = (self._width - sum(self._run_length(run) for run in runs)) / 2
        for run in runs:
            direction = "rtl" if run.leftward else "ltr"
            face = self._faces[run.font]
            pen.text((left, baseline), run.text, fill=255, font=face, anchor="ls", direction=direction, language=self._locale, stroke_width=stroke)
            left += self._run_length(run)

    def _drawing(self, lines: Sequence[str]) -> _Drawing:
        rim, leading = max(1, round(self._size * _RIM)), round(self._size * _LEADING)
        height = min(self._height, (leading * len(lines) + self._size + 1) // 2 * 2)
        masks = []
        for stroke in (0, rim):
            mask = Image.new("L", (self._width, height), 0)
            for number, line in enumerate(lines, 1):
                self._write(ImageDraw.Draw(mask), line, leading * number, stroke)
            masks.append(np.asarray(mask, np.float32) / 255)
        bottom = self._height - round(self._height * _FROM_BOTTOM) + (height - leading * len(lines))
        top = max(0, min(bottom, self._height) - height) // 2 * 2
        ink, cover = masks[0], np.maximum(masks[0], masks[1])
        columns = np.flatnonzero(cover.any(axis=0))
        left, right = (int(columns[0]) // 2 * 2, (int(columns[-1]) + 2) // 2 * 2) if len(columns) else (0, 2)
        ink, cover = ink[:, left:right], cover[:, left:right]
        added = (self._black + (self._white - self._black) * ink) * cover
        kept_chroma = 1 - cover.reshape(height // 2, 2, (right - left) // 2, 2).mean(axis=(1, 3))
        return _Drawing(top, left, 1 - cover, added, kept_chroma)

    def _blended(self, frame: np.ndarray, drawing: _Drawing) -> np.ndarray:
        shown = frame.copy()
        rows, columns = drawing.kept.shape
        luma = shown[drawing.top : drawing.top + rows, drawing.left : drawing.left + columns]
        luma[...] = luma * drawing.kept + (drawing.added + 0.5)
        for plane in range(2):
            begin = self._width * self._height * (4 + plane) // 4
            chroma = shown.reshape(-1)[begin : begin + self._width * self._height // 4].reshape(self._height // 2, self._width // 2)
            part = chroma[drawing.top // 2 : (drawing.top + rows) // 2, drawing.left // 2 : (drawing.left + columns) // 2]
            part[...] = (part - np.float32(_GREY)) * drawing.kept_chroma + (_GREY + 0.5)
        return shown
