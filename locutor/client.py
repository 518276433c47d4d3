"""The client of a gateway: upload, start, watch, download.

    with LocutorClient("tcp://127.0.0.1:50050") as client:
        face = client.upload("face.png")
        job = client.create_present_job(PresentSpec(script=Script(text="Hello.", locale="en-US"), face_uri=face, ...))
        for job in client.watch(job.id):
            print(job.progress)

It needs the generated stubs and grpcio, nothing of the services. Every method raises `locutor.errors`.
"""

from __future__ import annotations

import io
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

import grpc
from grpc_status import rpc_status

from locutor import transfer
from locutor.channel import TlsFiles, open_channel
from locutor.errors import ServiceLost
from locutor.gateway.v1 import catalog_pb2, catalog_pb2_grpc, dub_pb2, job_pb2, job_pb2_grpc, media_pb2, media_pb2_grpc, store_pb2, store_pb2_grpc
from locutor.lipsync.v1 import lipsync_pb2
from locutor.status import from_rpc_error

ENDED = frozenset({job_pb2.STATE_SUCCEEDED, job_pb2.STATE_PARTLY_SUCCEEDED, job_pb2.STATE_FAILED, job_pb2.STATE_CANCELLED})
"""States that a job never leaves."""

_CALL_TIMEOUT_S = 120.0
"""For calls that answer at once; a gateway that has just started loads its engines first."""

_COLLECT_TIMEOUT_S = 3600.0
"""Of a store of millions of objects."""

_WATCH_ATTEMPTS = 5
"""How often in a row a watch is taken up again after the connection was lost, waiting 1, 2, 4, ... seconds."""


class LocutorClient:
    """A connection to one gateway. It may be shared by threads."""

    def __init__(self, address: str, token: str | None = None, *, tls: TlsFiles | None = None) -> None:
        """`address` is a URI: `unix:/path`, `tcp://host:port` or `dns:///host:port`. Nothing is sent yet.

        Raises `InvalidInput` for an address that is none and for a token that would travel in clear text.
        """
        self.address = address
        self._channel = open_channel(address, token, tls)
        self._jobs = job_pb2_grpc.JobServiceStub(self._channel)
        self._media = media_pb2_grpc.MediaServiceStub(self._channel)
        self._catalog = catalog_pb2_grpc.CatalogServiceStub(self._channel)
        self._store = store_pb2_grpc.StoreServiceStub(self._channel)

    def __enter__(self) -> LocutorClient:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """End the connection; calls that still run are cancelled."""
        self._channel.close()

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except grpc.RpcError as error:
            found = from_rpc_error(error)
            # Without details it is the network that speaks, not the gateway.
            if isinstance(found, ServiceLost) and rpc_status.from_call(error) is None:  # type: ignore[arg-type]
                raise ServiceLost(f"the gateway at {self.address} does not answer: {found.message}") from error
            raise found from error

    def upload(self, source: Path | str | bytes) -> str:
        """Store a file, or bytes; returns its URI ("media/..."). The same bytes always get the same URI."""
        if isinstance(source, bytes):
            return self._upload(io.BytesIO(source), "")
        path = Path(source)
        with path.open("rb") as file:
            return self._upload(file, path.name)

    def _upload(self, source: io.BytesIO | io.BufferedReader, file_name: str) -> str:
        with self._errors():
            response: media_pb2.UploadMediaResponse = self._media.UploadMedia(transfer.upload_requests(source, file_name))
        return response.media.uri

    def download(self, uri: str, path: Path | str, *, direct: bool = False) -> media_pb2.Media:
        """Write a media or an output to `path`, which appears only once it is whole. Called again after it broke off, it goes on.

        `direct`: from the store itself, past the gateway, where the store gives URLs; it must be reached from here.
        """
        with self._errors():
            return transfer.download(self._media, uri, Path(path), direct=direct)

    def download_url(self, uri: str) -> str | None:
        """A URL by which anybody may read a media for 15 minutes; None where the gateway's store cannot give one."""
        with self._errors():
            return self._media.GetDownloadUrl(media_pb2.GetDownloadUrlRequest(uri=uri), timeout=_CALL_TIMEOUT_S).url or None

    def create_present_job(self, spec: job_pb2.PresentSpec, *, request_id: str = "", priority: int = 0) -> job_pb2.Job:
        """Start a job. Raises `InvalidInput` with every field at fault before any expensive work.

        With a `request_id` the call may be repeated: it then returns the job that it made the first time. `priority`: -10 to 10;
        a job of a higher one is begun before others of the same tenant.
        """
        with self._errors():
            request = job_pb2.CreateJobRequest(present=spec, request_id=request_id, priority=priority)
            return self._jobs.CreateJob(request, timeout=_CALL_TIMEOUT_S).job

    def create_dub_job(self, spec: job_pb2.DubSpec, *, request_id: str = "", priority: int = 0) -> job_pb2.Job:
        """As `create_present_job`, for a video that is to speak other languages."""
        with self._errors():
            return self._jobs.CreateJob(job_pb2.CreateJobRequest(dub=spec, request_id=request_id, priority=priority), timeout=_CALL_TIMEOUT_S).job

    def plan_job(self, spec: job_pb2.PresentSpec | job_pb2.DubSpec) -> job_pb2.PlanJobResponse:
        """What a job like this would find in the store, what it would compute, and how long that takes. Nothing is computed."""
        request = job_pb2.PlanJobRequest(dub=spec) if isinstance(spec, job_pb2.DubSpec) else job_pb2.PlanJobRequest(present=spec)
        with self._errors():
            return self._jobs.PlanJob(request, timeout=_CALL_TIMEOUT_S)

    def review_job(
        self, job_id: str, *, edits: Iterable[dub_pb2.UtteranceEdit] = (), scripts: Mapping[str, str] | None = None, approved: bool = False
    ) -> job_pb2.Job:
        """A person's word on a job that waits for it: changes, and whether it goes on. `scripts`: by locale, for a present job."""
        with self._errors():
            request = job_pb2.ReviewJobRequest(id=job_id, edits=edits, scripts=scripts or {}, approved=approved)
            return self._jobs.ReviewJob(request, timeout=_CALL_TIMEOUT_S).job

    def events(self, job_id: str) -> Iterator[job_pb2.JobEvent]:
        """What happened to a job, in order of time."""
        token = ""
        while True:
            with self._errors():
                page = self._jobs.ListJobEvents(job_pb2.ListJobEventsRequest(id=job_id, page_token=token), timeout=_CALL_TIMEOUT_S)
            yield from page.events
            token = page.next_page_token
            if not token:
                return

    def utterances(self, job_id: str, locale: str) -> list[dub_pb2.Utterance]:
        """What is said in one locale of a dub job, as far as it is known."""
        with self._errors():
            request = job_pb2.ListUtterancesRequest(id=job_id, locale=locale)
            return list(self._jobs.ListUtterances(request, timeout=_CALL_TIMEOUT_S).utterances)

    def edit_job(self, job_id: str, edits: Iterable[dub_pb2.UtteranceEdit], *, request_id: str = "") -> job_pb2.Job:
        """A new job like an ended dub job, with some utterances changed; only what depends on them is made again."""
        with self._errors():
            request = job_pb2.EditJobRequest(id=job_id, edits=edits, request_id=request_id)
            return self._jobs.EditJob(request, timeout=_CALL_TIMEOUT_S).job

    def watch(self, job_id: str) -> Iterator[job_pb2.Job]:
        """The job as it is, then again at each change, the ended job last. A lost connection is taken up again."""
        failures = 0
        while True:
            try:
                with self._errors():
                    for response in self._jobs.WatchJob(job_pb2.WatchJobRequest(id=job_id)):
                        failures = 0
                        yield response.job
                        if response.job.state in ENDED:
                            return
                raise ServiceLost(f"the gateway stopped reporting on job {job_id} before its end")
            except ServiceLost:
                failures += 1
                if failures == _WATCH_ATTEMPTS:
                    raise
                time.sleep(2 ** (failures - 1))

    def job(self, job_id: str) -> job_pb2.Job:
        """A job as it is now."""
        with self._errors():
            return self._jobs.GetJob(job_pb2.GetJobRequest(id=job_id), timeout=_CALL_TIMEOUT_S).job

    def jobs(self) -> Iterator[job_pb2.Job]:
        """All jobs that the gateway still keeps, newest first, fetched page by page."""
        token = ""
        while True:
            with self._errors():
                page = self._jobs.ListJobs(job_pb2.ListJobsRequest(page_token=token), timeout=_CALL_TIMEOUT_S)
            yield from page.jobs
            token = page.next_page_token
            if not token:
                return

    def cancel(self, job_id: str) -> job_pb2.Job:
        """Ask a job to stop; what was finished stays. The answer may still be a running job: watch it."""
        with self._errors():
            return self._jobs.CancelJob(job_pb2.CancelJobRequest(id=job_id), timeout=_CALL_TIMEOUT_S).job

    def delete(self, job_id: str) -> None:
        """Remove an ended job."""
        with self._errors():
            self._jobs.DeleteJob(job_pb2.DeleteJobRequest(id=job_id), timeout=_CALL_TIMEOUT_S)

    def catalog(self) -> catalog_pb2.GetCatalogResponse:
        """Voices, translation pairs and models of the services behind the gateway."""
        with self._errors():
            return self._catalog.GetCatalog(catalog_pb2.GetCatalogRequest(), timeout=_CALL_TIMEOUT_S)

    def collect_garbage(self, unused_s: float | None = None, quota_bytes: int | None = None, *, dry_run: bool = False) -> store_pb2.CollectGarbageResponse:
        """Remove from the artifact store what was not used for so long, and what is over the quota; None: as the gateway is set. For operators."""
        request = store_pb2.CollectGarbageRequest(dry_run=dry_run)
        if unused_s is not None:
            request.unused_duration.FromNanoseconds(round(unused_s * 1e9))
        if quota_bytes is not None:
            request.quota_bytes = quota_bytes
        with self._errors():
            return self._store.CollectGarbage(request, timeout=_COLLECT_TIMEOUT_S)

    def inspect_face(self, uri: str) -> lipsync_pb2.InspectResponse:
        """Whether an uploaded image will do as a face, and what is wrong with it."""
        with self._errors():
            return self._catalog.InspectFace(catalog_pb2.InspectFaceRequest(face_uri=uri), timeout=_CALL_TIMEOUT_S).inspection
