"""What happened to a job, as its page lists it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from locutor.gateway.v1 import job_pb2

_WORDS: dict[int, str] = {
    job_pb2.JOB_EVENT_KIND_QUEUED: "queued",
    job_pb2.JOB_EVENT_KIND_STARTED: "started",
    job_pb2.JOB_EVENT_KIND_TAKEN_OVER: "taken over",
    job_pb2.JOB_EVENT_KIND_IN_REVIEW: "waits for a person",
    job_pb2.JOB_EVENT_KIND_REVIEWED: "reviewed",
    job_pb2.JOB_EVENT_KIND_STEP_DONE: "done",
    job_pb2.JOB_EVENT_KIND_STEP_CACHED: "found in the store",
    job_pb2.JOB_EVENT_KIND_STEP_RETRIED: "tried again",
    job_pb2.JOB_EVENT_KIND_STEP_FAILED: "failed",
    job_pb2.JOB_EVENT_KIND_CANCEL_ASKED: "asked to stop",
    job_pb2.JOB_EVENT_KIND_ENDED: "ended",
}


@dataclass(frozen=True)
class EventView:
    at: str
    """Since the job was made: "12.3 s"."""
    what: str
    """Locale, stage and step: "es speak sentence"; empty: the whole job."""
    happened: str
    took: str
    """ "0.4 s", or nothing."""
    detail: str
    worker: str


def events_of(job: job_pb2.Job, events: Iterable[job_pb2.JobEvent]) -> list[EventView]:
    """In order of time."""
    begin = job.create_time.ToNanoseconds()
    return [
        EventView(
            at=f"{(event.time.ToNanoseconds() - begin) / 1e9:.1f} s",
            what=" ".join(part for part in (event.locale, event.stage, event.step if event.step != event.stage else "") if part),
            happened=_WORDS.get(event.kind, ""),
            took=f"{event.duration.ToNanoseconds() / 1e9:.1f} s" if event.duration.ToNanoseconds() else "",
            detail=event.detail,
            worker=event.worker,
        )
        for event in events
    ]
