"""Traces by OpenTelemetry, where the standard OTEL_* variables of the environment switch them on; else nothing is loaded and nothing is done.

On: OTEL_EXPORTER_OTLP_ENDPOINT or OTEL_EXPORTER_OTLP_TRACES_ENDPOINT is set, or OTEL_TRACES_EXPORTER is "otlp", the only one there is.
Off in any case: OTEL_SDK_DISABLED is "true", or OTEL_TRACES_EXPORTER is "none".
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

from locutor.errors import InvalidInput, MissingExtra, Unavailable

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Span

Kind = Literal["internal", "client", "server"]

_PROTOCOLS = ("grpc", "http/protobuf")
_provider: TracerProvider | None = None
_seed: ContextVar[str] = ContextVar("seed", default="")


def is_asked_for(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether the environment switches traces on."""
    exporter = environment.get("OTEL_TRACES_EXPORTER", "").lower()
    if environment.get("OTEL_SDK_DISABLED", "").lower() == "true" or exporter == "none":
        return False
    return bool(exporter or environment.get("OTEL_EXPORTER_OTLP_ENDPOINT") or environment.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"))


def set_up(service: str) -> None:
    """Begin to trace where the environment asks for it; no effect where this process traces already.

    Raises `Unavailable` where the extra `otel` is not installed, and `InvalidInput` for a variable that asks for what there is not.
    """
    global _provider
    if _provider is not None or not is_asked_for():
        return
    exporter = os.environ.get("OTEL_TRACES_EXPORTER", "otlp").lower()
    protocol = os.environ.get("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL") or os.environ.get("OTEL_EXPORTER_OTLP_PROTOCOL") or "grpc"
    if exporter not in ("", "otlp"):
        raise InvalidInput.of("OTEL_TRACES_EXPORTER", f"found {exporter!r}; set it to otlp or none", "BAD_SETTING")
    if protocol not in _PROTOCOLS:
        raise InvalidInput.of("OTEL_EXPORTER_OTLP_PROTOCOL", f"found {protocol!r}; set it to {' or '.join(_PROTOCOLS)}", "BAD_SETTING")
    try:
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
        from opentelemetry.sdk.trace.id_generator import RandomIdGenerator

        if protocol == "grpc":
            from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
        else:
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # type: ignore[assignment]
    except ModuleNotFoundError as error:
        found = f"traces, which OTEL_* variables of the environment switch on, need the extra 'otel': pip install 'locutor[otel]' (no module {error.name!r})"
        raise Unavailable(found, reason=MissingExtra.reason) from error

    class Ids(RandomIdGenerator):
        def generate_trace_id(self) -> int:
            seed = _seed.get()
            return int.from_bytes(hashlib.sha256(seed.encode()).digest()[:16]) if seed else super().generate_trace_id()

    resource = Resource.create()
    if str(resource.attributes.get("service.name", "unknown_service")).startswith("unknown_service"):
        resource = resource.merge(Resource({"service.name": f"locutor-{service}"}))
    _provider = TracerProvider(resource=resource, id_generator=Ids())
    _provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))


def shut_down() -> None:
    """Send what was not yet sent, and trace no more. It may take seconds where nobody takes the spans."""
    global _provider
    provider, _provider = _provider, None
    if provider is not None:
        provider.shutdown()


def start(
    name: str,
    *,
    kind: Kind = "internal",
    parent: Span | None = None,
    caller: Sequence[tuple[str, Any]] | None = None,
    trace: str = "",
    attributes: Mapping[str, str | int | float | bool] = MappingProxyType({}),
) -> Span | None:
    """Begin a span, to be ended with `end`; None where nothing is traced.

    Its parent is `parent`, else what the metadata of a `caller` names ("traceparent"), else the span that is current in this task. With
    `trace`, it begins a trace whose id is made of that text. Attributes that are empty are left out.
    """
    if _provider is None:
        return None
    from opentelemetry.context import Context
    from opentelemetry.trace import SpanKind, set_span_in_context
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    context: Context | None = None
    if parent is not None:
        context = set_span_in_context(parent)
    elif caller is not None:
        context = TraceContextTextMapPropagator().extract({key: value for key, value in caller if key in ("traceparent", "tracestate")}, Context())
    elif trace:
        context = Context()
    token = _seed.set(trace)
    try:
        found = {name: value for name, value in attributes.items() if value != ""}
        return _provider.get_tracer("locutor").start_span(name, context, SpanKind[kind.upper()], found)
    finally:
        _seed.reset(token)


def end(span: Span | None, failure: str = "") -> None:
    """`failure`: why what the span tells of did not succeed, such as a status code; no text of a sender."""
    if span is None:
        return
    if failure:
        from opentelemetry.trace import Status, StatusCode

        span.set_status(Status(StatusCode.ERROR, failure))
    span.end()


@contextmanager
def current(span: Span | None) -> Iterator[None]:
    """What begins in this block is a child of the span. The block must end in the task that it began in."""
    if span is None:
        yield
        return
    from opentelemetry import context
    from opentelemetry.trace import set_span_in_context

    token = context.attach(set_span_in_context(span))
    try:
        yield
    finally:
        context.detach(token)


def adopt(span: Span | None) -> None:
    """What begins in this task from now on, and in those that it starts, is a child of the span: to the task's end, which is the span's too."""
    if span is not None:
        from opentelemetry import context
        from opentelemetry.trace import set_span_in_context

        context.attach(set_span_in_context(span))


def headers(span: Span | None) -> list[tuple[str, str]]:
    """The span as gRPC metadata ("traceparent"), for the server that is called."""
    if span is None:
        return []
    from opentelemetry.trace import set_span_in_context
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    found: dict[str, str] = {}
    TraceContextTextMapPropagator().inject(found, set_span_in_context(span))
    return list(found.items())
