"""What in a text is not translated, or whose translation is decided: found before anything is split or sent."""

from __future__ import annotations

import enum
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from services.translate.engine import GlossaryTerm


class Kind(enum.Enum):
    CUE = enum.auto()
    """An instruction to the speaker or a pictograph: no part of the sentence's grammar."""
    CODE = enum.auto()
    """A URL, an address, code, a placeholder, a tag: copied as it is."""
    TERM = enum.auto()
    """A glossary term."""


@dataclass(frozen=True)
class Span:
    """Characters [begin, end) of the text."""

    begin: int
    end: int
    kind: Kind
    target: str
    """What must stand in the translation."""
    term: str = ""
    """The glossary's source where it is a term."""


_CUE = re.compile(
    r"\[[a-z][a-z_-]*(?:[ =:]+[\w.%+-]+){0,3}\]"  # [pause 800ms]
    r"|[\U0001F1E6-\U0001F1FF\U0001F300-\U0001FAFF☀-➿⬀-⯿️‍⃣]+"  # pictographs, with their joiners
)
_CODE = re.compile(
    r"`[^`\n]+`"
    r"|\b(?:https?|ftp)://[^\s<>\"']*[^\s<>\"'.,;:!?)\]}]"
    r"|\bwww\.[^\s<>\"']*[^\s<>\"'.,;:!?)\]}]"
    r"|\b[\w.+-]+@[\w-]+(?:\.[\w-]+)+\b"
    r"|[#$]?\{\{?[^{}\n]{1,60}\}?\}"  # {name}, {{name}}, ${NAME}, #{id}
    r"|</?[A-Za-z][^<>\n]{0,200}>"
    r"|%(?:\(\w+\))?(?:\d+\$)?[sdif]\b"
)


def find_spans(text: str, glossary: Sequence[GlossaryTerm]) -> list[Span]:
    """The spans of a text, in order, none overlapping another. Code and cues win over terms, longer terms over shorter ones."""
    taken: list[Span] = []
    for kind, pattern in ((Kind.CODE, _CODE), (Kind.CUE, _CUE)):
        taken += [Span(m.start(), m.end(), kind, m.group()) for m in pattern.finditer(text) if _free(m.start(), m.end(), taken)]
    for term in sorted(glossary, key=lambda t: -len(t.source)):
        for begin, end in occurrences(term.source, text, term.case_sensitive):
            if _free(begin, end, taken):
                taken.append(Span(begin, end, Kind.TERM, term.target or text[begin:end], term.source))
    return sorted(taken, key=lambda span: span.begin)


def occurrences(phrase: str, text: str, case_sensitive: bool) -> Iterator[tuple[int, int]]:
    """Where a phrase stands in a text as whole words; white space in it matches any."""
    words = phrase.split()
    if words[0].casefold() not in text.casefold():
        # Most terms of a glossary are not in most texts: compiling a pattern for each would cost more than the translation.
        return
    pattern = r"\s+".join(map(re.escape, words))
    for match in re.finditer(pattern, text, 0 if case_sensitive else re.IGNORECASE):
        begin, end = match.span()
        if not (begin > 0 and _one_word(text[begin - 1], text[begin])) and not (end < len(text) and _one_word(text[end - 1], text[end])):
            yield begin, end


def _one_word(left: str, right: str) -> bool:
    """Whether two neighbours belong to one word. Scripts written without spaces have no such boundary to look for."""
    return all(c.isalnum() or c == "_" or unicodedata.category(c).startswith("M") for c in left + right) and not any(map(_spaceless, left + right))


def _spaceless(character: str) -> bool:
    name = unicodedata.name(character, "")
    return name.startswith(("CJK", "HIRAGANA", "KATAKANA", "THAI", "LAO", "KHMER", "MYANMAR"))


def _free(begin: int, end: int, taken: Sequence[Span]) -> bool:
    return all(end <= span.begin or begin >= span.end for span in taken)
