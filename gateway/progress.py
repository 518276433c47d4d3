"""What is known of a running job: its stages as they advance, and who watches."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

from google.protobuf.timestamp_pb2 import Timestamp

from gateway.jobs import ENDED
from gateway.sight import JobSight
from gateway.stages import job_locales, stage_plan
from locutor.gateway.v1 import dub_pb2, job_pb2

_NOTICE_INTERVAL_S = 0.1
"""Least time between two messages to a watcher."""
_KNOWN_FROM = 0.03
"""Share of the work after which its speed says something of the rest."""


def now() -> Timestamp:
    stamp = Timestamp()
    stamp.GetCurrentTime()
    return stamp


class StageTracker:
    """One stage of one locale."""

    def __init__(self, job: JobTracker, stage: job_pb2.Stage) -> None:
        self._job = job
        self._stage = stage
        self.sight = job.sight.stage(stage)
        self._at_work = 0
        self._since = 0.0
        self._busy_s = 0.0
        self._media_s = 0.0

    @property
    def name(self) -> str:
        return self._stage.name

    @property
    def locale(self) -> str:
        """Empty: of all locales together."""
        return self._stage.locale

    def advance(self, progress: float) -> None:
        """Set the share that is done, 0 to 1. It never goes back."""
        if progress > self._stage.progress:
            self._stage.progress = min(progress, 1.0)
            self._job.changed()

    def add_media(self, seconds: float) -> None:
        """So much more programme was made."""
        self._media_s += seconds
        self._stage.media_duration.FromNanoseconds(round(self._media_s * 1e9))

    def step_done(self, cached: bool) -> None:
        self._stage.total_steps += 1
        self._stage.cached_steps += cached
        self.sight.step_done(cached=cached)
        self._job.changed()

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """The stage works for as long as this lasts; several at a time count once."""
        if self._stage.state == job_pb2.STATE_QUEUED:
            self._stage.state = job_pb2.STATE_RUNNING
            self._stage.start_time.CopyFrom(now())
            self._job.changed()
        if self._at_work == 0:
            self._since = time.monotonic()
        self._at_work += 1
        try:
            yield
        finally:
            self._at_work -= 1
            if self._at_work == 0:
                self._busy_s += time.monotonic() - self._since
                self._stage.busy_duration.FromNanoseconds(round(self._busy_s * 1e9))

    def end(self, state: job_pb2.State.ValueType) -> None:
        """No effect on a stage that has ended."""
        if self._stage.state in ENDED:
            return
        self._stage.state = state
        if self._stage.HasField("start_time"):
            self._stage.end_time.CopyFrom(now())
        if state == job_pb2.STATE_SUCCEEDED:
            self._stage.progress = 1.0
        self.sight.ended()
        self._job.changed()


class JobTracker:
    """A job's message, kept up to date, and told to watchers at each change."""

    def __init__(self, job: job_pb2.Job) -> None:
        self.job = job
        self.sight = JobSight(job)
        self.utterances: dict[str, list[dub_pb2.Utterance]] = {}
        """What is known by now of what a dub job says, by locale."""
        self._version = 0
        self._wake = asyncio.Event()
        self._is_left = False
        self._stages: dict[tuple[str, str], StageTracker] = {}
        self._plan = stage_plan(job)
        self._began = time.monotonic()

    @property
    def version(self) -> int:
        """Rises with each change."""
        return self._version

    def reset(self) -> None:
        """Begin a run, or begin it anew: stages and results of all locales as queued. Progress already told is not taken back."""
        self._stages.clear()
        self._began = time.monotonic()
        del self.job.stages[:]
        del self.job.results[:]
        for name in self._plan.shared:
            self._add_stage("", name)
        for locale in job_locales(self.job):
            self.job.results.add(locale=locale, state=job_pb2.STATE_QUEUED)
            for name in self._plan.per_locale:
                self._add_stage(locale, name)
        self.changed()

    def leave(self) -> None:
        """Another process goes on with the job: watchers are to look there."""
        self._is_left = True
        self.changed()

    def began(self) -> None:
        """The job is at work from now on: the time before was spent waiting."""
        self._began = time.monotonic()

    def _add_stage(self, locale: str, name: str) -> None:
        self._stages[locale, name] = StageTracker(self, self.job.stages.add(name=name, locale=locale, state=job_pb2.STATE_QUEUED))

    def stage(self, locale: str, name: str) -> StageTracker:
        """A stage of a locale; of all locales together where `locale` is empty."""
        return self._stages[locale, name]

    def stages_of(self, locale: str) -> dict[str, StageTracker]:
        """By name."""
        return {name: stage for (own, name), stage in self._stages.items() if own == locale}

    def result(self, locale: str) -> job_pb2.LocaleResult:
        """To be changed in place; call `changed` then."""
        return next(result for result in self.job.results if result.locale == locale)

    def end_locale(self, locale: str, state: job_pb2.State.ValueType) -> None:
        """A locale's end, and with it that of its stages that have not ended."""
        for stage in self.stages_of(locale).values():
            stage.end(state)
        self.result(locale).state = state
        self.changed()

    def changed(self) -> None:
        if self.job.state == job_pb2.STATE_SUCCEEDED:
            self.job.progress = 1.0
        elif self.job.stages:
            share = self._done() / self._work()
            # A job is done when it says so, not when its last stage is.
            self.job.progress = max(self.job.progress, min(share, 0.999))
        self._tell_remaining()
        self._version += 1
        self._wake.set()
        self._wake = asyncio.Event()

    def _weight(self, stage: job_pb2.Stage) -> float:
        return self._plan.per_locale[stage.name] if stage.locale else self._plan.shared[stage.name]

    def _work(self) -> float:
        return sum(self._weight(stage) for stage in self.job.stages)

    def _done(self) -> float:
        return sum(stage.progress * self._weight(stage) for stage in self.job.stages)

    def _tell_remaining(self) -> None:
        """What is left takes as long as what was done did, but for what was found in the store."""
        job = self.job
        if job.state in ENDED or not job.stages:
            job.ClearField("remaining_duration")
            return
        made = sum(stage.progress * self._weight(stage) * (1 - stage.cached_steps / stage.total_steps if stage.total_steps else 1) for stage in job.stages)
        work = self._work()
        if job.state == job_pb2.STATE_RUNNING and made >= _KNOWN_FROM * work:
            left = (work - self._done()) / made * (time.monotonic() - self._began)
            job.remaining_duration.FromSeconds(round(left))

    def snapshot(self) -> job_pb2.Job:
        copy = job_pb2.Job()
        copy.CopyFrom(self.job)
        return copy

    async def watch(self) -> AsyncIterator[job_pb2.Job]:
        """The job as it is, then after changes, at most ten times a second; the last is the ended job, or that at which the process left it."""
        while True:
            version, wake = self._version, self._wake
            snapshot = self.snapshot()
            yield snapshot
            if snapshot.state in ENDED or self._is_left:
                return
            await asyncio.sleep(_NOTICE_INTERVAL_S)
            if self._version == version:
                await wake.wait()
