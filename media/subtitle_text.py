"""The text side of subtitles: limits by language, words with their punctuation, and lines."""

from __future__ import annotations

import enum
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate

import langcodes

from locutor.errors import InvalidInput
from media.clock import exact_seconds


@dataclass(frozen=True)
class SubtitleRules:
    """Limits of a cue."""

    line_length: int
    """Characters; where `wide`, full-width ones, of which a half-width one is half."""
    lines: int
    characters_per_second: int
    """Reading speed, counted like `line_length`."""
    shortest_s: Fraction
    longest_s: Fraction
    gap_frames: int
    """Frames without a cue between two."""
    wide: bool
    spaces: bool
    """Whether words are written with spaces between them."""


_SHORTEST_S = Fraction(5, 6)
_LONGEST_S = Fraction(7)
# Netflix's Timed Text Style Guides: 42 characters and 17 a second; Chinese 16 and 9, Korean 16 and 12, Japanese 16 across and, for
# speech written down as it is said and not shortened, the 9 of Chinese.
_ALPHABETIC = SubtitleRules(42, 2, 17, _SHORTEST_S, _LONGEST_S, 2, wide=False, spaces=True)
_BY_LANGUAGE = {
    "zh": SubtitleRules(16, 2, 9, _SHORTEST_S, _LONGEST_S, 2, wide=True, spaces=False),
    "ja": SubtitleRules(16, 2, 9, _SHORTEST_S, _LONGEST_S, 2, wide=True, spaces=False),
    "ko": SubtitleRules(16, 2, 12, _SHORTEST_S, _LONGEST_S, 2, wide=True, spaces=True),
    "yue": SubtitleRules(16, 2, 9, _SHORTEST_S, _LONGEST_S, 2, wide=True, spaces=False),
    **{code: SubtitleRules(42, 2, 17, _SHORTEST_S, _LONGEST_S, 2, wide=False, spaces=False) for code in ("th", "lo", "km", "my")},
}
_SENTENCE_ENDS = frozenset(".!?…。！？｡।॥؟۔")
_CLAUSE_ENDS = frozenset(",;:—–、，；：､،؛")
_RIGHT_TO_LEFT = frozenset({"Arab", "Hebr", "Syrc", "Thaa", "Nkoo", "Adlm", "Rohg"})
_BREAK_AFTER = frozenset("—…")
"""A word may end here without a space."""


def rules_for(locale: str) -> SubtitleRules:
    """The limits for a BCP 47 locale."""
    return _BY_LANGUAGE.get(langcodes.Language.get(locale).language or "", _ALPHABETIC)


def right_to_left(locale: str) -> bool:
    """Whether the writing of a BCP 47 locale runs from right to left."""
    return (langcodes.Language.get(locale).maximize().script or "") in _RIGHT_TO_LEFT


@dataclass(frozen=True)
class TimedWord:
    """A word of a text and when it is said."""

    begin: int
    """First code point of the word in its text."""
    end: int
    """One past its last."""
    start_s: float | Fraction
    """Seconds from the programme's start."""
    end_s: float | Fraction


@dataclass(frozen=True)
class TimedText:
    """An utterance: its text as written, and its words in order."""

    text: str
    words: tuple[TimedWord, ...]


class BreakQuality(enum.Enum):
    """How good it is to cut after a piece."""

    SENTENCE = 0
    CLAUSE = 1
    WORD = 2
    INSIDE_WORD = 3


# A comma is worth a sixth of a line of imbalance.
_COST_OF_LINE_BREAK = {BreakQuality.SENTENCE: -0.3, BreakQuality.CLAUSE: -0.17, BreakQuality.WORD: 0.0, BreakQuality.INSIDE_WORD: 1.0}


@dataclass(frozen=True)
class TextPiece:
    """The smallest part of a text that stays together: a word with its punctuation."""

    text: str
    joiner: str
    """What stands between it and the next piece on one line: a space or nothing."""
    start: Fraction
    """Seconds."""
    end: Fraction
    break_after: BreakQuality


def width(text: str, rules: SubtitleRules) -> float:
    """Length of `text` as the limits count it, in whole or half characters; combining marks count nothing."""
    if not rules.wide:
        return float(sum(unicodedata.category(character) not in ("Mn", "Me", "Cf") for character in text))
    return sum((1.0 if unicodedata.east_asian_width(character) in "WFA" else 0.5 for character in text), 0.0)


class Pieces:
    """The pieces of a programme, and how much room a run of them, [begin, end), takes."""

    def __init__(self, pieces: Sequence[TextPiece], rules: SubtitleRules) -> None:
        self.pieces = pieces
        self._rules = rules
        self._joiners = [width(piece.joiner, rules) for piece in pieces]
        self._before = [0.0, *accumulate(width(piece.text, rules) + joiner for piece, joiner in zip(pieces, self._joiners, strict=True))]

    def length(self, begin: int, end: int) -> float:
        return self._before[end] - self._before[begin] - self._joiners[end - 1]

    def text(self, begin: int, end: int) -> str:
        return "".join(piece.text + piece.joiner for piece in self.pieces[begin : end - 1]) + self.pieces[end - 1].text

    def fits(self, begin: int, end: int) -> bool:
        """Whether the run fits on one or two lines."""
        return self.length(begin, end) <= self._rules.line_length or any(True for _ in self._line_breaks(begin, end))

    def lines(self, begin: int, end: int) -> tuple[str, ...]:
        """The run on one line, or on two of like length, the lower rather the longer, broken at punctuation where that costs little."""
        if self.length(begin, end) <= self._rules.line_length:
            return (self.text(begin, end),)
        cut = min(self._line_breaks(begin, end), key=lambda cut: self._cost_of_break(begin, cut, end))
        return (self.text(begin, cut), self.text(cut, end))

    def _line_breaks(self, begin: int, end: int) -> Iterator[int]:
        for cut in range(begin + 1, end):
            if self.length(begin, cut) > self._rules.line_length:
                return
            if self.length(cut, end) <= self._rules.line_length:
                yield cut

    def _cost_of_break(self, begin: int, cut: int, end: int) -> float:
        """In line lengths of imbalance."""
        share = (self.length(begin, cut) - self.length(cut, end)) / self._rules.line_length
        return abs(share) + (0.1 if share > 0 else 0.0) + _COST_OF_LINE_BREAK[self.pieces[cut - 1].break_after]


def text_pieces(texts: Sequence[TimedText], rules: SubtitleRules) -> list[TextPiece]:
    """All pieces of all texts, none wider than a line."""
    pieces: list[TextPiece] = []
    for number, timed in enumerate(texts):
        _check(timed, f"texts[{number}]", pieces[-1].end if pieces else Fraction(0))
        own = [part for piece in _pieces_of(timed, rules) for part in _within_a_line(piece, rules)]
        if own:
            last = own[-1]
            own[-1] = TextPiece(last.text, " " if rules.spaces else "", last.start, last.end, BreakQuality.SENTENCE)
        pieces += own
    return pieces


def _check(timed: TimedText, field: str, earliest: Fraction) -> None:
    position, time = 0, earliest
    for number, word in enumerate(timed.words):
        start, end = exact_seconds(word.start_s), exact_seconds(word.end_s)
        if word.begin < position or word.end <= word.begin or word.end > len(timed.text):
            message = f"covers [{word.begin}, {word.end}) of {len(timed.text)} code points, after {position}; words must follow one another in the text"
            raise InvalidInput.of(f"{field}.words[{number}]", message, "BAD_SPAN")
        if start < time or end < start:
            message = f"lasts from {float(start):.3f} s to {float(end):.3f} s, after {float(time):.3f} s; words must follow one another in time"
            raise InvalidInput.of(f"{field}.words[{number}]", message, "BAD_TIME")
        position, time = word.end, end


def _pieces_of(timed: TimedText, rules: SubtitleRules) -> Iterator[TextPiece]:
    """Words with the punctuation that belongs to them; words that nothing separates stay one piece."""
    text, words = timed.text, timed.words
    pending = text[: words[0].begin].lstrip() if words else ""
    start: Fraction | None = None
    for number, word in enumerate(words):
        if number + 1 < len(words):
            closing, joiner, opening, may_break = _split_gap(text[word.end : words[number + 1].begin], rules)
        else:
            closing, joiner, opening, may_break = text[word.end :], "", "", True
        start = exact_seconds(word.start_s) if start is None else start
        pending += text[word.begin : word.end] + closing
        if may_break:
            shown = " ".join(pending.split())
            yield TextPiece(shown, joiner, start, exact_seconds(word.end_s), _quality(shown))
            pending, start = opening, None
        else:
            pending += joiner + opening


def _split_gap(gap: str, rules: SubtitleRules) -> tuple[str, str, str, bool]:
    """What of the text between two words ends the first, what joins them, what opens the second, and whether a cut may fall there."""
    stripped = gap.rstrip()
    if any(character.isspace() for character in gap):
        cut = max(index for index, character in enumerate(gap) if character.isspace())
        return gap[:cut].rstrip() if cut else "", " ", gap[cut + 1 :], True
    cut = len(stripped)
    while cut and (unicodedata.category(gap[cut - 1]) in ("Ps", "Pi") or gap[cut - 1] in "¿¡"):
        cut -= 1
    may_break = not rules.spaces or (cut > 0 and gap[cut - 1] in _BREAK_AFTER)
    return gap[:cut], "", gap[cut:], may_break


def _quality(text: str) -> BreakQuality:
    """By the last mark that is neither a closing quote nor a bracket."""
    for character in reversed(text):
        if character in _SENTENCE_ENDS:
            return BreakQuality.SENTENCE
        if character in _CLAUSE_ENDS:
            return BreakQuality.CLAUSE
        if unicodedata.category(character) not in ("Pe", "Pf", "Po") or character.isalnum():
            break
    return BreakQuality.WORD


def _within_a_line(piece: TextPiece, rules: SubtitleRules) -> Iterator[TextPiece]:
    """The piece itself, or, where it is wider than a line (an address, say), parts of it with times in proportion."""
    parts: list[str] = [""]
    for character in piece.text:
        if width(parts[-1] + character, rules) > rules.line_length:
            parts.append("")
        parts[-1] += character
    done = 0
    length = piece.end - piece.start
    for number, part in enumerate(parts):
        start = piece.start + length * Fraction(done, len(piece.text))
        done += len(part)
        end = piece.start + length * Fraction(done, len(piece.text))
        is_last = number == len(parts) - 1
        yield TextPiece(part, piece.joiner if is_last else "", start, end, piece.break_after if is_last else BreakQuality.INSIDE_WORD)
