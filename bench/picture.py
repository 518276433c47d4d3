"""How fast frames are made, and how near that is to the limit that the encoder sets."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
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
_FRAMES = 50
_ROUNDS = 4
_SIZES = {"720p": (1280, 720), "1080p": (1920, 1080)}


def render(work: Path) -> Iterator[Figure]:
    """The embedded presenter on the astronaut: frames alone, the encoder alone on those frames, and both together, in turns."""
    engine = WarpEngine(ModelStore(), THREADS)
    speech = first_paragraph(work)
    for name, (width, height) in _SIZES.items():
        yield from _render(name, engine, speech, VideoFormat(width, height, _RATE))


def _render(name: str, engine: WarpEngine, speech: Speech, video: VideoFormat) -> Iterator[Figure]:
    started = time.perf_counter()
    portrait = engine.prepare(face(), video, Background())
    yield Figure(f"render.{name}.prepare", time.perf_counter() - started, "s", "once for a portrait and a size")
    piece = Piece(0, _FRAMES)
    alone_s = encoder_s = together_s = 0.0
    frames = list(engine.animate(portrait, speech, piece))
    for _ in range(_ROUNDS):
        alone_s += _seconds(lambda: _drain(engine.animate(portrait, speech, piece)))
        encoder_s += _seconds(lambda: encode(frames, video))
        together_s += _seconds(lambda: encode(engine.animate(portrait, speech, piece), video))
    count = _ROUNDS * _FRAMES
    yield Figure(f"render.{name}.frames", count / alone_s, "frames/s", "rendering alone")
    yield Figure(f"render.{name}.encoder", count / encoder_s, "frames/s", "encoding alone: the limit")
    yield Figure(f"render.{name}.both", count / together_s, "frames/s", "rendered and encoded")
    yield Figure(f"render.{name}.of_limit", 100 * encoder_s / together_s, "%", "of what the encoder alone reaches")


def first_paragraph(work: Path) -> Speech:
    """The first paragraph's sound and phonemes."""
    sentences = spoken(work)[0]
    phonemes = [Phoneme(p.symbol, p.start_s, p.end_s, p.stressed) for sentence in sentences for p in sentence.timeline.phonemes]
    return Speech(np.concatenate([sentence.audio for sentence in sentences]), 24_000, phonemes, "en-US")


def encode(frames: Iterable[np.ndarray], video: VideoFormat) -> bytes:
    """A piece, encoded as the lipsync service does."""
    encoder = FragmentEncoder(video.width, video.height, video.frame_rate)
    parts = [part for frame in frames for part in encoder.add(frame)]
    return b"".join([*parts, *encoder.finish()])


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _drain(frames: Iterable[np.ndarray]) -> None:
    for _ in frames:
        pass
