"""Calls between our processes: whose work each is goes along with it, and each is counted, timed, traced and told in the log, on both sides."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from typing import Any

import grpc
import grpc.aio

from locutor import logs
from services.serving import metrics, tracing

log = logging.getLogger("locutor.serving")

_SENT = {"job": "locutor-job", "stage": "locutor-stage", "locale": "locutor-locale", "worker": "locutor-worker"}
"""Field to metadata key."""
_REQUEST_ID = "x-request-id"
_LONGEST_FIELD = 128
_NOT_A_FAILURE = {"OK", "CANCELLED"}


class CallInterceptor(grpc.aio.ServerInterceptor):
    """What a server knows of each call to one of our services. To stand before the others, so that it sees what they refuse."""

    async def intercept_service(self, continuation: Callable[..., Awaitable[Any]], handler_call_details: grpc.HandlerCallDetails) -> Any:
        handler = await continuation(handler_call_details)
        method, metadata = handler_call_details.method, handler_call_details.invocation_metadata or ()
        if handler is None or not method.startswith("/locutor."):
            return handler
        kind = _kind(handler.request_streaming, handler.response_streaming)

        async def unary(request: Any, context: grpc.aio.ServicerContext) -> Any:
            call = _Served(method, kind, metadata)
            try:
                with tracing.current(call.span):
                    return await getattr(handler, kind)(request, context)
            except BaseException as error:
                call.failed(error, context)
                raise
            finally:
                call.end()

        async def streaming(request: Any, context: grpc.aio.ServicerContext) -> AsyncIterator[Any]:
            call = _Served(method, kind, metadata)
            try:
                async with aclosing(getattr(handler, kind)(request, context)) as responses:
                    while True:
                        # Current only while the handler works: a generator's blocks may end in another task than they began in.
                        with tracing.current(call.span):
                            response = await anext(responses, None)
                        if response is None:
                            return
                        yield response
            except BaseException as error:
                call.failed(error, context)
                raise
            finally:
                call.end()

        return handler._replace(**{kind: streaming if handler.response_streaming else unary})


class _Served:
    """One call on the side of the server, from its begin to its end."""

    def __init__(self, method: str, kind: str, metadata: Sequence[tuple[str, Any]]) -> None:
        self._labels = _labels(kind, method)
        self._since = time.perf_counter()
        self._code = "OK"
        _, service, self._name = method.split("/")
        package = service.split(".")[1]
        given = dict(metadata)
        # A job is the gateway's to name: what its own clients say of one is not believed.
        fields = {} if package == "gateway" else {name: _field(given.get(key)) for name, key in _SENT.items()}
        logs.bind(**fields, service=package, request_id=_field(given.get(_REQUEST_ID)) or secrets.token_hex(8))
        self._works = bool(fields.get("job"))
        metrics.SERVER_STARTED.labels(*self._labels).inc()
        told = {f"locutor.{name}": value for name, value in fields.items()}
        self.span = tracing.start(method[1:], kind="server", caller=metadata, attributes=_rpc(method) | told)

    def failed(self, error: BaseException, context: grpc.aio.ServicerContext) -> None:
        if isinstance(error, asyncio.CancelledError | GeneratorExit):
            left = context.time_remaining()
            self._code = "DEADLINE_EXCEEDED" if left is not None and left <= 0 else "CANCELLED"
        else:
            code = context.code()
            self._code = _code_name(code) if code else "UNKNOWN"

    def end(self) -> None:
        duration = time.perf_counter() - self._since
        metrics.SERVER_HANDLED.labels(*self._labels, self._code).inc()
        metrics.SERVER_SECONDS.labels(*self._labels).observe(duration)
        tracing.end(self.span, "" if self._code in _NOT_A_FAILURE else self._code)
        # Questions are many, and say little.
        log.log(logging.INFO if self._works else logging.DEBUG, "%s %s in %.3f s", self._name, self._code, duration)


class ObservedChannel:
    """A channel whose calls carry the ids of the work that they are for.

    It wraps what makes calls, and leaves the calls themselves as gRPC makes them: gRPC's own interceptors would put a queue and a task
    between a stream and its user, and change how it is cancelled.
    """

    def __init__(self, channel: grpc.aio.Channel, address: str = "") -> None:
        """`address`: where it leads to, for traces."""
        self._channel = channel
        self._address = address

    async def close(self, grace: float | None = None) -> None:
        await self._channel.close(grace)

    def unary_unary(self, method: str, *args: Any, **options: Any) -> Callable[..., Any]:
        return self._observed("unary_unary", method, *args, **options)

    def unary_stream(self, method: str, *args: Any, **options: Any) -> Callable[..., Any]:
        return self._observed("unary_stream", method, *args, **options)

    def stream_unary(self, method: str, *args: Any, **options: Any) -> Callable[..., Any]:
        return self._observed("stream_unary", method, *args, **options)

    def stream_stream(self, method: str, *args: Any, **options: Any) -> Callable[..., Any]:
        return self._observed("stream_stream", method, *args, **options)

    def _observed(self, kind: str, method: str, *args: Any, **options: Any) -> Callable[..., Any]:
        return _observed(getattr(self._channel, kind)(method, *args, **options), kind, method, _rpc(method) | {"server.address": self._address})


def _observed(make_call: Callable[..., Any], kind: str, method: str, attributes: Mapping[str, str]) -> Callable[..., Any]:
    labels = _labels(kind, method)
    started, seconds = metrics.CLIENT_STARTED.labels(*labels), metrics.CLIENT_SECONDS.labels(*labels)

    async def end(call: Any, span: Any, duration: float) -> None:
        code = "CANCELLED" if call.cancelled() else (await call.code()).name
        seconds.observe(duration)
        metrics.CLIENT_HANDLED.labels(*labels, code).inc()
        tracing.end(span, "" if code in _NOT_A_FAILURE else code)

    def begin(*args: Any, metadata: Sequence[tuple[str, str]] = (), **options: Any) -> Any:
        since = time.perf_counter()
        span = tracing.start(method[1:], kind="client", attributes=attributes)
        call = make_call(*args, metadata=(*metadata, *_ids(), *tracing.headers(span)), **options)
        started.inc()

        def done(_: Any) -> None:
            task = asyncio.get_running_loop().create_task(end(call, span, time.perf_counter() - since))
            _ending.add(task)
            task.add_done_callback(_ending.discard)

        call.add_done_callback(done)
        return call

    return begin


_ending: set[asyncio.Task[None]] = set()
"""A task that nobody holds may be lost."""


def _ids() -> list[tuple[str, str]]:
    fields = logs.bound()
    return [(key, fields[name]) for name, key in _SENT.items() if name in fields] + [(_REQUEST_ID, fields.get("request_id") or secrets.token_hex(8))]


def _field(value: Any) -> str:
    """What a caller says of his work, where it is something that belongs into a log."""
    return value if isinstance(value, str) and len(value) <= _LONGEST_FIELD and value.isascii() and value.isprintable() else ""


def _kind(request_streaming: bool, response_streaming: bool) -> str:
    return f"{'stream' if request_streaming else 'unary'}_{'stream' if response_streaming else 'unary'}"


def _rpc(method: str) -> dict[str, str]:
    """What OpenTelemetry's conventions say of a call."""
    _, service, name = method.split("/")
    return {"rpc.system": "grpc", "rpc.service": service, "rpc.method": name}


_TYPES = {"unary_unary": "unary", "unary_stream": "server_stream", "stream_unary": "client_stream", "stream_stream": "bidi_stream"}


def _labels(kind: str, method: str) -> tuple[str, str, str]:
    _, service, name = method.split("/")
    return _TYPES[kind], service, name


_CODE_NAMES = {code.value[0]: code.name for code in grpc.StatusCode}


def _code_name(code: Any) -> str:
    return code.name if isinstance(code, grpc.StatusCode) else _CODE_NAMES[code]
