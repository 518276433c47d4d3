"""What a change costs: one of a hundred lines of a dub said otherwise, and the same request once more, against all of it made for the first time."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.dub import dialogue, dub_spec, looped
from bench.figure import Figure
from locutor.cli.embedded import embedded_gateway
from locutor.client import LocutorClient
from locutor.errors import InternalError
from locutor.gateway.v1 import job_pb2
from media.probe import probe

_TARGET = "pt-BR"
_LENGTH_S = 400.0
"""Of the dialogue over and over: a hundred lines and some."""


@dataclass(frozen=True)
class _Cost:
    wall_s: float
    processor_s: float
    """Of all threads of this process and of its ended children."""


def edit(work: Path) -> Iterator[Figure]:
    """Lips included. Lines that are said again and again are spoken once, so that the whole is cheaper than other speech of its length."""
    yield from measure_edit(work, _LENGTH_S, lips=True)


def measure_edit(work: Path, length_s: float, *, lips: bool) -> Iterator[Figure]:
    os.environ["LOCUTOR_DATA"] = str(work / "data")
    os.environ["LOCUTOR_WEB"] = ""
    with embedded_gateway(works=True, hears=True) as address, LocutorClient(address) as client:
        video = looped(dialogue(client, work).video, work / "edited.mp4", length_s)
        spec = dub_spec(client.upload(video))
        spec.omit_lipsync = not lips
        job, whole = _timed(client, spec)
        plan_s, plan = _planned(client, spec)
        _, again = _timed(client, spec)
        utterances = client.utterances(job.id, _TARGET)
        middle = utterances[len(utterances) // 2]
        spec.edits.add(id=middle.id, locale=_TARGET, text="Hoje vamos falar de outra coisa.")
        edit_plan_s, edit_plan = _planned(client, spec)
        changed, one = _timed(client, spec)
    length = f"{float(probe(video).duration_s):.0f} s, {len(utterances)} lines, {'lips included' if lips else 'sound alone'}"
    yield Figure("edit.whole", whole.wall_s, "s", length)
    yield Figure("edit.repeat", again.wall_s, "s", "the same request again, from CreateJob to its end", "under 1")
    yield Figure("edit.plan", plan_s, "s", f"plan of the same request: {_to_make(plan)} steps to be made", "")
    yield Figure("edit.one.plan", edit_plan_s, "s", f"plan of one changed line: {_to_make(edit_plan)} steps to be made, {_made(changed)} were")
    yield Figure("edit.one.planned", 100 * _share(edit_plan), "%", "of the whole, by the plan", "at most 5")
    yield Figure("edit.one.wall", 100 * one.wall_s / whole.wall_s, "%", f"{one.wall_s:.1f} s by the clock", "at most 5")
    yield Figure("edit.one.processor", 100 * one.processor_s / whole.processor_s, "%", f"{one.processor_s:.1f} s of processor time", "at most 5")


def _timed(client: LocutorClient, spec: job_pb2.DubSpec) -> tuple[job_pb2.Job, _Cost]:
    wall, processor = time.perf_counter(), _processor_s()
    *_, job = client.watch(client.create_dub_job(spec).id)
    cost = _Cost(time.perf_counter() - wall, _processor_s() - processor)
    if job.state != job_pb2.STATE_SUCCEEDED:
        raise InternalError(f"the job ended as {job_pb2.State.Name(job.state)}: {job.error.message or job.results[0].error.message}")
    return job, cost


def _planned(client: LocutorClient, spec: job_pb2.DubSpec) -> tuple[float, job_pb2.PlanJobResponse]:
    began = time.perf_counter()
    plan = client.plan_job(spec)
    return time.perf_counter() - began, plan


def _to_make(plan: job_pb2.PlanJobResponse) -> int:
    return sum(stage.computed_steps for stage in plan.stages)


def _made(job: job_pb2.Job) -> int:
    return sum(stage.total_steps - stage.cached_steps for stage in job.stages)


def _share(plan: job_pb2.PlanJobResponse) -> float:
    return plan.estimated_duration.ToNanoseconds() / plan.full_duration.ToNanoseconds()


def _processor_s() -> float:
    used = os.times()
    return used.user + used.system + used.children_user + used.children_system
