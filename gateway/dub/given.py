"""Subtitles that came with the request: the source's in place of recognition, a target's in place of translation."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

from gateway.dub.cast import Heard
from gateway.dub.diarize import Diarized
from gateway.dub.lines import SourceLine, TargetLine
from gateway.dub.utterances import SpokenWord, words_of_cue
from locutor.errors import InvalidInput
from media.subtitle_reader import read_subtitles

_SHARE = 0.3
"""Least share of a subtitle's time that must lie in an utterance for it to be that one's text."""


@dataclass(frozen=True)
class GivenText:
    """A subtitle. Seconds count from the first picture."""

    start_s: float
    end_s: float
    text: str
    """On one line."""
    speaker: str = ""
    """As WebVTT's voice tag names him; empty: not said."""


def given_texts(data: bytes, field: str, warnings: list[str]) -> list[GivenText]:
    """A file's subtitles in order, without overlaps. What is odd about them is added to `warnings`. Raises `InvalidInput` with `field`."""
    found = read_subtitles(data, field)
    warnings += found.warnings
    return [GivenText(float(cue.start_s), float(cue.end_s), cue.text, cue.speaker) for cue in found.cues if any(character.isalnum() for character in cue.text)]


def texts_within(texts: Sequence[GivenText], programme_s: float, field: str, warnings: list[str]) -> list[GivenText]:
    """Those that begin before the video ends; none lasts longer than it. What is left out is told in `warnings`.

    Raises `InvalidInput` with `field` where all begin later: they are another video's.
    """
    kept = [replace(text, end_s=min(text.end_s, programme_s)) for text in texts if text.start_s < programme_s]
    if not kept:
        message = f"all its subtitles begin after the end of the video, which lasts {programme_s:.1f} s; give those of this video"
        raise InvalidInput.of(field, message, "AFTER_THE_END")
    if len(kept) < len(texts):
        left_out = f"{len(texts) - len(kept)} of {len(texts)} subtitles"
        warnings.append(f"{left_out} begin after the end of the video, which lasts {programme_s:.1f} s, and were left out")
    return kept


@dataclass(frozen=True)
class NamedSpeakers:
    """Who speaks subtitles."""

    diarized: Diarized
    """With a speaker for each name after those that were told apart by ear."""
    names: Mapping[int, str]
    """Index into its speakers to the name that subtitles give."""


def named_speakers(texts: Sequence[GivenText], diarized: Diarized) -> NamedSpeakers:
    """Names in subtitles win over what was told apart by ear; each sounds as whoever has most of his time."""
    spoken: dict[str, Counter[int]] = {}
    turns = _Turns(diarized)
    for text in texts:
        if text.speaker:
            spoken.setdefault(text.speaker, Counter())[turns.speaker_of(text)] += 1
    speakers = list(diarized.speakers) or [Heard((), 0.0)]
    names = {}
    for name, heard in spoken.items():
        names[len(speakers)] = name
        speakers.append(speakers[heard.most_common(1)[0][0]])
    return NamedSpeakers(Diarized(diarized.turns, tuple(speakers), diarized.models), names)


def spoken_words(texts: Sequence[GivenText], known: NamedSpeakers, *, spaces: bool) -> list[SpokenWord]:
    """The words of subtitles in the source's language. A subtitle is one speaker's: the one it names, else who has most of its time."""
    by_name = {name: index for index, name in known.names.items()}
    turns = _Turns(known.diarized)
    words: list[SpokenWord] = []
    for text in texts:
        speaker = by_name[text.speaker] if text.speaker else turns.speaker_of(text)
        words += words_of_cue(text.text, text.start_s, text.end_s, speaker, spaces=spaces)
    return words


class _Spans:
    """Spans in order of their starts, in which those at a time are found without a look at all: there are tens of thousands of either."""

    def __init__(self, spans: Sequence[tuple[float, float]]) -> None:
        self._starts = [start_s for start_s, _ in spans]
        self._ended = list(accumulate((end_s for _, end_s in spans), max))

    def around(self, start_s: float, end_s: float) -> range:
        """Indices of all that share time with [start, end), and of few others."""
        return range(bisect_right(self._ended, start_s), bisect_left(self._starts, end_s))

    def nearest(self, start_s: float) -> int:
        """Index of the one that begins nearest; of two as near, the earlier."""
        after = bisect_left(self._starts, start_s)
        near = [index for index in (after - 1, after) if 0 <= index < len(self._starts)]
        return min(near, key=lambda index: abs(self._starts[index] - start_s))


class _Turns:
    """Who speaks when, by ear."""

    def __init__(self, diarized: Diarized) -> None:
        self._turns = diarized.turns
        self._spans = _Spans([(start_s, end_s) for start_s, end_s, _ in diarized.turns])
        self._first = min((speaker for _, _, speaker in diarized.turns), default=0)

    def speaker_of(self, text: GivenText) -> int:
        """Who has most of a subtitle's time; the first speaker where nobody speaks then."""
        shares: dict[int, float] = {self._first: 0.0}
        for index in self._spans.around(text.start_s, text.end_s):
            start_s, end_s, speaker = self._turns[index]
            shares[speaker] = shares.get(speaker, 0.0) + max(0.0, min(end_s, text.end_s) - max(start_s, text.start_s))
        return max(shares, key=lambda speaker: (shares[speaker], -speaker))


def lines_from_subtitles(lines: Sequence[SourceLine], texts: Sequence[GivenText], joiner: str) -> tuple[list[TargetLine], list[str]]:
    """A locale's lines with its subtitles as their texts, and warnings.

    A subtitle belongs to the utterance that has most of its time. Neighbouring utterances of one speaker that a subtitle
    spans become one; a subtitle where nobody was heard becomes an utterance of its own; an utterance without a subtitle
    is not spoken.
    """
    spans = _Spans([(line.start_s, line.end_s) for line in lines])
    homes = [_home(text, lines, spans) for text in texts]
    merged = _merged(lines, texts, homes)
    own: dict[int, list[GivenText]] = {}
    result: list[TargetLine] = []
    for number, (text, home) in enumerate(zip(texts, homes, strict=True), 1):
        if home is None:
            speaker = lines[spans.nearest(text.start_s)].speaker if lines else "speaker1"
            result.append(TargetLine(SourceLine(f"s{number:04}", text.start_s, text.end_s, speaker, ""), text.text))
        else:
            own.setdefault(merged[home], []).append(text)
    together: dict[int, list[SourceLine]] = {}
    for index, line in enumerate(lines):
        together.setdefault(merged[index], []).append(line)
    silent = []
    for index, parts in together.items():
        line = parts[0]
        whole = replace(line, end_s=max(part.end_s for part in parts), text=joiner.join(part.text for part in parts))
        if index in own:
            result.append(TargetLine(whole, joiner.join(text.text for text in own[index])))
        else:
            silent.append(line.id)
            result.append(TargetLine(whole, "", is_omitted=True))
    warnings = [f"{', '.join(silent)}: there is no subtitle at that time, so nothing is said"] if silent else []
    return sorted(result, key=lambda line: line.source.start_s), warnings


def _home(text: GivenText, lines: Sequence[SourceLine], spans: _Spans) -> int | None:
    """Index of the utterance that has most of a subtitle's time."""
    best = max(spans.around(text.start_s, text.end_s), key=lambda index: _shared(text, lines[index]), default=None)
    if best is None or _shared(text, lines[best]) < _SHARE * min(max(text.end_s - text.start_s, 1e-3), max(lines[best].end_s - lines[best].start_s, 1e-3)):
        return None
    return best


def _merged(lines: Sequence[SourceLine], texts: Sequence[GivenText], homes: Sequence[int | None]) -> list[int]:
    """For each utterance the index of the one that it is part of: itself, or an earlier one."""
    part_of = list(range(len(lines)))

    def whole(index: int) -> int:
        while part_of[index] != index:
            part_of[index] = index = part_of[part_of[index]]
        return index

    taken = {home for home in homes if home is not None}
    for text, home in zip(texts, homes, strict=True):
        if home is None:
            continue
        for step in (1, -1):
            index = home + step
            while 0 <= index < len(lines) and index not in taken and lines[index].speaker == lines[home].speaker and _covers(text, lines[index]):
                first, second = sorted((whole(home), index))
                part_of[second] = first
                taken.add(index)
                index += step
    return [whole(index) for index in range(len(lines))]


def _covers(text: GivenText, line: SourceLine) -> bool:
    return _shared(text, line) >= 0.5 * (line.end_s - line.start_s)


def _shared(text: GivenText, line: SourceLine) -> float:
    return max(0.0, min(text.end_s, line.end_s) - max(text.start_s, line.start_s))
