"""When the sounds of a real recording are made, from its transcript: the truth that estimates on real speech are held against.

Two alignments, which share what is said: the Kokoro engine speaks the transcript, which gives the phonemes (espeak's), their stresses, and
durations inside each word.

By words: Whisper hears the recording and says when each word is spoken; a word's phonemes are laid into that time in proportion to their
synthetic durations. Whisper's word times are coarse: half of them are off by 50 ms and more.

By warping: the synthetic sound is bent in time onto the recording (dynamic time warping of mel cepstra), and the phonemes with it. That knows
nothing of words, and is finer.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from pathlib import Path

import av
import numpy as np
import soxr
from scipy.fft import dct
from scipy.spatial.distance import cdist

from services.articulation.log_mel import HOP_S, SAMPLE_RATE, log_mel, loud_power
from services.articulation.speech import PhonemeSpan
from services.asr.engine import RecognitionOptions, RecognizedWord, Segment
from services.asr.engines.faster_whisper import FasterWhisperEngine
from services.tts.engine import SpeechRequest, WordSpan
from services.tts.engines.kokoro.engine import KokoroEngine

_CEPSTRA = 20
_STEP_COST = 0.15
"""Added where one of the two goes on alone, over the mean cost: pauses may differ, sounds hardly."""


def read(path: Path) -> np.ndarray:
    """(samples,) float32 mono at 16 kHz."""
    with av.open(str(path)) as container:
        resampler = av.AudioResampler("flt", "mono", SAMPLE_RATE)
        frames = [*container.decode(audio=0), None]
        return np.concatenate([part.to_ndarray()[0] for frame in frames for part in resampler.resample(frame)])


class Transcript:
    """What is said in a recording, as the Kokoro engine says it."""

    def __init__(self, text: str, locale: str, voice: str, engine: KokoroEngine) -> None:
        parts = list(engine.plan(SpeechRequest(text, locale, voice)).sentences())
        self.audio = soxr.resample(np.concatenate([part.audio for part in parts]), engine.sample_rate, SAMPLE_RATE)
        self.phonemes = [span for part in parts for span in part.timeline.phonemes if span.symbol]
        self.words = [word for part in parts for word in part.timeline.words]

    def by_words(self, audio: np.ndarray, recognizer: FasterWhisperEngine, locale: str) -> list[PhonemeSpan]:
        """Phonemes of the words that Whisper hears as they are written, at its times; the others are left out. `audio` is at 16 kHz."""
        stream = recognizer.open(RecognitionOptions(locale=locale))
        events = [*stream.accept(audio, caught_up=False), *stream.finish()]
        heard = [word for event in events if isinstance(event, Segment) for word in event.words]
        found: list[PhonemeSpan] = []
        for mine, theirs in _matched(self.words, heard):
            scale = (theirs.end_s - theirs.start_s) / (mine.end_s - mine.start_s)
            for span in self.phonemes:
                if mine.start_s <= (span.start_s + span.end_s) / 2 < mine.end_s:
                    start, end = (theirs.start_s + (time - mine.start_s) * scale for time in (span.start_s, span.end_s))
                    found.append(PhonemeSpan(span.symbol, start, end, span.stressed))
        return found

    def by_warping(self, audio: np.ndarray) -> list[PhonemeSpan]:
        """All phonemes, at times of `audio`, at 16 kHz."""
        path = _warping(_cepstra(self.audio), _cepstra(audio))
        mine, theirs = (path[:, column] * HOP_S + HOP_S / 2 for column in (0, 1))
        # A frame that meets several has their mean time.
        times, where = np.unique(mine, return_inverse=True)
        mean = np.bincount(where, theirs) / np.bincount(where)

        def heard(time_s: float) -> float:
            return float(np.interp(time_s, times, mean))

        return [PhonemeSpan(s.symbol, heard(s.start_s), heard(s.end_s), s.stressed) for s in self.phonemes]


def _matched(written: Sequence[WordSpan], heard: Sequence[RecognizedWord]) -> list[tuple[WordSpan, RecognizedWord]]:
    mine, theirs = ([re.sub(r"[^\w']", "", word.text.lower()) for word in words] for words in (written, heard))
    blocks = difflib.SequenceMatcher(None, mine, theirs, autojunk=False).get_matching_blocks()
    return [(written[block.a + i], heard[block.b + i]) for block in blocks for i in range(block.size) if heard[block.b + i].end_s > heard[block.b + i].start_s]


def _cepstra(audio: np.ndarray) -> np.ndarray:
    """(frames, coefficients): level and timbre, with the recording's own colour taken off."""
    features = dct(log_mel(audio, loud_power(audio)), axis=1, norm="ortho")[:, :_CEPSTRA]
    return (features - features.mean(0)) / features.std()


def _warping(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """(steps, 2) frames of both that belong together, from the beginnings to the ends."""
    costs = cdist(first, second)
    lone = _STEP_COST * costs.mean()
    rows, columns = costs.shape
    total = np.full((rows + 1, columns + 1), np.inf)
    total[0, 0] = 0.0
    came = np.zeros((rows + 1, columns + 1), np.int8)
    # All cells of a diagonal depend on earlier diagonals alone.
    for diagonal in range(2, rows + columns + 1):
        i = np.arange(max(1, diagonal - columns), min(rows, diagonal - 1) + 1)
        j = diagonal - i
        choices = np.stack([total[i - 1, j - 1], total[i - 1, j] + lone, total[i, j - 1] + lone])
        came[i, j] = choices.argmin(0)
        total[i, j] = choices.min(0) + costs[i - 1, j - 1]
    path = []
    i, j = rows, columns
    while i > 0 and j > 0:
        path.append((i - 1, j - 1))
        step = came[i, j]
        i, j = i - (step != 2), j - (step != 1)
    return np.array(path[::-1])
