"""`python -m gateway`: the gateway as a process, with the services that have no address of their own inside it, or in processes of theirs."""

from __future__ import annotations

from gateway.embedded import own_services
from gateway.process import GatewayProcess
from gateway.server import Gateway
from gateway.settings import GatewaySettings
from services.serving import ServingSettings, run, serve_until_signalled


async def main() -> None:
    serving = ServingSettings.from_arguments("python -m gateway", "tcp://127.0.0.1:50050")
    await serve(GatewaySettings.from_environment(), serving)


async def serve(settings: GatewaySettings, serving: ServingSettings) -> None:
    """Serve until SIGTERM or SIGINT; then drain. Raises `LocutorError` where it cannot start."""
    services = own_services(settings)
    try:
        await services.start()
        gateway = Gateway(settings, services.addresses)
        try:
            await serve_until_signalled(GatewayProcess(gateway, services, settings, serving))
        finally:
            await gateway.close()
    finally:
        await services.stop()


if __name__ == "__main__":
    run(main)
