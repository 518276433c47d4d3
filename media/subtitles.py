"""Subtitle cues from words with times.

The text is shown as it was written: a cue holds whole words with the punctuation and spacing of their text. Where to cut
is chosen for the programme as a whole, by dynamic programming: at sentence ends first, then clauses and pauses, within
the limits of `SubtitleRules`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from math import ceil, floor, inf

from media.clock import exact_seconds
from media.subtitle_text import BreakQuality, Pieces, SubtitleRules, TextPiece, TimedText, TimedWord, rules_for, text_pieces

__all__ = ["Cue", "SubtitleRules", "TimedText", "TimedWord", "make_cues", "rules_for"]

# Costs of the choice of cuts. Only their order matters: a broken limit outweighs any cut, a cut inside a clause outweighs
# a cue more, and what remains is balance.
_COST_OF_CUT = {BreakQuality.SENTENCE: 0.0, BreakQuality.CLAUSE: 2.0, BreakQuality.WORD: 8.0, BreakQuality.INSIDE_WORD: 30.0}
_COST_OF_CUE = 3.0
_COST_OF_INNER_SENTENCE_END = 1.5
_COST_PER_PAUSE_S = 4.0
"""A pause inside a cue shows words long before they are said."""
_FREE_PAUSE_S = 0.3
_CLAUSE_PAUSE_S = 0.4
"""A pause of this length parts clauses, whatever the writing says."""
_COST_PER_MISSING_S = 60.0
_COST_PER_EXCESS_CPS = 2.0
_LINGER_S = Fraction(1, 4)
"""Where nothing follows, a cue stays this long after its last word, so that the eye can leave it."""
_FLICKER_S = Fraction(1, 2)
"""A gap shorter than this is closed: it would be seen as a flicker."""


@dataclass(frozen=True)
class Cue:
    """One subtitle. Times are on frame boundaries, from the programme's start, with `start` < `end`."""

    start: Fraction
    """Seconds."""
    end: Fraction
    """Seconds."""
    lines: tuple[str, ...]
    """One or two, without markup."""


def make_cues(texts: Sequence[TimedText], locale: str, frame_rate: Fraction, *, programme_end_s: float | Fraction | None = None) -> list[Cue]:
    """Cues for `texts`, which follow one another in time.

    `locale`: BCP 47; it sets the limits (`rules_for`) and whether words are joined by spaces. `programme_end_s`: no cue
    outlasts it. Hard limits: line length and number of lines, the longest time on screen, the gap between cues. The
    least time on screen and the reading speed hold wherever the speech leaves time for them.

    Raises InvalidInput where words run backwards in text or time.
    """
    rules = rules_for(locale)
    pieces = Pieces(text_pieces(texts, rules), rules)
    screen = _Screen(pieces, rules, Fraction(frame_rate), exact_seconds(programme_end_s) if programme_end_s is not None else None)
    cuts = _choose_cuts(pieces, screen)
    cues: list[Cue] = []
    earliest = 0
    for begin, end in pairwise(cuts):
        first, last = screen.span(begin, end)
        # Words said within a frame or two of each other cannot be shown apart: the later cue waits.
        first = max(first, earliest)
        last = max(last, first + 1)
        earliest = last + rules.gap_frames
        cues.append(Cue(first / Fraction(frame_rate), last / Fraction(frame_rate), pieces.lines(begin, end)))
    return cues


class _Screen:
    """When the cue of a run of pieces, [begin, end), appears and goes."""

    def __init__(self, pieces: Pieces, rules: SubtitleRules, frame_rate: Fraction, programme_end: Fraction | None) -> None:
        self._pieces = pieces
        self._rules = rules
        self._rate = frame_rate
        self._starts = [floor(piece.start * frame_rate) for piece in pieces.pieces]
        self._ends = [ceil(piece.end * frame_rate) for piece in pieces.pieces]
        self._programme_end = floor(programme_end * frame_rate) if programme_end is not None else None
        self._shortest = ceil(rules.shortest_s * frame_rate)
        self._longest = floor(rules.longest_s * frame_rate)
        self._linger = ceil(_LINGER_S * frame_rate)
        self._flicker = floor(_FLICKER_S * frame_rate)

    def span(self, begin: int, end: int) -> tuple[int, int]:
        """Frames [first, last): as long as a reader needs, if the next cue allows it."""
        first = self._starts[begin]
        reading = ceil(self._pieces.length(begin, end) / self._rules.characters_per_second * self._rate)
        last = max(self._ends[end - 1] + self._linger, first + self._shortest, first + reading)
        last = min(last, first + self._longest)
        if end < len(self._starts):
            latest = self._starts[end] - self._rules.gap_frames
            if latest - last < self._flicker and latest - first <= self._longest:
                last = latest
            last = min(last, latest)
        elif self._programme_end is not None:
            last = min(last, self._programme_end)
        return first, last

    def said_in_time(self, begin: int, end: int) -> bool:
        """Whether the words are said before the cue has been there for too long."""
        return self._ends[end - 1] <= self._starts[begin] + self._longest

    def cost(self, begin: int, end: int) -> float:
        """Of staying too short, and of being too fast to read."""
        first, last = self.span(begin, end)
        shown_s = max(float((last - first) / self._rate), 0.001)
        excess_cps = self._pieces.length(begin, end) / shown_s - self._rules.characters_per_second
        return _COST_PER_MISSING_S * max(0.0, float(self._rules.shortest_s) - shown_s) + _COST_PER_EXCESS_CPS * max(0.0, excess_cps)


def _cost_of_cut(pieces: Sequence[TextPiece], end: int) -> float:
    cost = _COST_OF_CUT[pieces[end - 1].break_after]
    pauses = end < len(pieces) and pieces[end].start - pieces[end - 1].end >= _CLAUSE_PAUSE_S
    return min(cost, _COST_OF_CUT[BreakQuality.CLAUSE]) if pauses else cost


def _choose_cuts(run: Pieces, screen: _Screen) -> list[int]:
    """Indices at which cues begin, and the end: the cheapest way through the programme."""
    pieces = run.pieces
    best = [0.0] + [inf] * len(pieces)
    previous = [0] * (len(pieces) + 1)
    for begin in range(len(pieces)):
        inside = 0.0
        for end in range(begin + 1, len(pieces) + 1):
            last = pieces[end - 1]
            if end > begin + 1:
                before = pieces[end - 2]
                inside += _COST_PER_PAUSE_S * max(0.0, float(last.start - before.end) - _FREE_PAUSE_S)
                inside += _COST_OF_INNER_SENTENCE_END if before.break_after is BreakQuality.SENTENCE else 0.0
                if not run.fits(begin, end) or not screen.said_in_time(begin, end):
                    break
            cost = best[begin] + inside + _COST_OF_CUE + _cost_of_cut(pieces, end) + screen.cost(begin, end)
            if cost < best[end]:
                best[end], previous[end] = cost, begin
    cuts = [len(pieces)]
    while cuts[-1] > 0:
        cuts.append(previous[cuts[-1]])
    return cuts[::-1]
