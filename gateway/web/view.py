"""A job as the pages show it."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass

from gateway.stages import stage_plan
from gateway.web.form import name_of_locale
from locutor.client import ENDED
from locutor.gateway.v1 import job_pb2

KIND_SLUGS: dict[str, job_pb2.OutputKind.ValueType] = {
    "video.mp4": job_pb2.OUTPUT_KIND_VIDEO,
    "subtitles.srt": job_pb2.OUTPUT_KIND_SUBTITLES_SRT,
    "subtitles.vtt": job_pb2.OUTPUT_KIND_SUBTITLES_VTT,
    "cover.jpg": job_pb2.OUTPUT_KIND_COVER,
    "timeline.json": job_pb2.OUTPUT_KIND_TIMELINE,
    "report.json": job_pb2.OUTPUT_KIND_REPORT,
    "subtitles.ttml": job_pb2.OUTPUT_KIND_SUBTITLES_TTML,
    "sound.wav": job_pb2.OUTPUT_KIND_AUDIO,
    "utterances.json": job_pb2.OUTPUT_KIND_UTTERANCES,
    "cast.json": job_pb2.OUTPUT_KIND_CAST,
}
_SLUG_OF = {kind: slug for slug, kind in KIND_SLUGS.items()}
_LABELS = {
    "video.mp4": "Video (MP4)",
    "subtitles.srt": "Subtitles (SRT)",
    "subtitles.vtt": "Subtitles (WebVTT)",
    "cover.jpg": "Cover image",
    "timeline.json": "Visemes (JSON)",
    "report.json": "Report (JSON)",
    "subtitles.ttml": "Subtitles (TTML)",
    "sound.wav": "Sound (WAV)",
    "utterances.json": "Utterances (JSON)",
    "cast.json": "Cast (JSON)",
}
_STATE_WORDS = {
    job_pb2.STATE_QUEUED: "waiting",
    job_pb2.STATE_RUNNING: "running",
    job_pb2.STATE_SUCCEEDED: "done",
    job_pb2.STATE_PARTLY_SUCCEEDED: "partly done",
    job_pb2.STATE_FAILED: "failed",
    job_pb2.STATE_CANCELLED: "cancelled",
}
_STAGE_WORDS = {"translate": "Translating", "speak": "Speaking", "mix": "Mixing", "animate": "Animating", "mux": "Putting together"}


@dataclass(frozen=True)
class OutputView:
    slug: str
    label: str
    size: str
    """For people: "3.4 MB"."""


@dataclass(frozen=True)
class LocaleView:
    locale: str
    name: str
    state: str
    percent: int
    stage: str
    """What is being done now: "Speaking"."""
    outputs: list[OutputView]
    error: str
    warnings: list[str]


@dataclass(frozen=True)
class JobView:
    id: str
    title: str
    state: str
    ended: bool
    percent: int
    created: str
    """ISO 8601, UTC."""
    error: str
    locales: list[LocaleView]

    def to_json(self) -> str:
        return json.dumps(asdict(self), ensure_ascii=False)


def view_of(job: job_pb2.Job) -> JobView:
    """What the pages show of a job."""
    return JobView(
        id=job.id,
        title=_title(job),
        state=_STATE_WORDS.get(job.state, ""),
        ended=job.state in ENDED,
        percent=round(job.progress * 100),
        created=job.create_time.ToJsonString(),
        error=job.error.message,
        locales=[_locale_view(job, result) for result in job.results],
    )


def file_name_of(job: job_pb2.Job, locale: str, kind: job_pb2.OutputKind.ValueType) -> str:
    """A name for a downloaded file, of plain ASCII letters."""
    stem = re.sub(r"[^a-z0-9]+", "-", _title(job).lower()).strip("-")[:40] or "video"
    slug = _SLUG_OF[kind]
    return f"{stem}.{locale}.{slug if slug.endswith('.json') else slug.rpartition('.')[2]}"


def _locale_view(job: job_pb2.Job, result: job_pb2.LocaleResult) -> LocaleView:
    stages = [stage for stage in job.stages if stage.locale == result.locale]
    running = [stage for stage in stages if stage.state == job_pb2.STATE_RUNNING]
    weights = stage_plan(job).per_locale
    share = sum(stage.progress * weights.get(stage.name, 0) for stage in stages) / sum(weights.values())
    done = result.state == job_pb2.STATE_SUCCEEDED
    return LocaleView(
        locale=result.locale,
        name=name_of_locale(result.locale),
        state=_STATE_WORDS.get(result.state, ""),
        percent=100 if done else round(share * 100),
        stage=", ".join(_STAGE_WORDS.get(stage.name, stage.name) for stage in running),
        outputs=[OutputView(slug, _LABELS[slug], _size(o.media.size_bytes)) for o in result.outputs if (slug := _SLUG_OF.get(o.kind))],
        error=result.error.message,
        warnings=list(result.warnings),
    )


def _title(job: job_pb2.Job) -> str:
    """The first words of the script, without markup; of a dub what it is."""
    if job.WhichOneof("spec") == "dub":
        return "Dubbed video"
    body = re.sub(r"\A---\n.*?\n---\n", "", job.present.script.text, flags=re.DOTALL)
    words = re.sub(r"\[[^\]]*\]|[#*_`>]", " ", body).split()
    return " ".join(words[:8]) + ("…" if len(words) > 8 else "")


def _size(count: int) -> str:
    size = float(count)
    for unit in ("bytes", "KB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"
