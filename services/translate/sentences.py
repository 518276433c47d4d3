"""A text as sentences with everything that stands between them."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import langcodes
import pysbd

from services.translate.spans import Kind, Span

LONGEST_WORDS = 60
"""Longer sentences are cut at a clause: the models were trained on shorter ones, and lose the thread or cut off the end."""

_RULES_OF = {"pt": "es", "ca": "es", "gl": "es", "uk": "ru", "be": "ru", "sr": "ru", "sl": "pl", "cs": "sk", "no": "da", "nb": "da", "nn": "da", "sv": "da"}
"""Languages that pysbd has no rules for, and a relative's that fit better than English ones."""
_ABBREVIATIONS = {"pt": ("sr", "sra", "srta", "dr", "dra", "drs", "prof", "profa", "exmo", "exma", "eng", "av", "pág", "tel", "ltda", "n", "nº")}

_EDGE = re.compile(r"\s*(?:(?:[-*+•·–—]|#{1,6}|>|\d{1,3}[.)])\s+)?")
"""White space, and the mark of a list, heading or quotation."""
_CLAUSE = re.compile(r"[;:,—–،；，、]\s*")

_segmenting = threading.Lock()


@dataclass(frozen=True)
class Piece:
    """A part of the text: a sentence to translate, or what is copied."""

    begin: int
    end: int
    is_sentence: bool


def pieces_of(text: str, spans: Sequence[Span], language: str) -> Iterator[Piece]:
    """The text in order, whole. Cues, list marks and white space at a sentence's edges are apart from it."""
    position = 0
    for begin, end in _sentences(text, spans, language):
        begin, end = _peeled(text, spans, begin, end)
        if begin > position:
            yield Piece(position, begin, False)
        for cut_begin, cut_end in _cut(text, spans, begin, end):
            yield Piece(cut_begin, cut_end, True)
        position = end
    if position < len(text):
        yield Piece(position, len(text), False)


def _sentences(text: str, spans: Sequence[Span], language: str) -> Iterator[tuple[int, int]]:
    # Within a span there is no end of a sentence, whatever its punctuation: a word of the same length stands for it.
    masked = text
    for span in spans:
        masked = masked[: span.begin] + "X" * (span.end - span.begin) + masked[span.end :]
    base = langcodes.Language.get(language).language or "en"
    begin = 0
    for line in re.finditer(r"[^\n]*\n*", masked):
        for sentence in _segmented(line.group(), base):
            # pysbd may drop or change white space: what counts is where its sentences begin.
            end = masked.find(sentence.strip(), begin) + len(sentence.strip())
            if end >= begin + len(sentence.strip()) and not _abbreviated(masked[begin:end], base):
                yield begin, end
                begin = end
        if masked[begin : line.end()].strip():
            yield begin, line.end()
        begin = line.end()


def _segmented(line: str, language: str) -> list[str]:
    if not line.strip():
        return []
    # pysbd keeps the text that it works on in the segmenter.
    with _segmenting:
        found: list[str] = _segmenter(language).segment(line)
    return found


@lru_cache
def _segmenter(language: str) -> pysbd.Segmenter:
    known = pysbd.languages.LANGUAGE_CODES
    return pysbd.Segmenter(language=language if language in known else _RULES_OF.get(language, "en"), clean=False)


def _abbreviated(sentence: str, language: str) -> bool:
    last = re.search(r"(\w+)\.$", sentence)
    return last is not None and last.group(1).lower() in _ABBREVIATIONS.get(language, ())


def _peeled(text: str, spans: Sequence[Span], begin: int, end: int) -> tuple[int, int]:
    cues = {span.begin: span.end for span in spans if span.kind is Kind.CUE}
    cue_ends = {stop: start for start, stop in cues.items()}
    while begin < end:
        edge = _EDGE.match(text, begin, end)
        assert edge is not None
        after = cues.get(edge.end(), edge.end())
        if after == begin or after > end:
            break
        begin = after
    while end > begin and (text[end - 1].isspace() or cue_ends.get(end, begin) > begin or cue_ends.get(end) == begin):
        end = cue_ends.get(end, end - 1)
    return begin, end


def _cut(text: str, spans: Sequence[Span], begin: int, end: int) -> Iterator[tuple[int, int]]:
    """[begin, end) in parts of at most `LONGEST_WORDS` words, cut after a clause where there is one, else between words."""
    while len(words := list(re.finditer(r"\S+", text[begin:end]))) > LONGEST_WORDS:
        limit = begin + words[LONGEST_WORDS].start()
        half = begin + words[LONGEST_WORDS // 2].start()
        inside = [span for span in spans if span.begin < limit]
        clauses = [m.end() for m in _CLAUSE.finditer(text, half, limit) if not any(s.begin < m.end() < s.end for s in inside)]
        cut = clauses[-1] if clauses else next((s.begin for s in inside if s.begin < limit < s.end), limit)
        if cut <= begin:
            break
        yield begin, cut
        begin = cut
    if end > begin:
        yield begin, end
