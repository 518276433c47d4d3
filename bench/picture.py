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
from services.lipsync.engine import Background, Performance, Piece, Speech, VideoFormat
from services.lipsync.engine import PhonemeSpan as Phoneme
from services.lipsync.engines.warp.engine import WarpEngine
from services.lipsync.footage import FaceTracks, Role
from services.lipsync.landmarks import MODEL_ARTIFACT, MODEL_FILE
from services.lipsync.tracking.identity import ARTIFACT as EMBEDDER_ARTIFACT
from services.lipsync.tracking.identity import FaceEmbedder
from services.lipsync.tracking.networks import FaceNetworks
from services.lipsync.tracking.tracker import track_faces
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


def revoice(work: Path) -> Iterator[Figure]:
    """Footage of one person at 720p, who is given other words: following the face, the mouth alone, the encoder alone, and both together."""
    store = ModelStore()
    engine, video = WarpEngine(store, THREADS), VideoFormat(*_SIZES["720p"], _RATE)
    speech = first_paragraph(work)
    footage = list(engine.animate(engine.prepare(face(), video, Background()), speech, Piece(0, _FRAMES)))
    networks, embedder = FaceNetworks(store.ensure(MODEL_ARTIFACT) / MODEL_FILE, THREADS), FaceEmbedder(store.ensure(EMBEDDER_ARTIFACT))
    started = time.perf_counter()
    (tracks,) = (event for event in track_faces(footage, _RATE, networks, embedder) if isinstance(event, FaceTracks))
    yield Figure("revoice.720p.track", _FRAMES / (time.perf_counter() - started), "frames/s", "following the face, once for all languages")
    # Other words than it speaks: those of a second later.
    roles = [Role(tracks.faces[0], speech, 1.0, np.ones(_FRAMES, np.float32))]

    def spoken() -> Iterator[np.ndarray]:
        return engine.revoice(footage, tracks, roles, Performance())

    alone_s = encoder_s = together_s = 0.0
    for _ in range(_ROUNDS):
        alone_s += _seconds(lambda: _drain(spoken()))
        encoder_s += _seconds(lambda: encode(footage, video))
        together_s += _seconds(lambda: encode(spoken(), video))
    count = _ROUNDS * _FRAMES
    yield Figure("revoice.720p.frames", count / alone_s, "frames/s", "moving one mouth alone, with what is made once for a stretch of footage")
    yield Figure("revoice.720p.encoder", count / encoder_s, "frames/s", "encoding alone: the limit")
    yield Figure("revoice.720p.both", count / together_s, "frames/s", "moved and encoded")
    yield Figure("revoice.720p.of_limit", 100 * encoder_s / together_s, "%", "of what the encoder alone reaches")


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
