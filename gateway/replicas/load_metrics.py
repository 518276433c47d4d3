"""The services' load as Prometheus reads it from the gateway: looked at when somebody reads, and never otherwise."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING
from weakref import WeakSet

from prometheus_client import REGISTRY
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

if TYPE_CHECKING:
    from gateway.replicas.balancer import Balancer

balancers: WeakSet[Balancer] = WeakSet()
"""Those of this process. Several of one service count as one."""


class _Load(Collector):
    """Runs in the thread of whoever reads."""

    def collect(self) -> Iterator[Metric]:
        replicas: Counter[tuple[str, str]] = Counter()
        calls: Counter[tuple[str, str]] = Counter()
        workers: Counter[str] = Counter()
        for balancer in list(balancers):
            calls[balancer.name, "waiting"] += balancer.waiting
            for replica in balancer.replicas:
                replicas[balancer.name, replica.state.value] += 1
                calls[balancer.name, "working"] += replica.calls
                workers[balancer.name] += replica.workers
        of_replicas = GaugeMetricFamily("locutor_service_replicas", "Replicas of a service, as this gateway sees them.", labels=("service", "state"))
        of_calls = GaugeMetricFamily(
            "locutor_service_calls", "Calls of this gateway to engines, at work there or waiting here for a free worker.", labels=("service", "state")
        )
        of_workers = GaugeMetricFamily("locutor_service_workers", "Calls of the engine that all replicas work on at a time.", labels=("service",))
        for family, counts in ((of_replicas, replicas), (of_calls, calls)):
            for labels, count in sorted(counts.items()):
                family.add_metric(labels, count)
        for name, count in sorted(workers.items()):
            of_workers.add_metric((name,), count)
        yield from (of_replicas, of_calls, of_workers)


REGISTRY.register(_Load())
