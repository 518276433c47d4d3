"""The stages of a job, by its kind, with their usual share of the work: what progress and remaining time are reckoned by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from locutor.gateway.v1 import job_pb2


@dataclass(frozen=True)
class StagePlan:
    """Stages by name in their order, each with its share of the work: seconds for a second of programme on two cores, all services embedded."""

    shared: Mapping[str, float]
    """Done once, for all locales."""
    per_locale: Mapping[str, float]


PRESENT = StagePlan({}, {"translate": 0.01, "speak": 0.6, "animate": 1.2, "mux": 0.18})
DUB = StagePlan(
    {"probe": 0.02, "recognize": 0.25, "diarize": 0.05, "track": 0.6},
    {"translate": 0.02, "speak": 0.5, "mix": 0.06, "animate": 0.9, "mux": 0.04},
)
DUB_WITHOUT_LIPS = StagePlan({**DUB.shared, "track": 0.0}, {**DUB.per_locale, "animate": 0.0})


def stage_plan(job: job_pb2.Job) -> StagePlan:
    """The stages that a job has."""
    if job.WhichOneof("spec") == "dub":
        return DUB_WITHOUT_LIPS if job.dub.omit_lipsync else DUB
    return PRESENT


def job_locales(job: job_pb2.Job) -> Sequence[str]:
    """Locales of a job's targets, in their order."""
    return [target.locale for target in (job.dub.targets if job.WhichOneof("spec") == "dub" else job.present.targets)]
