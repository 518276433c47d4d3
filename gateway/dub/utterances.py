"""Cuts what was heard into utterances: what one speaker says in one go, of a length that can be translated and spoken in time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import inf

MIN_S = 1.5
MIN_CHARACTERS = 12
"""What is both shorter than `MIN_S` and than this is joined to a neighbour where there is one."""
IDEAL_S = 4.5
MAX_S = 9.0
MAX_CHARACTERS = 140
JOIN_GAP_S = 0.6
"""Over a longer silence nothing is joined."""

# Costs of the choice of cuts; only their order matters. A translation of half a sentence is worse than one that is too
# long or too short to be ideal; a cut where nobody breathes is the last resort.
_COST_OF_CUT = 0.8
_COST_OF_CLAUSE_CUT = 2.5
_COST_OF_PAUSE_CUT = 2.0
_COST_OF_WORD_CUT = 8.0
_COST_OF_INNER_SENTENCE_END = 0.7
_COST_OF_TOO_SHORT = 12.0
_PAUSE_S = 0.25
"""A silence between two words that is heard as a pause."""

_SENTENCE_ENDS = frozenset(".!?…。！？｡।॥؟۔")
_CLAUSE_ENDS = frozenset(",;:—–、，；：،؛")
_CLOSING = "\"'”’»)]}」』）"


@dataclass(frozen=True)
class SpokenWord:
    """A word as it was heard. Seconds count from the first picture."""

    text: str
    """With its punctuation."""
    start_s: float
    end_s: float
    speaker: int
    """Index into the speakers of the video."""


@dataclass(frozen=True)
class SourceUtterance:
    """Something that one speaker says in one go. Seconds count from the first picture."""

    id: str
    """Stable for the same source: "u0001"."""
    start_s: float
    end_s: float
    speaker: int
    text: str


def cut(words: Sequence[SpokenWord], joiner: str = " ") -> list[SourceUtterance]:
    """The utterances that `words`, in order of time, make up. `joiner`: what stands between two words of the language."""
    costs = _Costs(words, joiner)
    spans = [span for begin, end in _runs(words) for span in _cut_run(costs, begin, end)]
    return [_utterance(f"u{number:04}", words[begin:end], joiner) for number, (begin, end) in enumerate(spans, 1)]


def _utterance(name: str, words: Sequence[SpokenWord], joiner: str) -> SourceUtterance:
    return SourceUtterance(name, words[0].start_s, max(word.end_s for word in words), words[0].speaker, _text(words, 0, len(words), joiner))


def _runs(words: Sequence[SpokenWord]) -> Iterator[tuple[int, int]]:
    """Words [begin, end) of one speaker without a long silence."""
    begin = 0
    for index in range(1, len(words) + 1):
        if index == len(words) or words[index].speaker != words[begin].speaker or words[index].start_s - words[index - 1].end_s >= JOIN_GAP_S:
            yield begin, index
            begin = index


def _cut_run(costs: _Costs, begin: int, end: int) -> list[tuple[int, int]]:
    """The cheapest way to cut a run, by dynamic programming."""
    best: dict[int, tuple[float, int]] = {begin: (0.0, begin)}
    """For each place: the least cost of all up to it, and where its last utterance begins."""
    for stop in range(begin + 1, end + 1):
        choice, at = inf, stop - 1
        for start in range(stop - 1, begin - 1, -1):
            cost = costs.of(start, stop)
            if cost == inf:
                break
            total = best[start][0] + cost + (costs.of_cut(stop) if stop < end else 0.0)
            if total < choice:
                choice, at = total, start
        best[stop] = (choice, at)
    spans: list[tuple[int, int]] = []
    stop = end
    while stop > begin:
        start = best[stop][1]
        spans.append((start, stop))
        stop = start
    return spans[::-1]


class _Costs:
    """What choices of cuts cost. Lengths and ends of sentences are counted once, for each word is in many choices."""

    def __init__(self, words: Sequence[SpokenWord], joiner: str) -> None:
        self._words, self._joiner = words, len(joiner)
        self._characters = [0, *accumulate(len(word.text.strip()) for word in words)]
        self._ends = [0, *accumulate(_ends(word.text, _SENTENCE_ENDS) for word in words)]

    def of(self, start: int, stop: int) -> float:
        """What is bad about an utterance of words [start, stop); infinite where it is too long and could be shorter."""
        seconds = self._words[stop - 1].end_s - self._words[start].start_s
        characters = self._characters[stop] - self._characters[start] + self._joiner * (stop - start - 1)
        if (seconds > MAX_S or characters > MAX_CHARACTERS) and stop - start > 1:
            return inf
        short = _COST_OF_TOO_SHORT if seconds < MIN_S and characters < MIN_CHARACTERS else 0.0
        inner_ends = self._ends[stop - 1] - self._ends[start]
        return short + ((seconds - IDEAL_S) / IDEAL_S) ** 2 + _COST_OF_INNER_SENTENCE_END * inner_ends

    def of_cut(self, at: int) -> float:
        before = self._words[at - 1]
        if _ends(before.text, _SENTENCE_ENDS):
            return _COST_OF_CUT
        paused = self._words[at].start_s - before.end_s >= _PAUSE_S
        if _ends(before.text, _CLAUSE_ENDS):
            return _COST_OF_CLAUSE_CUT - (0.5 if paused else 0.0) + _COST_OF_CUT
        return (_COST_OF_PAUSE_CUT if paused else _COST_OF_WORD_CUT) + _COST_OF_CUT


def _ends(text: str, marks: frozenset[str]) -> bool:
    return text.rstrip(_CLOSING)[-1:] in marks


def _text(words: Sequence[SpokenWord], start: int, stop: int, joiner: str) -> str:
    return joiner.join(word.text.strip() for word in words[start:stop]).strip()


def words_of_cue(text: str, start_s: float, end_s: float, speaker: int, *, spaces: bool) -> list[SpokenWord]:
    """A subtitle's words, its time shared out among them by their length. Without `spaces` every character is a word of its own."""
    parts = text.split() if spaces else list("".join(text.split()))
    whole = sum(map(len, parts))
    words: list[SpokenWord] = []
    said = 0
    for part in parts:
        begin_s = start_s + (end_s - start_s) * said / whole
        said += len(part)
        words.append(SpokenWord(part, begin_s, start_s + (end_s - start_s) * said / whole, speaker))
    return words
