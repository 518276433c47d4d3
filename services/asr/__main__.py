"""`python -m services.asr`: the recognition service as a process."""

from __future__ import annotations

from services.asr.servicer import AsrServicer
from services.serving import GrpcServer, ServingSettings, run, serve_until_signalled
from services.weights import ModelStore


async def main() -> None:
    settings = ServingSettings.from_arguments("python -m services.asr", "tcp://127.0.0.1:50051")
    await serve_until_signalled(GrpcServer([AsrServicer(settings, ModelStore())], settings))


if __name__ == "__main__":
    run(main)
