"""What is told of an engine, or of what follows faces, by the artifacts that it runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from services.engine import ModelInfo
from services.weights import ModelStore


def model_info(store: ModelStore, engine: str, version: str, artifacts: Sequence[str], own_weights: Mapping[str, str] | None = None) -> ModelInfo:
    """`artifacts` by their names in the manifest; `own_weights` come with the code: file name to sha256. Nothing is loaded or fetched."""
    needed = [store.artifact(name) for name in artifacts]
    missing = [name for name in artifacts if not store.installed(name)]
    return ModelInfo(
        engine=engine,
        engine_version=version,
        name=" + ".join(artifacts),
        weights={**{name: sha256 for artifact in needed for name, sha256 in artifact.weights.items()}, **(own_weights or {})},
        license=" AND ".join(dict.fromkeys(artifact.license for artifact in needed)),
        commercial_use=all(artifact.commercial_use for artifact in needed),
        installed=not missing,
        remedy=f"fetch the weights: locutor models fetch {' '.join(missing)}" if missing else "",
    )
