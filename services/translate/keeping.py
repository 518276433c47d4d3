"""Translating a sentence so that what must survive does: stand-ins that the model copies, and a look at what came out."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from services.translate.numerals import localized, lost, numerals
from services.translate.spans import Kind, Span, occurrences

Translate = Callable[[str], str]

STAND_INS: tuple[Callable[[int], str], ...] = (
    lambda number: f"QX{number + 7}",
    lambda number: f"X{chr(ord('A') + number % 26)}{number + 12}",
    lambda number: f"XZ-{number + 1}",
    lambda number: f"x{number + 1}.com",
)
"""Made-up product names: Bergamot models copy them and build the sentence around them as around a name. All of these came
through all of 42 sentences, in both directions of en-pt; `__0__`, `#1`, `%1$s`, `⟦1⟧` and `<x1/>` often did not."""


@dataclass(frozen=True)
class Kept:
    """A sentence's translation, and which terms are not in it."""

    text: str
    missed: tuple[Span, ...] = ()


def translate_keeping(sentence: str, spans: Sequence[Span], source: str, target: str, translate: Translate) -> Kept:
    """Translate a sentence with its spans (offsets in the sentence) kept.

    Terms are left to the model first: where it keeps a name by itself, the grammar around it is better. What it loses, and
    code in any case, is sent as a stand-in, in several forms. A term that none of them brought through is reported; code is
    put back by translating what is before and after it on its own.
    """
    standing = {span for span in spans if span.kind is not Kind.TERM}
    best: _Attempt | None = None
    for stand_in in _usable(sentence):
        left_to_model = set(spans) - standing
        attempt = _attempt(sentence, spans, standing, stand_in, translate)
        if attempt.failed and attempt.failed <= left_to_model:
            # The form itself came through: it is good for what the model lost, too.
            standing |= attempt.failed
            attempt = min(attempt, _attempt(sentence, spans, standing, stand_in, translate), key=lambda a: a.penalty)
        if best is None or attempt.penalty < best.penalty:
            best = attempt
        if not attempt.failed:
            break
        standing |= attempt.failed
    assert best is not None
    numbers = _lost_numbers(sentence, spans, best.text)
    if numbers and not best.failed:
        again = translate_keeping(sentence, _with_numbers(sentence, spans, numbers, source, target), source, target, translate)
        return again if not again.missed else Kept(best.text)
    if any(span.kind is not Kind.TERM for span in best.failed):
        return _around(sentence, spans, source, target, translate)
    return Kept(best.text, tuple(sorted(best.failed, key=lambda span: span.begin)))


@dataclass(frozen=True)
class _Attempt:
    text: str
    failed: frozenset[Span]

    @property
    def penalty(self) -> tuple[bool, int]:
        return any(span.kind is not Kind.TERM for span in self.failed), len(self.failed)


def _usable(sentence: str) -> list[Callable[[int], str]]:
    """Forms that cannot be mistaken for something in the sentence."""
    return [form for form in STAND_INS if not any(form(number).lower() in sentence.lower() for number in range(40))] or [STAND_INS[0]]


def _attempt(sentence: str, spans: Sequence[Span], standing: set[Span], stand_in: Callable[[int], str], translate: Translate) -> _Attempt:
    sent, position = "", 0
    names: dict[Span, str] = {}
    for span in spans:
        sent += sentence[position : span.begin]
        if span in standing:
            names[span] = stand_in(len(names))
            sent += names[span]
        else:
            sent += sentence[span.begin : span.end]
        position = span.end
    sent += sentence[position:]
    text = translate(sent)
    failed = set()
    for span, name in names.items():
        found = list(re.finditer(rf"(?<![A-Za-z0-9]){re.escape(name)}(?![A-Za-z0-9])", text, re.IGNORECASE))
        if len(found) != 1:
            failed.add(span)
    for span, name in names.items():
        if span not in failed:
            text = _put(text, name, span, sentence)
    failed |= _not_kept(text, [span for span in spans if span not in standing])
    if any(span.kind is not Kind.TERM for span in failed) or any(span in names for span in failed):
        # A stand-in that came out twice or mangled must not be seen.
        for name in names.values():
            if re.search(re.escape(name), text, re.IGNORECASE):
                failed |= {span for span, other in names.items() if other == name}
    return _Attempt(text, frozenset(failed))


def _put(text: str, name: str, span: Span, sentence: str) -> str:
    match = re.search(rf"(?<![A-Za-z0-9]){re.escape(name)}(?![A-Za-z0-9])", text, re.IGNORECASE)
    assert match is not None
    value = span.target
    if span.kind is Kind.TERM and sentence[span.begin].isupper() and _opens(sentence, span.begin) and _opens(text, match.start()):
        # A term that opened the sentence was written large for that reason.
        value = value[:1].upper() + value[1:]
    return text[: match.start()] + value + text[match.end() :]


def _opens(text: str, position: int) -> bool:
    return not any(c.isalnum() for c in text[:position])


def _not_kept(text: str, natural: Sequence[Span]) -> set[Span]:
    """Terms left to the model whose targets are not in the text as often as their sources were."""
    failed = set()
    for target, needed in Counter(span.target for span in natural).items():
        found = sum(text[begin:end] in (target, target[:1].upper() + target[1:]) for begin, end in occurrences(target, text, False))
        if found < needed:
            failed |= {span for span in natural if span.target == target}
    return failed


def _lost_numbers(sentence: str, spans: Sequence[Span], text: str) -> list[str]:
    return lost(_without(sentence, spans), text)


def _without(sentence: str, spans: Sequence[Span]) -> str:
    for span in spans:
        sentence = sentence[: span.begin] + " " * (span.end - span.begin) + sentence[span.end :]
    return sentence


def _with_numbers(sentence: str, spans: Sequence[Span], numbers: Sequence[str], source: str, target: str) -> list[Span]:
    found = [Span(m.start(), m.end(), Kind.CODE, localized(m.group(), source, target)) for m in numerals(_without(sentence, spans)) if m.group() in numbers]
    return sorted([*spans, *found], key=lambda span: span.begin)


def _around(sentence: str, spans: Sequence[Span], source: str, target: str, translate: Translate) -> Kept:
    """The parts between the spans of code, each translated on its own."""
    text = ""
    missed: list[Span] = []
    fixed = [span for span in spans if span.kind is not Kind.TERM]
    edges = [(0, 0, ""), *((span.begin, span.end, span.target) for span in fixed), (len(sentence), len(sentence), "")]
    for (_, begin, before), (end, _, _) in pairwise(edges):
        text += before
        part = sentence[begin:end]
        if any(c.isalpha() for c in part):
            lead = len(part) - len(part.lstrip())
            core = part.strip()
            inner = [
                replace(s, begin=s.begin - begin - lead, end=s.end - begin - lead) for s in spans if s.kind is Kind.TERM and begin <= s.begin and s.end <= end
            ]
            kept = translate_keeping(core, inner, source, target, translate)
            text += part[:lead] + kept.text + part[lead + len(core) :]
            missed += kept.missed
        else:
            text += part
    return Kept(text, tuple(missed))
