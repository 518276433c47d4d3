"""A text from one locale to another, by any engine: sentence by sentence, on its route, with the glossary kept."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from services.translate.engine import GlossaryTerm, TranslateEngine, Translation
from services.translate.keeping import translate_keeping
from services.translate.numerals import respelled
from services.translate.plausible import translate_plausibly
from services.translate.routes import Route
from services.translate.sentences import pieces_of
from services.translate.spans import Kind, Span, find_spans

_LAST_MARK = re.compile(r"[.,;:!?…。，！？]$")


def translate_text(text: str, route: Route, glossary: Sequence[GlossaryTerm], engine: TranslateEngine) -> Translation:
    """Translate a text of any number of sentences and lines. White space between them, cues, list marks and code stay as they are."""
    spans = find_spans(text, glossary)
    if not route.hops:
        return Translation(_replaced(text, spans))
    translated = ""
    missed: list[str] = []
    for piece in pieces_of(text, spans, route.source):
        part = text[piece.begin : piece.end]
        if piece.is_sentence:
            lead, core = len(part) - len(part.lstrip()), part.strip()
            begin = piece.begin + lead
            inner = [replace(s, begin=s.begin - begin, end=s.end - begin) for s in spans if begin <= s.begin and s.end <= begin + len(core)]
            sentence, lost_terms = _sentence(core, inner, route, engine)
            missed += lost_terms
            part = part[:lead] + sentence + part[lead + len(core) :]
        translated += part
    return Translation(translated, tuple(dict.fromkeys(missed)))


def _sentence(sentence: str, spans: Sequence[Span], route: Route, engine: TranslateEngine) -> tuple[str, list[str]]:
    covered = {position for span in spans for position in range(span.begin, span.end)}
    if not any(c.isalpha() for position, c in enumerate(sentence) if position not in covered):
        # Nothing but code, terms and figures: no grammar to build around them.
        return _replaced(sentence, spans), []
    shouted = _is_shouted(sentence, covered)

    def through(text: str) -> str:
        for hop in route.hops:
            text = translate_plausibly(text, lambda part, hop=hop: engine.translate(part, hop))  # type: ignore[misc]
        return text

    sent = _in_lower_case(sentence, covered) if shouted else sentence
    kept = translate_keeping(sent, spans, route.source, route.target, through)
    text = respelled(kept.text, sent, route.source, route.target)
    if shouted:
        text = _in_upper_case(text, [span.target for span in spans])
    if not _LAST_MARK.search(sentence):
        # Models end what they take for a sentence, or a salutation, with a mark that was not there.
        text = _LAST_MARK.sub("", text)
    return text, [span.term for span in kept.missed if span.kind is Kind.TERM]


def _replaced(text: str, spans: Sequence[Span]) -> str:
    for span in reversed(spans):
        text = text[: span.begin] + span.target + text[span.end :]
    return text


def _is_shouted(sentence: str, covered: set[int]) -> bool:
    letters = [c for position, c in enumerate(sentence) if c.isalpha() and position not in covered]
    return len(sentence.split()) > 2 and all(c.isupper() for c in letters)


def _in_lower_case(sentence: str, covered: set[int]) -> str:
    """Models know few words in capitals. The first letter stays large, as in a sentence."""
    first = next(position for position, c in enumerate(sentence) if c.isalpha())
    lowered = (c if position in covered or position == first or len(c.lower()) != 1 else c.lower() for position, c in enumerate(sentence))
    return "".join(lowered)


def _in_upper_case(text: str, kept: Sequence[str]) -> str:
    pattern = "|".join(map(re.escape, sorted(filter(None, kept), key=len, reverse=True)))
    parts = re.split(f"({pattern})", text) if pattern else [text]
    return "".join(part if position % 2 else part.upper() for position, part in enumerate(parts))
