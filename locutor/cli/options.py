"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Gateway = Annotated[
    str,
    typer.Option(
        "--gateway",
        envvar="LOCUTOR_GATEWAY",
        metavar="ADDRESS",
        help="A running gateway: unix:/path, tcp://host:port or dns:///name:port. Without it, one is started inside this process.",
    ),
]
Token = Annotated[str, typer.Option("--token", envvar="LOCUTOR_TOKEN", help="Token of the running gateway.", show_envvar=True)]
TlsCa = Annotated[
    Path | None, typer.Option("--tls-ca", envvar="LOCUTOR_TLS_CA", metavar="FILE", help="Speak TLS to the gateway and trust the authorities of this PEM file.")
]
TlsCertificate = Annotated[
    Path | None, typer.Option("--tls-cert", envvar="LOCUTOR_TLS_CERT", metavar="FILE", help="Own certificate (PEM), where the gateway wants one.")
]
TlsKey = Annotated[Path | None, typer.Option("--tls-key", envvar="LOCUTOR_TLS_KEY", metavar="FILE", help="Key of the own certificate (PEM).")]
Json = Annotated[bool, typer.Option("--json", help="Write JSON to stdout, for programs.")]
Engine = Annotated[
    list[str] | None,
    typer.Option(
        "--engine",
        metavar="[LOCALE:]ROLE=ENGINE",
        help="Which engine does recognition, translation, speech, lipsync or separation; may be repeated. `locutor engines` lists them.",
    ),
]
Commercial = Annotated[bool, typer.Option("--commercial", help="Refuse engines whose weights may not be used commercially.")]
Review = Annotated[
    bool, typer.Option("--review", help="Wait for a person's word, once all is translated and before anything is spoken: `locutor jobs review`.")
]
Plan = Annotated[bool, typer.Option("--plan", help="Only say what is kept of this already, what would be made, and how long that takes.")]
Priority = Annotated[int, typer.Option("--priority", metavar="NUMBER", min=-10, max=10, help="Before or after your other jobs that wait, -10 to 10.")]
