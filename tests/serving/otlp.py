"""A collector of traces: a real OTLP receiver on the loopback that keeps the spans it is sent."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc
from opentelemetry.proto.trace.v1 import trace_pb2


@dataclass(frozen=True)
class Received:
    """A span as it was sent."""

    name: str
    trace: str
    id: str
    parent: str
    service: str
    """Of the process's resource."""
    failure: str
    attributes: dict[str, str] = field(default_factory=dict)


class Collector(trace_service_pb2_grpc.TraceServiceServicer):
    def __init__(self) -> None:
        self.spans: list[Received] = []
        self.endpoint = ""

    def Export(self, request: trace_service_pb2.ExportTraceServiceRequest, context: grpc.ServicerContext) -> trace_service_pb2.ExportTraceServiceResponse:
        for resource_spans in request.resource_spans:
            service = next(each.value.string_value for each in resource_spans.resource.attributes if each.key == "service.name")
            for scope in resource_spans.scope_spans:
                self.spans += [_received(span, service) for span in scope.spans]
        return trace_service_pb2.ExportTraceServiceResponse()

    def named(self, name: str) -> list[Received]:
        return [span for span in self.spans if span.name == name]

    def parent_of(self, span: Received) -> Received:
        return next(each for each in self.spans if each.id == span.parent)


def _received(span: trace_pb2.Span, service: str) -> Received:
    attributes = {each.key: each.value.string_value for each in span.attributes}
    failure = span.status.message if span.status.code == trace_pb2.Status.STATUS_CODE_ERROR else ""
    return Received(span.name, span.trace_id.hex(), span.span_id.hex(), span.parent_span_id.hex(), service, failure, attributes)


@contextlib.contextmanager
def collecting() -> Iterator[Collector]:
    server, collector = grpc.server(ThreadPoolExecutor(2)), Collector()
    trace_service_pb2_grpc.add_TraceServiceServicer_to_server(collector, server)
    collector.endpoint = f"http://127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    try:
        yield collector
    finally:
        server.stop(None).wait()
