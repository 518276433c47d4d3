"""When a presenter does what the script tells him to: cues among words get the times of those words.

In a translation by machine a cue keeps its place by sentence, and within the sentence by share: where the first of three sentences ends in
the script, the first ends in the translation.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import accumulate

from google.protobuf.duration_pb2 import Duration

from gateway.script_cues import ScriptCue
from locutor.common.v1 import video_pb2
from media.subtitles import TimedWord

_NANOSECONDS = 1_000_000_000
_LONGEST_NATURAL_S, _COMING_BACK_S = 3, 1
"""A cue that says nothing of its duration lasts less than this; after its end a face comes back to rest within a second."""
_SENTENCE = re.compile(r".*?(?:[.!?…]+[\"'”’»)\]]*(?=\s|$)|[。！？]+[」』”]*|$)\s*", re.DOTALL)


def carried(cues: Sequence[ScriptCue], source: str, target: str) -> tuple[ScriptCue, ...]:
    """The cues of `source` at their places in `target`, its translation."""
    if source == target:
        return tuple(cues)
    begins, other = _begins(source), _begins(target)
    if len(begins) != len(other):
        begins, other = [0, len(source)], [0, len(target)]
    return tuple(replace(cue, position=_moved(cue.position, begins, other)) for cue in cues)


def _begins(text: str) -> list[int]:
    """Where each sentence begins, and the text's end."""
    return [0, *accumulate(len(sentence) for sentence in _SENTENCE.findall(text) if sentence)]


def _moved(position: int, begins: Sequence[int], other: Sequence[int]) -> int:
    number = min(bisect_right(begins, position), len(begins) - 1) - 1
    share = (position - begins[number]) / max(1, begins[number + 1] - begins[number])
    return other[number] + round(share * (other[number + 1] - other[number]))


class CueClock:
    """Tells the times of one utterance's cues while it is being spoken."""

    def __init__(self, text: str, cues: Sequence[ScriptCue]) -> None:
        self._text = text
        self._waiting = sorted(cues, key=lambda cue: cue.position)

    def hear(self, word: TimedWord) -> list[video_pb2.Cue]:
        """The cues whose time the next word tells: those before it or in it begin with it, and those after the text's last word when it ends."""
        found = []
        while self._waiting and (start_s := self._start(self._waiting[0], word)) is not None:
            found.append(_timed(self._waiting.pop(0), start_s))
        return found

    def end(self, time_s: Fraction) -> list[video_pb2.Cue]:
        """The cues that no word told of, for nothing after them was spoken as a word: they begin at `time_s`."""
        found, self._waiting = [_timed(cue, time_s) for cue in self._waiting], []
        return found

    def _start(self, cue: ScriptCue, word: TimedWord) -> Fraction | None:
        if cue.position < word.end:
            return Fraction(word.start_s)
        return Fraction(word.end_s) if not _says(self._text[word.end :]) else None


def touching(cues: Sequence[video_pb2.Cue], start_s: Fraction, end_s: Fraction) -> list[video_pb2.Cue]:
    """The cues that are seen between two times of the programme; no other one may have a part in what is made for them."""
    return [cue for cue in cues if _seconds(cue.start_offset) < end_s and _seen_until(cue) > start_s]


def _seen_until(cue: video_pb2.Cue) -> Fraction:
    length_s = _seconds(cue.duration) if cue.HasField("duration") else Fraction(_LONGEST_NATURAL_S)
    return _seconds(cue.start_offset) + length_s + _COMING_BACK_S


def _timed(cue: ScriptCue, start_s: Fraction) -> video_pb2.Cue:
    timed = video_pb2.Cue(kind=cue.kind)
    timed.start_offset.FromNanoseconds(round(start_s * _NANOSECONDS))
    if cue.duration_ms is not None:
        timed.duration.FromMilliseconds(cue.duration_ms)
    return timed


def _seconds(offset: Duration) -> Fraction:
    return Fraction(offset.ToNanoseconds(), _NANOSECONDS)


def _says(text: str) -> bool:
    return any(character.isalnum() for character in text)
