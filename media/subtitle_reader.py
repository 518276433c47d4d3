"""Subtitles that somebody else made, SubRip or WebVTT, as what is to be said and when.

Read here and not by a library, since all that is wrong is told with its line, and who speaks is kept. What can be mended
without a guess about the meaning is mended, and said; the rest is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import accumulate, pairwise

from locutor.errors import FieldViolation, InvalidInput
from media.subtitle_encoding import read_text
from media.subtitle_markup import spoken_parts

MOST_BYTES = 10_000_000
MOST_CUES = 20_000
"""Ten hours of talk."""
MOST_CUE_CHARACTERS = 4_000
"""Markup included: more than anybody reads in a minute."""
_TIME = r"(?:(\d{1,3}):)?(\d{1,2}):(\d{1,2})(?:[.,](\d{1,6}))?"
_TIMES = re.compile(rf"^\s*{_TIME}\s*--+>\s*{_TIME}(?:\s.*)?$")
_NUMBER = re.compile(r"^\s*\d+\s*$")
_MOST_ERRORS = 20


@dataclass(frozen=True)
class ReadCue:
    """What is said in one go."""

    start_s: Fraction
    """From the programme's beginning; at or after the end of the cue before."""
    end_s: Fraction
    """After `start_s`."""
    text: str
    """On one line, without markup."""
    speaker: str
    """WebVTT's voice tag; empty: not said."""
    line: int
    """Where its times stand in the file, from 1."""


@dataclass(frozen=True)
class ReadSubtitles:
    cues: tuple[ReadCue, ...]
    """In order; none overlaps another."""
    warnings: tuple[str, ...]
    """What was mended or left out, each with its line."""
    encoding: str


def read_subtitles(data: bytes, field: str = "subtitles") -> ReadSubtitles:
    """Read SubRip or WebVTT; which of them is seen from the text.

    Cues out of order are sorted; of cues that overlap, the earlier ends where the later begins; cues at one time follow
    one another in proportion to their text. What is not spoken (notes in brackets, music) is left out. Each is told in
    `warnings`. Raises InvalidInput: BAD_ENCODING, BAD_TIMES (each with its line), EMPTY, TOO_LARGE, TOO_LONG (a cue).
    """
    if len(data) > MOST_BYTES:
        raise InvalidInput.of(field, f"has {len(data)} bytes; subtitles have at most {MOST_BYTES}", "TOO_LARGE")
    text, encoding = read_text(data, field)
    warnings = [] if encoding in ("utf-8", "utf-16") else [f"not UTF-8: read as {encoding}; look whether the letters are right"]
    cues = _in_order(list(_cues(text, field, warnings)), warnings)
    if not cues:
        raise InvalidInput.of(field, "holds no subtitle that is spoken; give SubRip (SRT) or WebVTT, with times as 00:00:01,000 --> 00:00:02,500", "EMPTY")
    if len(cues) > MOST_CUES:
        raise InvalidInput.of(field, f"more than {MOST_CUES} persons' lines in its cues; give at most that many", "TOO_LARGE")
    return ReadSubtitles(tuple(_apart(cues, warnings)), tuple(warnings), encoding)


def _cues(text: str, field: str, warnings: list[str]) -> Iterator[ReadCue]:
    lines = text.split("\n")
    is_vtt = lines[0].startswith("WEBVTT")
    stamps = [number for number, line in enumerate(lines) if "->" in line and (_TIMES.match(line) or "--" in line)]
    if len(stamps) > MOST_CUES:
        raise InvalidInput.of(field, f"has {len(stamps)} cues; give at most {MOST_CUES}", "TOO_LARGE")
    wrong = [FieldViolation(field, problem, "BAD_TIMES") for number in stamps if (problem := _problem(lines[number], number + 1))]
    if wrong:
        raise InvalidInput(wrong[:_MOST_ERRORS])
    for number, after in pairwise([*stamps, len(lines)]):
        start, end = _times(lines[number])
        body = _body(lines[number + 1 : after], is_vtt, last=after == len(lines))
        if (size := sum(map(len, body))) > MOST_CUE_CHARACTERS:
            raise InvalidInput.of(field, f"line {number + 1}: a cue of {size} characters; one has at most {MOST_CUE_CHARACTERS}", "TOO_LONG")
        parts = spoken_parts(body)
        if not parts:
            warnings.append(f"line {number + 1}: {' '.join(body)[:60]!r} is not spoken, and was left out" if body else f"line {number + 1}: a cue without text")
        for part, (part_start, part_end) in zip(parts, _shares(start, end, [part.text for part in parts]), strict=True):
            yield ReadCue(part_start, part_end, part.text, part.speaker, number + 1)


def _problem(line: str, number: int) -> str:
    if not _TIMES.match(line):
        return f"line {number}: {line.strip()[:60]!r} is no pair of times; write 00:00:01,000 --> 00:00:02,500"
    start, end = _times(line)
    return f"line {number}: ends at {float(end):.3f} s, not after its beginning at {float(start):.3f} s" if end <= start else ""


def _times(line: str) -> tuple[Fraction, Fraction]:
    match = _TIMES.match(line)
    assert match is not None
    return _seconds(match.groups()[:4]), _seconds(match.groups()[4:])


def _seconds(parts: tuple[str | None, ...]) -> Fraction:
    hours, minutes, seconds, decimals = parts
    return int(hours or 0) * 3600 + int(minutes or 0) * 60 + Fraction(f"{seconds}.{decimals or 0}")


def _body(lines: list[str], is_vtt: bool, last: bool) -> list[str]:
    """A cue's own lines of those up to the next times. WebVTT ends a cue at a blank line; SubRip, in the wild, at the next number."""
    if is_vtt:
        blank = next((number for number, line in enumerate(lines) if not line.strip()), len(lines))
        return [line.strip() for line in lines[:blank]]
    if not last and lines and _NUMBER.match(lines[-1]):
        lines = lines[:-1]
    return [line.strip() for line in lines if line.strip()]


def _shares(start: Fraction, end: Fraction, texts: Sequence[str]) -> list[tuple[Fraction, Fraction]]:
    """A time shared out among texts by their length."""
    before = [0, *accumulate(len(text) for text in texts)]
    bounds = [start + (end - start) * Fraction(done, before[-1] or 1) for done in before]
    return list(pairwise(bounds))


def _in_order(cues: list[ReadCue], warnings: list[str]) -> list[ReadCue]:
    latest = Fraction(-1)
    for cue in cues:
        if cue.start_s < latest:
            warnings.append(f"line {cue.line}: begins at {float(cue.start_s):.3f} s, before the cue above it; put in order")
        latest = max(latest, cue.start_s)
    return sorted(cues, key=lambda cue: cue.start_s)


def _apart(cues: list[ReadCue], warnings: list[str]) -> list[ReadCue]:
    """Without overlaps."""
    result: list[ReadCue] = []
    position = 0
    while position < len(cues):
        start = cues[position].start_s
        last = position + 1
        while last < len(cues) and cues[last].start_s == start:
            last += 1
        together, position = cues[position:last], last
        following = cues[position].start_s if position < len(cues) else None
        end = max(cue.end_s for cue in together)
        if following is not None and end > following:
            warnings.append(f"line {together[-1].line}: lasts until {float(end):.3f} s, past the next cue's beginning; ended at {float(following):.3f} s")
            end = following
        if len(together) > 1:
            warnings.append(f"line {together[-1].line}: begins together with another cue; they follow one another")
        for cue, (begin, until) in zip(together, _shares(start, end, [cue.text for cue in together]), strict=True):
            result.append(replace(cue, start_s=begin, end_s=until))
    return result
