"""`locutor engines`"""

from __future__ import annotations

from locutor.cli import options


def engines(
    gateway: options.Gateway = "",
    token: options.Token = "",
    tls_ca: options.TlsCa = None,
    tls_cert: options.TlsCertificate = None,
    tls_key: options.TlsKey = None,
    as_json: options.Json = False,
) -> None:
    """List the engines: what each does, whether it is installed, what is missing, its licence, and whether it may be used commercially."""
    import json

    from rich.console import Console
    from rich.table import Table

    from locutor.cli.connection import Connection

    with Connection(gateway, token, tls_ca, tls_cert, tls_key).open() as client:
        entries = list(client.catalog().engines)
    rows = [
        {
            "role": entry.role,
            "engine": entry.model.engine,
            "weights": entry.model.name,
            "installed": entry.model.installed,
            "default": entry.model.is_default,
            "license": entry.model.license,
            "commercial": entry.model.commercial_use,
            "remedy": entry.model.remedy,
        }
        for entry in entries
    ]
    if as_json:
        print(json.dumps(rows, ensure_ascii=False, indent=2))
        return
    table = Table("For")
    table.add_column("Engine", no_wrap=True)
    table.add_column("Weights", overflow="fold")
    for title in ("State", "Licence", "Commercial"):
        table.add_column(title)
    for entry in entries:
        model = entry.model
        state = ("default" if model.is_default else "installed") if model.installed else "missing"
        weights = model.name if model.installed or not model.remedy else ""
        table.add_row(entry.role, model.engine, weights, state, model.license, ("yes" if model.commercial_use else "no") if model.license else "")
    console = Console()
    console.print(table)
    for role, engine, remedy in dict.fromkeys((entry.role, entry.model.engine, entry.model.remedy) for entry in entries if not entry.model.installed):
        console.print(f"{role} by {engine}: {remedy}", markup=False, highlight=False)
