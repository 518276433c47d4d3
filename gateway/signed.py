"""Signs a locale's video, as a step of its own.

What a manifest says, such as when consent was stated, is of one job; picture and sound may have been made for an earlier one.
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict
from pathlib import Path
from typing import Any

from gateway.artifacts import Blob, StepResult
from gateway.progress import StageTracker
from gateway.provenance import ProvenanceClaim, sign_video
from gateway.signing_key import SigningKey
from gateway.stoppable import in_thread
from gateway.workflow import Workflow

VERSION = "1"
"""Raised whenever an equal claim would be signed in other words."""


async def signed(flow: Workflow, stage: StageTracker, path: Path, video: Blob, claim: ProvenanceClaim, key: SigningKey) -> tuple[Blob, dict[str, Any]]:
    """The `video` at `path` with its manifest, and what was signed, for the report."""

    async def make() -> tuple[StepResult, tuple[Blob, dict[str, Any]]]:
        out = flow.folder / f"{claim.locale}.signed.mp4"
        # Signing asks for no stop: it takes little longer than reading the file.
        facts = asdict(await in_thread(lambda _: sign_video(path, out, claim, key)))
        blob = await flow.store.put_file(out)
        return StepResult({"video": blob}, facts), (blob, facts)

    async def load(result: StepResult) -> tuple[Blob, dict[str, Any]]:
        return result.blobs["video"], dict(result.facts)

    inputs = {"version": VERSION, "video": video.sha256, "claim": claim.inputs, "signer": hashlib.sha256(key.certificates_pem).hexdigest()}
    return await flow.step(stage, "sign", inputs, make, load)
