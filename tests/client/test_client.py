"""The client against a real gRPC server whose media and jobs the test decides."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import pytest

from locutor import LocutorClient
from locutor.errors import InvalidInput, NotFound, OutOfRange, ServiceLost, Unauthenticated
from locutor.gateway.v1 import job_pb2, job_pb2_grpc, media_pb2, media_pb2_grpc
from locutor.status import code_of, to_status

CONTENT = bytes(range(256)) * 4096  # 1 MiB
CHUNK = 64 * 1024
KNOWN = "media/" + hashlib.sha256(CONTENT).hexdigest()


class Gateway(media_pb2_grpc.MediaServiceServicer, job_pb2_grpc.JobServiceServicer):
    """Serves one media, breaks a download off where it is told to, and wants a token where it is given one."""

    def __init__(self) -> None:
        self.break_after_bytes: int | None = None
        self.lost_watches = 0
        self.token = ""
        self.offsets: list[int] = []
        self.uploads: list[bytes] = []
        self.configs: list[media_pb2.UploadMediaConfig] = []

    def _check(self, context: grpc.ServicerContext) -> None:
        if self.token and dict(context.invocation_metadata()).get("authorization") != f"Bearer {self.token}":
            refuse(context, Unauthenticated("no token"))

    def DownloadMedia(self, request: media_pb2.DownloadMediaRequest, context: grpc.ServicerContext) -> Iterator[media_pb2.DownloadMediaResponse]:
        self._check(context)
        if request.uri != KNOWN:
            refuse(context, NotFound("there is no such media", reason="MEDIA_NOT_FOUND"))
        self.offsets.append(request.offset_bytes)
        if request.offset_bytes > len(CONTENT):
            refuse(context, OutOfRange.of("offset_bytes", "lies behind the end"))
        yield media_pb2.DownloadMediaResponse(media=media_pb2.Media(uri=request.uri, size_bytes=len(CONTENT)))
        sent = 0
        for begin in range(request.offset_bytes, len(CONTENT), CHUNK):
            if self.break_after_bytes is not None and sent >= self.break_after_bytes:
                self.break_after_bytes = None
                refuse(context, ServiceLost("the connection broke"))
            yield media_pb2.DownloadMediaResponse(data=CONTENT[begin : begin + CHUNK])
            sent += CHUNK

    def UploadMedia(self, request_iterator: Iterator[media_pb2.UploadMediaRequest], context: grpc.ServicerContext) -> media_pb2.UploadMediaResponse:
        self._check(context)
        self.configs.append(next(request_iterator).config)
        parts = [request.data for request in request_iterator]
        assert all(len(part) <= 256 * 1024 for part in parts)
        self.uploads.append(b"".join(parts))
        return media_pb2.UploadMediaResponse(media=media_pb2.Media(uri="media/" + hashlib.sha256(self.uploads[-1]).hexdigest()))

    def WatchJob(self, request: job_pb2.WatchJobRequest, context: grpc.ServicerContext) -> Iterator[job_pb2.WatchJobResponse]:
        yield job_pb2.WatchJobResponse(job=job_pb2.Job(id=request.id, state=job_pb2.STATE_RUNNING))
        if self.lost_watches:
            self.lost_watches -= 1
            refuse(context, ServiceLost("the gateway restarts"))
        yield job_pb2.WatchJobResponse(job=job_pb2.Job(id=request.id, state=job_pb2.STATE_SUCCEEDED))

    def CreateJob(self, request: job_pb2.CreateJobRequest, context: grpc.ServicerContext) -> job_pb2.CreateJobResponse:
        refuse(context, InvalidInput.of("present.targets[1].locale", "'xx' is not a language tag", "UNKNOWN_LOCALE"))
        raise AssertionError

    def ListJobs(self, request: job_pb2.ListJobsRequest, context: grpc.ServicerContext) -> job_pb2.ListJobsResponse:
        first = int(request.page_token or 0)
        return job_pb2.ListJobsResponse(jobs=[job_pb2.Job(id=str(first)), job_pb2.Job(id=str(first + 1))], next_page_token=str(first + 2) if first < 4 else "")


def refuse(context: grpc.ServicerContext, error: Any) -> None:
    context.set_trailing_metadata((("grpc-status-details-bin", to_status(error).SerializeToString()),))
    code = next(code for code in grpc.StatusCode if code.value[0] == code_of(error))
    context.abort(code, error.message)


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Gateway]:
    servicer = Gateway()
    server = grpc.server(ThreadPoolExecutor(4))
    media_pb2_grpc.add_MediaServiceServicer_to_server(servicer, server)
    job_pb2_grpc.add_JobServiceServicer_to_server(servicer, server)
    server.add_insecure_port(f"unix:{tmp_path}/gateway.sock")
    server.start()
    yield servicer
    server.stop(None).wait()


@pytest.fixture
def client(gateway: Gateway, tmp_path: Path) -> Iterator[LocutorClient]:
    with LocutorClient(f"unix:{tmp_path}/gateway.sock") as client:
        yield client


def test_download_appears_only_when_whole_and_goes_on_where_it_broke_off(gateway: Gateway, client: LocutorClient, tmp_path: Path) -> None:
    target = tmp_path / "out" / "video.mp4"
    gateway.break_after_bytes = 5 * CHUNK
    with pytest.raises(ServiceLost):
        client.download(KNOWN, target)
    assert not target.exists()
    client.download(KNOWN, target)
    assert target.read_bytes() == CONTENT
    assert gateway.offsets == [0, 5 * CHUNK]
    assert [path.name for path in target.parent.iterdir()] == ["video.mp4"]


def test_download_of_other_media_does_not_go_on_from_this_one(gateway: Gateway, client: LocutorClient, tmp_path: Path) -> None:
    target = tmp_path / "video.mp4"
    gateway.break_after_bytes = CHUNK
    with pytest.raises(ServiceLost):
        client.download(KNOWN, target)
    with pytest.raises(NotFound, match="no such media") as caught:
        client.download("media/unknown", target)
    assert caught.value.reason == "MEDIA_NOT_FOUND"
    assert not target.exists()


def test_download_begins_anew_where_the_rest_is_longer_than_the_media(gateway: Gateway, client: LocutorClient, tmp_path: Path) -> None:
    target = tmp_path / "video.mp4"
    part = tmp_path / f".video.mp4.{hashlib.sha256(KNOWN.encode()).hexdigest()[:16]}.part"
    part.write_bytes(CONTENT + b"too much")
    with pytest.raises(OutOfRange):
        client.download(KNOWN, target)
    client.download(KNOWN, target)
    assert target.read_bytes() == CONTENT


def test_a_damaged_rest_is_thrown_away_and_not_taken_for_the_media(client: LocutorClient, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / f".video.mp4.{hashlib.sha256(KNOWN.encode()).hexdigest()[:16]}.part").write_bytes(b"x" * len(CONTENT))
    with pytest.raises(ServiceLost, match="is damaged") as caught:
        client.download(KNOWN, out / "video.mp4")
    assert caught.value.retryable and list(out.iterdir()) == []
    client.download(KNOWN, out / "video.mp4")
    assert (out / "video.mp4").read_bytes() == CONTENT


def test_a_refused_download_leaves_nothing_behind(client: LocutorClient, tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        client.download("media/unknown", tmp_path / "out" / "video.mp4")
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("token", ["schlüssel", "two\nlines"])
def test_a_token_that_no_header_can_carry_is_refused(token: str) -> None:
    with pytest.raises(InvalidInput, match="printable ASCII"):
        LocutorClient("unix:/nowhere", token)


def test_upload_sends_chunks_with_the_type_that_the_bytes_have(gateway: Gateway, client: LocutorClient, tmp_path: Path) -> None:
    path = tmp_path / "face.jpg"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + CONTENT)
    uri = client.upload(path)
    assert uri == "media/" + hashlib.sha256(path.read_bytes()).hexdigest() == client.upload(path.read_bytes())
    assert gateway.uploads[0] == path.read_bytes()
    assert (gateway.configs[0].file_name, gateway.configs[0].content_type) == ("face.jpg", "image/png")


def test_watch_is_taken_up_again_after_a_lost_connection(gateway: Gateway, client: LocutorClient) -> None:
    gateway.lost_watches = 1
    states = [job.state for job in client.watch("j")]
    assert states == [job_pb2.STATE_RUNNING, job_pb2.STATE_RUNNING, job_pb2.STATE_SUCCEEDED]


def test_refusals_come_with_their_fields(client: LocutorClient) -> None:
    with pytest.raises(InvalidInput) as caught:
        client.create_present_job(job_pb2.PresentSpec())
    (violation,) = caught.value.violations
    assert (violation.field, violation.reason) == ("present.targets[1].locale", "UNKNOWN_LOCALE")


def test_jobs_are_listed_over_all_pages(client: LocutorClient) -> None:
    assert [job.id for job in client.jobs()] == ["0", "1", "2", "3", "4", "5"]


def test_token_goes_along_with_every_kind_of_call(gateway: Gateway, client: LocutorClient, tmp_path: Path) -> None:
    gateway.token = "secret"
    with pytest.raises(Unauthenticated):
        client.upload(b"x")
    with LocutorClient(client.address, "secret") as known:
        known.upload(b"x")
        known.download(KNOWN, tmp_path / "video.mp4")


def test_token_does_not_leave_the_machine_in_clear_text() -> None:
    with pytest.raises(InvalidInput, match="clear text"):
        LocutorClient("dns:///gateway.example.org:50050", "secret")


def test_proxy_of_the_environment_is_not_used_for_the_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("grpc_proxy", "http://127.0.0.1:9")
    servicer = Gateway()
    server = grpc.server(ThreadPoolExecutor(1))
    media_pb2_grpc.add_MediaServiceServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    with LocutorClient(f"tcp://127.0.0.1:{port}") as client:
        assert client.upload(b"x").startswith("media/")
    server.stop(None).wait()


@pytest.mark.parametrize("address", ["http://host:1", "tcp://host", "unix:", "host"])
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(InvalidInput, match="is not an address"):
        LocutorClient(address)
