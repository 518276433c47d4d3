"""A line of text as runs that are each drawn with one font in one direction, from left to right."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from media.fonts import FontSet


@dataclass(frozen=True)
class TextRun:
    text: str
    font: int
    """Index in the font set."""
    leftward: bool
    """Its writing runs from right to left; what inside it does not, the shaper turns."""


def text_runs(line: str, fonts: FontSet, leftward: bool) -> list[TextRun]:
    """The runs of `line` in the order in which they stand from left to right. `leftward`: the line's own direction."""
    runs: list[tuple[int, str]] = []
    for character in line:
        if character in fonts.uncovered:
            continue
        font = _font_of(character, fonts, runs[-1][0] if runs else 0)
        if runs and runs[-1][0] == font:
            runs[-1] = (font, runs[-1][1] + character)
        else:
            runs.append((font, character))
    drawn = [TextRun(text, font, _direction(text, leftward)) for font, text in _with_outer_signs(runs, fonts, leftward)]
    return drawn[::-1] if leftward else drawn


def _font_of(character: str, fonts: FontSet, current: int) -> int:
    """The first font that has it; marks and signs stay with what is before them where they can."""
    kind = unicodedata.category(character)
    if character.isspace() or kind[0] in "MC" or (kind[0] in "PSZN" and character in fonts.fonts[current].covered):
        return current
    return next((number for number, font in enumerate(fonts.fonts) if character in font.covered), current)


def _with_outer_signs(runs: Sequence[tuple[int, str]], fonts: FontSet, leftward: bool) -> list[tuple[int, str]]:
    """In a line from right to left, signs and spaces after a foreign word belong to the line, not to the word."""
    if not leftward:
        return list(runs)
    result: list[tuple[int, str]] = []
    carried = ""
    for font, text in runs:
        text = carried + text
        kept = text if font == 0 else text.rstrip("".join({character for character in text if not character.isalnum()}))
        carried = text[len(kept) :]
        if any(not character.isspace() and character not in fonts.fonts[0].covered for character in carried):
            kept, carried = text, ""
        result.append((font, kept))
    return [*result, *([(0, carried)] if carried else [])]


def _direction(text: str, leftward: bool) -> bool:
    """Whether a run is written from right to left: as its letters are, or as the line where they disagree or there are none."""
    kinds = {unicodedata.bidirectional(character) for character in text}
    left, right = bool(kinds & {"R", "AL"}), "L" in kinds
    return leftward if left == right else left
