"""`python -m services.translate`: the translation service as a process."""

from __future__ import annotations

from services.serving import GrpcServer, ServingSettings, run, serve_until_signalled
from services.translate.servicer import TranslateServicer
from services.weights import ModelStore


async def main() -> None:
    settings = ServingSettings.from_arguments("python -m services.translate", "tcp://127.0.0.1:50053")
    await serve_until_signalled(GrpcServer([TranslateServicer(settings, ModelStore())], settings))


if __name__ == "__main__":
    run(main)
