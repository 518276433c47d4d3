"""The whole: a script of a minute to a finished video at 720p, through client, gateway and services, and the same without them."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from bench.figure import Figure
from bench.loop import DirectLoop
from bench.material import LOCALE, face_png, script
from bench.rows import memory
from locutor.cli.embedded import embedded_gateway
from locutor.client import LocutorClient
from locutor.errors import InternalError
from locutor.gateway.v1 import job_pb2
from media.probe import probe
from services.lipsync.engine import VideoFormat

_VIDEO = VideoFormat(1280, 720, Fraction(25))
_LONGEST_WAIT_S = 300.0


@dataclass(frozen=True)
class Run:
    """One video made."""

    wall_s: float
    processor_s: float
    """Of all threads of this process and of its ended children: other programs on the machine do not count."""
    media_s: float
    first_fragment_s: float = 0.0
    """From the start until the gateway had the first fragment of video."""


def job(work: Path) -> Iterator[Figure]:
    """In turns: gateway, loop, loop, gateway, so that a machine that slows down slows both."""
    os.environ["LOCUTOR_DATA"] = str(work / "data")
    os.environ["LOCUTOR_WEB"] = ""
    with embedded_gateway(works=True) as address, LocutorClient(address) as client:
        face = client.upload(face_png())
        through_gateway(client, face, "Hello, this is a short test.", 1.0, work)
        first = through_gateway(client, face, script(), 1.0, work)
        used = memory("job", "gateway and all services in one process, weights included")
        loop = DirectLoop(_VIDEO, work)
        direct = [_timed(loop.run), _timed(loop.run)]
        # Another rate by a hair: what was made before is kept, and would be taken from the store.
        gateway = [first, through_gateway(client, face, script(), 1.0001, work)]
    length = gateway[0].media_s
    yield Figure("job.rtf", _best(gateway, "wall_s"), "x real time", f"{length:.1f} s of 720p, warm, the better of two", "at most 1.2")
    yield Figure("job.first_fragment", min(run.first_fragment_s for run in gateway), "s", "from CreateJob to the first fragment of video", "within 4")
    yield Figure("loop.rtf", _best(direct, "wall_s"), "x real time", "the same engines in a loop in one process")
    yield Figure("overhead.processor", _overhead(gateway, direct, "processor_s"), "%", "processor time of gateway and gRPC over the loop's", "at most 5")
    yield Figure("overhead.wall", _overhead(gateway, direct, "wall_s"), "%", "below zero: stages work side by side", "at most 5")
    yield used


def _best(runs: list[Run], field: str) -> float:
    return min(getattr(run, field) / run.media_s for run in runs)


def _overhead(gateway: list[Run], direct: list[Run], field: str) -> float:
    """In percent, per second of video: the two videos' pauses differ by a little."""
    through, without = (sum(getattr(run, field) for run in runs) / sum(run.media_s for run in runs) for runs in (gateway, direct))
    return 100 * (through / without - 1)


def _timed(make: Callable[[], float]) -> Run:
    wall, processor = time.perf_counter(), _processor_s()
    media_s = make()
    return Run(time.perf_counter() - wall, _processor_s() - processor, media_s)


def _processor_s() -> float:
    used = os.times()
    return used.user + used.system + used.children_user + used.children_system


def through_gateway(client: LocutorClient, face: str, text: str, rate: float, work: Path) -> Run:
    spec = job_pb2.PresentSpec(
        script=job_pb2.Script(text=text, locale=LOCALE),
        face_uri=face,
        targets=[job_pb2.Target(locale=LOCALE, rate=rate)],
        consent=job_pb2.Consent(stated_by="bench", statement="A NASA portrait in the public domain, used for a measurement"),
    )
    spec.video.width_pixels, spec.video.height_pixels = _VIDEO.width, _VIDEO.height
    spec.video.frame_rate_numerator, spec.video.frame_rate_denominator = _VIDEO.frame_rate.numerator, _VIDEO.frame_rate.denominator
    wall, processor = time.perf_counter(), _processor_s()
    created = client.create_present_job(spec)
    with ThreadPoolExecutor(1) as threads:
        first_fragment = threads.submit(_wait_for_fragment, work / "data" / "work")
        *_, state = client.watch(created.id)
        wall_s, processor_s = time.perf_counter() - wall, _processor_s() - processor
        first_fragment_s = first_fragment.result() - wall
    if state.state != job_pb2.STATE_SUCCEEDED:
        raise InternalError(f"the job ended as {job_pb2.State.Name(state.state)}: {state.error.message or state.results[0].error.message}")
    video = next(output for output in state.results[0].outputs if output.kind == job_pb2.OUTPUT_KIND_VIDEO)
    client.download(video.media.uri, work / "job.mp4")
    return Run(wall_s, processor_s, float(probe(work / "job.mp4").duration_s), first_fragment_s)


def _wait_for_fragment(folder: Path) -> float:
    """The time at which a first fragment stands in a first piece's file."""
    begun = time.perf_counter()
    while time.perf_counter() - begun < _LONGEST_WAIT_S:
        for path in folder.rglob("*-00000.mp4"):
            if b"mdat" in path.read_bytes():
                return time.perf_counter()
        time.sleep(0.02)
    raise InternalError(f"no fragment came within {_LONGEST_WAIT_S:.0f} s")
