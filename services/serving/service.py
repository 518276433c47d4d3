"""What the start-up of a server needs to know of a servicer."""

from __future__ import annotations

from typing import Protocol

import grpc.aio


class Service(Protocol):
    """One gRPC service of a process: registered at once, SERVING once `load` has returned."""

    full_name: str
    """As in the proto: "locutor.tts.v1.TtsService"."""

    def register(self, server: grpc.aio.Server) -> None:
        """Add the generated handlers to the server."""
        ...

    async def load(self) -> None:
        """Load the default engine with its weights, so that the first request does not pay for it. Raises `LocutorError`."""
        ...

    async def close(self) -> None:
        """Let go of threads and models. Called once, after the last request has ended."""
        ...
