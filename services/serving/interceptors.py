"""Interceptors of every server: errors become statuses in one place, tokens are checked in one place."""

from __future__ import annotations

import hashlib
import hmac
import inspect
import logging
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextvars import ContextVar
from typing import Any

import grpc
import grpc.aio

from locutor.errors import InternalError, LocutorError, Unauthenticated
from locutor.logs import unquoted
from locutor.status import to_status
from services.serving.draining import drain

log = logging.getLogger("locutor.serving")

_CODES = {code.value[0]: code for code in grpc.StatusCode}

tenant: ContextVar[str] = ContextVar("tenant", default="")
"""Who calls, as his token says; empty where the server asks for none."""


async def abort(context: grpc.aio.ServicerContext, error: LocutorError) -> None:
    """End a call with an error and all its details."""
    status = to_status(error)
    metadata = (("grpc-status-details-bin", status.SerializeToString()),)
    await context.abort(_CODES[status.code], status.message, metadata)


def _translated(error: Exception, method: str) -> LocutorError:
    if isinstance(error, LocutorError):
        log.info("%s refused: %s %s", method, error.reason, unquoted(error.message))
        return error
    incident = secrets.token_hex(4)
    log.error("%s failed, incident %s", method, incident, exc_info=error, extra={"incident": incident})
    # The text of an unexpected error may hold paths and data: it stays in the log.
    return InternalError(f"an internal error; the server's log has it as incident {incident}")


class ErrorInterceptor(grpc.aio.ServerInterceptor):
    """Turns what a handler raises into a gRPC status: `LocutorError` as it is, anything else as INTERNAL with an incident id."""

    async def intercept_service(self, continuation: Callable[..., Awaitable[Any]], handler_call_details: grpc.HandlerCallDetails) -> Any:
        handler = await continuation(handler_call_details)
        method = handler_call_details.method
        if handler is None or not method.startswith("/locutor."):
            return handler

        def unary(behaviour: Callable[..., Any]) -> Callable[..., Awaitable[Any]]:
            async def call(request: Any, context: grpc.aio.ServicerContext) -> Any:
                try:
                    return await behaviour(request, context)
                except grpc.aio.AbortError:
                    raise
                except Exception as error:  # noqa: BLE001 - the one place where every error ends
                    if handler.request_streaming:
                        await drain(request)
                    await abort(context, _translated(error, method))

            return call

        def streaming(behaviour: Callable[..., Any]) -> Callable[..., AsyncIterator[Any]]:
            if not inspect.isasyncgenfunction(behaviour):
                raise TypeError(f"{method} streams its answer and must be an async generator")

            async def call(request: Any, context: grpc.aio.ServicerContext) -> AsyncIterator[Any]:
                responses = behaviour(request, context)
                try:
                    async for response in responses:
                        yield response
                except grpc.aio.AbortError:
                    raise
                except Exception as error:  # noqa: BLE001 - the one place where every error ends
                    if handler.request_streaming:
                        await drain(request)
                    await abort(context, _translated(error, method))
                finally:
                    await responses.aclose()

            return call

        kind = "stream" if handler.request_streaming else "unary"
        if handler.response_streaming:
            return _replaced(handler, f"{kind}_stream", streaming)
        return _replaced(handler, f"{kind}_unary", unary)


class TokenInterceptor(grpc.aio.ServerInterceptor):
    """Lets a call through only with `authorization: Bearer <token>` of a known tenant. Health checks need none."""

    def __init__(self, tokens: Mapping[str, str]) -> None:
        """`tokens`: tenant to the sha256 of his token, lower-case hexadecimal."""
        self._tokens = dict(tokens)

    async def intercept_service(self, continuation: Callable[..., Awaitable[Any]], handler_call_details: grpc.HandlerCallDetails) -> Any:
        handler = await continuation(handler_call_details)
        if handler is None or handler_call_details.method.startswith("/grpc.health."):
            return handler
        metadata = dict(handler_call_details.invocation_metadata or ())
        caller = tenant_of(str(metadata.get("authorization", "")), self._tokens)
        if caller is not None:
            tenant.set(caller)
            return handler

        async def refuse(_: Any, context: grpc.aio.ServicerContext) -> None:
            await abort(context, Unauthenticated("this server wants a token: send the metadata 'authorization: Bearer <token>'"))

        async def refuse_stream(_: Any, context: grpc.aio.ServicerContext) -> AsyncIterator[Any]:
            await refuse(_, context)
            yield  # makes this a generator; never reached

        return _replaced(
            handler,
            ("stream" if handler.request_streaming else "unary") + ("_stream" if handler.response_streaming else "_unary"),
            lambda _: refuse_stream if handler.response_streaming else refuse,
        )


def tenant_of(authorization: str, tokens: Mapping[str, str]) -> str | None:
    """The tenant whose token an Authorization header carries, or None. Takes the same time for every wrong token."""
    scheme, _, token = authorization.partition(" ")
    digest = hashlib.sha256(token.strip().encode()).hexdigest()
    found = None
    for name, expected in tokens.items():
        if hmac.compare_digest(digest, expected) and scheme.lower() == "bearer":
            found = name
    return found


def _replaced(handler: Any, kind: str, wrap: Callable[[Callable[..., Any]], Callable[..., Any]]) -> Any:
    """The same handler with its behaviour wrapped. gRPC's handlers are named tuples in all but their annotation."""
    return handler._replace(**{kind: wrap(getattr(handler, kind))})
