"""What models say instead of translating: stock phrases for short utterances, and loops."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable

_SHORT_WORDS = 3
_GROWTH_WORDS = 3
"""So many more words than a short utterance has are not its translation ("Thank you!": "Obrigado por enviar uma edição.")."""
_LOOP_WORDS = 3
_LOOP_TIMES = 3
"""The same three words thrice."""

_AS_SPEECH = (("- ", ""), ('"', '"'))
"""Written as direct speech, an utterance is translated as one."""
_CLAUSE_END = re.compile(r"(?<=[,;:])\s+")


def translate_plausibly(text: str, translate: Callable[[str], str]) -> str:
    """Translate; where the outcome cannot be right, try in another way."""
    translation = translate(text)
    if _has_grown(text, translation):
        return min([translation, *_as_speech(text, translate)], key=_words)
    if loops(translation) > loops(text):
        clauses = [translate(clause) for clause in _CLAUSE_END.split(text)]
        joined = " ".join(clauses)
        return joined if loops(joined) < loops(translation) else translation
    return translation


def _as_speech(text: str, translate: Callable[[str], str]) -> list[str]:
    """What comes out of the forms of direct speech, without their marks; nothing of those that lost them."""
    found = []
    for opening, closing in _AS_SPEECH:
        spoken = translate(opening + text + closing)
        bare = spoken.removeprefix(opening)
        if bare == spoken:
            continue
        if closing:
            # The full stop may have moved behind the mark: the sentence's own is put back.
            bare = re.sub(r'"[.!?]?$', "", bare)
            bare += text[-1] if text[-1] in ".!?" and bare[-1:] not in (".", "!", "?") else ""
        found.append(bare)
    return found


def _words(text: str) -> int:
    return len(re.findall(r"\w+", text))


def _has_grown(text: str, translation: str) -> bool:
    return _words(text) <= _SHORT_WORDS and _words(translation) >= _words(text) + _GROWTH_WORDS


def loops(text: str) -> int:
    """How many times three words come again and again."""
    words = re.findall(r"\w+", text.lower())
    runs = Counter(tuple(words[at : at + _LOOP_WORDS]) for at in range(len(words) - _LOOP_WORDS + 1))
    return sum(times for times in runs.values() if times >= _LOOP_TIMES)
