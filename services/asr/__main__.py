"""`python -m services.asr`: recognition and separation as a process."""

from __future__ import annotations

from services.asr.servicer import AsrServicer, SeparationServicer
from services.serving import GrpcServer, ServingSettings, run, serve_until_signalled
from services.weights import ModelStore


async def main() -> None:
    settings = ServingSettings.from_arguments("python -m services.asr", "tcp://127.0.0.1:50051")
    store = ModelStore()
    await serve_until_signalled(GrpcServer([AsrServicer(settings, store), SeparationServicer(settings, store)], settings))


if __name__ == "__main__":
    run(main)
