"""A programme as it is being spoken: where each word lies, how it sounds, and the pieces that can be animated already."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from types import TracebackType

from gateway.present.cues import CueClock, touching
from gateway.present.pieces import Piece, PieceCutter, PlacedSentence, joined_timeline, placed
from gateway.present.sound import ProgrammeSound
from gateway.present.speak import SpokenSentence
from gateway.script_cues import ScriptCue
from locutor.common.v1 import timeline_pb2, video_pb2
from locutor.errors import InternalError
from media.clock import seconds_to_samples
from media.subtitles import TimedText, TimedWord

_NANOSECONDS = 1_000_000_000


class Programme:
    """Grows sentence by sentence. All positions are exact: samples at the voice's rate, counted from the first."""

    def __init__(self, path: Path, texts: Sequence[str], frame_rate: Fraction, lead_s: Fraction, cues: Sequence[Sequence[ScriptCue]] = ()) -> None:
        """`path`: where the sound is kept. `lead_s`: silence before the first word. `cues`: what the presenter is told in each of the texts."""
        self.sound = ProgrammeSound(path)
        self.sample_rate = 0
        """Hertz; 0 before the first sentence."""
        self._texts = texts
        self._frame_rate = frame_rate
        self._lead_s = lead_s
        self._cutter: PieceCutter | None = None
        self._words: list[list[TimedWord]] = [[] for _ in texts]
        self._placed: list[PlacedSentence] = []
        self._utterance = -1
        self._origin = 0
        self._said_until = Fraction(0)
        self._clocks = [CueClock(text, told) for text, told in zip(texts, cues or [()] * len(texts), strict=True)]
        self._cues: list[video_pb2.Cue] = []

    def __enter__(self) -> Programme:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.sound.close()

    @property
    def duration_s(self) -> Fraction:
        return Fraction(self.sound.length, self.sample_rate or 1)

    def begin_utterance(self) -> None:
        self._end_cues()
        self._utterance += 1
        self._origin = self.sound.length

    def hear(self, sentence: SpokenSentence) -> list[Piece]:
        """The next sentence of the utterance; returns the pieces that are complete now."""
        if self._cutter is None:
            self.sample_rate = sentence.sample_rate
            self._cutter = PieceCutter(self._frame_rate, self.sample_rate)
            self.sound.append_silence(seconds_to_samples(self._lead_s, self.sample_rate))
            self._origin = self.sound.length
        if sentence.sample_rate != self.sample_rate:
            raise InternalError(f"a voice spoke at {self.sample_rate} and then at {sentence.sample_rate} Hz")
        start = self.sound.length
        self.sound.append(sentence.audio)
        self._place_words(sentence)
        at = placed(sentence, self._origin, start)
        # The sound is on disk; an hour of it is not to be kept in memory as well.
        self._placed.append(replace(at, sentence=replace(sentence, audio=b"")))
        return self._directed(self._cutter.add(at, last_utterance=self._utterance == len(self._texts) - 1))

    def pause(self, seconds: Fraction) -> list[Piece]:
        """Silence between two utterances; returns the pieces that are complete now."""
        if self._cutter is None:
            return []
        self.sound.append_silence(seconds_to_samples(seconds, self.sample_rate))
        return self._directed(self._cutter.rest(self.sound.length))

    def finish(self, seconds: Fraction) -> list[Piece]:
        """Silence after the last utterance, and the end; returns the last piece. Raises `InternalError` where nothing was spoken."""
        if self._cutter is None:
            raise InternalError("the tts service spoke none of the utterances")
        self._end_cues()
        self.sound.append_silence(seconds_to_samples(seconds, self.sample_rate))
        return self._directed(self._cutter.finish(self.sound.length))

    def timed_texts(self) -> list[TimedText]:
        """The utterances with the times of their words, for subtitles."""
        return [TimedText(text, tuple(words)) for text, words in zip(self._texts, self._words, strict=True)]

    def timeline(self) -> timeline_pb2.Timeline:
        """All phonemes, visemes and words; offsets count from the programme's first sample."""
        result = joined_timeline(self._placed, 0, self.sound.length, self.sample_rate)
        for text, words in zip(self._texts, self._words, strict=True):
            for word in words:
                spoken = result.words.add(text=text[word.begin : word.end])
                spoken.start_offset.FromNanoseconds(round(word.start_s * _NANOSECONDS))
                spoken.end_offset.FromNanoseconds(round(word.end_s * _NANOSECONDS))
        return result

    def _place_words(self, sentence: SpokenSentence) -> None:
        origin_s = Fraction(self._origin, self.sample_rate)
        for word in sentence.timeline.words:
            # Neighbouring words share a boundary, which may have been rounded apart.
            start = max(self._said_until, origin_s + Fraction(word.start_offset.ToNanoseconds(), _NANOSECONDS))
            self._said_until = max(start, origin_s + Fraction(word.end_offset.ToNanoseconds(), _NANOSECONDS))
            timed = TimedWord(word.text_begin, word.text_end, start, self._said_until)
            self._words[self._utterance].append(timed)
            self._cues += self._clocks[self._utterance].hear(timed)

    def _end_cues(self) -> None:
        """Of the utterance that is over, those that none of its words told of."""
        if self._utterance >= 0:
            self._cues += self._clocks[self._utterance].end(self.duration_s)

    def _directed(self, pieces: Iterable[Piece]) -> list[Piece]:
        """Pieces with the cues that are seen in them. Every cue that begins before a piece's end is known by then: its word was heard."""
        return [
            replace(piece, cues=tuple(touching(self._cues, piece.first_frame / self._frame_rate, (piece.first_frame + piece.frame_count) / self._frame_rate)))
            for piece in pieces
        ]
