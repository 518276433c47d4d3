"""`python -m services.lipsync`: the service of talking faces as a process."""

from __future__ import annotations

from services.lipsync.servicer import LipsyncServicer
from services.serving import GrpcServer, ServingSettings, run, serve_until_signalled
from services.weights import ModelStore


async def main() -> None:
    settings = ServingSettings.from_arguments("python -m services.lipsync", "tcp://127.0.0.1:50054")
    await serve_until_signalled(GrpcServer([LipsyncServicer(settings, ModelStore())], settings))


if __name__ == "__main__":
    run(main)
