"""One voice's model, loaded: from chunks of text to their durations and their sound."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from services.tts.chunks import Chunk, chunks_of
from services.tts.engines.piper.config import read_config
from services.tts.engines.piper.graph import Encoded, PiperGraph
from services.tts.engines.piper.symbols import input_of
from services.tts.g2p.espeak import EspeakG2P
from services.tts.loudness import levelled
from services.tts.model_input import Input
from services.tts.normalize.reader import reader_for
from services.tts.pauses import timed
from services.tts.speech import Spoken, breaths_of
from services.tts.timing import sounds_of

FRAME_SAMPLES = 256
"""Of every voice that Piper trains, at any sample rate."""
_LEAD_S = 0.008
"""By how much the sound comes before its frames: median of 61 edges of sibilants and closures."""


@dataclass(frozen=True)
class Foreseen:
    """A chunk, as far as it is known before it is spoken."""

    chunk: Chunk
    input: Input
    encoded: Encoded


class LoadedVoice:
    """Safe to call from several threads."""

    def __init__(self, path: Path, threads: int) -> None:
        """Raises `InvalidInput` (field "voice") where the files are no voice of Piper's."""
        self._config = config = read_config(path.with_name(f"{path.name}.json"))
        self._reader = reader_for(config.locale)
        self._g2p = EspeakG2P(config.espeak_voice, _symbols_of, self._reader.leaves_figures)
        self._graph = PiperGraph(path, threads, config.noise_scale, config.noise_width)
        self.sample_rate = config.sample_rate

    def chunks(self, text: str) -> list[Chunk]:
        """What is spoken of a text, in order; nothing where it has no words. Voices learn from single sentences: none are joined."""
        return chunks_of(text, self._reader, self._g2p, shortest=0)

    def foresee(self, chunk: Chunk, speaker: int) -> Foreseen:
        """About a tenth of the cost of speaking."""
        given = input_of(chunk, self._config)
        return Foreseen(chunk, given, self._graph.encode(given.ids, speaker))

    def duration_s(self, foreseen: Sequence[Foreseen], rate: float) -> float:
        """How long chunks last at a rate, exactly."""
        return sum(int(self._frames(each, rate).sum()) + sum(self._breaths(each, rate)) for each in foreseen) * FRAME_SAMPLES / self.sample_rate

    def speak(self, chunk: Chunk, speaker: int, rate: float) -> Spoken:
        foreseen = self.foresee(chunk, speaker)
        frames = self._frames(foreseen, rate)
        spoken = levelled(self._graph.speak(foreseen.encoded, frames), self.sample_rate)
        before, behind = self._breaths(foreseen, rate)
        audio = np.pad(spoken, (before * FRAME_SAMPLES, behind * FRAME_SAMPLES))
        frames[0] += before
        frames[-1] += behind
        bounds_s = foreseen.input.bounds_s(frames, FRAME_SAMPLES / self.sample_rate)
        sounds = sounds_of(chunk.symbols, [bound - _LEAD_S for bound in bounds_s])
        return audio, timed(sounds, audio, self.sample_rate)

    def _frames(self, foreseen: Foreseen, rate: float) -> np.ndarray:
        """(ids,) int: the graph's own rounding up."""
        return np.ceil(foreseen.encoded.raw_frames * np.float32(self._config.length_scale / rate)).astype(np.int64)

    def _breaths(self, foreseen: Foreseen, rate: float) -> tuple[int, int]:
        """In frames."""
        return breaths_of(foreseen.chunk, rate, self.sample_rate / FRAME_SAMPLES)


def _symbols_of(word: str, ipa: str) -> str:
    return ipa.replace("-", "")
