"""`locutor inspect`"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from locutor.cli import options

if TYPE_CHECKING:
    from rich.table import Table

    from services.articulation.speech import PhonemeSpan
    from services.lipsync.landmarks import FaceLandmarker
    from services.lipsync.quality import LipsyncQuality

_FROM_TIMELINE, _FROM_SOUND = "timeline", "estimated"
_IMAGES = (".png", ".jpg", ".jpeg", ".webp")


def inspect(
    video: Annotated[Path, typer.Argument(metavar="VIDEO", help="A finished video of one speaking face.")],
    timeline: Annotated[
        Path | None,
        typer.Option("--timeline", metavar="FILE", help="What is said in it: the job's .timeline.json. Without it, estimated from the video's sound."),
    ] = None,
    reference: Annotated[Path | None, typer.Option("--reference", metavar="VIDEO", help="A video of a real speaker, measured beside it.")] = None,
    original: Annotated[
        Path | None,
        typer.Option("--original", "--portrait", metavar="FILE", help="The footage or the face image that it was made of: did anything else change?"),
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Measure a finished video: do the lips do what is said, and does all else stay still? Exit code 1 where a goal is missed."""
    import json

    from rich.console import Console

    from services.lipsync.landmarks import MODEL_ARTIFACT, MODEL_FILE, FaceLandmarker
    from services.lipsync.quality_goals import GOALS, missed
    from services.weights import ModelStore

    for name, path in (("VIDEO", video), ("--timeline", timeline), ("--reference", reference), ("--original", original)):
        _require_file(name, path)
    with FaceLandmarker(ModelStore().ensure(MODEL_ARTIFACT) / MODEL_FILE, max_faces=4) as landmarker:
        measured, source = _measured(video, timeline, original, landmarker)
        compared = _measured(reference, None, None, landmarker)[0] if reference else None
    failed = missed(measured)
    if as_json:
        document: dict[str, Any] = {
            "video": {"file": str(video), "phonemes": source, **measured.to_dict()},
            "reference": {"file": str(reference), "phonemes": _FROM_SOUND, **compared.to_dict()} if compared else None,
            "goals": [{"figure": goal.figure, "least" if goal.least else "most": goal.bound, "met": goal.met(measured)} for goal in GOALS],
            "passed": not failed,
        }
        print(json.dumps(document, ensure_ascii=False, indent=2))
    else:
        console = Console()
        console.print(_table(video, measured, reference, compared))
        heard = "its timeline" if source == _FROM_TIMELINE else "its sound by the estimator, which itself errs: read closures and vowels as a comparison"
        beside = "; in the reference it is estimated" if compared and source == _FROM_TIMELINE else ""
        console.print(f"What is said is known from {heard}{beside}.", highlight=False)
        if failed:
            console.print(f"[red]missed:[/] {'; '.join(goal.label for goal in failed)}", highlight=False)
    if failed:
        raise typer.Exit(1)


def _require_file(name: str, path: Path | None) -> None:
    from locutor.errors import InvalidInput

    if path is not None and not path.is_file():
        raise InvalidInput.of(name, f"there is no file {path}; give one that exists", "NOT_FOUND")


def _measured(video: Path, timeline: Path | None, original: Path | None, landmarker: FaceLandmarker) -> tuple[LipsyncQuality, str]:
    """The figures of a video, and where its phonemes come from."""
    from dataclasses import replace

    from services.lipsync.quality import measure
    from services.lipsync.quality_leakage import leakage_from_footage, leakage_from_portrait

    phonemes = _phonemes_of(timeline) if timeline else _phonemes_in(video)
    quality = measure(video, phonemes, landmarker)
    if original is not None:
        image = original.suffix.lower() in _IMAGES
        leakage = leakage_from_portrait(video, original.read_bytes(), landmarker) if image else leakage_from_footage(video, original, landmarker)
        quality = replace(quality, leakage=leakage)
    return quality, _FROM_TIMELINE if timeline else _FROM_SOUND


def _phonemes_of(timeline: Path) -> list[PhonemeSpan]:
    from google.protobuf import json_format

    from locutor.common.v1 import timeline_pb2
    from locutor.errors import InvalidInput
    from services.articulation.speech import PhonemeSpan

    try:
        message = json_format.Parse(timeline.read_text("utf-8"), timeline_pb2.Timeline())
    except (json_format.ParseError, UnicodeDecodeError) as error:
        text = f"{timeline.name} is no timeline ({error}); give the .timeline.json that the job wrote beside its video"
        raise InvalidInput.of("--timeline", text, "UNREADABLE") from error
    spans = [PhonemeSpan(p.symbol, p.start_offset.ToNanoseconds() / 1e9, p.end_offset.ToNanoseconds() / 1e9, p.stressed) for p in message.phonemes]
    if not any(span.symbol for span in spans):
        raise InvalidInput.of("--timeline", f"{timeline.name} has no phonemes; give the .timeline.json that the job wrote beside its video", "EMPTY")
    return spans


def _phonemes_in(video: Path) -> list[PhonemeSpan]:
    from services.articulation.estimator import VisemeEstimator
    from services.articulation.log_mel import SAMPLE_RATE
    from services.lipsync.quality_track import sound_of

    return VisemeEstimator().estimate(sound_of(video, SAMPLE_RATE), SAMPLE_RATE)


def _table(video: Path, measured: LipsyncQuality, reference: Path | None, compared: LipsyncQuality | None) -> Table:
    from rich.table import Table

    from services.lipsync.quality_goals import GOALS

    table = Table("", video.name, *([reference.name] if reference else []), "Goal", "")
    marks = {True: "[green]✓[/]", False: "[red]✗[/]", None: ""}
    for goal in GOALS:
        values = [goal.written(getattr(quality, goal.figure)) for quality in (measured, compared) if quality is not None]
        table.add_row(goal.label, *values, f"{'≥' if goal.least else '≤'} {goal.written(goal.bound)}", marks[goal.met(measured)])
    table.add_section()
    for label, figure, form in _FACTS:
        values = [_written(getattr(quality, figure), form) for quality in (measured, compared) if quality is not None]
        table.add_row(label, *values, "", "")
    return table


_FACTS = (
    ("widest gap in a closure", "closure_gap_worst", ".3f"),
    ("... at (s)", "closure_worst_at_s", ".2f"),
    ("closures", "closures", "d"),
    ("open vowels", "open_vowels", "d"),
    ("frames of silence", "pause_frames", "d"),
    ("agreement of mouth and sound", "offset_correlation", ".2f"),
    ("blinks a minute", "blinks_per_minute", ".0f"),
    ("frames", "frames", "d"),
    ("frames without a face", "frames_without_face", "d"),
)


def _written(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)
