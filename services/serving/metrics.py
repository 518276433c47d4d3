"""What this process tells Prometheus of its calls and engines, and the endpoint where it is read.

Metrics are always counted, at about a microsecond each; without an endpoint nobody reads them. What changes all the time, such as the
load of a pool, is looked at when somebody reads.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import version
from typing import Protocol
from weakref import WeakSet

from prometheus_client import REGISTRY, Counter, Gauge, Histogram, disable_created_metrics, start_http_server
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from locutor.address import Address
from locutor.errors import Unavailable

_SECONDS = (0.005, 0.025, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800)
"""Bounds of the histograms: from a question that is answered from memory to a long piece on a slow machine."""

# When each series began, as a series of its own: nobody asks, and it doubles what is read.
disable_created_metrics()

# The names that go-grpc-prometheus made usual: dashboards and alerts for them exist.
_CALL = ("grpc_type", "grpc_service", "grpc_method")
SERVER_STARTED = Counter("grpc_server_started_total", "Calls that began on this server.", _CALL)
SERVER_HANDLED = Counter("grpc_server_handled_total", "Calls that ended on this server, by status code.", (*_CALL, "grpc_code"))
SERVER_SECONDS = Histogram("grpc_server_handling_seconds", "How long calls took on this server.", _CALL, buckets=_SECONDS)
CLIENT_STARTED = Counter("grpc_client_started_total", "Calls that began to a service.", _CALL)
CLIENT_HANDLED = Counter("grpc_client_handled_total", "Calls to a service that ended, by status code.", (*_CALL, "grpc_code"))
CLIENT_SECONDS = Histogram("grpc_client_handling_seconds", "How long calls to a service took, as the caller sees it.", _CALL, buckets=_SECONDS)

POOL_WAIT_SECONDS = Histogram("locutor_engine_pool_wait_seconds", "How long calls waited for an engine's worker.", ("pool",), buckets=_SECONDS)
POOL_REFUSED = Counter("locutor_engine_pool_refused_total", "Calls that were turned away for too many were waiting.", ("pool",))
BUILD = Gauge("locutor_build_info", "Always 1; what runs is in the labels.", ("version", "service"))


class Pool(Protocol):
    """What runs an engine."""

    name: str
    workers: int

    @property
    def working(self) -> int: ...

    @property
    def waiting(self) -> int: ...


pools: WeakSet[Pool] = WeakSet()
"""Those of this process."""


class _Pools(Collector):
    """The engines' load, as it is when it is asked for. Pools of one name count as one."""

    def collect(self) -> Iterator[Metric]:
        calls = GaugeMetricFamily("locutor_engine_pool_calls", "Calls of an engine, at work or waiting for a worker.", labels=("pool", "state"))
        workers = GaugeMetricFamily("locutor_engine_pool_workers", "Calls of an engine that may be at work at a time.", labels=("pool",))
        sums: dict[str, tuple[int, int, int]] = {}
        for pool in list(pools):
            working, waiting, most = sums.get(pool.name, (0, 0, 0))
            sums[pool.name] = (working + pool.working, waiting + pool.waiting, most + pool.workers)
        for name, (working, waiting, most) in sums.items():
            calls.add_metric((name, "working"), working)
            calls.add_metric((name, "waiting"), waiting)
            workers.add_metric((name,), most)
        yield calls
        yield workers


REGISTRY.register(_Pools())


class MetricsEndpoint:
    """Serves /metrics over HTTP, in a thread of its own."""

    def __init__(self, listen: str, service: str) -> None:
        """`listen`: "tcp://host:port"; port 0 takes a free one. Raises `Unavailable` where it is taken."""
        host, _, port = Address.parse(listen).target.rpartition(":")
        host = host.strip("[]")
        try:
            self._server, self._thread = start_http_server(int(port), host)
        except OSError as error:
            raise Unavailable(f"cannot listen on {listen} for metrics: {error.strerror}", reason="ADDRESS_IN_USE") from error
        BUILD.labels(version("locutor"), service).set(1)
        self.url = f"http://{f'[{host}]' if ':' in host else host}:{self._server.server_port}/metrics"

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
