"""From Whisper's segments in a window to stretches of speech in the stream."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from services.asr.engine import RecognizedWord, Segment
from services.asr.engines.whisper_model import HeardSegment, HeardWord
from services.asr.windows import Window

_SENTENCE_ENDS = tuple(".?!…。？！।؟")
_CLOSING = "\"'”’»)]」』"
_BREATH_S = 0.25
"""A gap between words under this is not a pause, where no sentence ends."""


@dataclass(frozen=True)
class _Stretch:
    """Words of one region that belong to one sentence, as far as Whisper divides sentences."""

    region: int
    words: tuple[HeardWord, ...]
    mean_log_probability: float
    no_speech_probability: float

    @property
    def text(self) -> str:
        # The spaces are in Whisper's words: languages written without any stay so.
        return "".join(word.word for word in self.words).strip()

    def goes_on_in(self, other: _Stretch) -> bool:
        """Whether there is neither a pause nor the end of a sentence between this and the next."""
        if self.region != other.region or other.words[0].start - self.words[-1].end > _BREATH_S:
            return False
        return not self.text.rstrip(_CLOSING).endswith(_SENTENCE_ENDS)

    def joined(self, other: _Stretch) -> _Stretch:
        mine, others = len(self.words), len(other.words)

        def mean(a: float, b: float) -> float:
            return (a * mine + b * others) / (mine + others)

        return _Stretch(
            self.region,
            self.words + other.words,
            mean(self.mean_log_probability, other.mean_log_probability),
            mean(self.no_speech_probability, other.no_speech_probability),
        )


def placed(segments: Iterable[HeardSegment], window: Window, with_words: bool) -> Iterator[Segment]:
    """Segments at their places in the stream: cut where a pause falls into one, joined where Whisper broke off within a sentence."""
    pending: _Stretch | None = None
    for stretch in _stretches(segments, window):
        if pending is not None and pending.goes_on_in(stretch):
            pending = pending.joined(stretch)
            continue
        if pending is not None:
            yield _segment(pending, window, with_words)
        pending = stretch
    if pending is not None:
        yield _segment(pending, window, with_words)


def _stretches(segments: Iterable[HeardSegment], window: Window) -> Iterator[_Stretch]:
    for segment in segments:
        by_region: dict[int, list[HeardWord]] = {}
        for word in segment.words or ():
            by_region.setdefault(window.region_at((word.start + word.end) / 2), []).append(word)
        for region, words in by_region.items():
            yield _Stretch(region, tuple(words), segment.avg_logprob, segment.no_speech_prob)


def _segment(stretch: _Stretch, window: Window, with_words: bool) -> Segment:
    words = tuple(
        RecognizedWord(
            word.word.strip(),
            window.stream_time_s(float(word.start), stretch.region),
            window.stream_time_s(float(word.end), stretch.region),
            float(word.probability),
        )
        for word in stretch.words
    )
    return Segment(stretch.text, words[0].start_s, words[-1].end_s, words if with_words else (), stretch.mean_log_probability, stretch.no_speech_probability)
