"""Fits speech into the time that a video leaves for it.

A ladder, cheapest first: the voice's own speaking rate where the speech ends with the speaker's; a slightly higher rate;
the silence after the speaker; the rate up to what still sounds unhurried; up to what is merely fast. What is too long even
then begins earlier or ends later, as little as keeps voices apart, and what follows makes up for it. Nothing is cut,
nothing is left out, no two voices are heard at a time. Locked lines stay where they are: between two of them, and before the
first, what is too long is spoken faster still.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

MIN_RATE = 0.85
"""Slower sounds drowsy: what is shorter still leaves silence."""
EASY_RATE = 1.1
"""Nobody notices up to here: better than to talk on when the speaker has closed his mouth."""
GOOD_RATE = 1.2
MAX_RATE = 1.35
SQUEEZED_RATE = 2.0
"""Faster than this nobody follows, whatever is locked."""
RATES = (MIN_RATE, 0.92, 1.0, EASY_RATE, GOOD_RATE, 1.28, MAX_RATE)
"""At which speech is measured; between them its length is interpolated."""
FULL = 0.95
"""Speech that fills less of its time than this is slowed down."""
GAP_S = 0.05
"""Between one voice and the next."""
ON_TIME_S = 0.1
"""An onset that is off by less is seen as on time."""
_TOLERANCE_S = 0.005
_LEAST_STEP = 0.01
"""By as much at least a rate is raised that was too low: less may change no sample."""
MAX_EARLY_S = 1.0
"""Nobody is heard longer than this before he opens his mouth."""


class Fit(enum.Enum):
    GOOD = "good"
    """Rate 0.85 to 1.2, on time."""
    FAST = "fast"
    """Rate to 1.35."""
    LATE = "late"
    """Begins or ends outside its time, or is spoken faster."""


@dataclass(frozen=True)
class Line:
    """A text to be said, and when. Seconds; lengths are those of the sound between the first and the last phoneme."""

    start_s: float
    """Where the speaker begins in the video."""
    end_s: float
    """Where he ends."""
    lengths_s: Sequence[float]
    """How long the speech lasts at each of `RATES`."""
    characters: int
    rate: float | None = None
    """Decided by a person; None: what fits."""
    is_fixed: bool = False
    """Its times are a person's decision: it begins at `start_s` and is to last until `end_s`, whatever comes of it."""
    is_locked: bool = False
    """It begins at `start_s`, and the others make way for it."""


@dataclass(frozen=True)
class Fitted:
    """When and how a line is said."""

    start_s: float
    length_s: float
    """As foreseen."""
    rate: float
    fit: Fit
    needed_s: float
    """Length at the voice's own rate."""
    available_s: float
    """Room there is for it, silence after the speaker included."""
    suggestion: str
    """What to do where it is not good."""

    @property
    def end_s(self) -> float:
        return self.start_s + self.length_s


def fit_lines(lines: Sequence[Line], programme_s: float) -> list[Fitted]:
    """Fit `lines`, in order of their starts, into a programme of `programme_s` seconds. What cannot end in it outlasts it."""
    nexts_s = [*(line.start_s - GAP_S for line in lines[1:]), programme_s]
    found = {index: _fit_locked(line, nexts_s[index]) for index, line in enumerate(lines) if line.is_locked}
    walls = [(index, one.start_s, one.end_s) for index, one in found.items()]
    for stretch in stretches(len(lines), walls, programme_s):
        free_from = stretch.from_s
        for index in range(stretch.begin, stretch.end):
            found[index] = _fit(lines[index], free_from, min(nexts_s[index], stretch.until_s))
            free_from = found[index].end_s + GAP_S
    fitted = [found[index] for index in range(len(lines))]
    for index, rate in squeezed(lines, [one.rate for one in fitted], [one.length_s for one in fitted], programme_s).items():
        fitted[index] = judged(lines[index], fitted[index].start_s, length_at(lines[index], rate), rate, fitted[index].available_s)
    if not walls:
        return fitted
    starts_s = kept_apart(lines, [one.start_s for one in fitted], [one.length_s for one in fitted], programme_s)
    return [judged(line, start_s, one.length_s, one.rate, one.available_s) for line, start_s, one in zip(lines, starts_s, fitted, strict=True)]


@dataclass(frozen=True)
class Stretch:
    """The lines [begin, end) between two locked ones, or the programme's ends, and the time that they have. Seconds."""

    begin: int
    end: int
    from_s: float
    until_s: float
    is_before_wall: bool
    """It ends with a locked line."""


def stretches(count: int, walls: Sequence[tuple[int, float, float]], programme_s: float) -> list[Stretch]:
    """Of `count` lines. `walls`: index, start and end of those that are locked, in order."""
    begins = [(0, 0.0), *((index + 1, end_s + GAP_S) for index, _, end_s in walls)]
    ends = [*((index, start_s - GAP_S, True) for index, start_s, _ in walls), (count, programme_s, False)]
    return [Stretch(begin, end, from_s, until_s, wall) for (begin, from_s), (end, until_s, wall) in zip(begins, ends, strict=True) if end > begin]


def squeezed(lines: Sequence[Line], rates: Sequence[float], lengths_s: Sequence[float], programme_s: float) -> dict[int, float]:
    """Higher rates, by index, for lines that do not fit before a locked one; none where all fit. `lengths_s`: at `rates`."""
    walls = [(index, line.start_s, line.start_s + lengths_s[index]) for index, line in enumerate(lines) if line.is_locked]
    found: dict[int, float] = {}
    for stretch in stretches(len(lines), walls, programme_s):
        places = range(stretch.begin, stretch.end)
        over_s = sum(lengths_s[index] + GAP_S for index in places) - GAP_S - (stretch.until_s - stretch.from_s)
        free = [index for index in places if lines[index].rate is None]
        free_s = sum(lengths_s[index] for index in free)
        if stretch.is_before_wall and over_s > _TOLERANCE_S and free:
            factor = free_s / max(free_s - over_s - _TOLERANCE_S, 1e-3)
            faster = {index: round(min(SQUEEZED_RATE, max(rates[index] * factor, rates[index] + _LEAST_STEP)), 3) for index in free}
            found |= {index: rate for index, rate in faster.items() if rate > rates[index]}
    return found


def _fit(line: Line, free_from: float, until_s: float) -> Fitted:
    """`free_from`: where the voice before has ended. `until_s`: where the next one wants to begin."""
    start_s = max(line.start_s, free_from)
    slot_s, room_s = max(0.0, line.end_s - start_s), max(0.0, until_s - start_s)
    available_s = max(0.0, until_s - line.start_s)
    length_s = _length(line, slot_s, room_s)
    if length_s > room_s and not line.is_fixed:
        # Too long even so: into the silence before, and only then over the time of the next.
        earliest = max(free_from, line.start_s - MAX_EARLY_S, 0.0)
        start_s = max(earliest, min(start_s, until_s - length_s))
    return judged(line, start_s, length_s, line.rate or rate_for(line, length_s), available_s)


def _fit_locked(line: Line, until_s: float) -> Fitted:
    slot_s = max(0.0, line.end_s - line.start_s)
    length_s = _length(line, slot_s, slot_s)
    return judged(line, line.start_s, length_s, line.rate or rate_for(line, length_s), max(0.0, until_s - line.start_s))


def judged(line: Line, start_s: float, length_s: float, rate: float, available_s: float) -> Fitted:
    """A line said from `start_s` on for so long, where `available_s` of room are to be had."""
    off_s = max(abs(start_s - line.start_s), start_s + length_s - max(line.start_s + available_s, line.end_s))
    is_squeezed = line.rate is None and rate > MAX_RATE + 1e-3
    fit = Fit.LATE if off_s > ON_TIME_S or is_squeezed else Fit.FAST if rate > GOOD_RATE + 1e-3 else Fit.GOOD
    suggestion = "" if fit is Fit.GOOD else _suggestion(line, start_s, available_s)
    return Fitted(start_s, length_s, rate, fit, length_at(line, 1.0), available_s, suggestion)


def kept_apart(lines: Sequence[Line], starts_s: Sequence[float], lengths_s: Sequence[float], programme_s: float) -> list[float]:
    """Where lines begin that want to begin at `starts_s`, so that none overlaps another and the last ends in time.

    Each is moved later as little as it must; from the end of the programme, or the next locked line, on, earlier. Those that
    are too long for that begin before 0, or before the locked line before them has ended.
    """
    kept = list(starts_s)
    walls = [(index, starts_s[index], starts_s[index] + lengths_s[index]) for index, line in enumerate(lines) if line.is_locked]
    for stretch in stretches(len(kept), walls, programme_s):
        free_from, until_s = stretch.from_s, stretch.until_s
        for index in range(stretch.begin, stretch.end):
            kept[index] = max(kept[index], free_from)
            free_from = kept[index] + lengths_s[index] + GAP_S
        for index in reversed(range(stretch.begin, stretch.end)):
            kept[index] = min(kept[index], until_s - lengths_s[index])
            until_s = kept[index] - GAP_S
    return kept


def overdue(lines: Sequence[Line], starts_s: Sequence[float], lengths_s: Sequence[float], programme_s: float) -> tuple[int, float] | None:
    """Index of the first line that begins before there is time for it, and by how many seconds; None: none does. `starts_s`: as kept apart."""
    walls = [(index, starts_s[index], starts_s[index] + lengths_s[index]) for index, line in enumerate(lines) if line.is_locked]
    for stretch in stretches(len(lines), walls, programme_s):
        short_s = stretch.from_s - starts_s[stretch.begin]
        if short_s > _TOLERANCE_S:
            return stretch.begin, short_s
    return None


def _length(line: Line, slot_s: float, room_s: float) -> float:
    """How long the line should last."""
    if line.rate is not None:
        return length_at(line, line.rate)
    if line.is_fixed:
        return min(max(slot_s, length_at(line, MAX_RATE)), length_at(line, MIN_RATE))
    slot_s = min(slot_s, room_s)
    natural = length_at(line, 1.0)
    if natural <= slot_s:
        return natural if natural >= FULL * slot_s else min(slot_s, length_at(line, MIN_RATE))
    easy = max(slot_s, length_at(line, EASY_RATE))
    if easy <= room_s:
        return easy
    return max(room_s, length_at(line, MAX_RATE))


def _suggestion(line: Line, start_s: float, available_s: float) -> str:
    needed = length_at(line, EASY_RATE)
    if needed > available_s:
        return f"shorten the text to about {max(1, int(line.characters * available_s / needed))} characters"
    if start_s > line.start_s + ON_TIME_S:
        return "shorten the utterance before it, which leaves no time"
    return "give it more time"


def length_at(line: Line, rate: float) -> float:
    """Length at a rate: between those of `RATES` interpolated, beyond them in proportion."""
    if rate < MIN_RATE:
        return line.lengths_s[0] * MIN_RATE / rate
    if rate > MAX_RATE:
        return line.lengths_s[-1] * MAX_RATE / rate
    for (slow, longer), (fast, shorter) in pairwise(zip(RATES, line.lengths_s, strict=True)):
        if rate <= fast:
            return longer + (shorter - longer) * (max(rate, slow) - slow) / (fast - slow)
    return line.lengths_s[-1]


def rate_for(line: Line, length_s: float) -> float:
    """The rate, to a thousandth, at which the line lasts so long; the nearest one where none of `RATES` spans does."""
    for (slow, longer), (fast, shorter) in pairwise(zip(RATES, line.lengths_s, strict=True)):
        if length_s >= shorter:
            share = (longer - min(length_s, longer)) / (longer - shorter) if longer > shorter else 0.0
            return round(slow + (fast - slow) * share, 3)
    return MAX_RATE
