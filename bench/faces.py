"""The same words by every test face, measured beside a real speaker: writes the table of docs/quality.md.

.venv/bin/python -m bench.faces [--out FOLDER] [--only NAME]

The videos are left in FOLDER (out/faces) to be looked at, each with its .timeline.json.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import soxr
from google.protobuf import json_format
from google.protobuf.duration_pb2 import Duration

from bench.material import LOCALE, THREADS, face_png
from locutor.common.v1 import timeline_pb2
from locutor.errors import InvalidInput
from media.fragments import FragmentEncoder
from media.mux import mux_program
from services.articulation.speech import PhonemeSpan, Speech
from services.lipsync.engine import Background, Piece, VideoFormat
from services.lipsync.engines.warp import WarpEngine
from services.lipsync.image import decode_image
from services.lipsync.inspection import inspect_portrait
from services.lipsync.landmarks import MODEL_ARTIFACT, MODEL_FILE, FaceLandmarker
from services.lipsync.quality import LipsyncQuality, assess, measure
from services.lipsync.quality_goals import GOALS
from services.lipsync.quality_leakage import leakage_from_portrait
from services.lipsync.quality_track import track_mouth
from services.tts.engine import SpeechRequest
from services.tts.engines.kokoro.engine import KokoroEngine
from services.weights import ModelStore
from training.aligned import Transcript, read

ROOT = Path(__file__).parents[1]
TESTDATA = ROOT.parent / "shared" / "testdata"
PAGE = ROOT / "docs" / "quality.md"
SENTENCES = (
    "Good morning, and welcome to our programme.",
    "Maybe you have a problem, and nobody can help you with it.",
    "Bring it to us: we compare a hundred products a month, from umbrellas to apartments.",
    "My father worked for half of his life on a farm by the bay, and he always told me to keep things simple.",
    "So call us, or visit our website. Thank you very much, and goodbye.",
)
"""About 20 s, with every sound of the language."""
PAUSE_S = 0.8
_REFERENCE = ("talking_glasses_en.mp4", "Good morning. My name is Jordi Mas, I am from Barcelona and I love the city.", "am_adam")
_VIDEO = VideoFormat(1280, 720, Fraction(25))
_BEGIN, _END = "<!-- faces: begin -->", "<!-- faces: end -->"
_RATE = 48_000


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.faces", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=ROOT / "out" / "faces", help="folder for the videos (default: out/faces)")
    parser.add_argument("--only", action="append", metavar="NAME", help="this face, without writing the page; may be given several times")
    arguments = parser.parse_args()
    out: Path = arguments.out
    out.mkdir(parents=True, exist_ok=True)
    store = ModelStore()
    kokoro, engine = KokoroEngine(store, THREADS), WarpEngine(store)
    speech = _speech(kokoro)
    rows = []
    with FaceLandmarker(store.ensure(MODEL_ARTIFACT) / MODEL_FILE, max_faces=4) as landmarker:
        rows += _reference(kokoro, landmarker)
        print(*rows, sep="\n", flush=True)
        for name, portrait in _faces().items():
            if arguments.only and name not in arguments.only:
                continue
            try:
                rows.append(_row(name, _measured(name, portrait, speech, engine, landmarker, out)))
            except InvalidInput as error:
                rows.append(f"| {name} | refused: {error.violations[0].message} |" + " |" * len(GOALS))
            print(rows[-1], flush=True)
    if arguments.only:
        return
    table = "\n".join([_heading(), *rows])
    page = PAGE.read_text("utf-8")
    PAGE.write_text(re.sub(f"{_BEGIN}.*{_END}", lambda _: f"{_BEGIN}\n{table}\n{_END}", page, flags=re.DOTALL), "utf-8")


def _faces() -> dict[str, bytes]:
    return {"astronaut": face_png()} | {path.stem: path.read_bytes() for path in sorted((TESTDATA / "faces").glob("*.png"))}


def _speech(engine: KokoroEngine) -> Speech:
    """The sentences with a pause before, between and after them."""
    pause = np.zeros(round(PAUSE_S * _RATE), np.float32)
    parts, phonemes = [pause], []
    for sentence in SENTENCES:
        for spoken in engine.plan(SpeechRequest(sentence, LOCALE)).sentences():
            later_s = sum(map(len, parts)) / _RATE - spoken.start_s
            own = spoken.timeline.phonemes
            phonemes += [PhonemeSpan(p.symbol, later_s + p.start_s, later_s + p.end_s, p.stressed) for p in own if p.symbol]
            parts.append(soxr.resample(spoken.audio, engine.sample_rate, _RATE))
        parts.append(pause)
    audio = np.concatenate(parts)
    return Speech(audio[: len(audio) * 25 // _RATE * _RATE // 25], _RATE, tuple(phonemes), LOCALE)


def _measured(name: str, portrait: bytes, speech: Speech, engine: WarpEngine, landmarker: FaceLandmarker, out: Path) -> LipsyncQuality:
    image = decode_image(portrait, "portrait")
    inspect_portrait(image, landmarker).require_usable("portrait")
    prepared = engine.prepare(image.rgb, _VIDEO, Background())
    encoder = FragmentEncoder(_VIDEO.width, _VIDEO.height, _VIDEO.frame_rate)
    piece = Piece(0, len(speech.audio) * 25 // _RATE)
    video = b"".join([part for frame in engine.animate(prepared, speech, piece) for part in encoder.add(frame)] + encoder.finish())
    path = out / f"{name}.mp4"
    mux_program(path, [video], speech.audio, frame_rate=_VIDEO.frame_rate)
    path.with_suffix(".timeline.json").write_text(json_format.MessageToJson(_timeline(speech.phonemes), indent=None, ensure_ascii=False), "utf-8")
    return replace(measure(path, speech.phonemes, landmarker), leakage=leakage_from_portrait(path, portrait, landmarker))


def _timeline(phonemes: Sequence[PhonemeSpan]) -> timeline_pb2.Timeline:
    def offset(time_s: float) -> Duration:
        duration = Duration()
        duration.FromNanoseconds(round(time_s * 1e9))
        return duration

    messages = [timeline_pb2.Phoneme(symbol=p.symbol, start_offset=offset(p.start_s), end_offset=offset(p.end_s), stressed=p.stressed) for p in phonemes]
    return timeline_pb2.Timeline(phonemes=messages)


def _reference(kokoro: KokoroEngine, landmarker: FaceLandmarker) -> list[str]:
    """The real speaker, whose sounds are known from what he says."""
    file, text, voice = _REFERENCE
    path = TESTDATA / "video" / file
    if not path.is_file():
        return []
    phonemes = Transcript(text, LOCALE, voice, kokoro).by_warping(read(path))
    return [_row("a real speaker", assess(track_mouth(path, landmarker), phonemes))]


def _heading() -> str:
    goals = [f"{goal.label}: {'at least' if goal.least else 'at most'} {goal.written(goal.bound)}" for goal in GOALS]
    return f"| face | {' | '.join(goals)} | blinks a minute |\n| --- |{' --- |' * (len(goals) + 1)}"


def _row(name: str, quality: LipsyncQuality) -> str:
    values = [goal.written(getattr(quality, goal.figure)) + (" ✗" if goal.met(quality) is False else "") for goal in GOALS]
    return f"| {name} | {' | '.join(values)} | {quality.blinks_per_minute:.0f} |"


if __name__ == "__main__":
    main()
