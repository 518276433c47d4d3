"""The two jobs that are disturbed, small but real, and what of their outputs must be the same whatever happened on the way."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from pathlib import Path

import av
import skimage
from PIL import Image

from locutor.client import LocutorClient
from locutor.common.v1.video_pb2 import VideoFormat
from locutor.gateway.v1 import dub_pb2, job_pb2

CONSENT = job_pb2.Consent(stated_by="Locutor's crash test", statement="a picture in the public domain, and a clip that may be used for tests")
SCRIPT = "Good morning. The doors open at nine.\n\nThe bus brings people back to the museum.\n"
STAGES = {
    "present": ("translate", "speak", "animate", "mux"),
    "dub": ("probe", "recognize", "diarize", "track", "translate", "speak", "mix", "animate", "mux"),
}
BEHIND = {"translate": "translate", "speak": "tts", "animate": "lipsync", "recognize": "asr", "diarize": "asr", "track": "lipsync"}
"""Stage to the service that does its work; the others are the gateway's own."""


@dataclass(frozen=True)
class Inputs:
    """What the jobs are made of."""

    face: bytes
    video: bytes

    @classmethod
    def make(cls, client: LocutorClient, folder: Path) -> Inputs:
        """The video that is dubbed is one that was presented before."""
        face = portrait()
        job = ended(client, client.create_present_job(_presented(client, face, "en-US")).id)
        video = next(output for output in job.results[0].outputs if output.kind == job_pb2.OUTPUT_KIND_VIDEO)
        client.download(video.media.uri, folder / "source.mp4")
        return cls(face, (folder / "source.mp4").read_bytes())


def portrait() -> bytes:
    """A picture in the public domain."""
    image = io.BytesIO()
    Image.fromarray(skimage.data.astronaut()).save(image, "PNG")
    return image.getvalue()


def ended(client: LocutorClient, job_id: str) -> job_pb2.Job:
    """The job, once it has succeeded. Raises `RuntimeError` where it has not."""
    job = list(client.watch(job_id))[-1]
    if job.state != job_pb2.STATE_SUCCEEDED:
        raise RuntimeError(f"the job ended {job_pb2.State.Name(job.state)}: {job.error} {[result.error for result in job.results]}")
    return job


def _presented(client: LocutorClient, face: bytes, locale: str) -> job_pb2.PresentSpec:
    return job_pb2.PresentSpec(
        script=job_pb2.Script(text=SCRIPT, locale="en-US"),
        face_uri=client.upload(face),
        targets=[job_pb2.Target(locale=locale)],
        video=VideoFormat(width_pixels=320, height_pixels=240),
        consent=CONSENT,
    )


def start(client: LocutorClient, pipeline: str, inputs: Inputs, request_id: str) -> job_pb2.Job:
    if pipeline == "present":
        return client.create_present_job(_presented(client, inputs.face, "pt-BR"), request_id=request_id)
    dub = job_pb2.DubSpec(video_uri=client.upload(inputs.video), source_locale="en", targets=[dub_pb2.DubTarget(locale="pt-BR")], consent=CONSENT)
    return client.create_dub_job(dub, request_id=request_id)


def fingerprint(client: LocutorClient, job: job_pb2.Job, folder: Path) -> dict[str, str]:
    """Digests of all outputs by kind, without the job's own id; of a video's packets, since its manifest tells of its own job."""
    found: dict[str, str] = {}
    for result in job.results:
        for output in result.outputs:
            kind = job_pb2.OutputKind.Name(output.kind).removeprefix("OUTPUT_KIND_").lower()
            if kind == "report":
                continue
            path = folder / f"{result.locale}.{kind}"
            client.download(output.media.uri, path)
            content = path.read_bytes().replace(job.id.encode(), b"")
            found[f"{result.locale} {kind}"] = packets(path) if kind == "video" else hashlib.sha256(content).hexdigest()
    return found


def packets(path: Path) -> str:
    """Digest of what a video's streams hold, with their times."""
    digest = hashlib.sha256()
    with av.open(str(path)) as video:
        for packet in video.demux():
            digest.update(f"{packet.stream.index} {packet.pts} {packet.dts} {packet.size} ".encode())
            digest.update(bytes(packet))
    return digest.hexdigest()
