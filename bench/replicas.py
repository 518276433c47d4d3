"""Two replicas of a service against one, and two machines against one: what more of them bring.

Each replica has one thread, and one processor to itself, as a container with one processor has: x264 uses two threads whatever it is given,
because its output depends on their number. Runs with one and with two take turns, and medians are compared.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from bench.figure import Figure
from bench.material import LOCALE, PARAGRAPHS, face_png, spoken
from gateway.services import CHUNK_BYTES, Services
from gateway.settings import SERVICES
from locutor.cli.embedded import embedded_gateway
from locutor.client import LocutorClient
from locutor.common.v1 import audio_pb2, timeline_pb2, video_pb2
from locutor.errors import InternalError, Unavailable
from locutor.gateway.v1 import job_pb2
from locutor.lipsync.v1 import lipsync_pb2
from locutor.tts.v1 import tts_pb2

_COUNT = 2
_ROUNDS = 3
_PIECES = 8
_RATE = 24_000
_FRAME_RATE = 25
_LONGEST_S = 300.0
_SENTENCES = tuple(f"{sentence}." for paragraph in PARAGRAPHS for sentence in paragraph.rstrip(".").split(". "))


@dataclass(frozen=True)
class _Replica:
    address: str
    process: psutil.Popen

    @property
    def processor_s(self) -> float:
        used = self.process.cpu_times()
        return used.user + used.system


@dataclass(frozen=True)
class _Run:
    wall_s: float
    processor_s: float
    """Of all replicas."""


def replicas(work: Path) -> Iterator[Figure]:
    """Calls of tts and of lipsync, then whole jobs."""
    processors = sorted(os.sched_getaffinity(0))
    if len(processors) < _COUNT:
        raise Unavailable(f"two replicas want two processors; there is {len(processors)}")
    with ExitStack() as stack:
        own = {name: [stack.enter_context(_replica(name, work, number, processors[number])) for number in range(_COUNT)] for name in ("tts", "lipsync")}
        for name, calls in (("tts", _speak), ("lipsync", _animator(work))):
            yield from _compared(name, own[name], calls)
        yield from _jobs(own, work)


@contextmanager
def _replica(name: str, work: Path, number: int, processor: int) -> Iterator[_Replica]:
    address = f"unix:{work}/{name}-{number}.sock"
    command = [sys.executable, "-m", f"services.{name}", "--listen", address, "--threads", "1", "--lifeline"]
    # Its threads begin on the processor that it has then.
    process = psutil.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL, preexec_fn=lambda: os.sched_setaffinity(0, {processor}))
    try:
        yield _Replica(address, process)
    finally:
        process.kill()
        process.wait()


Call = Callable[[Services, int], AsyncIterator[object]]
"""Makes a call; the number says which."""


def _compared(name: str, own: Sequence[_Replica], call: Call) -> Iterator[Figure]:
    runs = asyncio.run(_in_turns(name, own, call))
    yield from _figures(name, runs, f"{_PIECES} calls; median of {_ROUNDS} in turns")


async def _in_turns(name: str, own: Sequence[_Replica], call: Call) -> dict[int, list[_Run]]:
    await _through(name, own, call, _COUNT)
    runs: dict[int, list[_Run]] = {1: [], _COUNT: []}
    for number in range(_ROUNDS):
        # The other way round each time: a machine that slows down slows both.
        for count in (1, _COUNT) if number % 2 else (_COUNT, 1):
            runs[count].append(await _through(name, own[:count], call, _PIECES))
    return runs


def _figures(name: str, runs: dict[int, list[_Run]], note: str) -> Iterator[Figure]:
    def median(count: int, field: str) -> float:
        return statistics.median(getattr(run, field) for run in runs[count])

    ratio = median(1, "wall_s") / median(_COUNT, "wall_s")
    yield Figure(f"replicas.{name}.ratio", ratio, "x", f"throughput of two one-thread replicas over one's: {note}", "at least 1.8")
    shares = [statistics.median(run.processor_s / run.wall_s for run in runs[count]) for count in (1, _COUNT)]
    yield Figure(f"replicas.{name}.one", shares[0], "processors", "at work for one replica: less than 1 is what others on the machine, or waiting, took")
    yield Figure(f"replicas.{name}.two", shares[1], "processors", "at work for two")
    dearer = 100 * (median(_COUNT, "processor_s") / median(1, "processor_s") - 1)
    yield Figure(f"replicas.{name}.dearer", dearer, "%", "more processor time for the same work with two: what they take from each other")


async def _through(name: str, own: Sequence[_Replica], call: Call, calls: int) -> _Run:
    """All calls at once, through the gateway's own balancing."""
    nobody = dict.fromkeys(SERVICES, "unix:/nobody")
    services = Services(nobody | {name: ",".join(replica.address for replica in own)})
    try:
        async with asyncio.timeout(_LONGEST_S):
            while services.serving(name) < len(own):  # noqa: ASYNC110 - processes that start tell nobody
                await asyncio.sleep(0.05)

            async def one(number: int) -> None:
                async for _ in call(services, number):
                    pass

            used, began = sum(replica.processor_s for replica in own), time.perf_counter()
            await asyncio.gather(*(one(number) for number in range(calls)))
            return _Run(time.perf_counter() - began, sum(replica.processor_s for replica in own) - used)
    finally:
        await services.close()


def _speak(services: Services, number: int) -> AsyncIterator[object]:
    call: AsyncIterator[object] = services.tts.Synthesize(tts_pb2.SynthesizeRequest(text=_SENTENCES[number % len(_SENTENCES)], locale=LOCALE))
    return call


def _animator(work: Path) -> Call:
    """Calls that animate the first sentences of the script."""
    face, sentences = face_png(), [sentence for paragraph in spoken(work) for sentence in paragraph][:_PIECES]

    async def requests(number: int) -> AsyncIterator[lipsync_pb2.AnimateRequest]:
        sentence = sentences[number % len(sentences)]
        video = video_pb2.VideoFormat(width_pixels=1280, height_pixels=720, frame_rate_numerator=_FRAME_RATE, frame_rate_denominator=1)
        sound = audio_pb2.AudioFormat(encoding=audio_pb2.AUDIO_ENCODING_PCM_S16LE, sample_rate_hertz=_RATE, channels=1)
        frames = len(sentence.audio) * _FRAME_RATE // _RATE
        yield lipsync_pb2.AnimateRequest(config=lipsync_pb2.AnimateConfig(video=video, audio=sound, frame_count=frames, locale=LOCALE))
        yield lipsync_pb2.AnimateRequest(portrait=face)
        timeline = timeline_pb2.Timeline()
        for phoneme in sentence.timeline.phonemes:
            added = timeline.phonemes.add(symbol=phoneme.symbol, stressed=phoneme.stressed)
            # Offsets of a sentence count from its paragraph's first sample.
            added.start_offset.FromNanoseconds(round(max(0.0, phoneme.start_s - sentence.start_s) * 1e9))
            added.end_offset.FromNanoseconds(round(max(0.0, phoneme.end_s - sentence.start_s) * 1e9))
        yield lipsync_pb2.AnimateRequest(timeline=timeline)
        audio = (sentence.audio * 32767).round().astype("<i2").tobytes()
        for begin in range(0, len(audio), CHUNK_BYTES):
            yield lipsync_pb2.AnimateRequest(audio=audio[begin : begin + CHUNK_BYTES])

    def animate(services: Services, number: int) -> AsyncIterator[object]:
        call: AsyncIterator[object] = services.lipsync.Animate(requests(number))
        return call

    return animate


def _jobs(own: dict[str, list[_Replica]], work: Path) -> Iterator[Figure]:
    """A present job on two machines, each with one processor and a replica of each service, against the same job on one of them."""
    runs: dict[int, list[_Run]] = {1: [], _COUNT: []}
    rate = 1.0
    for number in range(_ROUNDS):
        for count in (1, _COUNT) if number % 2 else (_COUNT, 1):
            rate += 0.0001
            runs[count].append(_job({name: found[:count] for name, found in own.items()}, work, rate))
    yield from _figures("job", runs, f"a present job of {len(PARAGRAPHS)} paragraphs, gateway included; median of {_ROUNDS} in turns")


def _job(own: dict[str, list[_Replica]], work: Path, rate: float) -> _Run:
    """`rate`: another one each time, by a hair, so that nothing is found in the store."""
    os.environ["LOCUTOR_DATA"], os.environ["LOCUTOR_WEB"] = str(work / "replicas"), ""
    for name, found in own.items():
        os.environ[f"LOCUTOR_{name.upper()}"] = ",".join(replica.address for replica in found)
    with embedded_gateway(works=True) as address, LocutorClient(address) as client:
        spec = job_pb2.PresentSpec(
            script=job_pb2.Script(text="\n\n".join(PARAGRAPHS), locale=LOCALE),
            face_uri=client.upload(face_png()),
            targets=[job_pb2.Target(locale=LOCALE, rate=rate)],
            video=video_pb2.VideoFormat(width_pixels=1280, height_pixels=720, frame_rate_numerator=_FRAME_RATE, frame_rate_denominator=1),
            consent=job_pb2.Consent(stated_by="bench", statement="A NASA portrait in the public domain, used for a measurement"),
        )
        replicas = [replica for found in own.values() for replica in found]
        used, began = sum(replica.processor_s for replica in replicas), time.perf_counter()
        *_, ended = client.watch(client.create_present_job(spec).id)
        if ended.state != job_pb2.STATE_SUCCEEDED:
            raise InternalError(f"the job ended as {job_pb2.State.Name(ended.state)}: {ended.error.message or ended.results[0].error.message}")
        return _Run(time.perf_counter() - began, sum(replica.processor_s for replica in replicas) - used)
