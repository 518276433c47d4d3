"""Whisper on PyTorch, by OpenAI's own package: what it hears in one window of speech."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Any

import numpy as np
import torch
import whisper
from whisper.tokenizer import LANGUAGES

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

_BEAMS = 5
"""Of the second decoding, where the first has failed."""


@dataclass(frozen=True)
class _Word:
    word: str
    start: float
    end: float
    probability: float


@dataclass(frozen=True)
class _Segment:
    words: tuple[_Word, ...]
    avg_logprob: float
    no_speech_prob: float
    compression_ratio: float


class TorchWhisper:
    """A `WindowModel`. Its encoder always works on 30 s: the package allows for nothing else."""

    def __init__(self, model: whisper.Whisper, half_precision: bool) -> None:
        self._model = model
        self._half_precision = half_precision
        # The package puts hooks into the network for each decoding: two at a time would hear each other's speech.
        self._lock = Lock()

    @property
    def languages(self) -> Sequence[str]:
        return list(LANGUAGES)[: self._model.num_languages] if self._model.is_multilingual else ["en"]

    def log_mel(self, audio: np.ndarray) -> torch.Tensor:
        """(mels, 3000), of (n,) at 16 kHz with silence up to 30 s: what the encoder is given."""
        whole = whisper.pad_or_trim(audio.astype(np.float32, copy=False))
        mel = whisper.log_mel_spectrogram(whole, self._model.dims.n_mels)
        return mel.to(self._model.device).to(torch.float16 if self._half_precision else torch.float32)

    def encode(self, audio: np.ndarray) -> torch.Tensor:
        """(1500, width), the encoder's view of a window."""
        with torch.inference_mode():
            return self._model.embed_audio(self.log_mel(audio)[None])[0]

    def language_of(self, audio: np.ndarray) -> tuple[str, float]:
        """See `WindowModel`. In doubt, the likeliest languages are held against what is said."""
        with self._lock:
            encoded = self.encode(audio)
            _, probabilities = self._model.detect_language(encoded)
            ranked = sorted(probabilities.items(), key=lambda item: -item[1])
            if ranked[0][1] >= SURE:
                return ranked[0]
            return likeliest_by_text(dict(ranked[:CANDIDATES]), lambda language: self._mean_log_probability(encoded, language))

    def hear(self, audio: np.ndarray, language: str, prompt: str) -> tuple[HeardSegment, ...]:
        """See `WindowModel`. The second decoding is by beam search: the package's own way out is to sample at random."""
        with self._lock:
            return believed(lambda: self._decode(audio, language, prompt), lambda: self._decode(audio, language, prompt, beam_size=_BEAMS))

    def _mean_log_probability(self, encoded: torch.Tensor, language: str) -> tuple[float, int]:
        """Of a token of the text in a language, and the number of tokens."""
        options = whisper.DecodingOptions(language=language, without_timestamps=True, sample_len=COMPARED_TOKENS, fp16=self._half_precision)
        decoded = self._model.decode(encoded, options)
        return (float(decoded.avg_logprob), len(decoded.tokens)) if decoded.tokens else (DOUBTFUL, 0)

    def _decode(self, audio: np.ndarray, language: str, prompt: str, **options: Any) -> Heard:
        result = self._model.transcribe(
            audio.astype(np.float32, copy=False),
            language=language,
            temperature=0.0,
            condition_on_previous_text=False,
            no_speech_threshold=NO_SPEECH,
            word_timestamps=True,
            initial_prompt=prompt or None,
            carry_initial_prompt=bool(prompt),
            fp16=self._half_precision,
            **options,
        )
        return Heard(tuple(_segments(result["segments"], len(audio) / SAMPLE_RATE)))


def _segments(found: Iterable[Mapping[str, Any]], length_s: float) -> Iterable[_Segment]:
    """In order, and within the window: the package aligns words with its padding too."""
    last_s = 0.0
    for segment in found:
        words = []
        for word in segment["words"]:
            start_s = min(max(float(word["start"]), last_s), length_s)
            last_s = min(max(float(word["end"]), start_s), length_s)
            words.append(_Word(word["word"], start_s, last_s, float(word["probability"])))
        yield _Segment(tuple(words), float(segment["avg_logprob"]), float(segment["no_speech_prob"]), float(segment["compression_ratio"]))
