"""The model store: weights by name, verified, one copy for all processes of a machine."""

from services.weights.fetch import FetchProgress
from services.weights.manifest import Artifact
from services.weights.store import ArtifactState, ModelStore

__all__ = ["Artifact", "ArtifactState", "FetchProgress", "ModelStore"]
