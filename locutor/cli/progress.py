"""A job's progress: bars on a terminal, one line a stage elsewhere, JSON lines for programs."""

from __future__ import annotations

import json
import sys
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol

from locutor.gateway.v1 import job_pb2
from locutor.gateway.v1.job_pb2 import Job, Stage

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

_STATES: dict[int, str] = {
    job_pb2.STATE_QUEUED: "queued",
    job_pb2.STATE_RUNNING: "running",
    job_pb2.STATE_SUCCEEDED: "succeeded",
    job_pb2.STATE_PARTLY_SUCCEEDED: "partly succeeded",
    job_pb2.STATE_FAILED: "failed",
    job_pb2.STATE_CANCELLED: "cancelled",
    job_pb2.STATE_IN_REVIEW: "in review",
}


def state_name(state: int) -> str:
    return _STATES.get(state, "unknown")


def real_time_factor(stage: Stage) -> float | None:
    """Time at work over length of programme made; None while nothing is made, or where some of it was found in the store."""
    media_s = stage.media_duration.ToTimedelta().total_seconds()
    busy_s = stage.busy_duration.ToTimedelta().total_seconds()
    return busy_s / media_s if media_s > 0 and busy_s > 0 and not stage.cached_steps else None


class Reporter(Protocol):
    """Something that shows what happens. A context: it takes the terminal on entry and gives it back on exit."""

    def __enter__(self) -> Reporter: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None: ...

    def note(self, event: str, text: str, **facts: Any) -> None:
        """Something that happened once: `text` for people, `event` and `facts` for programs."""

    def job(self, job: Job) -> None:
        """The job as it now is."""


class JsonLines:
    """One JSON object a line on stdout: every change of a stage, and every note."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, str], str] = {}

    def __enter__(self) -> JsonLines:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        pass

    def note(self, event: str, text: str, **facts: Any) -> None:
        # In one write: the thread that cancels a job notes it beside the one that follows it.
        print(json.dumps({"event": event, **facts}, ensure_ascii=False) + "\n", end="", flush=True)

    def job(self, job: Job) -> None:
        for stage in job.stages:
            rtf = real_time_factor(stage)
            facts: dict[str, Any] = {
                "job": job.id,
                "locale": stage.locale,
                "stage": stage.name,
                "state": state_name(stage.state),
                "progress": round(stage.progress, 4),
                "busy_s": round(stage.busy_duration.ToTimedelta().total_seconds(), 3),
                "media_s": round(stage.media_duration.ToTimedelta().total_seconds(), 3),
                "real_time_factor": None if rtf is None else round(rtf, 4),
                "cached_steps": stage.cached_steps,
                "total_steps": stage.total_steps,
            }
            line = json.dumps(facts, ensure_ascii=False)
            if job.HasField("remaining_duration"):
                facts["job_remaining_s"] = job.remaining_duration.seconds
            if self._seen.get((stage.locale, stage.name)) != line:
                self._seen[stage.locale, stage.name] = line
                self.note("stage", "", **facts)


class Lines:
    """One line on stderr for each stage that ends: for logs."""

    def __init__(self) -> None:
        self._ended: set[tuple[str, str]] = set()

    def __enter__(self) -> Lines:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        pass

    def note(self, event: str, text: str, **facts: Any) -> None:
        print(text, file=sys.stderr, flush=True)

    def job(self, job: Job) -> None:
        for stage in job.stages:
            key = (stage.locale, stage.name)
            if key not in self._ended and stage.state in {job_pb2.STATE_SUCCEEDED, job_pb2.STATE_FAILED, job_pb2.STATE_CANCELLED}:
                self._ended.add(key)
                print(stage_line(stage), file=sys.stderr, flush=True)


def stage_line(stage: Stage) -> str:
    """ "es animate: succeeded in 21.4 s, 25.3 s of video, 0.85 x real time" """
    text = f"{stage.locale} {stage.name}: {state_name(stage.state)}".lstrip()
    if stage.state == job_pb2.STATE_SUCCEEDED:
        text += f" in {stage.busy_duration.ToTimedelta().total_seconds():.1f} s"
        rtf = real_time_factor(stage)
        if rtf is not None:
            text += f" ({stage.media_duration.ToTimedelta().total_seconds():.1f} s of programme, real-time factor {rtf:.2f})"
        if stage.cached_steps:
            text += f", {stage.cached_steps} of {stage.total_steps} steps from the store"
    return text


class Bars:
    """A bar for each stage of each locale, on a terminal."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, SpinnerColumn, TaskProgressColumn, TextColumn

        self._console = Console(stderr=True)
        self._tasks: dict[tuple[str, str], TaskID] = {}
        self._progress: Progress = Progress(
            SpinnerColumn(finished_text=" "),
            TextColumn("[bold]{task.fields[locale]}"),
            TextColumn("{task.description}"),
            BarColumn(bar_width=32),
            TaskProgressColumn(),
            TextColumn("{task.fields[remark]}"),
            console=self._console,
        )

    def __enter__(self) -> Bars:
        self._progress.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._progress.stop()

    def note(self, event: str, text: str, **facts: Any) -> None:
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)

    def job(self, job: Job) -> None:
        if ("", "") not in self._tasks:
            self._tasks["", ""] = self._progress.add_task("all", total=1.0, locale="", remark="")
        self._progress.update(self._tasks["", ""], completed=job.progress, remark=_left(job))
        # Where the rows would not fit, those that are done make room.
        crowded = len(job.stages) > self._console.height - 6
        for stage in job.stages:
            key = (stage.locale, stage.name)
            if key not in self._tasks:
                self._tasks[key] = self._progress.add_task(stage.name, total=1.0, locale=stage.locale, remark="")
            task = self._tasks[key]
            done = stage.state == job_pb2.STATE_SUCCEEDED
            self._progress.update(task, completed=1.0 if done else stage.progress, remark=_remark(stage), visible=not (crowded and done))


def _left(job: Job) -> str:
    """ "about 2 min left", once that is known."""
    if not job.HasField("remaining_duration"):
        return ""
    seconds = job.remaining_duration.seconds
    return f"about {seconds // 60} min left" if seconds >= 120 else f"about {max(seconds, 1)} s left"


def _remark(stage: Stage) -> str:
    if stage.state == job_pb2.STATE_FAILED:
        return "[red]failed"
    if stage.state == job_pb2.STATE_CANCELLED:
        return "[yellow]cancelled"
    if stage.state == job_pb2.STATE_QUEUED:
        return ""
    rtf = real_time_factor(stage)
    parts = [f"RTF {rtf:.2f}"] if rtf is not None else []
    if stage.cached_steps:
        parts.append(f"{stage.cached_steps}/{stage.total_steps} from the store")
    return ", ".join(parts)


def choose(*, as_json: bool) -> Reporter:
    """JSON where asked for, bars where stderr is a terminal, else lines."""
    if as_json:
        return JsonLines()
    return Bars() if sys.stderr.isatty() else Lines()
