"""What all services say in the same messages."""

from __future__ import annotations

from google.protobuf.duration_pb2 import Duration

from locutor.common.v1 import model_pb2
from services.engine import ModelInfo


def model_message(info: ModelInfo) -> model_pb2.Model:
    """An engine with its weights, as the contract tells it."""
    return model_pb2.Model(
        engine=info.engine,
        engine_version=info.engine_version,
        name=info.name,
        weights=[model_pb2.WeightsFile(name=name, sha256=sha256) for name, sha256 in sorted(info.weights.items())],
        license=info.license,
        commercial_use=info.commercial_use,
        locales=info.locales,
        installed=info.installed,
        remedy=info.remedy,
        is_default=info.is_default,
    )


def duration(seconds: float) -> Duration:
    """Seconds as a protobuf Duration, to the nanosecond."""
    message = Duration()
    message.FromNanoseconds(round(seconds * 1e9))
    return message
