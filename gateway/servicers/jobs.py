"""JobService: create, watch, cancel. Each tenant's jobs are all that there are for him."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Iterable

import grpc.aio

from gateway.artifacts import ArtifactStore, digest_of
from gateway.changes import Changes
from gateway.dub.edit_file import read_utterances
from gateway.dub.lines import locked, merge_edits
from gateway.dub.plan import dub_locales
from gateway.durable import Durable
from gateway.job_events import JobEvents
from gateway.jobs import ENDED, JobTable, QueueLimits
from gateway.media_table import MediaTable
from gateway.planner import Planner
from gateway.present.plan import target_locales
from gateway.progress import JobTracker, now
from gateway.readable import ReadableMedia
from gateway.review import Review, with_edits, with_scripts
from gateway.runner import JobRunner
from gateway.services import Services
from gateway.settings import GatewaySettings
from gateway.validate import check_dub, check_present, check_priority, check_request_id
from locutor.errors import FieldViolation, InvalidInput
from locutor.gateway.v1 import dub_pb2, job_pb2, job_pb2_grpc
from services.serving.interceptors import tenant

_DEFAULT_PAGE = 20
_LARGEST_PAGE = 100
_MOST_EVENTS = 1000


class JobServicer(job_pb2_grpc.JobServiceServicer):
    full_name = "locutor.gateway.v1.JobService"

    def __init__(
        self,
        settings: GatewaySettings,
        table: JobTable,
        media: MediaTable,
        store: ArtifactStore,
        services: Services,
        runner: JobRunner,
        changes: Changes,
        events: JobEvents,
        durable: Durable,
        planner: Planner,
    ) -> None:
        self._planner = planner
        self._settings = settings
        self._changes = changes
        self._events = events
        self._durable = durable
        self._table = table
        self._media = media
        self._store = store
        self._services = services
        self._runner = runner

    def register(self, server: grpc.aio.Server) -> None:
        job_pb2_grpc.add_JobServiceServicer_to_server(self, server)

    async def load(self) -> None:
        """Nothing to load."""

    async def close(self) -> None:
        await self._runner.stop()

    async def CreateJob(self, request: job_pb2.CreateJobRequest, context: grpc.aio.ServicerContext) -> job_pb2.CreateJobResponse:
        check_request_id(request.request_id)
        check_priority(request.priority)
        found = await self._table.find_request(request, tenant.get())
        if found is None:
            found = await self._add(await self._checked(request), request)
        return job_pb2.CreateJobResponse(job=self._runner.current(found.id) or found)

    async def PlanJob(self, request: job_pb2.PlanJobRequest, context: grpc.aio.ServicerContext) -> job_pb2.PlanJobResponse:
        return await self._planner.plan(await self._checked(request), ReadableMedia(self._store, self._media, tenant.get()), tenant.get())

    async def _checked(self, request: job_pb2.CreateJobRequest | job_pb2.PlanJobRequest) -> job_pb2.Job:
        """A job as the request asks for it. Raises `InvalidInput` with all that is wrong with it."""
        kind = request.WhichOneof("spec")
        if kind is None:
            raise InvalidInput.of("present", "is not set; say what the job is to make", "NO_SPEC")
        media = ReadableMedia(self._store, self._media, tenant.get())
        if kind == "present":
            await check_present(request.present, self._services, media)
            job = job_pb2.Job(present=request.present)
            for target, locale in zip(job.present.targets, target_locales(job.present), strict=True):
                target.locale = locale
            return job
        await check_dub(request.dub, self._services, media)
        job = job_pb2.Job(dub=request.dub)
        del job.dub.edits[:]
        job.dub.edits.extend(merge_edits(request.dub.edits))
        for dub_target, locale in zip(job.dub.targets, dub_locales(job.dub), strict=True):
            dub_target.locale = locale
        return job

    async def EditJob(self, request: job_pb2.EditJobRequest, context: grpc.aio.ServicerContext) -> job_pb2.EditJobResponse:
        check_request_id(request.request_id)
        job = await self._dub_job(request.id)
        if job.state not in ENDED:
            raise InvalidInput.of("id", f"the job {job.id} has not ended; wait for it, or cancel it first", "JOB_NOT_ENDED")
        spec = job_pb2.DubSpec()
        spec.CopyFrom(job.dub)
        del spec.edits[:]
        spec.edits.extend(merge_edits([*job.dub.edits, *await self._with_locked(job, request.edits)]))
        created = await self.CreateJob(job_pb2.CreateJobRequest(dub=spec, request_id=request.request_id), context)
        return job_pb2.EditJobResponse(job=created.job)

    async def ListUtterances(self, request: job_pb2.ListUtterancesRequest, context: grpc.aio.ServicerContext) -> job_pb2.ListUtterancesResponse:
        job = await self._dub_job(request.id)
        locales = [target.locale for target in job.dub.targets]
        if request.locale not in locales:
            raise InvalidInput.of("locale", f"{request.locale[:40]!r} is no target of the job; choose from {', '.join(locales)}", "UNKNOWN_LOCALE")
        return job_pb2.ListUtterancesResponse(utterances=await self._utterances(job, request.locale))

    async def _add(self, job: job_pb2.Job, request: job_pb2.CreateJobRequest) -> job_pb2.Job:
        """Keep a checked job and have it run; or the job that an equal request made meanwhile."""
        job.MergeFrom(job_pb2.Job(id=secrets.token_hex(8), state=job_pb2.STATE_QUEUED, request_id=request.request_id, create_time=now()))
        job.priority = request.priority
        JobTracker(job).reset()
        limits = QueueLimits(self._settings.queue, self._settings.tenant_queue)
        found = await self._table.add(job, request, tenant.get(), self._runner.owner_of_new_jobs, limits)
        if found.id == job.id:
            self._events.add(job.id, job_pb2.JOB_EVENT_KIND_QUEUED)
            await self._events.write_now()
            self._runner.heard(job.id)
        return found

    async def _dub_job(self, job_id: str) -> job_pb2.Job:
        job = await self._job(job_id)
        if job.WhichOneof("spec") != "dub":
            raise InvalidInput.of("id", f"the job {job.id} dubs no video, so it has no utterances", "NOT_A_DUB")
        return job

    async def _utterances(self, job: job_pb2.Job, locale: str) -> list[dub_pb2.Utterance]:
        known = self._runner.utterances(job.id, locale)
        if known:
            return known
        result = next((result for result in job.results if result.locale == locale), job_pb2.LocaleResult())
        uri = next((output.media.uri for output in result.outputs if output.kind == job_pb2.OUTPUT_KIND_UTTERANCES), "")
        return await asyncio.to_thread(read_utterances, await self._store.read(digest_of(uri))) if uri else []

    async def _with_locked(self, job: job_pb2.Job, edits: Iterable[dub_pb2.UtteranceEdit]) -> list[dub_pb2.UtteranceEdit]:
        """Where an utterance is locked, with its text, voice and times as they are now."""
        said: dict[str, dict[str, dub_pb2.Utterance]] = {}
        completed = []
        for edit in edits:
            if edit.locked and edit.locale:
                if edit.locale not in said:
                    said[edit.locale] = {utterance.id: utterance for utterance in await self._utterances(job, edit.locale)}
                if edit.id in said[edit.locale]:
                    edit = locked(edit, said[edit.locale][edit.id])
            completed.append(edit)
        return completed

    async def GetJob(self, request: job_pb2.GetJobRequest, context: grpc.aio.ServicerContext) -> job_pb2.GetJobResponse:
        return job_pb2.GetJobResponse(job=await self._job(request.id))

    async def ListJobs(self, request: job_pb2.ListJobsRequest, context: grpc.aio.ServicerContext) -> job_pb2.ListJobsResponse:
        violations = _page_violations(request.page_size, request.page_token, _LARGEST_PAGE)
        if violations:
            raise InvalidInput(violations)
        before = int(request.page_token) if request.page_token else None
        jobs, token = await self._table.page(tenant.get(), request.page_size or _DEFAULT_PAGE, before)
        return job_pb2.ListJobsResponse(
            jobs=[_without_edits(self._runner.current(job.id) or job) for job in jobs], next_page_token=str(token) if token is not None else ""
        )

    async def WatchJob(self, request: job_pb2.WatchJobRequest, context: grpc.aio.ServicerContext) -> AsyncIterator[job_pb2.WatchJobResponse]:
        await self._check_caller(request.id)
        async for job in self._watched(request.id):
            yield job_pb2.WatchJobResponse(job=_without_edits(job))

    async def CancelJob(self, request: job_pb2.CancelJobRequest, context: grpc.aio.ServicerContext) -> job_pb2.CancelJobResponse:
        await self._check_caller(request.id)
        await self._runner.cancel(request.id)
        return job_pb2.CancelJobResponse(job=await self._job(request.id))

    async def DeleteJob(self, request: job_pb2.DeleteJobRequest, context: grpc.aio.ServicerContext) -> job_pb2.DeleteJobResponse:
        job = await self._job(request.id)
        if job.state not in ENDED:
            raise InvalidInput.of("id", f"the job {job.id} has not ended; cancel it first", "JOB_NOT_ENDED")
        await self._durable.forget_job(job.id)
        await self._table.delete(job.id)
        return job_pb2.DeleteJobResponse()

    async def ReviewJob(self, request: job_pb2.ReviewJobRequest, context: grpc.aio.ServicerContext) -> job_pb2.ReviewJobResponse:
        job = await self._job(request.id)
        if job.state in ENDED:
            raise InvalidInput.of("id", f"the job {job.id} has ended; edit it, or make a new one", "JOB_ENDED")
        if not (job.dub.review or job.present.review):
            raise InvalidInput.of("id", f"the job {job.id} waits for nobody's word; set review when you create a job", "NO_REVIEW")
        if request.edits or request.scripts:
            review = Review.of([*await self._table.reviews(job.id), request])
            media = ReadableMedia(self._store, self._media, tenant.get())
            if job.WhichOneof("spec") == "dub":
                if request.scripts:
                    raise InvalidInput.of("scripts", "are for a present job; change a dub job's utterances by edits", "NOT_A_PRESENT")
                await check_dub(with_edits(job.dub, review), self._services, media)
            else:
                if request.edits:
                    raise InvalidInput.of("edits", "are for a dub job; give a present job's locales scripts", "NOT_A_DUB")
                await check_present(with_scripts(job.present, review), self._services, media)
        await self._table.add_review(request)
        self._events.add(job.id, job_pb2.JOB_EVENT_KIND_REVIEWED, "approved" if request.approved else "")
        await self._events.write_now()
        await self._durable.wake(job.id)
        return job_pb2.ReviewJobResponse(job=await self._job(job.id))

    async def ListJobEvents(self, request: job_pb2.ListJobEventsRequest, context: grpc.aio.ServicerContext) -> job_pb2.ListJobEventsResponse:
        violations = _page_violations(request.page_size, request.page_token, _MOST_EVENTS)
        if violations:
            raise InvalidInput(violations)
        await self._check_caller(request.id)
        after = int(request.page_token) if request.page_token else 0
        events, token = await self._events.page(request.id, request.page_size or _MOST_EVENTS, after)
        return job_pb2.ListJobEventsResponse(events=events, next_page_token=str(token) if token is not None else "")

    async def _check_caller(self, job_id: str) -> None:
        """Raises `NotFound` where the job is not the caller's. The runner knows the jobs of all."""
        await self._table.get(job_id, tenant.get())

    async def _job(self, job_id: str) -> job_pb2.Job:
        await self._check_caller(job_id)
        return self._runner.current(job_id) or await self._table.get(job_id, tenant.get())

    async def _watched(self, job_id: str) -> AsyncIterator[job_pb2.Job]:
        """A job as it is and at each change until it has ended, whoever works on it."""
        last = None
        while True:
            here = self._runner.watch(job_id)
            if here is not None:
                async for last in here:
                    yield last
            else:
                job = await self._table.get(job_id, tenant.get())
                if job != last:
                    last = job
                    yield job
            if last is not None and last.state in ENDED:
                return
            # It may have begun here while the table was read.
            if here is not None or self._runner.watch(job_id) is None:
                await self._changes.wait(job_id)


def _page_violations(size: int, token: str, largest: int) -> list[FieldViolation]:
    found = []
    if size > largest:
        found.append(FieldViolation("page_size", f"found {size}; choose 1 to {largest}", "OUT_OF_RANGE"))
    if token and not (token.isascii() and token.isdigit() and len(token) < 19):
        found.append(FieldViolation("page_token", "is not one that this service gave; leave it empty for the first page", "BAD_PAGE_TOKEN"))
    return found


def _without_edits(job: job_pb2.Job) -> job_pb2.Job:
    """For messages that are sent often, or with many jobs in them: edits may be megabytes."""
    if job.dub.edits:
        copy = job_pb2.Job()
        copy.CopyFrom(job)
        del copy.dub.edits[:]
        return copy
    return job
