"""One replica of a service: its connection, and whether it can be called."""

from __future__ import annotations

import asyncio
import enum
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import grpc
import grpc.aio
from grpc_health.v1 import health_pb2, health_pb2_grpc

from gateway.replicas.names import Endpoint
from locutor.address import CHANNEL_OPTIONS
from services.serving.calls import ObservedChannel
from services.serving.health import WORKERS_KEY

_SERVING = health_pb2.HealthCheckResponse.SERVING
_FIRST_DELAY_S, _LONGEST_DELAY_S = 0.1, 2.0
"""Between two tries to reach a replica that is away."""
_UNWATCHED_S = 10.0
"""A server without health checks is asked again so often whether it is still there."""


@dataclass(frozen=True)
class Link:
    """How soon a connection to a replica is given up. Seconds."""

    keepalive_s: float = 10.0
    """A connection on which nothing arrives for so long is pinged,"""
    answer_s: float = 20.0
    """and is dead where no answer comes: a machine that is very busy may take seconds."""
    connect_s: float = 5.0
    """For a new connection, its handshake included."""
    silence_s: float = 180.0
    """A call that has begun to answer, and on which then nothing moves either way for so long, is dead, though its server answers pings."""

    @property
    def options(self) -> dict[str, int | str]:
        """Of a channel."""
        return {
            "grpc.keepalive_time_ms": round(self.keepalive_s * 1000),
            "grpc.keepalive_timeout_ms": round(self.answer_s * 1000),
            # gRPC pings on its own account too, and waits a minute for those; while one is under way, none is sent to keep alive.
            "grpc.http2.ping_timeout_ms": round(self.answer_s * 1000),
            "grpc.http2.max_pings_without_data": 0,
            "grpc.min_reconnect_backoff_ms": round(self.connect_s * 1000),
            "grpc.initial_reconnect_backoff_ms": round(_FIRST_DELAY_S * 1000),
            "grpc.max_reconnect_backoff_ms": round(_LONGEST_DELAY_S * 1000),
            # What one gateway of a process knows of a server's absence is nothing to another one.
            "grpc.use_local_subchannel_pool": 1,
        }


class State(enum.Enum):
    UNKNOWN = "unknown"
    """Nothing was heard of it yet."""
    SERVING = "serving"
    LOADING = "loading"
    """It answers, but is not SERVING: a call waits for its engine."""
    LOST = "lost"


class Replica:
    """Counts the calls that are at work there."""

    def __init__(self, endpoint: Endpoint, credentials: grpc.ChannelCredentials | None, link: Link, changed: Callable[[], None]) -> None:
        """`changed` is called whenever `state` or `workers` is another one. To be made inside a running event loop."""
        self.endpoint = endpoint
        self.calls = 0
        """Calls of the engine that this gateway has there."""
        self.others = 0
        """Calls that keep no worker busy, or that take turns with others."""
        self.workers = 1
        """Calls of the engine that it works on at a time."""
        self.full_until = 0.0
        """It said that it takes no more calls until then, on the event loop's clock."""
        self.last_used = 0
        self.state = State.UNKNOWN
        self.detail = ""
        """Why it is lost."""
        self.is_retired = False
        """Its name does not stand for it any more: it gets no further calls."""
        self._changed = changed
        options: dict[str, int | str] = {**dict(CHANNEL_OPTIONS), **link.options}
        del options["grpc.service_config"]
        if endpoint.host:
            options["grpc.default_authority"] = endpoint.host
            options["grpc.ssl_target_name_override"] = endpoint.host
        arguments = list(options.items())
        if credentials is None:
            channel = grpc.aio.insecure_channel(endpoint.target, options=arguments)
        else:
            channel = grpc.aio.secure_channel(endpoint.target, credentials, options=arguments)
        self._channel = channel
        self._health = health_pb2_grpc.HealthStub(channel)
        self._observed = ObservedChannel(channel, endpoint.target)
        self._methods: dict[str, Callable[..., Any]] = {}
        self._watching = asyncio.create_task(self._watch(), name=f"watch {endpoint.target}")

    @property
    def load(self) -> float:
        """Calls of this gateway, over the workers."""
        return (self.calls + self.others) / self.workers

    def method(self, kind: str, path: str, options: dict[str, Any]) -> Callable[..., Any]:
        """What calls the method at `path` of this replica; `kind` is the channel's method that makes it, such as "unary_stream"."""
        found = self._methods.get(path)
        if found is None:
            found = self._methods[path] = getattr(self._observed, kind)(path, **options)
        return found

    async def close(self) -> None:
        self._watching.cancel()
        await asyncio.gather(self._watching, return_exceptions=True)
        await self._channel.close(None)

    def _become(self, state: State, detail: str = "") -> None:
        self.state, self.detail = state, detail
        self._changed()

    async def _watch(self) -> None:
        delay_s = _FIRST_DELAY_S
        while True:
            try:
                watch = self._health.Watch(health_pb2.HealthCheckRequest())
                async for answer in watch:
                    delay_s = _FIRST_DELAY_S
                    self.workers = _workers(await watch.initial_metadata())
                    self._become(State.SERVING if answer.status == _SERVING else State.LOADING)
                self._become(State.LOST, "it is shutting down")
            except grpc.aio.AioRpcError as error:
                if error.code() is grpc.StatusCode.UNIMPLEMENTED:
                    self._become(State.SERVING)
                    delay_s = _UNWATCHED_S
                else:
                    self._become(State.LOST, error.details() or error.code().name)
            await asyncio.sleep(random.uniform(delay_s / 2, delay_s))
            delay_s = min(delay_s * 2, _LONGEST_DELAY_S)


def _workers(metadata: Any) -> int:
    told = str(dict(metadata or ()).get(WORKERS_KEY, ""))
    return max(1, int(told)) if told.isascii() and told.isdigit() else 1
