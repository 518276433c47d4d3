"""Signs a locale's video, as a step of its own.

What a manifest says, such as who stated consent, is of those whose job it is; picture and sound may have been made for others.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from gateway.artifacts import Blob, StepResult
from gateway.progress import StageTracker
from gateway.provenance import ProvenanceClaim, sign_video
from gateway.signing_key import SigningKey
from gateway.stoppable import in_thread
from gateway.workflow import Workflow

VERSION = "2"
"""Raised whenever an equal claim would be signed in other words."""


@dataclass(frozen=True)
class Signer:
    """By whom, and for whom, a video is signed."""

    key: SigningKey
    tenant: str
    """Whose statement of consent the manifest repeats. The same statement on the same video is signed once for each tenant, and the
    manifest tells when it was first made."""

    @property
    def inputs(self) -> list[str]:
        return [hashlib.sha256(self.key.certificates_pem).hexdigest(), self.tenant]


async def signed(
    flow: Workflow,
    stage: StageTracker,
    path: Path,
    video: Blob,
    claim: ProvenanceClaim,
    signer: Signer,
    source: Callable[[], Awaitable[Path]] | None = None,
) -> tuple[Blob, dict[str, Any]]:
    """The `video` with its manifest, and what was signed, for the report.

    `path`: of the video, fetched where it is not there. `source`: brings the file of the video that was dubbed, if one was.
    """

    async def make() -> tuple[StepResult, tuple[Blob, dict[str, Any]]]:
        out = flow.folder / f"{claim.locale}.signed.mp4"
        if not await asyncio.to_thread(path.exists):
            await flow.store.fetch(video.sha256, path)
        whole = replace(claim, video=await source()) if source is not None else claim
        # Signing asks for no stop: it takes little longer than reading the file.
        facts = asdict(await in_thread(lambda _: sign_video(path, out, whole, signer.key)))
        blob = await flow.store.put_file(out)
        return StepResult({"video": blob}, facts), (blob, facts)

    async def load(result: StepResult) -> tuple[Blob, dict[str, Any]]:
        return result.blobs["video"], dict(result.facts)

    inputs = {"version": VERSION, "video": video.sha256, "claim": claim.inputs, "signer": signer.inputs}
    return await flow.step(stage, "sign", inputs, make, load)
