"""What was made of a whole locale, kept under one key: a request that asks for the same again is answered without a look at its steps."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Awaitable, Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import gateway
import media
from gateway.artifacts import ArtifactStore, Blob, CorruptArtifact, StepResult, digest_of, step_key
from gateway.offer import Offer
from gateway.progress import JobTracker
from gateway.report import stage_entry
from gateway.signed import Signer
from locutor.errors import NotFound
from locutor.gateway.v1 import job_pb2

Put = Callable[[str, job_pb2.OutputKind.ValueType, Blob, str, str], Awaitable[None]]
"""Hands out an output of a locale: its kind, bytes, media type and file name's ending."""

_OF_JOB = (job_pb2.OUTPUT_KIND_REPORT, job_pb2.OUTPUT_KIND_UTTERANCES)
"""Files that name their job."""


class FinishedLocales:
    """The locales of one job, as an equal request may have made them before."""

    def __init__(self, store: ArtifactStore, tracker: JobTracker, offer: Offer, signer: Signer) -> None:
        self._store = store
        self._tracker = tracker
        self._offer = offer
        self._signer = signer

    async def find(self, locales: Sequence[str]) -> list[StepResult] | None:
        """What is kept of each locale; None where one of them has to be made."""
        found = [await self._store.find_step(self._key(locale)) for locale in locales]
        return [kept for kept in found if kept is not None] if all(found) and found else None

    async def give(self, locales: Sequence[str], found: Sequence[StepResult], put: Put | None) -> bool:
        """Have the job end with what `find` gave; False, with nothing done, where that is damaged or gone. `put`: None where it is only planned."""
        job = self._tracker.job
        if put is None:
            self._tell_stages(found)
            return True
        try:
            own = [{kind: await self._renamed(kept, kind) for kind in _OF_JOB if str(kind) in kept.blobs} for kept in found]
        except (CorruptArtifact, NotFound):
            return False
        self._tell_stages(found)
        for locale, kept, files in zip(locales, found, own, strict=True):
            result = self._tracker.result(locale)
            result.state = job_pb2.STATE_RUNNING
            result.warnings.extend(kept.facts["warnings"])
            for kind, content_type, suffix in kept.facts["outputs"]:
                document = files.get(kind)
                if document is not None and kind == job_pb2.OUTPUT_KIND_REPORT:
                    document["stages"] = [stage_entry(stage) for stage in job.stages if stage.locale in ("", locale)]
                blob = await self._store.put_bytes(json.dumps(document, ensure_ascii=False, indent=1).encode()) if document else kept.blobs[str(kind)]
                await put(locale, kind, blob, content_type, suffix)
            self._tracker.end_locale(locale, job_pb2.STATE_SUCCEEDED)
        return True

    async def keep(self, locale: str) -> None:
        """Keep a locale whose outputs were all handed out."""
        result = self._tracker.result(locale)
        suffixes = [output.media.file_name.removeprefix(f"{locale}.") for output in result.outputs]
        facts = {
            "outputs": [[output.kind, output.media.content_type, suffix] for output, suffix in zip(result.outputs, suffixes, strict=True)],
            "warnings": list(result.warnings),
            "stages": [
                [stage.name, stage.locale, stage.total_steps, stage.media_duration.ToNanoseconds() / 1e9]
                for stage in self._tracker.job.stages
                if stage.locale in ("", locale)
            ],
        }
        blobs = {str(output.kind): Blob(digest_of(output.media.uri), output.media.size_bytes) for output in result.outputs}
        await self._store.save_step(self._key(locale), StepResult(blobs, facts))

    async def _renamed(self, kept: StepResult, kind: job_pb2.OutputKind.ValueType) -> dict:
        return {**json.loads(await self._store.read(kept.blobs[str(kind)].sha256)), "job": self._tracker.job.id}

    def _tell_stages(self, found: Sequence[StepResult]) -> None:
        counts = {(name, locale): (steps, media_s) for kept in found for name, locale, steps, media_s in kept.facts["stages"]}
        for (name, locale), (steps, media_s) in counts.items():
            stage = self._tracker.stage(locale, name)
            for _ in range(steps):
                stage.step_done(cached=True)
            stage.add_media(media_s)
            stage.end(job_pb2.STATE_SUCCEEDED)

    def _key(self, locale: str) -> str:
        inputs = {"spec": _spec_digest(self._tracker.job, locale), "offer": _offer_digest(self._offer), "code": _code_digest()}
        return step_key("locale", {**inputs, "locale": locale, "signer": self._signer.inputs})


def _spec_digest(job: job_pb2.Job, locale: str) -> str:
    """Of what a job's request says of one locale."""
    whole: Any = job.dub if job.WhichOneof("spec") == "dub" else job.present
    spec = type(whole)()
    spec.CopyFrom(whole)
    spec.ClearField("review")
    spec.ClearField("targets")
    spec.targets.extend(target for target in whole.targets if target.locale == locale)
    if isinstance(spec, job_pb2.DubSpec):
        edits = [edit for edit in spec.edits if edit.locale in ("", locale)]
        spec.ClearField("edits")
        spec.edits.extend(edits)
    return hashlib.sha256(spec.SerializeToString(deterministic=True)).hexdigest()


def _offer_digest(offer: Offer) -> str:
    """Of all that the services said of themselves: voices, translations, engines and weights."""
    hasher = hashlib.sha256()
    kinds = [("voices", offer.voices), *sorted(offer.pairs.items()), *sorted(offer.models.items())]
    for name, messages in kinds:
        hasher.update(f"{name}:{len(messages)}".encode())
        for message in messages:
            hasher.update(message.SerializeToString(deterministic=True))
    return hasher.hexdigest()


@cache
def _code_digest() -> str:
    """Of the program: steps have versions that are raised where their results change, the way from a spec to its steps has none but this."""
    hasher = hashlib.sha256()
    for package in (gateway, media):
        folder = Path(package.__path__[0])
        for path in sorted(folder.rglob("*.py")):
            hasher.update(str(path.relative_to(folder)).encode() + path.read_bytes())
    return hasher.hexdigest()
