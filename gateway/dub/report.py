"""The report of one dubbed locale: what was heard, said, by whom, how it fits, and what made it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from gateway.dub.cast import Role
from gateway.dub.fit import Fit
from gateway.dub.lips import LipsPieces
from gateway.dub.listen import Language
from gateway.dub.source import Source
from gateway.dub.voice import DubbedLine
from gateway.models import ModelUse
from gateway.report import engine_entry, job_warnings, stage_entry
from locutor.gateway.v1 import job_pb2


def make_dub_report(
    job: job_pb2.Job,
    locale: str,
    source: Source,
    language: Language,
    roles: Sequence[Role],
    voices: Mapping[str, str],
    dubbed: Sequence[DubbedLine],
    lips: LipsPieces | None,
    facts: Mapping[str, Any],
    uses: Sequence[ModelUse],
) -> bytes:
    """`report.json`. Durations are seconds."""
    spec, picture = job.dub, source.picture
    report = {
        "job": job.id,
        "locale": locale,
        "source": {
            "video": spec.video_uri,
            "locale": language.locale,
            "locale_probability": round(language.probability, 4),
            "duration_s": round(source.duration_s, 3),
            "width_pixels": picture.width,
            "height_pixels": picture.height,
            "frame_rate": str(picture.frame_rate),
            "variable_frame_rate": picture.is_variable,
        },
        "speakers": [
            {
                "name": role.name,
                "pitch_hertz": round(role.heard.pitch_hertz, 1),
                "voice": voices.get(role.name, ""),
            }
            for role in roles
        ],
        "fit": fit_summary(dubbed),
        "misfits": [_misfit(one) for one in dubbed if one.fitted.fit is not Fit.GOOD],
        "sound": facts["sound"],
        "video": facts["video"],
        "lips": None if lips is None else {"changed_frames": lips.changed_frames, "unusable": [span for piece in lips.pieces for span in piece.unusable]},
        "engines": [engine_entry(use) for use in uses],
        "stages": [stage_entry(stage) for stage in job.stages if stage.locale in ("", locale)],
        "consent": {"stated_by": spec.consent.stated_by, "statement": spec.consent.statement},
        "warnings": job_warnings(job, locale),
    }
    return json.dumps(report, ensure_ascii=False, indent=2).encode()


def fit_summary(dubbed: Sequence[DubbedLine]) -> dict[str, Any]:
    rates = [one.fitted.rate for one in dubbed]
    offsets = [abs(one.fitted.start_s - one.line.begin_s) for one in dubbed]
    return {
        "utterances": len(dubbed),
        **{fit.value: sum(one.fitted.fit is fit for one in dubbed) for fit in Fit},
        "slowest_rate": min(rates, default=None),
        "fastest_rate": max(rates, default=None),
        "largest_onset_error_s": round(max(offsets, default=0.0), 3),
    }


def _misfit(one: DubbedLine) -> dict[str, Any]:
    fitted = one.fitted
    return {
        "id": one.line.source.id,
        "fit": fitted.fit.value,
        "rate": fitted.rate,
        "needed_s": round(fitted.needed_s, 3),
        "available_s": round(fitted.available_s, 3),
        "late_s": round(fitted.start_s - one.line.begin_s, 3),
        "suggestion": fitted.suggestion,
        "text": one.text,
    }
