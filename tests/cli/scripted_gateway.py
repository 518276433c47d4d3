"""A gateway whose jobs go as a test says: for what the command line does with each outcome, some of which no honest input brings about."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import grpc
from google.protobuf.duration_pb2 import Duration

from locutor.errors import InvalidInput
from locutor.gateway.v1 import job_pb2, job_pb2_grpc, media_pb2, media_pb2_grpc
from locutor.status import to_status


class ScriptedGateway(media_pb2_grpc.MediaServiceServicer, job_pb2_grpc.JobServiceServicer):
    def __init__(self, *, failing: Sequence[str] = (), refusal: InvalidInput | None = None, endless: bool = False) -> None:
        """`failing`: locales that fail. `refusal`: what CreateJob says. `endless`: the last locale works until the job is cancelled."""
        self.failing = failing
        self.refusal = refusal
        self.endless = endless
        self.cancelled = threading.Event()
        self.spec = job_pb2.PresentSpec()
        self.media: dict[str, bytes] = {}

    def UploadMedia(self, request_iterator: Iterator[media_pb2.UploadMediaRequest], context: grpc.ServicerContext) -> media_pb2.UploadMediaResponse:
        return media_pb2.UploadMediaResponse(media=self._keep(b"".join(request.data for request in request_iterator)))

    def DownloadMedia(self, request: media_pb2.DownloadMediaRequest, context: grpc.ServicerContext) -> Iterator[media_pb2.DownloadMediaResponse]:
        data = self.media[request.uri]
        yield media_pb2.DownloadMediaResponse(media=media_pb2.Media(uri=request.uri, size_bytes=len(data)))
        yield media_pb2.DownloadMediaResponse(data=data[request.offset_bytes :])

    def CreateJob(self, request: job_pb2.CreateJobRequest, context: grpc.ServicerContext) -> job_pb2.CreateJobResponse:
        if self.refusal is not None:
            context.set_trailing_metadata((("grpc-status-details-bin", to_status(self.refusal).SerializeToString()),))
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, self.refusal.message)
        self.spec = request.present
        return job_pb2.CreateJobResponse(job=self._job(job_pb2.STATE_QUEUED))

    def WatchJob(self, request: job_pb2.WatchJobRequest, context: grpc.ServicerContext) -> Iterator[job_pb2.WatchJobResponse]:
        yield job_pb2.WatchJobResponse(job=self._job(job_pb2.STATE_RUNNING))
        if self.endless:
            stopped = self.cancelled.wait(30)
            yield job_pb2.WatchJobResponse(job=self._job(job_pb2.STATE_CANCELLED if stopped else job_pb2.STATE_FAILED))
            return
        made = [target for target in self.spec.targets if target.locale not in self.failing]
        state = job_pb2.STATE_SUCCEEDED if len(made) == len(self.spec.targets) else job_pb2.STATE_PARTLY_SUCCEEDED if made else job_pb2.STATE_FAILED
        yield job_pb2.WatchJobResponse(job=self._job(state))

    def CancelJob(self, request: job_pb2.CancelJobRequest, context: grpc.ServicerContext) -> job_pb2.CancelJobResponse:
        self.cancelled.set()
        return job_pb2.CancelJobResponse(job=self._job(job_pb2.STATE_RUNNING))

    def _keep(self, data: bytes) -> media_pb2.Media:
        uri = "media/" + hashlib.sha256(data).hexdigest()
        self.media[uri] = data
        return media_pb2.Media(uri=uri, size_bytes=len(data))

    def _job(self, state: job_pb2.State.ValueType) -> job_pb2.Job:
        job = job_pb2.Job(id="j-1", state=state, present=self.spec)
        ended = state not in {job_pb2.STATE_QUEUED, job_pb2.STATE_RUNNING}
        for number, target in enumerate(self.spec.targets):
            result = job.results.add(locale=target.locale, state=job_pb2.STATE_RUNNING)
            stage = job.stages.add(name="speak", locale=target.locale, state=job_pb2.STATE_RUNNING, progress=0.5)
            finished = ended or (self.endless and number < len(self.spec.targets) - 1)
            if not finished:
                continue
            if target.locale in self.failing:
                result.state = stage.state = job_pb2.STATE_FAILED
                result.error.MergeFrom(job_pb2.JobError(code="INTERNAL", reason="INTERNAL", message="the engine crashed"))
            elif state == job_pb2.STATE_CANCELLED and number == len(self.spec.targets) - 1:
                result.state = stage.state = job_pb2.STATE_CANCELLED
            else:
                result.state = stage.state = job_pb2.STATE_SUCCEEDED
                stage.MergeFrom(job_pb2.Stage(progress=1.0, busy_duration=Duration(seconds=5), media_duration=Duration(seconds=10)))
                result.outputs.add(kind=job_pb2.OUTPUT_KIND_VIDEO, media=self._keep(f"video {target.locale}".encode()))
                result.outputs.add(kind=job_pb2.OUTPUT_KIND_REPORT, media=self._keep(b"{}"))
        return job


@contextmanager
def serve(gateway: ScriptedGateway, folder: Path) -> Iterator[str]:
    """Serve it on a unix socket; yields its address."""
    server = grpc.server(ThreadPoolExecutor(8))
    media_pb2_grpc.add_MediaServiceServicer_to_server(gateway, server)
    job_pb2_grpc.add_JobServiceServicer_to_server(gateway, server)
    address = f"unix:{folder}/gateway.sock"
    server.add_insecure_port(address)
    server.start()
    yield address
    server.stop(None).wait()
