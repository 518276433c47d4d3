"""`locutor jobs list|show|cancel|download`"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from locutor.cli import failures, options

app = typer.Typer(help="Jobs of a gateway: list, show, review, cancel, download.", no_args_is_help=True)

JobId = Annotated[str, typer.Argument(metavar="ID", help="Id of the job.", show_default=False)]


@app.command("list")
def list_jobs(
    limit: Annotated[int, typer.Option("--limit", min=1, help="Newest first.")] = 20,
    gateway: options.Gateway = "",
    token: options.Token = "",
    tls_ca: options.TlsCa = None,
    tls_cert: options.TlsCertificate = None,
    tls_key: options.TlsKey = None,
    as_json: options.Json = False,
) -> None:
    """List the newest jobs."""
    from itertools import islice

    from google.protobuf.json_format import MessageToJson
    from rich.console import Console
    from rich.table import Table

    from locutor.cli.connection import Connection
    from locutor.cli.progress import state_name
    from locutor.gateway.v1.job_pb2 import ListJobsResponse

    with Connection(gateway, token, tls_ca, tls_cert, tls_key).open() as client:
        jobs = list(islice(client.jobs(), limit))
    if as_json:
        print(MessageToJson(ListJobsResponse(jobs=jobs), preserving_proto_field_name=True, ensure_ascii=False))
        return
    table = Table("Job", "Created (UTC)", "State", "Done", "Locales")
    for job in jobs:
        locales = " ".join(result.locale for result in job.results)
        table.add_row(job.id, job.create_time.ToDatetime().strftime("%Y-%m-%d %H:%M:%S"), state_name(job.state), f"{job.progress:.0%}", locales)
    Console().print(table)


@app.command("show")
def show(
    job_id: JobId,
    gateway: options.Gateway = "",
    token: options.Token = "",
    tls_ca: options.TlsCa = None,
    tls_cert: options.TlsCertificate = None,
    tls_key: options.TlsKey = None,
    as_json: options.Json = False,
) -> None:
    """Show a job: its time line, stages, outputs, warnings and errors."""
    import json

    from google.protobuf.json_format import MessageToDict
    from rich.console import Console

    from locutor.cli import timeline
    from locutor.cli.connection import Connection
    from locutor.cli.progress import state_name

    with Connection(gateway, token, tls_ca, tls_cert, tls_key).open() as client:
        job = client.job(job_id)
        events = list(client.events(job_id))
    if as_json:
        told = [MessageToDict(event, preserving_proto_field_name=True) for event in events]
        print(json.dumps(MessageToDict(job, preserving_proto_field_name=True) | {"events": told}, indent=2, ensure_ascii=False))
        return
    print(f"Job {job.id}: {state_name(job.state)}, {job.progress:.0%}")
    timeline.show(timeline.timeline_of(job, events), Console())
    for result in job.results:
        print(f"{result.locale}: {state_name(result.state)}")
        for output in result.outputs:
            print(f"  {output.media.content_type}, {output.media.size_bytes:,} bytes: {output.media.uri}")
        for warning in result.warnings:
            print(f"  warning: {warning}")
        if result.HasField("error"):
            print(f"  {result.error.code} {result.error.reason}: {result.error.message}")
    if job.HasField("error"):
        print(f"{job.error.code} {job.error.reason}: {job.error.message}")


@app.command("cancel")
def cancel(
    job_id: JobId,
    gateway: options.Gateway = "",
    token: options.Token = "",
    tls_ca: options.TlsCa = None,
    tls_cert: options.TlsCertificate = None,
    tls_key: options.TlsKey = None,
) -> None:
    """Ask a job to stop. What was finished stays."""
    from locutor.cli.connection import Connection
    from locutor.cli.progress import state_name

    with Connection(gateway, token, tls_ca, tls_cert, tls_key).open() as client:
        client.cancel(job_id)
        # A watch ends with the job: what is then said of it is final.
        *_, job = client.watch(job_id)
    print(f"Job {job.id}: {state_name(job.state)}")


@app.command("download")
def download(
    job_id: JobId,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder for the outputs.")] = Path("out"),
    name: Annotated[str, typer.Option("--name", help="First part of the files' names. Default: the job's id.", show_default=False)] = "",
    direct: Annotated[bool, typer.Option("--direct", help="From the gateway's bucket itself, where it has one that is reached from here.")] = False,
    gateway: options.Gateway = "",
    token: options.Token = "",
    tls_ca: options.TlsCa = None,
    tls_cert: options.TlsCertificate = None,
    tls_key: options.TlsKey = None,
) -> None:
    """Download the outputs that a job has. Called again after it broke off, it goes on."""
    from locutor.cli import files, outputs
    from locutor.cli.connection import Connection

    files.check_folder("--out", out)
    with Connection(gateway, token, tls_ca, tls_cert, tls_key).open() as client:
        job = client.job(job_id)
        saved = outputs.save(client, job, out, name or job.id, direct=direct)
    for output in saved:
        print(output.path)
    if not saved:
        print(f"Job {job.id} has no outputs yet.")
        raise typer.Exit(failures.FAILED)
