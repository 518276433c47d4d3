"""`python -m tests.chaos.load`: 200 short jobs by 16 clients of four tenants. None is lost, none is made twice, the order is as promised, memory is flat."""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import psutil

from locutor.client import LocutorClient
from locutor.common.v1.video_pb2 import VideoFormat
from locutor.errors import Overloaded
from locutor.gateway.v1 import job_pb2
from tests.chaos.jobs import CONSENT, portrait
from tests.chaos.processes import Cluster
from tests.chaos.rounds import lines

JOBS, CLIENTS, TENANTS = 200, 16, 4
_AT_ONCE = 4
_TENANT_QUEUE = 20
"""Less than what a tenant's clients have at a time, so that refusals are seen too."""
_GROWTH = 1.1
"""Memory after all jobs over that after the first quarter."""


@dataclass(frozen=True)
class Made:
    tenant: str
    number: int
    job: job_pb2.Job


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.load", description=__doc__)
    parser.add_argument("--jobs", type=int, default=JOBS)
    jobs = parser.parse_args().jobs
    with tempfile.TemporaryDirectory(prefix="locutor-load-", ignore_cleanup_errors=True) as name, Cluster(Path(name)) as cluster:
        folder = Path(name) / "load"
        folder.mkdir()
        tokens = {f"tenant{number}": f"secret-{number}-{os.urandom(8).hex()}" for number in range(TENANTS)}
        (folder / "tokens.toml").write_text("".join(f'{tenant} = "{hashlib.sha256(token.encode()).hexdigest()}"\n' for tenant, token in tokens.items()))
        settings = {"LOCUTOR_TOKENS": str(folder / "tokens.toml"), "LOCUTOR_JOBS": str(_AT_ONCE), "LOCUTOR_TENANT_QUEUE": str(_TENANT_QUEUE)}
        gateway = cluster.gateway("load", folder, settings)
        gateway.start()
        try:
            gateway.wait()
            assert gateway.pid is not None
            began = time.monotonic()
            memory = Memory(gateway.pid)
            made, refused = _create(gateway.address, tokens, jobs, memory)
            seconds = time.monotonic() - began
            listed = _listed(gateway.address, tokens)
        finally:
            gateway.stop()
        problems = [*_lost_or_doubled(made, listed, jobs), *_unfair(made), *memory.problems(), *_twice(gateway.log)]
    print(f"{jobs} jobs by {CLIENTS} clients: {seconds:.0f} s, {jobs / seconds * 60:.0f} a minute; {refused} refusals, each tried again; {memory}")
    print("\n".join(problems) or "none lost, none doubled, in order, memory flat")
    return 1 if problems else 0


class Memory:
    """Resident memory of a process and its children, after each job."""

    def __init__(self, pid: int) -> None:
        self._process = psutil.Process(pid)
        self._seen: list[int] = []
        self._lock = threading.Lock()

    def look(self) -> None:
        with self._lock:
            self._seen.append(self._process.memory_info().rss)

    def _share(self, begin: float, end: float) -> float:
        part = sorted(self._seen[int(begin * len(self._seen)) : int(end * len(self._seen))])
        return part[len(part) // 2] / 1e6

    def problems(self) -> list[str]:
        first, last = self._share(0.2, 0.3), self._share(0.9, 1)
        return [f"memory grew from {first:.0f} to {last:.0f} MB"] if last > first * _GROWTH else []

    def __str__(self) -> str:
        return f"gateway {self._share(0.2, 0.3):.0f} MB after a quarter, {self._share(0.9, 1):.0f} MB at the end"


def _create(address: str, tokens: dict[str, str], jobs: int, memory: Memory) -> tuple[list[Made], int]:
    """All jobs, each asked for twice with one request id, as after a lost answer."""
    made: list[Made] = []
    refused = Counter[str]()
    numbers = iter(range(jobs))
    lock = threading.Lock()

    def client_of(index: int) -> None:
        tenant = f"tenant{index % TENANTS}"
        chance = random.Random(index)
        with LocutorClient(address, tokens[tenant]) as client:
            face = client.upload(portrait())
            while True:
                with lock:
                    number = next(numbers, None)
                if number is None:
                    return
                job = _accepted(client, _spec(number, face), f"load-{number}", chance.choice((-1, 0, 0, 0, 5)), refused)
                ended = list(client.watch(job.id))[-1]
                memory.look()
                with lock:
                    made.append(Made(tenant, number, ended))

    with ThreadPoolExecutor(CLIENTS) as pool:
        for running in [pool.submit(client_of, index) for index in range(CLIENTS)]:
            running.result()
    return made, refused["refused"]


def _accepted(client: LocutorClient, spec: job_pb2.PresentSpec, request_id: str, priority: int, refused: Counter[str]) -> job_pb2.Job:
    while True:
        try:
            first = client.create_present_job(spec, request_id=request_id, priority=priority)
            second = client.create_present_job(spec, request_id=request_id, priority=priority)
        except Overloaded as error:
            refused["refused"] += 1
            time.sleep(error.retry_after_s or 1.0)
            continue
        assert first.id == second.id
        return first


def _spec(number: int, face_uri: str) -> job_pb2.PresentSpec:
    return job_pb2.PresentSpec(
        script=job_pb2.Script(text=f"Number {number}.", locale="en-US"),
        face_uri=face_uri,
        targets=[job_pb2.Target(locale="en-US")],
        video=VideoFormat(width_pixels=128, height_pixels=128, frame_rate_numerator=10, frame_rate_denominator=1),
        consent=CONSENT,
    )


def _listed(address: str, tokens: dict[str, str]) -> list[str]:
    found: list[str] = []
    for token in tokens.values():
        with LocutorClient(address, token) as client:
            found += [job.id for job in client.jobs()]
    return found


def _lost_or_doubled(made: Sequence[Made], listed: Sequence[str], jobs: int) -> list[str]:
    problems = []
    if sorted(one.number for one in made) != list(range(jobs)):
        problems.append(f"{jobs - len(made)} jobs were lost")
    if sorted(listed) != sorted(one.job.id for one in made):
        problems.append(f"the gateway lists {len(listed)} jobs, of which {len(set(listed) - {one.job.id for one in made})} nobody asked for")
    problems += [f"job {one.number} ended {job_pb2.State.Name(one.job.state)}: {one.job.error}" for one in made if one.job.state != job_pb2.STATE_SUCCEEDED]
    return problems


def _unfair(made: Sequence[Made]) -> list[str]:
    """Of a tenant, a job that waited when another began had a lower priority, or came later."""
    problems = []
    for tenant in sorted({one.tenant for one in made}):
        begun = sorted((one.job for one in made if one.tenant == tenant), key=lambda job: job.start_time.ToNanoseconds())
        for first, second in pairwise(begun):
            waited = second.create_time.ToNanoseconds() < first.start_time.ToNanoseconds() - 5e8
            better = second.priority > first.priority or (
                second.priority == first.priority and second.create_time.ToNanoseconds() < first.create_time.ToNanoseconds() - 5e8
            )
            if waited and better:
                problems.append(f"{tenant}: job {second.id} (priority {second.priority}) waited while {first.id} (priority {first.priority}) began")
    return problems


def _twice(log: Path) -> list[str]:
    done = Counter(message.split(" in ")[0] for line in lines(log) if (message := line.get("message", "")).startswith("step done "))
    return [f"{step} {times} times" for step, times in done.items() if times > 1]


if __name__ == "__main__":
    sys.exit(main())
