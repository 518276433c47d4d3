"""Brings a job's outputs into a folder, under names that people understand."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from locutor.client import LocutorClient
from locutor.errors import Unavailable
from locutor.gateway.v1 import job_pb2
from locutor.gateway.v1.job_pb2 import Job

SUFFIXES = {
    job_pb2.OUTPUT_KIND_VIDEO: ".mp4",
    job_pb2.OUTPUT_KIND_SUBTITLES_SRT: ".srt",
    job_pb2.OUTPUT_KIND_SUBTITLES_VTT: ".vtt",
    job_pb2.OUTPUT_KIND_COVER: ".jpg",
    job_pb2.OUTPUT_KIND_REPORT: ".report.json",
    job_pb2.OUTPUT_KIND_TIMELINE: ".timeline.json",
    job_pb2.OUTPUT_KIND_SUBTITLES_TTML: ".ttml",
    job_pb2.OUTPUT_KIND_UTTERANCES: ".utterances.json",
    job_pb2.OUTPUT_KIND_AUDIO: ".wav",
    job_pb2.OUTPUT_KIND_CAST: ".cast.json",
    job_pb2.OUTPUT_KIND_SCRIPT: ".script.md",
}


@dataclass(frozen=True)
class SavedOutput:
    locale: str
    kind: str
    """ "video", "subtitles_srt", ..."""
    path: Path
    size_bytes: int


def save(client: LocutorClient, job: Job, folder: Path, name: str, *, direct: bool = False) -> list[SavedOutput]:
    """Download every output that the job has, finished or not, as NAME.LOCALE.mp4 and so on; see `LocutorClient.download`. Raises `LocutorError`."""
    saved = []
    for result in job.results:
        for output in result.outputs:
            path = folder / f"{name}.{result.locale}{SUFFIXES[output.kind]}"
            try:
                media = client.download(output.media.uri, path, direct=direct)
            except OSError as error:
                remedy = f"make room, then: locutor jobs download {job.id} --out DIR"
                raise Unavailable(f"{path} cannot be written ({error.strerror}); {remedy}", reason="NOT_WRITABLE") from error
            kind = job_pb2.OutputKind.Name(output.kind).removeprefix("OUTPUT_KIND_").lower()
            saved.append(SavedOutput(result.locale, kind, path, media.size_bytes))
    return saved
