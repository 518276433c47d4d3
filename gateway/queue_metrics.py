"""The queue as Prometheus reads it: looked at when somebody reads, and never otherwise."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterator
from weakref import WeakKeyDictionary

from prometheus_client import REGISTRY
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from gateway.jobs import JobTable
from locutor.gateway.v1 import job_pb2

log = logging.getLogger("locutor.gateway")

_STATES = {job_pb2.STATE_QUEUED: "queued", job_pb2.STATE_RUNNING: "running", job_pb2.STATE_IN_REVIEW: "in_review"}
_PATIENCE_S = 5.0

_tables: WeakKeyDictionary[JobTable, asyncio.AbstractEventLoop] = WeakKeyDictionary()


def watch(table: JobTable) -> None:
    """Tell of the jobs in a table, for as long as it is there. To be called inside the running event loop."""
    _tables[table] = asyncio.get_running_loop()


class _Queue(Collector):
    """Runs in the thread of whoever reads; the tables are asked in their own loops."""

    def describe(self) -> Iterator[Metric]:
        yield from _families()

    def collect(self) -> Iterator[Metric]:
        jobs, oldest_s = _families()
        counts = dict.fromkeys(_STATES, 0)
        waited_s = 0.0
        for table, loop in list(_tables.items()):
            if not loop.is_running():
                continue
            try:
                found, oldest = asyncio.run_coroutine_threadsafe(table.unended(), loop).result(_PATIENCE_S)
            except Exception:
                # No number is better than a wrong one.
                log.warning("the queue could not be counted for metrics", exc_info=True)
                return
            for state, count in found.items():
                counts[state] = counts.get(state, 0) + count
            if oldest is not None:
                waited_s = max(waited_s, time.time() - oldest.create_time.ToNanoseconds() / 1e9)
        if _tables:
            for state, name in _STATES.items():
                jobs.add_metric((name,), counts[state])
            oldest_s.add_metric((), waited_s)
        yield jobs
        yield oldest_s


def _families() -> tuple[GaugeMetricFamily, GaugeMetricFamily]:
    jobs = GaugeMetricFamily("locutor_jobs", "Jobs in the database that have not ended; the same in every gateway on it.", labels=("state",))
    return jobs, GaugeMetricFamily("locutor_queue_oldest_seconds", "How long the job that waits the longest has waited; the same in every gateway.")


REGISTRY.register(_Queue())
