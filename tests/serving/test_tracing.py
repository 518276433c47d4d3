"""Traces: one tree over processes, switched on by the environment alone."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import grpc.aio
import pytest

from locutor.errors import InvalidInput, Unavailable
from locutor.translate.v1 import translate_pb2
from services.serving import tracing
from tests.serving.otlp import Collector, collecting
from tests.serving.test_logs import served, stub_of


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    with collecting() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.endpoint)
        yield collector
        tracing.shut_down()


async def test_what_a_service_does_is_a_child_of_the_call_in_another_process(collector: Collector) -> None:
    async with served() as (_, address), stub_of(address) as stub:
        tracing.set_up("gateway")
        step = tracing.start("a step", trace="job 1")
        with tracing.current(step):
            await stub.Translate(translate_pb2.TranslateRequest(texts=["never shown"]))
            with pytest.raises(grpc.aio.AioRpcError):
                await stub.Translate(translate_pb2.TranslateRequest(engine="refuse", texts=["never shown"]))
        tracing.end(step)
        tracing.shut_down()
    (root,) = collector.named("a step")
    calls = collector.named("locutor.translate.v1.TranslateService/Translate")
    served_calls = [span for span in calls if span.service == "locutor-translate"]
    assert len(calls) == 4 and len(served_calls) == 2
    for span in served_calls:
        call = collector.parent_of(span)
        assert call.service == "locutor-gateway" and call.name == span.name and call.parent == root.id
        assert span.failure == call.failure
        assert span.attributes["rpc.method"] == "Translate" and call.attributes["server.address"] == address.removeprefix("tcp://")
    assert {span.trace for span in collector.spans} == {root.trace}
    assert sorted(span.failure for span in served_calls) == ["", "INVALID_ARGUMENT"]
    assert "never shown" not in str(collector.spans)


async def test_a_call_without_a_trace_begins_its_own(collector: Collector) -> None:
    async with served(OTEL_SERVICE_NAME="mine") as (_, address), stub_of(address) as stub:
        await stub.Translate(translate_pb2.TranslateRequest())
        await stub.Translate(translate_pb2.TranslateRequest())
    assert [(span.service, span.parent) for span in collector.spans] == [("mine", "")] * 2
    assert len({span.trace for span in collector.spans}) == 2


def test_a_job_that_is_taken_over_goes_on_with_its_trace(collector: Collector) -> None:
    for _ in range(2):
        tracing.set_up("gateway")
        tracing.end(tracing.start("job", trace="j1"))
        tracing.shut_down()
    first, second = collector.spans
    assert first.trace == second.trace and first.id != second.id


@pytest.mark.parametrize(
    ("variables", "on"),
    [
        ({}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4317"}, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:4317"}, True),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, True),
        ({"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4317"}, False),
        ({"OTEL_SDK_DISABLED": "true", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4317"}, False),
    ],
)
def test_the_standard_variables_switch_it_on(variables: dict[str, str], on: bool) -> None:
    assert tracing.is_asked_for(variables) is on


@pytest.mark.parametrize(("name", "value"), [("OTEL_EXPORTER_OTLP_PROTOCOL", "carrier-pigeon"), ("OTEL_TRACES_EXPORTER", "zipkin")])
def test_what_there_is_not_is_refused(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "otlp")
    monkeypatch.setenv(name, value)
    with pytest.raises(InvalidInput, match=value):
        tracing.set_up("tts")


def test_without_the_extra_the_error_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "otlp")
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    with pytest.raises(Unavailable, match=r"pip install 'locutor\[otel\]'") as caught:
        tracing.set_up("tts")
    assert caught.value.reason == "MISSING_EXTRA"


def test_nothing_of_it_is_loaded_where_it_is_off() -> None:
    program = "import sys; from services.serving import tracing; tracing.set_up('tts'); tracing.end(tracing.start('x')); print(*sorted(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, env=dict(os.environ)).stdout.split()
    assert [name for name in loaded if name.startswith("opentelemetry")] == []
