"""`--plan`: a job is planned and not made, and told in a table that a person understands."""

from __future__ import annotations

import json
from pathlib import Path

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration

from locutor.gateway.v1 import job_pb2
from tests.cli.command import run_here
from tests.cli.scripted_gateway import ScriptedGateway, serve


def lasting(seconds: float) -> Duration:
    duration = Duration()
    duration.FromNanoseconds(round(seconds * 1e9))
    return duration


class PlanningGateway(ScriptedGateway):
    def PlanJob(self, request: job_pb2.PlanJobRequest, context: grpc.ServicerContext) -> job_pb2.PlanJobResponse:
        self.planned = request
        plan = job_pb2.PlanJobResponse(estimated_duration=lasting(8), full_duration=lasting(400))
        plan.stages.add(name="probe", cached_steps=1)
        plan.stages.add(name="speak", locale="es", cached_steps=198, computed_steps=2, estimated_duration=lasting(2), media_duration=lasting(4))
        plan.stages.add(
            name="animate", locale="es", cached_steps=12, computed_steps=2, estimated=True, estimated_duration=lasting(6), media_duration=lasting(75)
        )
        return plan

    def CreateJob(self, request: job_pb2.CreateJobRequest, context: grpc.ServicerContext) -> job_pb2.CreateJobResponse:
        raise AssertionError("nothing is to be made")


@pytest.mark.parametrize("as_json", [False, True])
def test_a_dub_is_planned(tmp_path: Path, as_json: bool) -> None:
    video = tmp_path / "talk.mp4"
    video.write_bytes(b"\0\0\0\x20ftypisom" + bytes(100))
    gateway = PlanningGateway()
    with serve(gateway, tmp_path) as address:
        consent = ["--consent", "All agreed", "--consent-by", "A test"]
        done = run_here(["dub", video, "--to", "es", "--plan", "--gateway", address, *consent, *(["--json"] if as_json else [])])
    told = done.stdout
    assert done.returncode == 0, done.stderr
    assert gateway.planned.dub.targets[0].locale == "es"
    assert not (tmp_path / "out").exists()
    if as_json:
        assert [stage["computed_steps"] for stage in json.loads(told)["stages"]] == [0, 2, 2]
        return
    assert "about 2" in told and "1 min 15 s" in told and "198" in told
    assert "2.0 % of 6 min 40 s" in told
