"""The report of a locale: what was made, by what, from what, and how long it took."""

from __future__ import annotations

import json
from typing import Any

from gateway.models import ModelUse, identity
from gateway.present.locale import LocaleWork
from gateway.present.plan import LocalePlan, PresentPlan
from locutor.gateway.v1 import job_pb2


def make_report(job: job_pb2.Job, plan: PresentPlan, own: LocalePlan, work: LocaleWork) -> bytes:
    """`report.json` of one locale. Durations are seconds."""
    spec = job.present
    report = {
        "job": job.id,
        "locale": own.locale,
        "script": {
            "title": plan.title,
            "locale": plan.source_locale,
            "utterances": len(own.script.utterances),
            "translation": "machine" if own.pair is not None else "given" if own.is_given else "none",
        },
        "face": spec.face_uri,
        "voice": {"id": own.voice.id, "locale": own.voice.locale, "engine": own.voice.engine, "rate": own.rate},
        "video": {
            "width_pixels": plan.video.width_pixels,
            "height_pixels": plan.video.height_pixels,
            "frame_rate": str(plan.frame_rate),
            **work.assembly.facts,
        },
        "engines": [engine_entry(use) for use in work.uses],
        "stages": [stage_entry(stage) for stage in job.stages if stage.locale == own.locale],
        "consent": {"stated_by": spec.consent.stated_by, "statement": spec.consent.statement},
        "warnings": job_warnings(job, own.locale),
    }
    return json.dumps(report, ensure_ascii=False, indent=2).encode()


def job_warnings(job: job_pb2.Job, locale: str) -> list[str]:
    return [warning for result in job.results if result.locale == locale for warning in result.warnings]


def engine_entry(use: ModelUse) -> dict[str, Any]:
    return {"stage": use.stage, **identity(use.model), "license": use.model.license, "commercial_use": use.model.commercial_use}


def stage_entry(stage: job_pb2.Stage) -> dict[str, Any]:
    busy_s, media_s = (duration.ToNanoseconds() / 1e9 for duration in (stage.busy_duration, stage.media_duration))
    return {
        "name": stage.name,
        "busy_s": round(busy_s, 3),
        "elapsed_s": round((stage.end_time.ToNanoseconds() - stage.start_time.ToNanoseconds()) / 1e9, 3) if stage.HasField("end_time") else 0.0,
        "media_s": round(media_s, 3),
        # Nothing is said of a stage whose results were all found.
        "real_time_factor": round(busy_s / media_s, 4) if media_s and stage.cached_steps < stage.total_steps else None,
        "cached_steps": stage.cached_steps,
        "total_steps": stage.total_steps,
    }
