"""Where a programme is cut into pieces that are animated apart: only where the mouth rests."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from math import ceil

from google.protobuf.duration_pb2 import Duration

from gateway.present.speak import SpokenSentence
from locutor.common.v1 import timeline_pb2, video_pb2
from media.clock import frame_to_sample, frames_to_hold

_NANOSECONDS = 1_000_000_000

LEAD_S = Fraction(2, 5)
"""Silence before the first word, so that the face does not cut in on speech."""
TRAIL_S = Fraction(3, 5)
"""Silence after the last word."""
REST_AFTER_S = Fraction(16, 100)
"""After a sound the mouth needs this long to come to rest."""
REST_BEFORE_S = Fraction(20, 100)
"""Before a sound it starts to move this early: 120 ms from onset to apex, and two frames of margin."""
MIN_PIECE_S = Fraction(3)
"""Shorter pieces are joined: each costs a call and a start of the encoder."""
MIN_FIRST_PIECE_S = Fraction(1)
"""The first piece may be short: somebody waits for it."""


@dataclass(frozen=True)
class PlacedSentence:
    """A sentence at its place in the programme. Positions are samples from the programme's first, at the voice's rate."""

    sentence: SpokenSentence
    origin: int
    """First sample of its utterance: where its timeline counts from."""
    start: int
    end: int
    voiced_start: int
    """First sample of its first sound."""
    voiced_end: int
    """After the last sample of its last sound."""


@dataclass(frozen=True)
class Piece:
    """Frames of a programme that are made in one go."""

    number: int
    first_frame: int
    frame_count: int
    start: int
    """First sample of its sound; that of its first frame."""
    end: int
    """After the last sample of its sound."""
    timeline: timeline_pb2.Timeline
    """Offsets count from `start`."""
    cues: tuple[video_pb2.Cue, ...] = ()
    """Those that are seen in it; offsets count from the programme's first frame."""


def placed(sentence: SpokenSentence, origin: int, start: int) -> PlacedSentence:
    """Put a sentence at sample `start` of the programme."""
    end = start + len(sentence.audio) // 2
    voiced = [phoneme for phoneme in sentence.timeline.phonemes if phoneme.symbol]
    if not voiced:
        # Nothing is known of its sounds: all of it counts as speech.
        return PlacedSentence(sentence, origin, start, end, start, end)
    rate = sentence.sample_rate
    first, last = origin + _samples(voiced[0].start_offset, rate), origin + _samples(voiced[-1].end_offset, rate)
    return PlacedSentence(sentence, origin, start, end, max(start, first), min(end, last))


@dataclass
class PieceCutter:
    """Cuts a programme while it is still being spoken."""

    frame_rate: Fraction
    sample_rate: int
    _number: int = 0
    _first_frame: int = 0
    _open: list[PlacedSentence] = field(default_factory=list)

    def add(self, sentence: PlacedSentence, *, last_utterance: bool) -> Iterator[Piece]:
        """Take the next sentence; yields the piece that its beginning shows to be complete, then one that its end does."""
        yield from self._cut(sentence.voiced_start)
        self._open.append(sentence)
        # The end of the last sentence is no good place: what follows is too short for a piece. It may be any of the last
        # utterance; but nobody is to wait for the first piece.
        if not last_utterance or self._number == 0:
            yield from self._cut(sentence.end)

    def rest(self, until: int) -> Iterator[Piece]:
        """Silence lasts until sample `until` at least."""
        yield from self._cut(until)

    def finish(self, end: int) -> Iterator[Piece]:
        """The last piece: what is left up to the programme's last sample."""
        frames = frames_to_hold(end, self.frame_rate, self.sample_rate)
        if frames > self._first_frame:
            yield self._piece(frames, end)

    def _cut(self, silent_until: int) -> Iterator[Piece]:
        """Cut after the sentences at hand, if the mouth has come to rest there and has time to set out again."""
        if not self._open:
            return
        rested = self._open[-1].voiced_end + REST_AFTER_S * self.sample_rate
        frame = ceil(rested * self.frame_rate / self.sample_rate)
        least = MIN_PIECE_S if self._number else MIN_FIRST_PIECE_S
        start = frame_to_sample(frame, self.frame_rate, self.sample_rate)
        if frame - self._first_frame >= least * self.frame_rate and start + REST_BEFORE_S * self.sample_rate <= silent_until:
            yield self._piece(frame, start)

    def _piece(self, end_frame: int, end: int) -> Piece:
        start = frame_to_sample(self._first_frame, self.frame_rate, self.sample_rate)
        piece = Piece(self._number, self._first_frame, end_frame - self._first_frame, start, end, joined_timeline(self._open, start, end, self.sample_rate))
        self._number += 1
        self._first_frame = end_frame
        self._open = []
        return piece


def joined_timeline(sentences: Sequence[PlacedSentence], start: int, end: int, rate: int) -> timeline_pb2.Timeline:
    """The sentences' timelines as one, of samples [start, end), its offsets from `start`. Words are left out: the mouth does not need them."""
    result = timeline_pb2.Timeline()
    length_ns = (end - start) * _NANOSECONDS // rate
    for sentence in sentences:
        shift_ns = round(Fraction((sentence.origin - start) * _NANOSECONDS, rate))
        for kind in ("phonemes", "visemes"):
            for span in getattr(sentence.sentence.timeline, kind):
                # A silence at a seam may reach into the piece before or after.
                begin_ns, end_ns = (min(max(0, offset.ToNanoseconds() + shift_ns), length_ns) for offset in (span.start_offset, span.end_offset))
                if begin_ns < end_ns:
                    moved = getattr(result, kind).add()
                    moved.CopyFrom(span)
                    moved.start_offset.FromNanoseconds(begin_ns)
                    moved.end_offset.FromNanoseconds(end_ns)
    return result


def _samples(offset: Duration, rate: int) -> int:
    return round(Fraction(offset.ToNanoseconds() * rate, _NANOSECONDS))
