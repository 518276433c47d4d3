"""`locutor present`: a script and a face image in, a presenter video for each locale out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from locutor.cli import options

if TYPE_CHECKING:
    from locutor.cli.interruption import Interruption
    from locutor.cli.progress import Reporter
    from locutor.cli.request import Request
    from locutor.client import LocutorClient
    from locutor.gateway.v1.job_pb2 import Job, PresentSpec

T = TypeVar("T")


def present(
    script: Annotated[
        Path, typer.Argument(help="Markdown or plain text. Translations by people lie beside it: intro.es.md beside intro.md.", show_default=False)
    ],
    face: Annotated[Path, typer.Option("--face", help="PNG, JPEG or WebP with one face, looking at the viewer.", show_default=False)],
    to: Annotated[str, typer.Option("--to", metavar="LOCALES", help="BCP 47 tags with commas between: en-US,es,pt-BR.", show_default=False)],
    out: Annotated[
        Path, typer.Option("--out", metavar="DIR", help="Folder for the outputs: NAME.LOCALE.mp4, .srt, .vtt, .jpg, .timeline.json and .report.json.")
    ] = Path("out"),
    script_locale: Annotated[str, typer.Option("--from", metavar="LOCALE", help="Locale of the script, where its front matter does not say it.")] = "",
    voice: Annotated[
        list[str] | None, typer.Option("--voice", metavar="LOCALE=VOICE", help="Voice of a locale; may be repeated. `locutor voices` lists them.")
    ] = None,
    size: Annotated[str, typer.Option("--size", help="720p, 1080p, 9:16, 1:1 or WIDTHxHEIGHT.")] = "720p",
    background: Annotated[str, typer.Option("--background", help="blur, a colour such as '#1e293b', or an image file.")] = "blur",
    rate: Annotated[float | None, typer.Option("--rate", help="Speaking rate, 0.5 to 2.")] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, max=2**64 - 1, metavar="NUMBER", help="Another seed, other blinks and head movements.")] = 0,
    expression: Annotated[
        int | None, typer.Option("--expression", metavar="PERCENT", help="Strength of lips, jaw and brows, 0 to 150.", min=0, max=2**32 - 1)
    ] = None,
    head_motion: Annotated[
        int | None, typer.Option("--head-motion", metavar="PERCENT", help="Strength of head movements, 0 to 150.", min=0, max=2**32 - 1)
    ] = None,
    style: Annotated[str, typer.Option("--style", metavar="NAME", help="Manner: neutral, friendly, serious or energetic.")] = "neutral",
    gaze: Annotated[
        int | None, typer.Option("--gaze", metavar="PERCENT", help="How far and how often the eyes leave the viewer, 0 to 150.", min=0, max=2**32 - 1)
    ] = None,
    still: Annotated[bool, typer.Option("--still", help="Only the mouth and the eyelids move: for splicing into other footage.")] = False,
    glossary: Annotated[
        Path | None,
        typer.Option("--glossary", metavar="FILE", help="Terms whose translation is decided: TBX, or CSV: source,target,case_sensitive, or a column a locale."),
    ] = None,
    consent: Annotated[str, typer.Option("--consent", metavar="TEXT", help="Required: why this face may be used, such as 'I am the person shown'.")] = "",
    consent_by: Annotated[str, typer.Option("--consent-by", metavar="NAME", help="Required: who states it.")] = "",
    engine: options.Engine = None,
    commercial: options.Commercial = False,
    review: options.Review = False,
    priority: options.Priority = 0,
    plan: options.Plan = False,
    gateway: options.Gateway = "",
    token: options.Token = "",
    tls_ca: options.TlsCa = None,
    tls_cert: options.TlsCertificate = None,
    tls_key: options.TlsKey = None,
    as_json: options.Json = False,
) -> None:
    """Make presenter videos: one for each locale, with subtitles, a cover and a report.

    Exit codes: 0 all made, 1 failed, 2 bad input, 3 some locales failed, 130 interrupted (the job is cancelled, what was finished is kept).
    """
    from locutor.cli import files, outputs, progress
    from locutor.cli.choices import parse_choices
    from locutor.cli.connection import Connection
    from locutor.cli.interruption import Interruption
    from locutor.cli.job_run import conclude
    from locutor.cli.plan import show_plan
    from locutor.cli.request import Request, parse_background, parse_locales, parse_size, parse_style, parse_voices
    from locutor.common.v1.video_pb2 import Performance
    from locutor.errors import Cancelled, InvalidInput
    from locutor.gateway.v1.job_pb2 import Consent

    if not (consent.strip() and consent_by.strip()):
        missing = "--consent-by" if consent.strip() else "--consent"
        raise InvalidInput.of(
            missing,
            "is not given; a face may be used only where somebody states that it may be: --consent 'I am the person shown' --consent-by 'Your name'",
            "NO_CONSENT",
        )
    text = files.read_text(f"SCRIPT {script}", script)
    files.check_image(f"--face {face}", face)
    locales = parse_locales(to)
    translations = files.find_translations(script, locales)
    background_kind, background_image = parse_background(background)
    request = Request(
        script=script,
        script_text=text,
        script_locale=script_locale,
        face=face,
        locales=locales,
        voices=parse_voices(voice or [], locales),
        translations=translations,
        translation_texts={locale: files.read_text(str(path), path) for locale, path in translations.items()},
        video=parse_size(size),
        background=background_kind,
        background_image=background_image,
        rate=rate,
        performance=Performance(
            seed=seed, expression_percent=expression, head_motion_percent=head_motion, style=parse_style(style), gaze_percent=gaze, still=still
        ),
        glossary=files.read_glossary(glossary, script_locale, locales) if glossary else [],
        glossary_file=glossary,
        consent=Consent(stated_by=consent_by, statement=consent),
        choices=parse_choices(engine or [], locales, commercial=commercial, review=review, priority=priority),
    )
    files.check_folder("--out", out)
    interruption = Interruption()
    try:
        with Connection(gateway, token, tls_ca, tls_cert, tls_key).open(works=True) as client:
            if plan:
                return show_plan(_asked(client.plan_job, client, request), as_json=as_json)
            reporter = progress.choose(as_json=as_json)
            with reporter:
                for locale, path in translations.items():
                    reporter.note("translation_found", f"{locale}: {path} is used in place of machine translation", locale=locale, path=str(path))
                job = _run(client, request, reporter, interruption)
            saved = outputs.save(client, job, out, script.stem)
    except KeyboardInterrupt:
        raise Cancelled("interrupted before the job began; nothing was made") from None
    raise typer.Exit(conclude(job, saved, reporter, interruption))


def _run(client: LocutorClient, request: Request, reporter: Reporter, interruption: Interruption) -> Job:
    """Upload, start, watch; returns the ended job."""
    import uuid
    from functools import partial

    from locutor.cli.job_run import follow

    create = partial(client.create_present_job, request_id=uuid.uuid4().hex, priority=request.choices.priority)
    return follow(client, _asked(create, client, request), reporter, interruption)


def _asked(ask: Callable[[PresentSpec], T], client: LocutorClient, request: Request) -> T:
    """The answer to a request whose files are uploaded first. Raises `InvalidInput` in the words of the options."""
    from locutor.cli.job_run import about
    from locutor.errors import InvalidInput

    try:
        face_uri = client.upload(request.face)
    except InvalidInput as error:
        raise about(f"--face {request.face}", error) from error
    try:
        background_uri = client.upload(request.background_image) if request.background_image else ""
    except InvalidInput as error:
        raise about(f"--background {request.background_image}", error) from error
    try:
        return ask(request.spec(face_uri, background_uri))
    except InvalidInput as error:
        raise request.in_options(error) from error
