"""A channel to all replicas of a service: what generated stubs take for a channel."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Generator
from dataclasses import dataclass, field
from typing import Any

import grpc
import grpc.aio

from gateway.replicas.balancer import Balancer
from gateway.replicas.replica import Replica
from locutor.errors import Overloaded, ServiceLost
from locutor.status import from_rpc_error

_QUESTIONS = ("List", "Inspect")
"""Methods whose names begin so keep no worker of an engine busy."""
_TAKES_TURNS = "/locutor.asr."
"""Its streams take turns, a chunk at a time: a long recording does not keep a short one waiting."""


class BalancedChannel:
    """Each call goes to the replica that the balancer chooses once the call is awaited, or its first answer is."""

    def __init__(self, balancer: Balancer) -> None:
        self._balancer = balancer

    def unary_unary(self, path: str, **options: Any) -> Callable[..., _Call]:
        return _Method(self._balancer, "unary_unary", path, options)

    def unary_stream(self, path: str, **options: Any) -> Callable[..., _Call]:
        return _Method(self._balancer, "unary_stream", path, options)

    def stream_unary(self, path: str, **options: Any) -> Callable[..., _Call]:
        return _Method(self._balancer, "stream_unary", path, options)

    def stream_stream(self, path: str, **options: Any) -> Callable[..., _Call]:
        return _Method(self._balancer, "stream_stream", path, options)


@dataclass(frozen=True)
class _Method:
    balancer: Balancer
    kind: str
    path: str
    options: dict[str, Any] = field(hash=False)

    @property
    def is_work(self) -> bool:
        """It keeps a worker busy from its begin to its end."""
        return not self.path.startswith(_TAKES_TURNS) and not self.path.rpartition("/")[2].startswith(_QUESTIONS)

    def __call__(self, request: Any, *, timeout: float | None = None) -> _Call:
        """`request`: a message, or an async iterator of them. `timeout`: seconds from when it is sent."""
        return _Call(self, request, timeout)


class _Call:
    """One call: to be awaited, or iterated over, and to be cancelled where its end was not reached."""

    def __init__(self, method: _Method, request: Any, timeout: float | None) -> None:
        self._method = method
        self._balancer = method.balancer
        self._request = request
        self._timeout = timeout
        self._replica: Replica | None = None
        self._target = ""
        self._call: Any = None
        self._answers: Any = None
        self._moved = 0.0
        """When a message went either way last, on the event loop's clock."""
        self._timer: asyncio.TimerHandle | None = None
        self._is_silent = False
        self._wrong: Exception | None = None
        """What the iterator of requests has raised."""

    def cancel(self) -> None:
        """No effect on a call that has ended."""
        if self._call is not None:
            self._call.cancel()
        self._end()

    def __await__(self) -> Generator[Any, None, Any]:
        return self._answer().__await__()

    def __aiter__(self) -> _Call:
        return self

    async def __anext__(self) -> Any:
        if self._call is None:
            await self._begin()
        try:
            answer = await self._awaited(anext(self._answers))
        except StopAsyncIteration:
            self._end()
            raise
        self._move()
        if self._timer is None:
            self._listen()
        return answer

    async def _answer(self) -> Any:
        await self._begin()
        try:
            return await self._awaited(self._call)
        finally:
            self.cancel()

    async def _begin(self) -> None:
        self._replica = await self._balancer.acquire(is_work=self._method.is_work)
        self._target = self._replica.endpoint.target
        request = self._watched(self._request) if self._method.kind.startswith("stream") else self._request
        call = self._replica.method(self._method.kind, self._method.path, self._method.options)
        self._call = call(request, timeout=self._timeout)
        if self._method.kind.endswith("stream"):
            self._answers = aiter(self._call)
        self._move()

    async def _awaited(self, answer: Any) -> Any:
        task = asyncio.current_task()
        cancels = task.cancelling() if task is not None else 0
        try:
            return await answer
        except grpc.aio.AioRpcError as error:
            self._refused(error)
            self._end()
            raise
        except asyncio.CancelledError:
            self.cancel()
            if self._wrong is not None and (task is None or task.cancelling() == cancels):
                raise self._wrong from None
            if not self._is_silent:
                raise
            name, target = self._balancer.name, self._target
            raise ServiceLost(f"the {name} service at {target} sent nothing for {self._balancer.link.silence_s:g} s") from None

    def _refused(self, error: grpc.aio.AioRpcError) -> None:
        """Where the replica has a full queue, others get its calls for the time that it says."""
        if self._replica is not None and error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED:
            found = from_rpc_error(error)
            if isinstance(found, Overloaded) and found.retry_after_s:
                self._balancer.refused(self._replica, found.retry_after_s)

    async def _watched(self, requests: AsyncIterator[Any]) -> AsyncIterator[Any]:
        try:
            async for request in requests:
                self._move()
                yield request
        except Exception as error:
            # gRPC would cancel the call and tell nobody why: it would look as though whoever awaits it had been cancelled.
            self._wrong = error
            raise

    def _move(self) -> None:
        self._moved = asyncio.get_running_loop().time()

    def _listen(self) -> None:
        """End the call where nothing moves any more."""
        loop, silence_s = asyncio.get_running_loop(), self._balancer.link.silence_s
        left_s = self._moved + silence_s - loop.time()
        if left_s > 0:
            self._timer = loop.call_later(left_s, self._listen)
        else:
            self._is_silent = True
            self.cancel()

    def _end(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._replica is not None:
            replica, self._replica = self._replica, None
            self._balancer.release(replica, is_work=self._method.is_work)
