"""What a Whisper is to us, whatever runs it: one window of speech in, segments with words out; and what of them is believed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

REPETITIVE = 2.4
DOUBTFUL = -1.0
NO_SPEECH = 0.6
"""Compression ratio, mean log probability and no-speech probability at which a decoding has failed: Whisper's own thresholds."""

SURE = 0.6
"""Probability of a language that needs no second look. English of five seconds with a strong accent came out at 0.1 to 0.4,
behind Greek, Spanish or Arabic; read speech of three seconds at 0.95 and more."""
CANDIDATES = 3
"""Languages in which a doubtful window is decoded."""
COMPARED_TOKENS = 60
"""As much of the text is held against the sound."""


class HeardWord(Protocol):
    """A word with its punctuation and the space before it. Seconds count from the window's beginning."""

    @property
    def word(self) -> str: ...

    @property
    def start(self) -> float: ...

    @property
    def end(self) -> float: ...

    @property
    def probability(self) -> float: ...


class HeardSegment(Protocol):
    """What was decoded between two of Whisper's marks of time."""

    @property
    def words(self) -> Sequence[HeardWord] | None: ...

    @property
    def avg_logprob(self) -> float: ...

    @property
    def no_speech_prob(self) -> float: ...

    @property
    def compression_ratio(self) -> float: ...


class WindowModel(Protocol):
    """Whisper with its weights. Its methods may be called from several threads."""

    @property
    def languages(self) -> Sequence[str]:
        """Whisper's names of the languages that the weights know."""
        ...

    def language_of(self, audio: np.ndarray) -> tuple[str, float]:
        """Whisper's name of the language spoken in a window, (n,) float32 at 16 kHz, and how sure it is, 0 to 1."""
        ...

    def hear(self, audio: np.ndarray, language: str, prompt: str) -> Sequence[HeardSegment]:
        """The segments of a window with their words, as if they followed on `prompt`; those that are not to be believed are left out.

        Equal sound gives equal text: where a decoding fails, another deterministic one is tried, not a random one.
        """
        ...


@dataclass(frozen=True)
class Heard:
    """What was decoded in a window."""

    segments: tuple[HeardSegment, ...]

    @property
    def failed(self) -> bool:
        return any(s.compression_ratio > REPETITIVE or s.avg_logprob < DOUBTFUL for s in self.segments)

    @property
    def score(self) -> tuple[bool, float]:
        """Higher is better: not repetitive first, then likely."""
        repetitive = any(s.compression_ratio > REPETITIVE for s in self.segments)
        return not repetitive, min((s.avg_logprob for s in self.segments), default=0.0)

    @property
    def believable(self) -> tuple[HeardSegment, ...]:
        return tuple(segment for segment in self.segments if _believable(segment))


def believed(decode: Callable[[], Heard], decode_again: Callable[[], Heard]) -> tuple[HeardSegment, ...]:
    """What is believed of a window, decoded once more, and otherwise, where that failed."""
    heard = decode()
    if heard.failed:
        heard = max(heard, decode_again(), key=lambda h: h.score)
    return heard.believable


def likeliest_by_text(probabilities: Mapping[str, float], decode: Callable[[str], tuple[float, int]]) -> tuple[str, float]:
    """The likeliest of languages by Bayes: how probable each is before anything is decoded, times how probable its text is.

    `decode` gives the mean log probability of a token of the text in a language, and the number of tokens.
    """
    decoded = {language: decode(language) for language in probabilities}
    # A short text must not win for being short: all count as if they were as long as the longest.
    longest = max(tokens for _, tokens in decoded.values())
    logs = np.array([np.log(probability) + longest * decoded[language][0] for language, probability in probabilities.items()])
    shares = np.exp(logs - logs.max())
    best = int(shares.argmax())
    return list(probabilities)[best], float(shares[best] / shares.sum())


def _believable(segment: HeardSegment) -> bool:
    if segment.compression_ratio > REPETITIVE:
        return False
    # Sound that the VAD took for speech and Whisper does not: a stock phrase of the training data comes out.
    return not (segment.no_speech_prob > NO_SPEECH and segment.avg_logprob < DOUBTFUL)
