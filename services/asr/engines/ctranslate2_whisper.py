"""Whisper on CTranslate2: what it hears in one window of speech."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from faster_whisper import WhisperModel
from faster_whisper.audio import pad_or_trim
from faster_whisper.transcribe import Segment as WhisperSegment

from services.asr.engine import SAMPLE_RATE
from services.asr.engines.whisper_model import (
    CANDIDATES,
    COMPARED_TOKENS,
    DOUBTFUL,
    NO_SPEECH,
    SURE,
    Heard,
    HeardSegment,
    believed,
    likeliest_by_text,
)

_MARGIN_FRAMES = 800
"""Empty mel frames (10 ms each) after a window's end. Whisper was trained on 30 s windows, but its encoder costs by the
frame: with 8 s and more of emptiness the text is that of the full window, with under 2 s its end is repeated."""

_NOTHING_LEFT_S = 0.4
"""What remains of a window after its last word is not decoded again if it is shorter: it holds the pause alone."""


class CTranslate2Whisper(WhisperModel):
    """A `WindowModel` whose encoder works on the window's sound and a margin, not always on 30 s."""

    @property
    def languages(self) -> Sequence[str]:
        return list(self.supported_languages)

    def encode(self, features: np.ndarray) -> Any:
        """Encode (mels, frames), of which trailing zeros are padding."""
        sounding = np.flatnonzero(features.any(axis=0))
        content = int(sounding[-1]) + 1 if len(sounding) else 0
        frames = min(content + _MARGIN_FRAMES, self.feature_extractor.nb_max_frames)
        # The encoder halves the rate: its length must be even.
        return super().encode(pad_or_trim(features, frames + frames % 2))

    def language_of(self, audio: np.ndarray) -> tuple[str, float]:
        """See `WindowModel`.

        Where the first look is in doubt, Whisper looks again as it was trained to, with silence up to its full window, and the
        likeliest languages are held against what is said: the text of the right one is more probable than that of any other.
        """
        language, probability, _ = self.detect_language(audio)
        if probability >= SURE:
            return language, float(probability)
        whole = self.feature_extractor.n_samples
        _, _, ranked = self.detect_language(np.pad(audio[:whole], (0, max(0, whole - len(audio)))))
        return likeliest_by_text(dict(ranked[:CANDIDATES]), lambda language: self._mean_log_probability(audio, language))

    def hear(self, audio: np.ndarray, language: str, prompt: str) -> tuple[HeardSegment, ...]:
        """See `WindowModel`. The second decoding is with repetition forbidden."""
        return believed(
            lambda: self._decode(audio, language, prompt), lambda: self._decode(audio, language, prompt, no_repeat_ngram_size=3, repetition_penalty=1.1)
        )

    def _mean_log_probability(self, audio: np.ndarray, language: str) -> tuple[float, int]:
        """Of a token of the text in a language, and the number of tokens."""
        options = {"temperature": 0.0, "condition_on_previous_text": False, "without_timestamps": True, "max_new_tokens": COMPARED_TOKENS}
        segments = list(self.transcribe(audio, language=language, **options)[0])
        tokens = sum(len(segment.tokens) for segment in segments)
        if not tokens:
            return DOUBTFUL, 0
        return sum(segment.avg_logprob * len(segment.tokens) for segment in segments) / tokens, tokens

    def _decode(self, audio: np.ndarray, language: str, prompt: str, **parameters: Any) -> Heard:
        length_s = len(audio) / SAMPLE_RATE
        segments, _ = self.transcribe(
            audio,
            language=language,
            temperature=0.0,
            condition_on_previous_text=False,
            no_speech_threshold=NO_SPEECH,
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
