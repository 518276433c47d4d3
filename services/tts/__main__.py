"""`python -m services.tts`: the speech service as a process."""

from __future__ import annotations

from services.serving import GrpcServer, ServingSettings, run, serve_until_signalled
from services.tts.servicer import TtsServicer
from services.weights import ModelStore


async def main() -> None:
    settings = ServingSettings.from_arguments("python -m services.tts", "tcp://127.0.0.1:50052")
    await serve_until_signalled(GrpcServer([TtsServicer(settings, ModelStore())], settings))


if __name__ == "__main__":
    run(main)
