"""Whether an image will do as a face: asked of the lipsync service once for each image."""

from __future__ import annotations

from google.protobuf.json_format import MessageToDict, ParseDict

from gateway.artifacts import ArtifactStore, StepResult, step_key
from gateway.models import default_model, identity
from gateway.services import Services, retried
from locutor.lipsync.v1 import lipsync_pb2


async def inspect_face(store: ArtifactStore, services: Services, sha256: str, patience_s: float = 0.0) -> lipsync_pb2.InspectResponse:
    """What is wrong with the image `sha256` of the store. `patience_s`: how long a service that is away is waited for.

    Raises `NotFound` where there is no such image, and what the service raises.
    """
    model = default_model(await retried(lambda: services.models("lipsync"), patience_s), "lipsync")
    key = step_key("inspect", {"portrait": sha256, "model": identity(model)})
    kept = await store.find_step(key)
    if kept is not None:
        return ParseDict(dict(kept.facts), lipsync_pb2.InspectResponse())
    found = await retried(lambda: services.inspect(store.stream(sha256)), patience_s)
    await store.save_step(key, StepResult(facts=MessageToDict(found)))
    return found
