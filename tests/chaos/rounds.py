"""One round: a job is begun, something is killed in a stage, and the job must end as if nothing had been."""

from __future__ import annotations

import json
import random
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from locutor.client import ENDED, LocutorClient
from locutor.errors import LocutorError
from locutor.gateway.v1 import job_pb2
from tests.chaos.jobs import BEHIND, STAGES, Inputs, fingerprint, start
from tests.chaos.processes import Cluster, Running
from tests.postgres import Postgres

GATEWAY = "gateway"
_ROUND_S = 300.0
"""Longest time that a job may take, its interruption included."""
_DEPTHS = (0.0, 0.3, 0.6)
"""Progress of the stage at which it is cut off: at its start, or in the middle."""
_LATE_DEPTHS = (0.9, 0.95, 0.99)


@dataclass(frozen=True)
class Round:
    """What is killed, and when."""

    pipeline: str
    stage: str
    victim: str
    """ "gateway", or the name of a service."""

    def __str__(self) -> str:
        return f"{self.pipeline}/{self.stage}: {self.victim}"


@dataclass(frozen=True)
class Outcome:
    """What came of a round."""

    round: Round
    seconds: float
    struck: str
    """The stage and its progress when the blow fell; empty where the job was already over."""
    problems: tuple[str, ...]
    steps: int
    again: int
    """Attempts that failed and were made again, as the job's events tell."""
    taken: int
    """How often another gateway, or the next one, took the job over."""


def all_rounds() -> list[Round]:
    """Each stage of each pipeline: the gateway is killed in it, and the service that works for it."""
    return [Round(pipeline, stage, victim) for pipeline, stages in STAGES.items() for stage in stages for victim in (GATEWAY, BEHIND.get(stage, "")) if victim]


class Arena:
    """Runs rounds on one kind of database."""

    def __init__(self, cluster: Cluster, server: Postgres | None, inputs: Inputs, calm: Mapping[str, Mapping[str, str]], seed: int) -> None:
        """`server`: with it two gateways on a database of each round's own; else one, on files. `calm`: outputs of the undisturbed jobs, by pipeline."""
        self._cluster = cluster
        self._server = server
        self._inputs = inputs
        self._calm = calm
        self._random = random.Random(seed)

    def run(self, round: Round, folder: Path) -> Outcome:
        folder.mkdir(parents=True)
        began = time.monotonic()
        environment = {"LOCUTOR_DATABASE": self._server.url} if self._server is not None else {}
        environment = {"LOCUTOR_DATABASE": self._server.url} if self._server is not None else {}
        gateways = [self._cluster.gateway(f"g{number}", folder, environment) for number in range(1 if self._server is None else 2)]
        try:
            for gateway in gateways:
                gateway.start()
                gateway.wait()
            return self._disturb(round, folder, gateways, began)
        finally:
            for gateway in gateways:
                gateway.stop()
            for service in self._cluster.services.values():
                if not service.is_alive:
                    service.start()
                    service.wait()

    def _disturb(self, round: Round, folder: Path, gateways: Sequence[Running], began: float) -> Outcome:
        problems: list[str] = []
        with LocutorClient(gateways[0].address) as client:
            job = start(client, round.pipeline, self._inputs, f"chaos-{folder.name}")
            struck = self._strike(round, client, job.id, gateways)
        survivor = next((gateway for gateway in gateways if gateway.is_alive), gateways[0])
        with LocutorClient(survivor.address) as client:
            job = _watched(client, job.id, began + _ROUND_S)
            if job.state != job_pb2.STATE_SUCCEEDED:
                errors = [str(result.error) for result in job.results if result.HasField("error")]
                problems.append(f"the job is {job_pb2.State.Name(job.state)}: {job.error.message} {' '.join(errors)}")
            else:
                outputs = fingerprint(client, job, folder)
                calm = self._calm[round.pipeline]
                problems += [f"{name} differs from that of the undisturbed run" for name in calm if outputs.get(name) != calm[name]]
            events = list(client.events(job.id))
            if not struck:
                problems.append("the job was over before the blow fell")
        done = finished_steps(gateways)
        problems += [f"the step {step} was finished {times} times" for step, times in done.items() if times > 1]
        if not done:
            problems.append("no gateway told of a finished step: nothing was counted")
        kinds = Counter(event.kind for event in events)
        again, taken = kinds[job_pb2.JOB_EVENT_KIND_STEP_RETRIED], kinds[job_pb2.JOB_EVENT_KIND_TAKEN_OVER]
        return Outcome(round, time.monotonic() - began, struck, tuple(problems), len(done), again, taken)

    def _strike(self, round: Round, client: LocutorClient, job_id: str, gateways: Sequence[Running]) -> str:
        """Kill the victim in the stage, and start it again; tells where the job was."""
        # The last stage may be over before a watcher hears of it: then the blow falls at the end of the one before.
        name, depths = ("animate", _LATE_DEPTHS) if round.stage == "mux" else (round.stage, _DEPTHS)
        depth = self._random.choice(depths)
        for job in client.watch(job_id):
            stage = next((stage for stage in job.stages if stage.name == name and stage.state in (job_pb2.STATE_RUNNING, *ENDED)), None)
            if job.state in ENDED:
                return ""
            if stage is None:
                continue
            if stage.state == job_pb2.STATE_RUNNING and stage.progress < depth:
                continue
            victim = self._working(gateways, job_id) if round.victim == GATEWAY else self._cluster.services[round.victim]
            victim.kill()
            # With one gateway nobody else goes on; with two the other one must, and the dead one comes back later.
            if round.victim != GATEWAY or len(gateways) == 1:
                victim.start()
                victim.wait()
            return f"{stage.name} {stage.progress:.0%} {job_pb2.State.Name(stage.state).removeprefix('STATE_').lower()}"
        return ""

    def _working(self, gateways: Sequence[Running], job_id: str) -> Running:
        """The gateway that works on the job: the one that wrote of it last."""

        def last(gateway: Running) -> str:
            return max((line.get("time", "") for line in lines(gateway.log) if line.get("job") == job_id), default="")

        return max(gateways, key=last)


def _watched(client: LocutorClient, job_id: str, until: float) -> job_pb2.Job:
    """The job at its end, or as it is when the time is over."""
    job = job_pb2.Job()
    while time.monotonic() < until:
        with suppress(LocutorError):
            job = client.job(job_id)
            if job.state in ENDED:
                break
        time.sleep(0.2)
    return job


def lines(log: Path) -> list[dict[str, str]]:
    """The JSON lines of a log; what a killed process did not write to its end is left out."""
    found = []
    for line in log.read_text(errors="replace").splitlines():
        with suppress(ValueError):
            found.append(json.loads(line))
    return found


def finished_steps(gateways: Sequence[Running]) -> Counter[str]:
    """How often each step was finished, by all gateways together, as their logs tell: a line is written when a result is kept."""
    found: Counter[str] = Counter()
    for gateway in gateways:
        for line in lines(gateway.log):
            message = line.get("message", "")
            if message.startswith("step done "):
                found[f"{line.get('stage')} {message.split()[2]} {message.split()[3]}"] += 1
    return found
