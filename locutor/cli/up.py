"""`locutor up`"""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import typer

_OPTIONS = {
    "listen": "--listen",
    "address": "--listen",
    "web": "--web",
    "tls": "--tls-certificate",
    "workers": "--workers",
    "replicas": "--replicas",
    "metrics": "--metrics",
}


def up(
    context: typer.Context,
    listen: Annotated[
        str, typer.Option("--listen", metavar="ADDRESS", envvar="LOCUTOR_LISTEN", help="Where clients call: tcp://host:port or unix:/path.")
    ] = "tcp://127.0.0.1:50050",
    web: Annotated[
        str | None,
        typer.Option(
            "--web",
            metavar="ADDRESS",
            help="Where the web form is: tcp://host:port, or an empty text for none. Default: LOCUTOR_WEB, else tcp://127.0.0.1:8080.",
            show_default=False,
        ),
    ] = None,
    isolate: Annotated[
        bool, typer.Option("--isolate", envvar="LOCUTOR_ISOLATE", help="Run each service in a process of its own, restarted when it dies.")
    ] = False,
    replicas: Annotated[
        str, typer.Option("--replicas", metavar="NAME=COUNT,...", envvar="LOCUTOR_REPLICAS", help="With --isolate: processes of a service, tts=2,lipsync=2.")
    ] = "",
) -> None:
    """Run the gateway with its services and the web form, until Ctrl-C or SIGTERM.

    It also takes the options of `python -m gateway`, such as --tls-certificate, --tls-key and --trust-network. Services elsewhere, tokens and folders
    are set in the environment: see docs/operators.md.
    """
    import asyncio

    from locutor import logs
    from locutor.cli.embedded import bring_weights
    from locutor.errors import FieldViolation, InvalidInput, MissingExtra

    try:
        from gateway.__main__ import serve
        from gateway.settings import GatewaySettings, replica_counts
        from services.serving import ServingSettings
    except ModuleNotFoundError as error:
        raise MissingExtra("gateway", "all", f"no module named {error.name!r}") from error

    # A server tells what it does, as `python -m gateway` does.
    logs.set_up("gateway", "DEBUG" if context.find_root().params["debug"] else "INFO")
    settings = replace(GatewaySettings.from_environment(), isolate=isolate, replicas=replica_counts(replicas, "--replicas"))
    if web is not None:
        settings = replace(settings, web=web)
    try:
        serving = ServingSettings.from_arguments("locutor up", listen, ["--listen", listen, *context.args])
        bring_weights(settings.services)
        asyncio.run(serve(settings, serving))
    except InvalidInput as error:
        raise InvalidInput([FieldViolation(_OPTIONS.get(v.field, v.field), v.message, v.reason) for v in error.violations]) from error
