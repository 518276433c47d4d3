"""Splitting a text into sentences, each with its place in the text."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import regex

_CLOSING = "\"'”’»›)\\]}」』）】"

# A terminator with what closes around it; CJK and Devanagari need no space behind it, the Latin full stop does.
# French sets a space before its closing quote.
_CLOSED = rf"(?:[{_CLOSING}]|[ \u00a0\u202f]»)*"
_END = regex.compile(rf"(?:[。！？｡．]|[.!?…।॥]+(?={_CLOSED}(?:\s|$)))[.!?…。！？]*{_CLOSED}|\n")

# A line shorter than this that ends without a full stop is a heading or a list item, not a wrapped line.
_WRAPPED_LINE_CODE_POINTS = 40

_SPOKEN = regex.compile(r"[\p{L}\p{N}]|\p{S}")


@dataclass(frozen=True)
class Sentence:
    """A sentence without the white space around it."""

    text: str
    begin: int
    """Position in the whole text in code points, [begin, end)."""
    end: int


def split_sentences(text: str, is_abbreviation: Callable[[str], bool]) -> list[Sentence]:
    """Sentences in order; pieces without a letter, digit or symbol are left out.

    `is_abbreviation` tells whether a word with its full stop ("Dr.") is one that does not end a sentence.
    """
    sentences = []
    begin = 0
    for match in _END.finditer(text):
        if _ends_sentence(text, begin, match.start(), match.end(), is_abbreviation):
            sentences.append((begin, match.end()))
            begin = match.end()
    sentences.append((begin, len(text)))
    result = []
    for start, stop in sentences:
        piece = text[start:stop]
        if _SPOKEN.search(piece):
            first = start + len(piece) - len(piece.lstrip())
            result.append(Sentence(piece.strip(), first, first + len(piece.strip())))
    return result


def _ends_sentence(text: str, begin: int, start: int, end: int, is_abbreviation: Callable[[str], bool]) -> bool:
    following = text[end:].lstrip(" \t")
    if text[start] == "\n":
        line = text[text.rfind("\n", 0, start) + 1 : start]
        blank = following.startswith(("\n", "\r")) or not following or not line.strip()
        return blank or len(line) < _WRAPPED_LINE_CODE_POINTS
    if text[start] != "." or text[start : start + 2] in ("..",):
        # "Really?" she asked: the sentence goes on in lower case.
        return not (text[start] in "!?….…" and following[:1].islower())
    word = text[begin:start].split()[-1:] or [""]
    if is_abbreviation(word[0].lstrip("(\"'“«¿¡[") + "."):
        return False
    return not following[:1].islower()
