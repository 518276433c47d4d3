"""`locutor up`"""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import typer


def up(
    listen: Annotated[
        str, typer.Option("--listen", metavar="ADDRESS", envvar="LOCUTOR_LISTEN", help="Where clients call: tcp://host:port or unix:/path.")
    ] = "tcp://127.0.0.1:50050",
    web: Annotated[
        str | None,
        typer.Option(
            "--web", metavar="ADDRESS", help="Where the web form is: tcp://host:port, or an empty text for none. [env var: LOCUTOR_WEB]", show_default=False
        ),
    ] = None,
) -> None:
    """Run the gateway with its services and the web form, until Ctrl-C or SIGTERM.

    Everything else (services elsewhere, TLS, tokens, folders, limits) is set in the environment: see docs/operators.md.
    """
    import asyncio

    from locutor.cli.embedded import bring_weights
    from locutor.errors import MissingExtra

    try:
        from gateway.__main__ import serve
        from gateway.settings import GatewaySettings
        from services.serving import ServingSettings
    except ModuleNotFoundError as error:
        raise MissingExtra("gateway", "all", f"no module named {error.name!r}") from error

    settings = GatewaySettings.from_environment()
    if web is not None:
        settings = replace(settings, web=web)
    serving = ServingSettings.from_arguments("locutor up", listen, ["--listen", listen])
    bring_weights(settings.services)
    asyncio.run(serve(settings, serving))
