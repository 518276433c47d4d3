"""How fast frames are made, and how near that is to the limit that the encoder sets."""

from __future__ import annotations

import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np

from bench.figure import Figure
from bench.material import THREADS, face, spoken
from media.fragments import FragmentEncoder
from services.lipsync.engine import Background, Piece, Speech, VideoFormat
from services.lipsync.engine import PhonemeSpan as Phoneme
from services.lipsync.engines.warp.engine import WarpEngine
from services.weights import ModelStore

_RATE = Fraction(25)
_FRAMES = 150
_SIZES = {"720p": (1280, 720), "1080p": (1920, 1080)}


def render(work: Path) -> Iterator[Figure]:
    """The embedded presenter on the astronaut, 6 s a size: frames alone, the encoder alone on those frames, and both together."""
    engine = WarpEngine(ModelStore(), THREADS)
    speech = first_paragraph(work)
    for name, (width, height) in _SIZES.items():
        started = time.perf_counter()
        portrait = engine.prepare(face(), VideoFormat(width, height, _RATE), Background())
        yield Figure(f"render.{name}.prepare", time.perf_counter() - started, "s", "once for a portrait and a size")
        piece = Piece(0, _FRAMES)
        for _ in engine.animate(portrait, speech, Piece(0, 5)):
            pass
        started = time.perf_counter()
        for _ in engine.animate(portrait, speech, piece):
            pass
        alone = _FRAMES / (time.perf_counter() - started)
        frames = list(engine.animate(portrait, speech, piece))
        encoder = _frames_a_second(name, frames)
        del frames
        together = _frames_a_second(name, engine.animate(portrait, speech, piece))
        yield Figure(f"render.{name}.frames", alone, "frames/s", "rendering alone")
        yield Figure(f"render.{name}.encoder", encoder, "frames/s", "encoding alone: the limit")
        yield Figure(f"render.{name}.both", together, "frames/s", "rendered and encoded")
        yield Figure(f"render.{name}.of_limit", 100 * together / encoder, "%", "of what the encoder alone reaches")


def first_paragraph(work: Path) -> Speech:
    """The first paragraph's sound and phonemes."""
    sentences = spoken(work)[0]
    phonemes = [Phoneme(p.symbol, p.start_s, p.end_s, p.stressed) for sentence in sentences for p in sentence.timeline.phonemes]
    return Speech(np.concatenate([sentence.audio for sentence in sentences]), 24_000, phonemes, "en-US")


def _frames_a_second(name: str, frames: list[np.ndarray] | Iterator[np.ndarray]) -> float:
    started = time.perf_counter()
    for _ in FragmentEncoder(*_SIZES[name], _RATE, threads=THREADS).encode(frames):
        pass
    return _FRAMES / (time.perf_counter() - started)
