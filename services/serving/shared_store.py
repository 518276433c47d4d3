"""Big media past the messages: an input may be named by its URI in the artifact store that this server shares, and an output be left there.

A servicer knows nothing of it. In its stead, here, a message of a stream whose payload is `x_uri` becomes as many messages
with the payload `x` as the named bytes take; and where the config asks for `output_to_store`, the bytes of the answers are
gathered in a file, put into the store, and answered with as `stored`, right before the message that follows them, or last.
So an input that is named is bounded, checked and worked on as one that is sent.
"""

from __future__ import annotations

import asyncio
import hashlib
import inspect
import tempfile
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from pathlib import Path
from types import TracebackType
from typing import Any

import grpc
import grpc.aio
from google.protobuf.descriptor import FieldDescriptor

from locutor.common.v1 import stored_pb2
from locutor.errors import InvalidInput, NotFound, Unavailable
from services.store import Blob, CorruptArtifact, MediaStore, digest_of

_SUFFIX = "_uri"


class SharedStoreInterceptor(grpc.aio.ServerInterceptor):
    """For all calls that stream what they are sent."""

    def __init__(self, url: str) -> None:
        """`url` of the store; empty: there is none, and calls that want it are refused. Raises `InvalidInput` where it cannot be opened."""
        self._store = MediaStore(url) if url else None

    async def intercept_service(self, continuation: Callable[..., Awaitable[Any]], handler_call_details: grpc.HandlerCallDetails) -> Any:
        handler = await continuation(handler_call_details)
        if handler is None or not handler.request_streaming or not handler_call_details.method.startswith("/locutor."):
            return handler
        if not handler.response_streaming:

            async def unary(requests: AsyncIterator[Any], context: grpc.aio.ServicerContext) -> Any:
                return await handler.stream_unary(_Call(self._store).sent(requests), context)

            return handler._replace(stream_unary=unary)
        if not inspect.isasyncgenfunction(handler.stream_stream):
            raise TypeError(f"{handler_call_details.method} streams its answer and must be an async generator")

        async def streaming(requests: AsyncIterator[Any], context: grpc.aio.ServicerContext) -> AsyncIterator[Any]:
            with _Call(self._store) as call:
                async with aclosing(call.answered(handler.stream_stream(call.sent(requests), context))) as answers:
                    async for answer in answers:
                        yield answer

        return handler._replace(stream_stream=streaming)


class _Call:
    """One call: its messages as its servicer gets them, and as its client does."""

    def __init__(self, store: MediaStore | None) -> None:
        self._store = store
        self._sent: set[str] = set()
        self._named: set[str] = set()
        """Inputs that came as bytes, and as URIs."""
        self._output: _Output | None = None

    def __enter__(self) -> _Call:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._output is not None:
            self._output.close()

    async def sent(self, requests: AsyncIterator[Any]) -> AsyncGenerator[Any, None]:
        """Raises `InvalidInput` and `Unavailable` that name the field."""
        async for request in requests:
            payload = request.WhichOneof("payload") if "payload" in request.DESCRIPTOR.oneofs_by_name else None
            if payload == "config" and getattr(request.config, "output_to_store", False):
                self._output = _Output(self._there("config.output_to_store"))
            if payload is None or not (payload.endswith(_SUFFIX) or f"{payload}{_SUFFIX}" in request.DESCRIPTOR.fields_by_name):
                yield request
                continue
            name = payload.removesuffix(_SUFFIX)
            if name in self._named or (payload != name and name in self._sent):
                raise InvalidInput.of(payload, f"came after `{name}` had been sent or named; name the bytes once, or send them", "SENT_TWICE")
            (self._sent if payload == name else self._named).add(name)
            if payload == name:
                yield request
                continue
            async for chunk in self._read(getattr(request, payload), payload):
                yield type(request)(**{name: chunk})

    async def answered(self, responses: AsyncGenerator[Any, None]) -> AsyncGenerator[Any, None]:
        response: Any = None
        async with aclosing(responses):
            async for response in responses:
                if self._output is None:
                    yield response
                    continue
                payload = response.WhichOneof("payload")
                if response.DESCRIPTOR.fields_by_name[payload].type == FieldDescriptor.TYPE_BYTES:
                    await self._output.add(getattr(response, payload))
                    continue
                if payload == "summary":
                    yield type(response)(stored=await self._output.put())
                yield response
        if self._output is not None and response is not None and not self._output.is_put:
            yield type(response)(stored=await self._output.put())

    def _there(self, field: str) -> MediaStore:
        if self._store is None:
            text = f"{field}: this server shares no artifact store; set its LOCUTOR_STORE to that of the gateway, or send and take the bytes themselves"
            raise Unavailable(text, reason="NO_STORE")
        return self._store

    async def _read(self, uri: str, field: str) -> AsyncIterator[bytes]:
        store = self._there(field)
        try:
            digest = digest_of(uri)
        except NotFound as error:
            text = f"found {uri[:100]!r}; give media/<sha256>, the name of bytes in the store that this server shares: nothing else is read"
            raise InvalidInput.of(field, text, "BAD_URI") from error
        try:
            async for chunk in store.stream(digest):
                yield chunk
        except NotFound as error:
            text = f"{field}: there is no {uri} in the store of this server; is its LOCUTOR_STORE that of the gateway?"
            raise Unavailable(text, reason="NOT_IN_STORE") from error
        except CorruptArtifact as error:
            damaged = Unavailable(f"{field}: {error.message}", reason=error.reason)
            # It was removed: whoever put it there does so again.
            damaged.retryable = True
            raise damaged from error


class _Output:
    """The bytes of a call's answers, gathered in a file."""

    def __init__(self, store: MediaStore) -> None:
        self._store = store
        self._folder = tempfile.TemporaryDirectory(prefix="locutor-output-")
        self._path = Path(self._folder.name) / "output"
        self._file = self._path.open("wb", buffering=0)
        self._hasher = hashlib.sha256()
        self.is_put = False

    async def add(self, data: bytes) -> None:
        self._hasher.update(data)
        await asyncio.to_thread(self._file.write, data)

    async def put(self) -> stored_pb2.StoredMedia:
        self.is_put = True
        blob: Blob = await self._store.put_file(self._path, self._hasher.hexdigest())
        return stored_pb2.StoredMedia(uri=blob.uri, size_bytes=blob.size_bytes)

    def close(self) -> None:
        self._file.close()
        self._folder.cleanup()
