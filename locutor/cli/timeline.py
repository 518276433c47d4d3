"""What happened to a job, drawn over time: a bar for each stage of each locale, and what was not as usual, line by line."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING

from locutor.cli.progress import real_time_factor, state_name
from locutor.gateway.v1 import job_pb2
from locutor.gateway.v1.job_pb2 import Job, JobEvent, Stage

if TYPE_CHECKING:
    from rich.console import Console

_STEPS = {
    job_pb2.JOB_EVENT_KIND_STEP_DONE,
    job_pb2.JOB_EVENT_KIND_STEP_CACHED,
    job_pb2.JOB_EVENT_KIND_STEP_RETRIED,
    job_pb2.JOB_EVENT_KIND_STEP_FAILED,
}
_WORDS: dict[int, str] = {
    job_pb2.JOB_EVENT_KIND_QUEUED: "queued",
    job_pb2.JOB_EVENT_KIND_STARTED: "started",
    job_pb2.JOB_EVENT_KIND_TAKEN_OVER: "taken over, its worker had died",
    job_pb2.JOB_EVENT_KIND_IN_REVIEW: "waits for a person's word",
    job_pb2.JOB_EVENT_KIND_REVIEWED: "reviewed",
    job_pb2.JOB_EVENT_KIND_STEP_RETRIED: "tried again",
    job_pb2.JOB_EVENT_KIND_STEP_FAILED: "failed",
    job_pb2.JOB_EVENT_KIND_CANCEL_ASKED: "asked to stop",
    job_pb2.JOB_EVENT_KIND_ENDED: "ended",
}
_SHOWN_RETRIES = 20

BUSY, CACHED, RETRIED, FAILED, WAITING, NOTHING = "█", "▪", "▒", "✗", "·", " "
_STYLES = {BUSY: "green", CACHED: "blue", RETRIED: "yellow", FAILED: "bold red", WAITING: "dim", NOTHING: ""}
_ORDER = (FAILED, RETRIED, BUSY, CACHED, WAITING)
"""Of what falls into one cell the first is drawn."""


@dataclass
class Row:
    """One stage of one locale. Times are seconds since the epoch."""

    stage: str
    locale: str
    marks: list[tuple[str, float, float]] = field(default_factory=list)
    """What was done, from when to when."""
    summary: str = ""
    """What the stage tells of itself: "running, 41 %, 2.1 s, RTF 0.85"."""
    computed: int = 0
    cached: int = 0
    retried: int = 0
    failed: int = 0
    workers: list[str] = field(default_factory=list)

    def add(self, event: JobEvent) -> None:
        end = event.time.ToNanoseconds() / 1e9
        begin = end - event.duration.ToNanoseconds() / 1e9
        mark = {
            job_pb2.JOB_EVENT_KIND_STEP_DONE: BUSY,
            job_pb2.JOB_EVENT_KIND_STEP_CACHED: CACHED,
            job_pb2.JOB_EVENT_KIND_STEP_RETRIED: RETRIED,
            job_pb2.JOB_EVENT_KIND_STEP_FAILED: FAILED,
        }[event.kind]
        self.marks.append((mark, begin, end))
        self.computed += mark == BUSY
        self.cached += mark == CACHED
        self.retried += mark == RETRIED
        self.failed += mark == FAILED
        if event.worker and event.worker not in self.workers:
            self.workers.append(event.worker)

    def wait(self, stage: Stage, until: float) -> None:
        """The stage's own times: between its steps it waits."""
        self.summary = _summary(stage)
        if not self.marks:
            # Of what was found as a whole, the steps have no events.
            self.cached, self.computed = stage.cached_steps, stage.total_steps - stage.cached_steps
        if stage.HasField("start_time"):
            begin = stage.start_time.ToNanoseconds() / 1e9
            self.marks.append((WAITING, begin, stage.end_time.ToNanoseconds() / 1e9 if stage.HasField("end_time") else until))


@dataclass
class Timeline:
    """A job's time line."""

    begin: float
    """Seconds since the epoch."""
    end: float
    rows: list[Row]
    remarkable: list[JobEvent]
    """All events but those of steps that went well."""


def timeline_of(job: Job, events: Iterable[JobEvent]) -> Timeline:
    """What the events tell of a job. One that has not ended is drawn up to now."""
    begin = job.create_time.ToNanoseconds() / 1e9
    end = job.end_time.ToNanoseconds() / 1e9 if job.HasField("end_time") else max(time.time(), begin)
    rows = {(stage.locale, stage.name): Row(stage.name, stage.locale) for stage in job.stages}
    remarkable = []
    for event in events:
        if event.kind in _STEPS:
            rows.setdefault((event.locale, event.stage), Row(event.stage, event.locale)).add(event)
        if event.kind in _WORDS:
            remarkable.append(event)
        end = max(end, event.time.ToNanoseconds() / 1e9)
    for stage in job.stages:
        rows[stage.locale, stage.name].wait(stage, end)
    return Timeline(begin, end, list(rows.values()), remarkable)


def cells(row: Row, begin: float, end: float, width: int) -> str:
    """The row as `width` characters, each for the same share of the time."""
    drawn = [NOTHING] * width
    scale = width / max(end - begin, 1e-3)
    for mark in reversed(_ORDER):
        for kind, since, until in row.marks:
            if kind == mark:
                first = min(max(int((since - begin) * scale), 0), width - 1)
                last = min(max(int((until - begin) * scale), first), width - 1)
                drawn[first : last + 1] = mark * (last + 1 - first)
    return "".join(drawn)


def show(timeline: Timeline, console: Console) -> None:
    """Draw it, as wide as the console is."""
    from rich.table import Table
    from rich.text import Text

    length = timeline.end - timeline.begin
    labels = [f"{row.locale} {row.stage}".strip() for row in timeline.rows]
    workers = [", ".join(row.workers) for row in timeline.rows]
    facts = [_facts(row) for row in timeline.rows]
    taken = sum(max((len(text) for text in column), default=0) for column in (labels, ["worker", *workers], facts)) + 4
    width = max(console.width - taken, 16)
    table = Table(box=None, padding=(0, 1, 0, 0), show_header=True, header_style="dim")
    axis = f"0 s{f'{length:.1f} s'.rjust(width - 3)}"
    table.add_column("")
    table.add_column(axis, width=width, no_wrap=True)
    table.add_column("")
    table.add_column("worker")
    for row, label, worker, fact in zip(timeline.rows, labels, workers, facts, strict=True):
        bar = Text()
        for mark, run in groupby(cells(row, timeline.begin, timeline.end, width)):
            bar.append("".join(run), _STYLES[mark])
        table.add_row(Text(label), bar, Text(fact), Text(worker))
    console.print(table)
    console.print(Text.assemble(*_legend(timeline.rows)))
    for line in _lines(timeline):
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def _facts(row: Row) -> str:
    """ "4.1 s, RTF 0.85, 3 computed, 2 cached, 1 tried again" """
    counts = [(row.computed, "computed"), (row.cached, "cached"), (row.retried, "tried again"), (row.failed, "failed")]
    return ", ".join([row.summary] * bool(row.summary) + [f"{count} {word}" for count, word in counts if count])


def _summary(stage: Stage) -> str:
    """Its state, where it did not go well or is not over; how long it was at work; its real-time factor."""
    parts = [] if stage.state == job_pb2.STATE_SUCCEEDED else [state_name(stage.state)]
    if stage.state == job_pb2.STATE_RUNNING:
        parts.append(f"{stage.progress:.0%}")
    if stage.busy_duration.ToNanoseconds():
        parts.append(f"{stage.busy_duration.ToNanoseconds() / 1e9:.1f} s")
    factor = real_time_factor(stage)
    return ", ".join([*parts, f"RTF {factor:.2f}"] if factor is not None else parts)


def _legend(rows: Sequence[Row]) -> list[tuple[str, str]]:
    drawn = {kind for row in rows for kind, _, _ in row.marks}
    words = {BUSY: "at work", WAITING: "waiting", CACHED: "found in the store", RETRIED: "in vain, tried again", FAILED: "failed"}
    return [part for mark, word in words.items() if mark in drawn for part in ((mark, _STYLES[mark]), (f" {word}   ", ""))]


def _lines(timeline: Timeline) -> list[str]:
    """What was not as usual, in order of time."""
    told = []
    retries = 0
    for event in timeline.remarkable:
        retries += event.kind == job_pb2.JOB_EVENT_KIND_STEP_RETRIED
        if event.kind == job_pb2.JOB_EVENT_KIND_STEP_RETRIED and retries > _SHOWN_RETRIES:
            continue
        told.append(line_of(event, timeline.begin))
    if retries > _SHOWN_RETRIES:
        told.append(f"and {retries - _SHOWN_RETRIES} more attempts that were tried again; --json has them all")
    return told


def line_of(event: JobEvent, begin: float) -> str:
    """ "+12.3 s  es speak sentence: tried again after 0.4 s: UNAVAILABLE the tts service does not answer (worker a1b2)" """
    what = " ".join(part for part in (event.locale, event.stage, event.step if event.step != event.stage else "") if part)
    text = f"{what}: {_WORDS[event.kind]}" if what else _WORDS[event.kind]
    if event.duration.ToNanoseconds():
        text += f" after {event.duration.ToNanoseconds() / 1e9:.1f} s"
    if event.detail:
        text += f": {event.detail}"
    if event.worker:
        text += f" (worker {event.worker})"
    return f"{f'+{event.time.ToNanoseconds() / 1e9 - begin:.1f} s':>10}  {text}"
