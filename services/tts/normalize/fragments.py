"""A text being written out, piece by piece, each piece knowing what it stands for in the source."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

Match = Any
"""A match of the `regex` library, which has no types of its own."""

Reading = Callable[[Match], str | None]


@dataclass(frozen=True)
class Fragment:
    """A piece of the spoken text. Verbatim pieces correspond to the source character by character, written-out ones as a whole."""

    spoken: str
    begin: int
    """Position in the source in code points, [begin, end)."""
    end: int
    verbatim: bool


@dataclass(frozen=True)
class Rule:
    """What a pattern is read as. A reading of None leaves the match as it stands."""

    pattern: Any
    """Compiled by `regex`."""
    read: Reading


@dataclass(frozen=True)
class SpokenText:
    """A text as it is read."""

    source: str
    fragments: tuple[Fragment, ...]
    """In order; together they cover the source."""

    @property
    def spoken(self) -> str:
        return "".join(fragment.spoken for fragment in self.fragments)

    def source_span(self, begin: int, end: int) -> tuple[int, int]:
        """The span of the source that the span [begin, end) of the spoken text stands for; empty for an empty one."""
        if begin == end:
            place = self.source_span(begin - 1, begin)[1] if begin else 0
            return place, place
        position = 0
        first, last = None, 0
        for fragment in self.fragments:
            stop = position + len(fragment.spoken)
            if position < end and stop > begin:
                inside = fragment.verbatim
                start = fragment.begin + max(begin - position, 0) if inside else fragment.begin
                first = start if first is None else first
                last = fragment.begin + min(end - position, len(fragment.spoken)) if inside else fragment.end
            position = stop
        if first is None:
            raise ValueError(f"[{begin}, {end}) is outside of the spoken text")
        return first, last


def write_out(source: str, rules: Iterable[Rule], *, spaces: bool) -> SpokenText:
    """Apply the rules in order; what one has written out, no later one touches.

    `spaces`: the language puts spaces between words, so that a written-out word gets one before its neighbour.
    """
    fragments = [Fragment(source, 0, len(source), True)]
    for rule in rules:
        fragments = [piece for fragment in fragments for piece in (_apply(rule, source, fragment) if fragment.verbatim else (fragment,))]
    return SpokenText(source, tuple(_spaced(fragments) if spaces else fragments))


def _apply(rule: Rule, source: str, fragment: Fragment) -> Iterable[Fragment]:
    position = fragment.begin
    for match in rule.pattern.finditer(source, fragment.begin, fragment.end):
        spoken = rule.read(match)
        if spoken is None or match.start() == match.end():
            continue
        if match.start() > position:
            yield Fragment(source[position : match.start()], position, match.start(), True)
        yield Fragment(spoken, match.start(), match.end(), False)
        position = match.end()
    if position < fragment.end:
        yield Fragment(source[position : fragment.end], position, fragment.end, True)


def _spaced(fragments: Iterable[Fragment]) -> Iterable[Fragment]:
    previous = ""
    for fragment in fragments:
        spoken = fragment.spoken
        if previous[-1:].isalnum() and spoken[:1].isalnum():
            yield Fragment(" ", fragment.begin, fragment.begin, False)
        yield fragment
        previous = spoken or previous
