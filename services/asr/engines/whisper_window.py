"""What Whisper hears in one window of speech, and what of it is believed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from faster_whisper import WhisperModel
from faster_whisper.audio import pad_or_trim
from faster_whisper.transcribe import Segment as WhisperSegment

from services.asr.engine import SAMPLE_RATE

_MARGIN_FRAMES = 800
"""Empty mel frames (10 ms each) after a window's end. Whisper was trained on 30 s windows, but its encoder costs by the
frame: with 8 s and more of emptiness the text is that of the full window, with under 2 s its end is repeated."""

_REPETITIVE = 2.4
_DOUBTFUL = -1.0
_NO_SPEECH = 0.6
"""Compression ratio, mean log probability and no-speech probability at which a decoding has failed: Whisper's own thresholds."""

_SURE = 0.6
"""Probability of a language that needs no second look. English of five seconds with a strong accent came out at 0.1 to 0.4,
behind Greek, Spanish or Arabic; read speech of three seconds at 0.95 and more."""
_CANDIDATES = 3
"""Languages in which a doubtful window is decoded."""
_TOKENS = 60
"""As much of the text is held against the sound."""

_NOTHING_LEFT_S = 0.4
"""What remains of a window after its last word is not decoded again if it is shorter: it holds the pause alone."""


class WindowWhisper(WhisperModel):
    """A Whisper whose encoder works on the window's sound and a margin, not always on 30 s."""

    def encode(self, features: np.ndarray) -> Any:
        """Encode (mels, frames), of which trailing zeros are padding."""
        sounding = np.flatnonzero(features.any(axis=0))
        content = int(sounding[-1]) + 1 if len(sounding) else 0
        frames = min(content + _MARGIN_FRAMES, self.feature_extractor.nb_max_frames)
        # The encoder halves the rate: its length must be even.
        return super().encode(pad_or_trim(features, frames + frames % 2))


@dataclass(frozen=True)
class Heard:
    """What was decoded in a window."""

    segments: tuple[WhisperSegment, ...]

    @property
    def failed(self) -> bool:
        return any(s.compression_ratio > _REPETITIVE or s.avg_logprob < _DOUBTFUL for s in self.segments)

    @property
    def score(self) -> tuple[bool, float]:
        """Higher is better: not repetitive first, then likely."""
        repetitive = any(s.compression_ratio > _REPETITIVE for s in self.segments)
        return not repetitive, min((s.avg_logprob for s in self.segments), default=0.0)


def detect_language(model: WindowWhisper, audio: np.ndarray) -> tuple[str, float]:
    """Whisper's name of the language spoken, and how sure it is.

    Where the first look is in doubt, Whisper looks again as it was trained to, with silence up to its full window, and the
    likeliest languages are held against what is said: the text of the right one is more probable than that of any other.
    """
    language, probability, _ = model.detect_language(audio)
    if probability >= _SURE:
        return language, float(probability)
    whole = model.feature_extractor.n_samples
    _, _, ranked = model.detect_language(np.pad(audio[:whole], (0, max(0, whole - len(audio)))))
    return _by_text(model, audio, dict(ranked[:_CANDIDATES]))


def _by_text(model: WindowWhisper, audio: np.ndarray, probabilities: dict[str, float]) -> tuple[str, float]:
    """The likeliest of languages by Bayes: how probable each is before anything is decoded, times how probable its text is."""
    decoded = {language: _mean_log_probability(model, audio, language) for language in probabilities}
    # A short text must not win for being short: all count as if they were as long as the longest.
    longest = max(tokens for _, tokens in decoded.values())
    logs = np.array([np.log(probability) + longest * decoded[language][0] for language, probability in probabilities.items()])
    shares = np.exp(logs - logs.max())
    best = int(shares.argmax())
    return list(probabilities)[best], float(shares[best] / shares.sum())


def _mean_log_probability(model: WindowWhisper, audio: np.ndarray, language: str) -> tuple[float, int]:
    """Of a token of the text in a language, and the number of tokens."""
    options = {"temperature": 0.0, "condition_on_previous_text": False, "without_timestamps": True, "max_new_tokens": _TOKENS}
    segments = list(model.transcribe(audio, language=language, **options)[0])
    tokens = sum(len(segment.tokens) for segment in segments)
    if not tokens:
        return _DOUBTFUL, 0
    return sum(segment.avg_logprob * len(segment.tokens) for segment in segments) / tokens, tokens


def transcribe(model: WindowWhisper, audio: np.ndarray, language: str, prompt: str) -> tuple[WhisperSegment, ...]:
    """The segments of a window with their words, as if they followed on `prompt`; those that are not to be believed are left out.

    Times are seconds from the window's beginning. Whisper's own way out of a failed decoding is to sample at random; here it decodes once more with repetition
    forbidden, so that equal sound gives equal text.
    """
    heard = _decode(model, audio, language, prompt)
    if heard.failed:
        heard = max(heard, _decode(model, audio, language, prompt, no_repeat_ngram_size=3, repetition_penalty=1.1), key=lambda h: h.score)
    return tuple(segment for segment in heard.segments if _believable(segment))


def _decode(model: WindowWhisper, audio: np.ndarray, language: str, prompt: str, **parameters: Any) -> Heard:
    length_s = len(audio) / SAMPLE_RATE
    segments, _ = model.transcribe(
        audio,
        language=language,
        temperature=0.0,
        condition_on_previous_text=False,
        no_speech_threshold=_NO_SPEECH,
        word_timestamps=True,
        hotwords=prompt or None,
        **parameters,
    )
    found: list[WhisperSegment] = []
    for segment in segments:
        found.append(segment)
        if length_s - segment.end < _NOTHING_LEFT_S:
            break
    return Heard(tuple(found))


def _believable(segment: WhisperSegment) -> bool:
    if segment.compression_ratio > _REPETITIVE:
        return False
    # Sound that the VAD took for speech and Whisper does not: a stock phrase of the training data comes out.
    return not (segment.no_speech_prob > _NO_SPEECH and segment.avg_logprob < _DOUBTFUL)
