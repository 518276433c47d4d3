"""What can be seen of jobs from outside: metrics, traces, and whose work the lines of the log belong to.

The places where something happens call here; nothing here changes what happens.

    job > stage > step > call of a service > the service's work         spans of one trace, whose id is made of the job's
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from prometheus_client import Counter, Gauge, Histogram

from locutor import logs
from locutor.errors import LocutorError
from locutor.gateway.v1 import job_pb2
from services.serving import tracing

if TYPE_CHECKING:
    from opentelemetry.trace import Span

log = logging.getLogger("locutor.gateway")

_STAGE = ("pipeline", "stage")
_SECONDS = (0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 14400)
_FACTORS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 1, 1.5, 2, 3, 5, 10, 30)

AT_WORK = Gauge("locutor_jobs_at_work", "Jobs that this process works on.", ("pipeline",))
ENDED = Counter("locutor_jobs_ended_total", "Jobs that ended in this process, by the state in which they ended.", ("pipeline", "state"))
JOB_SECONDS = Histogram("locutor_job_seconds", "From the first start of a job to its end.", ("pipeline",), buckets=_SECONDS)
STAGE_SECONDS = Histogram("locutor_stage_seconds", "Time at work of a stage of one locale, or of all together.", _STAGE, buckets=_SECONDS)
STAGE_MEDIA_SECONDS = Counter("locutor_stage_media_seconds_total", "Length of programme that was made.", _STAGE)
STAGE_FACTOR = Histogram(
    "locutor_stage_real_time_factor", "Time at work over length of programme, of stages of which nothing was in the store.", _STAGE, buckets=_FACTORS
)
STEPS = Counter(
    "locutor_steps_total", "Steps that were computed or cached (found in the store); attempts that failed, and of these the retried.", (*_STAGE, "outcome")
)

_STATES = {
    job_pb2.STATE_SUCCEEDED: "succeeded",
    job_pb2.STATE_PARTLY_SUCCEEDED: "partly_succeeded",
    job_pb2.STATE_FAILED: "failed",
    job_pb2.STATE_CANCELLED: "cancelled",
}


class JobSight:
    """One job, for as long as a process works on it."""

    def __init__(self, job: job_pb2.Job) -> None:
        self.job = job
        self.pipeline = job.WhichOneof("spec") or ""
        self.worker = ""
        self.span: Span | None = None
        self._began = False
        self._stages: list[StageSight] = []

    def began(self, worker: str) -> None:
        """This process, `worker`, works on the job from now on, in this task and those that it starts."""
        self._began, self.worker = True, worker
        logs.bind(**self.fields())
        AT_WORK.labels(self.pipeline).inc()
        log.info("the job begins")
        attributes = {"locutor.job": self.job.id, "locutor.pipeline": self.pipeline, "locutor.worker": worker}
        self.span = tracing.start("job", trace=self.job.id, attributes=attributes)
        tracing.adopt(self.span)

    def fields(self) -> dict[str, str]:
        """What stands in the lines of the log."""
        return {"service": "gateway", "job": self.job.id, "worker": self.worker, "request_id": "", "stage": "", "locale": ""}

    def stage(self, stage: job_pb2.Stage) -> StageSight:
        found = StageSight(self, stage)
        self._stages.append(found)
        return found

    def let_go(self) -> None:
        """This process works on the job no more: it has ended, or another one goes on. No effect on one that was not begun."""
        if not self._began:
            return
        self._began = False
        AT_WORK.labels(self.pipeline).dec()
        state = _STATES.get(self.job.state, "")
        for stage in self._stages:
            stage.close("" if state else "INTERRUPTED")
        if state:
            duration_s = (self.job.end_time.ToNanoseconds() - self.job.start_time.ToNanoseconds()) / 1e9
            ENDED.labels(self.pipeline, state).inc()
            JOB_SECONDS.labels(self.pipeline).observe(duration_s)
            log.info("the job ends: %s after %.1f s", state, duration_s)
        tracing.end(self.span, {"failed": self.job.error.reason or "FAILED", "": "INTERRUPTED"}.get(state, ""))


class StageSight:
    """One stage of one locale."""

    def __init__(self, job: JobSight, stage: job_pb2.Stage) -> None:
        self._job = job
        self._stage = stage
        self._labels = (job.pipeline, stage.name)
        self._span: Span | None = None

    @contextmanager
    def step(self, name: str, key: str) -> Iterator[None]:
        """One attempt at a step: what is called and logged in this block is for it. `key`: its key in the store."""
        fields = {**self._job.fields(), "stage": self._stage.name, "locale": self._stage.locale}
        told = {"locutor.stage": self._stage.name, "locutor.locale": self._stage.locale}
        if self._span is None:
            self._span = tracing.start(self._stage.name, parent=self._job.span, attributes={"locutor.job": self._job.job.id, **told})
        span = tracing.start(name, parent=self._span, attributes={**told, "locutor.key": key[:12]})
        failure = "CANCELLED"
        try:
            with logs.binding(**fields), tracing.current(span):
                yield
            failure = ""
        except Exception as error:
            failure = error.reason if isinstance(error, LocutorError) else type(error).__name__
            STEPS.labels(*self._labels, "failed").inc()
            raise
        finally:
            tracing.end(span, failure)

    def step_done(self, *, cached: bool) -> None:
        STEPS.labels(*self._labels, "cached" if cached else "computed").inc()

    def step_retried(self) -> None:
        """An attempt at a step failed, and another one follows."""
        STEPS.labels(*self._labels, "retried").inc()

    def ended(self) -> None:
        """The stage has its last state."""
        busy_s, media_s = (each.ToNanoseconds() / 1e9 for each in (self._stage.busy_duration, self._stage.media_duration))
        if busy_s:
            STAGE_SECONDS.labels(*self._labels).observe(busy_s)
        if media_s:
            STAGE_MEDIA_SECONDS.labels(*self._labels).inc(media_s)
        if busy_s and media_s and not self._stage.cached_steps and self._stage.state == job_pb2.STATE_SUCCEEDED:
            STAGE_FACTOR.labels(*self._labels).observe(busy_s / media_s)
        self.close("FAILED" if self._stage.state == job_pb2.STATE_FAILED else "")

    def close(self, failure: str) -> None:
        span, self._span = self._span, None
        tracing.end(span, failure)
