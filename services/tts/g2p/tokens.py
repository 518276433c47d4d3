"""Cutting text of languages with spaces into words and marks, and foreign marks into the ones that voices know."""

from __future__ import annotations

from dataclasses import dataclass

import regex

_MARKS = {
    "،": ",", "、": ",", "，": ",", "。": ".", "．": ".", "｡": ".", "।": ".", "॥": ".", "؟": "?", "！": "!", "？": "?", "；": ";", "：": ":",
    "–": "—", "―": "—", "~": "—", "〜": "—", "～": "—", "‥": "…", "⋯": "…", "...": "…",
    "«": "“", "»": "”", "„": "“", "‟": "“", "《": "“", "》": "”", "「": "“", "」": "”", "『": "“", "』": "”", "〈": "“", "〉": "”", "〝": "“", "〞": "”",
    "（": "(", "）": ")", "[": "(", "]": ")", "{": "(", "}": ")", "【": "(", "】": ")",
}  # fmt: skip
"""Written marks as those of `PUNCTUATION`. Marks that are in neither set are not spoken."""

PUNCTUATION = frozenset(';:,.!?—…"()“”')
QUOTES = frozenset('"“”')

# Apostrophes and hyphens inside a word belong to it, and so does the apostrophe of an elision at its end ("l’").
_WORD = r"[\p{L}\p{M}\p{N}]+(?:[’'‘\-\u2010\u2011·\u200c\u200d][\p{L}\p{M}\p{N}]+)*(?:[’'](?=\s|[\p{L}]))?"
# Figures as they are written, and signs: each is read as a word.
_FIGURES = r"\p{N}+(?:[.,:]\p{N}+)*|[\p{Sc}%‰&+=§@#°№]"
_REST = r"(?P<space>\s+)|(?P<mark>\.{2,}|[^\p{L}\p{M}\p{N}\s])"
_TOKEN = regex.compile(rf"(?P<word>{_WORD})|{_REST}")
_TOKEN_WITH_FIGURES = regex.compile(rf"(?P<word>{_FIGURES}|{_WORD})|{_REST}")


@dataclass(frozen=True)
class Token:
    """A word (`mark` empty), a mark of `PUNCTUATION`, or a space (`mark` " ")."""

    text: str
    begin: int
    end: int
    mark: str = ""

    @property
    def is_word(self) -> bool:
        return not self.mark


def mark_of(written: str) -> str:
    """The mark of `PUNCTUATION` for a written one; empty where it has none."""
    if len(written) > 1:
        return "…"
    mark = _MARKS.get(written, written)
    return mark if mark in PUNCTUATION else ""


def tokens_of(text: str, with_figures: bool = False) -> list[Token]:
    """Words, marks and spaces in order; what is not spoken is left out. A dash between spaces is a mark, a hyphen is not.

    `with_figures`: the text has figures and signs, which are words too.
    """
    tokens: list[Token] = []
    for match in (_TOKEN_WITH_FIGURES if with_figures else _TOKEN).finditer(text):
        begin, end = match.span()
        if match["word"]:
            tokens.append(Token(match["word"], begin, end))
            continue
        written = match.group()
        spaced = text[begin - 1 : begin].isspace() and text[end : end + 1].isspace()
        mark = " " if match["space"] else "—" if written in "-−" and spaced else mark_of(written)
        if mark:
            tokens.append(Token(written, begin, end, mark))
    return tokens
