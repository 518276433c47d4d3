"""`locutor jobs review`: a person's word on a job that waits for it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from locutor.cli import options


def review(
    job_id: Annotated[str, typer.Argument(metavar="JOB", help="Id of a job that was begun with --review.", show_default=False)],
    approve: Annotated[bool, typer.Option("--approve", help="The job goes on, with the changes made here or before.")] = False,
    edit: Annotated[
        list[Path] | None, typer.Option("--edit", metavar="FILE", help="Changes to a dub's utterances, as for `locutor dub --edit`; may be repeated.")
    ] = None,
    script: Annotated[
        list[str] | None, typer.Option("--script", metavar="LOCALE=FILE", help="What a presenter is to say in a locale instead; may be repeated.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", metavar="DIR", help="Write the texts to files there, to be changed.", show_default=False)] = None,
    gateway: options.Gateway = "",
    token: options.Token = "",
    tls_ca: options.TlsCa = None,
    tls_cert: options.TlsCertificate = None,
    tls_key: options.TlsKey = None,
) -> None:
    """Look at the texts of a job that waits for review (--out), change them (--edit, --script), let it go on (--approve)."""
    from locutor.cli import files, outputs
    from locutor.cli.connection import Connection
    from locutor.cli.edits import read_edits
    from locutor.cli.progress import state_name
    from locutor.errors import InvalidInput

    edits = [found for path in edit or [] for found in read_edits(path)]
    scripts: dict[str, str] = {}
    for text in script or []:
        locale, equals, path = (part.strip() for part in text.partition("="))
        if not (equals and locale and path):
            raise InvalidInput.of(f"--script {text}", "is not LOCALE=FILE; write for example --script es=intro.es.md", "BAD_SCRIPT")
        scripts[locale] = files.read_text(f"--script {text}", Path(path))
    with Connection(gateway, token, tls_ca, tls_cert, tls_key).open() as client:
        job = client.job(job_id)
        if out is not None:
            files.check_folder("--out", out)
            for saved in outputs.save(client, job, out, job.id):
                print(saved.path)
        if approve or edits or scripts:
            job = client.review_job(job_id, edits=edits, scripts=scripts, approved=approve)
    print(f"{job.id} is {state_name(job.state)}")
