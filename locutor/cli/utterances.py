"""`locutor utterances`: what a dub job says, line by line."""

from __future__ import annotations

from typing import Annotated

import typer

from locutor.cli import options


def utterances(
    job_id: Annotated[str, typer.Argument(metavar="JOB", help="Id of a dub job.", show_default=False)],
    locale: Annotated[str, typer.Option("--locale", metavar="LOCALE", help="One of the job's.", show_default=False)],
    gateway: options.Gateway = "",
    token: options.Token = "",
    tls_ca: options.TlsCa = None,
    tls_cert: options.TlsCertificate = None,
    tls_key: options.TlsKey = None,
    as_json: options.Json = False,
) -> None:
    """List the utterances of a dub job: times, speakers, texts, and how they fit."""
    from google.protobuf.json_format import MessageToJson
    from rich.console import Console
    from rich.table import Table

    from locutor.cli.connection import Connection
    from locutor.gateway.v1.dub_pb2 import Fit
    from locutor.gateway.v1.job_pb2 import ListUtterancesResponse

    with Connection(gateway, token, tls_ca, tls_cert, tls_key).open() as client:
        found = client.utterances(job_id, locale)
    if as_json:
        print(MessageToJson(ListUtterancesResponse(utterances=found), preserving_proto_field_name=True, ensure_ascii=False))
        return
    table = Table("Id", "Time", "Speaker", "Voice", "Source", "Text", "Rate", "Fit")
    for one in found:
        start_s, end_s = (offset.ToNanoseconds() / 1e9 for offset in (one.start_offset, one.end_offset))
        time = f"{start_s:.2f}–{end_s:.2f}" if one.HasField("start_offset") else "not said"
        fit = Fit.Name(one.fit).removeprefix("FIT_").lower() if one.fit else ""
        table.add_row(one.id, time, one.speaker, one.voice, one.source_text, one.text, f"{one.rate:.2f}", f"{fit}: {one.suggestion}" if one.suggestion else fit)
    Console().print(table)
