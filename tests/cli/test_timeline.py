"""`locutor jobs show`: what happened to a job, over time."""

from __future__ import annotations

import io
import json
from pathlib import Path

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from rich.console import Console

from locutor.cli import timeline
from locutor.gateway.v1 import job_pb2
from tests.cli.command import run_here
from tests.cli.scripted_gateway import ScriptedGateway, serve

BEGIN_S = 1_800_000_000
KINDS = job_pb2.JobEventKind


def at(seconds: float) -> Timestamp:
    stamp = Timestamp()
    stamp.FromNanoseconds(round((BEGIN_S + seconds) * 1e9))
    return stamp


def lasting(seconds: float) -> Duration:
    duration = Duration()
    duration.FromNanoseconds(round(seconds * 1e9))
    return duration


def event(kind: str, time_s: float, duration_s: float = 0.0, stage: str = "", locale: str = "", worker: str = "w1", **more: str) -> job_pb2.JobEvent:
    number = KINDS.Value(f"JOB_EVENT_KIND_{kind}")
    return job_pb2.JobEvent(kind=number, time=at(time_s), duration=lasting(duration_s), stage=stage, locale=locale, worker=worker, **more)


def dubbed() -> tuple[job_pb2.Job, list[job_pb2.JobEvent]]:
    """10 s: 1 s in the queue, a voice that was cached and spoken and tried again, a death, a picture by another worker."""
    job = job_pb2.Job(id="j-1", state=job_pb2.STATE_FAILED, progress=0.999, create_time=at(0), start_time=at(1), end_time=at(10))
    job.stages.add(name="speak", locale="es", state=job_pb2.STATE_SUCCEEDED, start_time=at(1), end_time=at(5), busy_duration=lasting(2.5))
    job.stages.add(name="animate", locale="es", state=job_pb2.STATE_FAILED, start_time=at(6), end_time=at(10), busy_duration=lasting(3))
    job.stages.add(name="mux", locale="es", state=job_pb2.STATE_QUEUED)
    job.results.add(locale="es", state=job_pb2.STATE_FAILED)
    job.error.MergeFrom(job_pb2.JobError(code="UNAVAILABLE", reason="SERVICE_LOST", message="the lipsync service does not answer"))
    return job, [
        event("QUEUED", 0),
        event("STARTED", 1),
        event("STEP_CACHED", 1, stage="speak", locale="es", step="sentence", key="ab12"),
        event("STEP_RETRIED", 2, 0.5, stage="speak", locale="es", step="sentence", key="cd34", detail="UNAVAILABLE the tts service does not answer"),
        event("STEP_DONE", 4.9, 2, stage="speak", locale="es", step="sentence", key="cd34"),
        event("TAKEN_OVER", 6, worker="w2"),
        event("STEP_FAILED", 10, 3, stage="animate", locale="es", worker="w2", step="piece", key="ef56", detail="UNAVAILABLE gone"),
        event("ENDED", 10, worker="w2", detail="FAILED"),
    ]


class Remembering(ScriptedGateway):
    """Knows one job, and gives its events two at a time."""

    def GetJob(self, request: job_pb2.GetJobRequest, context: grpc.ServicerContext) -> job_pb2.GetJobResponse:
        return job_pb2.GetJobResponse(job=dubbed()[0])

    def ListJobEvents(self, request: job_pb2.ListJobEventsRequest, context: grpc.ServicerContext) -> job_pb2.ListJobEventsResponse:
        first = int(request.page_token or 0)
        events = dubbed()[1]
        return job_pb2.ListJobEventsResponse(events=events[first : first + 2], next_page_token=str(first + 2) if first + 2 < len(events) else "")


def test_a_bar_shows_when_each_stage_worked_waited_and_failed() -> None:
    drawn = timeline.timeline_of(*dubbed())
    assert (drawn.begin, drawn.end) == (BEGIN_S, BEGIN_S + 10)
    bars = {row.stage: timeline.cells(row, drawn.begin, drawn.end, 20) for row in drawn.rows}
    #                         0 1 2 3 4 5 6 7 8 9
    assert bars["speak"] == "  ▪▒▒█████·" + " " * 9
    assert bars["animate"] == " " * 12 + "··" + "✗" * 6
    assert bars["mux"] == " " * 20


def test_the_time_line_is_drawn_with_all_that_was_not_as_usual(tmp_path: Path) -> None:
    with serve(Remembering(), tmp_path) as address:
        shown = run_here(["jobs", "show", "j-1", "--gateway", address])
    assert shown.returncode == 0, shown.stderr
    lines = shown.stdout.splitlines()
    speak = next(line for line in lines if line.startswith("es speak ") and "█" in line)
    assert speak.split()[-1] == "w1" and "2.5 s, 1 computed, 1 cached, 1 tried again" in speak
    animate = next(line for line in lines if line.startswith("es animate ") and "✗" in line)
    assert animate.split()[-1] == "w2" and "failed, 3.0 s, 1 failed" in animate
    assert any("█ at work" in line and "▪ found in the store" in line and "✗ failed" in line for line in lines)
    told = [line.strip() for line in lines if line.strip().startswith("+")]
    assert told == [
        "+0.0 s  queued (worker w1)",
        "+1.0 s  started (worker w1)",
        "+2.0 s  es speak sentence: tried again after 0.5 s: UNAVAILABLE the tts service does not answer (worker w1)",
        "+6.0 s  taken over, its worker had died (worker w2)",
        "+10.0 s  es animate piece: failed after 3.0 s: UNAVAILABLE gone (worker w2)",
        "+10.0 s  ended: FAILED (worker w2)",
    ]
    assert lines[-1] == "UNAVAILABLE SERVICE_LOST: the lipsync service does not answer"


def test_programs_get_every_event(tmp_path: Path) -> None:
    with serve(Remembering(), tmp_path) as address:
        shown = run_here(["jobs", "show", "j-1", "--gateway", address, "--json"])
    told = json.loads(shown.stdout)
    assert told["id"] == "j-1" and told["state"] == "STATE_FAILED" and len(told["events"]) == 8
    assert told["events"][3] == {
        "time": "2027-01-15T08:00:02Z",
        "kind": "JOB_EVENT_KIND_STEP_RETRIED",
        "stage": "speak",
        "locale": "es",
        "step": "sentence",
        "key": "cd34",
        "duration": "0.500s",
        "worker": "w1",
        "detail": "UNAVAILABLE the tts service does not answer",
    }


def test_many_attempts_are_told_in_a_few_lines() -> None:
    job, _ = dubbed()
    buffer = io.StringIO()
    events = [event("STEP_RETRIED", 1 + number / 100, 0.1, stage="speak", locale="es", step="sentence") for number in range(100)]
    timeline.show(timeline.timeline_of(job, events), Console(file=buffer, width=100))
    assert buffer.getvalue().count("tried again after") == 20 and "and 80 more attempts" in buffer.getvalue()


@pytest.mark.parametrize("width", [20, 60, 100, 200])
def test_it_fits_the_console(width: int) -> None:
    buffer = io.StringIO()
    drawn = timeline.timeline_of(*dubbed())
    timeline.show(timeline.Timeline(drawn.begin, drawn.end, drawn.rows, []), Console(file=buffer, width=width))
    assert max(map(len, buffer.getvalue().splitlines())) <= width


def test_a_job_that_was_just_made_has_a_time_line_too() -> None:
    job = job_pb2.Job(id="j", state=job_pb2.STATE_QUEUED, create_time=at(0))
    drawn = timeline.timeline_of(job, [event("QUEUED", 0)])
    assert drawn.rows == [] and drawn.end >= drawn.begin and len(drawn.remarkable) == 1
