"""What can be seen of jobs from outside: metrics as Prometheus reads them, one trace a job, and whose work each line of the log is."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.settings import GatewaySettings
from locutor import logs
from locutor.cli.timeline import BUSY, cells, timeline_of
from locutor.errors import Overloaded
from locutor.gateway.v1 import job_pb2
from services.serving import tracing
from services.serving.metrics import MetricsEndpoint
from tests.gateway.conftest import Client, eventually, make_spec, running_gateway
from tests.gateway.fakes import Fakes
from tests.serving.otlp import Collector, collecting
from tests.serving.test_metrics import scrape

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


class Scraper:
    """Reads a real endpoint of this process, and tells what was added since the last reading: other tests count here too."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._before: Samples = {}
        self.now: Samples = {}

    async def read(self) -> None:
        self._before, self.now = self.now, await asyncio.to_thread(scrape, self._url)

    def added(self, name: str, **labels: str) -> float:
        """Over all labels that are not given."""

        def total(samples: Samples) -> float:
            return sum(value for (found, its), value in samples.items() if found == name and labels.items() <= dict(its).items())

        return total(self.now) - total(self._before)


@pytest.fixture
async def scraper() -> Iterator[Scraper]:
    endpoint = MetricsEndpoint("tcp://127.0.0.1:0", "gateway")
    scraper = Scraper(endpoint.url)
    await scraper.read()
    yield scraper
    endpoint.close()


async def test_a_job_is_counted_in_all_its_parts(client: Client, spec: job_pb2.PresentSpec, fakes: Fakes, scraper: Scraper) -> None:
    fakes.tts.failures.append(Overloaded("busy", retry_after_s=0.1))
    job = await client.ended((await client.create(spec)).id)
    assert job.state == job_pb2.STATE_SUCCEEDED
    await eventually(lambda: all(not task.get_name().startswith("job-") for task in asyncio.all_tasks()))
    await scraper.read()
    of_jobs = {"pipeline": "present"}
    assert scraper.added("locutor_jobs_ended_total", **of_jobs, state="succeeded") == 1
    assert scraper.now["locutor_jobs_at_work", (("pipeline", "present"),)] == 0
    assert scraper.added("locutor_job_seconds_count", **of_jobs) == 1
    for stage in ("translate", "speak", "animate", "mux"):
        steps = [found for found in job.stages if found.name == stage]
        cached = sum(found.cached_steps for found in steps)
        assert scraper.added("locutor_steps_total", **of_jobs, stage=stage, outcome="cached") == cached
        assert scraper.added("locutor_steps_total", **of_jobs, stage=stage, outcome="computed") == sum(found.total_steps for found in steps) - cached
        busy_s = sum(found.busy_duration.ToNanoseconds() / 1e9 for found in steps)
        assert scraper.added("locutor_stage_seconds_sum", **of_jobs, stage=stage) == pytest.approx(busy_s)
    assert scraper.added("locutor_steps_total", **of_jobs, stage="speak", outcome="retried") == 1
    assert scraper.added("locutor_steps_total", **of_jobs, stage="speak", outcome="failed") == 1
    made_s = sum(found.media_duration.ToNanoseconds() / 1e9 for found in job.stages if found.name == "animate")
    assert scraper.added("locutor_stage_media_seconds_total", **of_jobs, stage="animate") == pytest.approx(made_s)
    assert scraper.added("locutor_stage_real_time_factor_count", **of_jobs, stage="animate") == 2
    spoken = {"grpc_service": "locutor.tts.v1.TtsService", "grpc_method": "Synthesize", "grpc_type": "server_stream"}
    assert scraper.added("grpc_client_handled_total", **spoken, grpc_code="RESOURCE_EXHAUSTED") == 1
    for side in ("client", "server"):
        assert (
            scraper.added(f"grpc_{side}_started_total", **spoken)
            == fakes.tts.calls["Synthesize"]
            == scraper.added(f"grpc_{side}_handling_seconds_count", **spoken)
        )
    assert scraper.added("locutor_store_written_bytes_total") > 0 and scraper.added("locutor_store_read_bytes_total") > 0
    # Once more: all of it is there, but videos are signed anew for a consent that was stated in another second.
    await client.ended((await client.create(spec)).id)
    await scraper.read()
    assert scraper.added("locutor_steps_total", outcome="computed") == scraper.added("locutor_steps_total", stage="mux", outcome="computed") <= 2
    assert scraper.added("locutor_steps_total", outcome="cached") > 0


async def test_the_queue_is_told(client: Client, spec: job_pb2.PresentSpec, fakes: Fakes, scraper: Scraper) -> None:
    fakes.tts.hold = asyncio.Event()
    jobs = [(await client.create(spec)).id for _ in range(3)]
    await eventually(lambda: fakes.tts.held > 0)
    await asyncio.sleep(0.2)
    await scraper.read()
    assert scraper.now["locutor_jobs", (("state", "running"),)] == 1
    assert scraper.now["locutor_jobs", (("state", "queued"),)] == 2
    assert scraper.now["locutor_jobs", (("state", "in_review"),)] == 0
    assert 0.2 <= scraper.now["locutor_queue_oldest_seconds", ()] < 20
    assert scraper.now["locutor_jobs_at_work", (("pipeline", "present"),)] == 1
    for service in ("asr", "tts", "translate", "lipsync"):
        # The fakes answer health checks, and load no engine.
        assert scraper.now["locutor_service_replicas", (("service", service), ("state", "loading"))] == 1
        assert scraper.now["locutor_service_workers", (("service", service),)] > 0
    assert scraper.now["locutor_service_calls", (("service", "tts"), ("state", "working"))] == fakes.tts.held
    assert scraper.now["locutor_service_calls", (("service", "tts"), ("state", "waiting"))] >= 1
    fakes.tts.hold.set()
    for job_id in jobs:
        await client.ended(job_id)
    async with asyncio.timeout(20):
        while True:
            await scraper.read()
            if not scraper.now["locutor_jobs", (("state", "running"),)] + scraper.now["locutor_jobs_at_work", (("pipeline", "present"),)]:
                break
    assert scraper.now["locutor_queue_oldest_seconds", ()] == 0


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    with collecting() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.endpoint)
        tracing.set_up("gateway")
        yield collector
        tracing.shut_down()


async def test_a_job_is_one_trace_down_to_what_its_services_do(
    collector: Collector, settings: GatewaySettings, fakes: Fakes, portrait: bytes, tmp_path: Path
) -> None:
    fakes.tts.failures.append(Overloaded("busy", retry_after_s=0.1))
    async with running_gateway(settings, fakes, tmp_path) as client:
        spec = make_spec((await client.upload(portrait)).uri)
        job = await client.ended((await client.create(spec)).id)
    await asyncio.to_thread(tracing.shut_down)
    (root,) = collector.named("job")
    assert root.parent == "" and root.attributes["locutor.job"] == job.id and root.attributes["locutor.worker"]
    work = [span for span in collector.spans if span.trace == root.trace]
    # What is asked before the first step belongs to the job alone.
    assert {span.attributes["rpc.method"] for span in work if span.parent == root.id and "rpc.method" in span.attributes} == {
        "ListModels",
        "ListPairs",
        "ListVoices",
    }
    assert root.trace == hashlib.sha256(job.id.encode()).hexdigest()[:32]
    served = [span for span in work if span.attributes.get("locutor.stage") and span.attributes.get("rpc.method")]
    assert {span.attributes["rpc.method"] for span in served} >= {"Translate", "Synthesize", "Animate"}
    for span in served:
        call = collector.parent_of(span)
        step = collector.parent_of(call)
        stage = collector.parent_of(step)
        assert (call.name, stage.name, collector.parent_of(stage)) == (span.name, span.attributes["locutor.stage"], root)
        assert stage.attributes["locutor.locale"] == step.attributes["locutor.locale"] == span.attributes["locutor.locale"]
        assert len(step.attributes["locutor.key"]) == 12
    stages = [span for span in work if span.parent == root.id and "rpc.method" not in span.attributes]
    assert sorted((span.name, span.attributes["locutor.locale"]) for span in stages) == sorted(
        (stage.name, stage.locale) for stage in job.stages if stage.total_steps > stage.cached_steps
    )
    # The attempt in vain is seen for what it was, from the service up to the step.
    assert sorted(span.failure for span in work if span.failure) == ["OVERLOADED", "RESOURCE_EXHAUSTED", "RESOURCE_EXHAUSTED"]
    assert "sentence" not in str([span.attributes for span in work]).replace("sentences", "")


async def test_lines_tell_the_job_and_a_services_lines_do_too(
    client: Client, spec: job_pb2.PresentSpec, fakes: Fakes, caplog: pytest.LogCaptureFixture
) -> None:
    seen: list[tuple[str, dict[str, str]]] = []

    class Told(logging.Filter):
        def filter(self, record: logging.LogRecord) -> bool:
            seen.append((record.getMessage(), dict(logs.bound())))
            return True

    caplog.handler.addFilter(told := Told())
    caplog.set_level(logging.DEBUG, "locutor")
    fakes.tts.failures.append(RuntimeError("a defect"))
    job = await client.ended((await client.create(spec)).id)
    caplog.handler.removeFilter(told)
    spoken = [fields for message, fields in seen if message.startswith("Synthesize ")]
    assert spoken and {fields["job"] for fields in spoken} == {job.id}
    assert {(fields["service"], fields["stage"]) for fields in spoken} == {("tts", "speak")}
    assert {fields["locale"] for fields in spoken} == {"en-US", "pt-BR"}
    assert len({fields["request_id"] for fields in spoken}) == len(spoken)
    (worker,) = {fields["worker"] for fields in spoken}
    assert worker
    failed = [(message, fields) for message, fields in seen if "failed, incident" in message]
    assert {fields["service"] for _, fields in failed} >= {"tts", "gateway"}
    assert all(fields["job"] == job.id for _, fields in failed)
    told = [message for message, fields in seen if fields.get("job") == job.id and fields["service"] == "gateway"]
    assert told[0] == "the job begins" and told[-1].startswith("the job ends: partly_succeeded after ")
    # What a client asks is of no job.
    asked = next(fields for message, fields in seen if message.startswith("CreateJob OK"))
    assert asked["service"] == "gateway" and "job" not in asked and asked["request_id"]


async def test_the_time_line_tells_every_step_of_a_job(client: Client, spec: job_pb2.PresentSpec, fakes: Fakes) -> None:
    fakes.tts.failures.append(Overloaded("busy", retry_after_s=0.1))
    for number in range(2):
        job = await client.ended((await client.create(spec)).id)
        events = (await client.call(client.jobs.ListJobEvents(job_pb2.ListJobEventsRequest(id=job.id)))).events
        drawn = timeline_of(job, events)
        told = {(row.locale, row.stage): (row.computed, row.cached) for row in drawn.rows}
        assert told == {(stage.locale, stage.name): (stage.total_steps - stage.cached_steps, stage.cached_steps) for stage in job.stages}
        kinds = [job_pb2.JobEventKind.Name(event.kind).removeprefix("JOB_EVENT_KIND_") for event in drawn.remarkable]
        assert (kinds[:2], kinds[-1]) == (["QUEUED", "STARTED"], "ENDED")
        assert sum(row.retried for row in drawn.rows) == kinds.count("STEP_RETRIED") == 1 - number
        assert {event.worker for event in events} == {events[0].worker} != {""}
        for row in drawn.rows if number == 0 else ():
            bar = cells(row, drawn.begin, drawn.end, 60)
            assert (BUSY in bar or not row.computed) and len(bar) == 60
