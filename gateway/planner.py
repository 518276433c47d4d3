"""Answers what a job would do, and for how long: see `gateway.planning`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from gateway.artifacts import ArtifactStore
from gateway.guesses import Guesses
from gateway.job_run import Pipeline
from gateway.jobs import JobTable
from gateway.planning import PlannedWork, PlanningWorkflow
from gateway.progress import JobTracker, now
from gateway.readable import ReadableMedia
from gateway.stages import stage_plan
from gateway.validate import probed_media
from locutor.errors import InternalError
from locutor.gateway.v1 import job_pb2

_PAST_JOBS = 30
"""Jobs of the tenant that tell how fast this gateway is."""
_TELLING = 0.5
"""Share of a stage's steps that must have been made for its time to tell how fast it is."""


class Planner:
    """Plans jobs."""

    def __init__(self, table: JobTable, store: ArtifactStore, pipelines: Mapping[str, Pipeline], folder: Path) -> None:
        """`pipelines`: by the name of the job's spec. `folder`: for files in progress."""
        self._table = table
        self._store = store
        self._pipelines = pipelines
        self._folder = folder

    async def plan(self, job: job_pb2.Job, media: ReadableMedia, tenant: str) -> job_pb2.PlanJobResponse:
        """`job`: one that was checked and is not kept. Raises `LocutorError`."""
        job.create_time.CopyFrom(now())
        kind = job.WhichOneof("spec") or ""
        guesses = Guesses()
        if kind == "dub":
            found = await probed_media(job.dub.video_uri, "dub.video_uri", media)
            guesses = Guesses(found.duration_s, bool(found.sound_languages))
        try:
            flow = await self._dry_run(job, guesses, tenant)
        except InternalError:
            if not guesses.is_out_of_tune():
                raise
            flow = await self._dry_run(job, guesses, tenant)
        for stage in job.stages:
            if (stage.locale, stage.name) not in flow.work and stage.total_steps:
                # All of it was found under one key.
                media_s = stage.media_duration.ToNanoseconds() / 1e9
                flow.work[stage.locale, stage.name] = PlannedWork(cached=stage.total_steps, all_media_s=media_s)
        past, _ = await self._table.page(tenant, _PAST_JOBS, None)
        return _response(job, flow.work, {**stage_plan(job).shared, **stage_plan(job).per_locale, **speeds(past, kind)})

    async def _dry_run(self, job: job_pb2.Job, guesses: Guesses, tenant: str) -> PlanningWorkflow:
        tracker = JobTracker(job)
        tracker.reset()
        with TemporaryDirectory(prefix="plan-", dir=self._folder) as folder:
            flow = PlanningWorkflow(self._store, guesses, Path(folder))
            await self._pipelines[job.WhichOneof("spec") or ""].run(flow, tracker, planned_for=tenant)
        return flow


def speeds(past: Sequence[job_pb2.Job], kind: str) -> dict[str, float]:
    """Seconds for a second of programme, by stage, as jobs of a kind took lately; stages that work at the same time count their share of it."""
    found: defaultdict[str, list[float]] = defaultdict(list)
    for job in past:
        if job.WhichOneof("spec") != kind or not (job.HasField("start_time") and job.HasField("end_time")):
            continue
        busy_s = sum(stage.busy_duration.ToNanoseconds() for stage in job.stages) / 1e9
        wall_s = (job.end_time.ToNanoseconds() - job.start_time.ToNanoseconds()) / 1e9
        side_by_side = min(1.0, wall_s / busy_s) if busy_s else 1.0
        for stage in job.stages:
            media_s = stage.media_duration.ToNanoseconds() / 1e9
            made = 1 - stage.cached_steps / stage.total_steps if stage.total_steps else 0.0
            if media_s and made > _TELLING:
                found[stage.name].append(side_by_side * stage.busy_duration.ToNanoseconds() / 1e9 / (media_s * made))
    return {name: median(factors) for name, factors in found.items()}


def _response(job: job_pb2.Job, work: Mapping[tuple[str, str], PlannedWork], factors: Mapping[str, float]) -> job_pb2.PlanJobResponse:
    response, whole_s, full_s = job_pb2.PlanJobResponse(), 0.0, 0.0
    for stage in job.stages:
        own = work.get((stage.locale, stage.name), PlannedWork())
        lasts_s = own.media_s * factors[stage.name]
        whole_s, full_s = whole_s + lasts_s, full_s + own.all_media_s * factors[stage.name]
        row = response.stages.add(
            name=stage.name, locale=stage.locale, cached_steps=own.cached, computed_steps=own.computed, estimated=own.is_estimated and own.computed > 0
        )
        row.estimated_duration.FromNanoseconds(round(lasts_s * 1e9))
        row.media_duration.FromNanoseconds(round(own.media_s * 1e9))
    response.estimated_duration.FromNanoseconds(round(whole_s * 1e9))
    response.full_duration.FromNanoseconds(round(full_s * 1e9))
    return response
