"""`locutor voices`"""

from __future__ import annotations

from typing import Annotated

import typer

from locutor.cli import options


def voices(
    locale: Annotated[str, typer.Option("--locale", help="Only voices of this locale (pt-BR), or of all locales of a language (en).")] = "",
    every: Annotated[
        bool, typer.Option("--all", help="With the rule-made voices, which sound like machines; with --locale or --json they are always shown.")
    ] = False,
    gateway: options.Gateway = "",
    token: options.Token = "",
    tls_ca: options.TlsCa = None,
    tls_cert: options.TlsCertificate = None,
    tls_key: options.TlsKey = None,
    as_json: options.Json = False,
) -> None:
    """List the voices, with locale, gender and engine."""
    import json

    from rich.console import Console
    from rich.table import Table

    from locutor.cli.connection import Connection
    from locutor.errors import InvalidInput
    from locutor.tts.v1 import tts_pb2

    with Connection(gateway, token, tls_ca, tls_cert, tls_key).open() as client:
        known = list(client.catalog().voices)
    wanted = locale.replace("_", "-").lower()
    found = [voice for voice in known if not wanted or voice.locale.lower() == wanted or voice.locale.lower().startswith(wanted + "-")]
    if not found:
        locales = ", ".join(sorted({voice.locale for voice in known}))
        raise InvalidInput.of("--locale", f"no voice speaks {locale!r}; there are voices for {locales}", "UNKNOWN_LOCALE")
    genders = {tts_pb2.GENDER_FEMALE: "female", tts_pb2.GENDER_MALE: "male", tts_pb2.GENDER_NEUTRAL: "neutral"}
    qualities = {tts_pb2.QUALITY_NEURAL: "neural", tts_pb2.QUALITY_FORMANT: "formant"}
    rows = [
        {
            "id": voice.id,
            "locale": voice.locale,
            "gender": genders.get(voice.gender, ""),
            "engine": voice.engine,
            "quality": qualities.get(voice.quality, ""),
            "license": voice.license,
            "commercial": voice.commercial_use,
            "default": voice.is_default,
        }
        for voice in found
    ]
    if as_json:
        print(json.dumps(rows, ensure_ascii=False, indent=2))
        return
    shown = [row for row in rows if every or locale or row["quality"] != "formant"]
    table = Table("Voice", "Locale", "Gender", "Engine", "Licence")
    table.columns[0].no_wrap = table.columns[1].no_wrap = True
    for row in shown:
        spoken = f"{row['locale']}, default" if row["default"] else row["locale"]
        engine = f"{row['engine']}, rule-made" if row["quality"] == "formant" else row["engine"]
        terms = row["license"] if row["commercial"] else f"{row['license']}: not commercial"
        table.add_row(str(row["id"]), str(spoken), str(row["gender"]), str(engine), str(terms))
    console = Console()
    console.print(table)
    if len(shown) < len(rows):
        console.print(f"and {len(rows) - len(shown)} rule-made voices, for every other language: locutor voices --all", highlight=False)
