"""`locutor dub`: a video in, the same video in other languages out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from locutor.cli import options

if TYPE_CHECKING:
    from locutor.cli.dub_request import DubRequest
    from locutor.cli.interruption import Interruption
    from locutor.cli.progress import Reporter
    from locutor.client import LocutorClient
    from locutor.gateway.v1.job_pb2 import DubSpec, Job

T = TypeVar("T")


def dub(
    video: Annotated[Path, typer.Argument(help="A video in which people speak.", show_default=False)],
    to: Annotated[str, typer.Option("--to", metavar="LOCALES", help="BCP 47 tags with commas between: es,pt-BR.", show_default=False)],
    out: Annotated[
        Path,
        typer.Option(
            "--out", metavar="DIR", help="Folder for the outputs: NAME.LOCALE.mp4, .wav, .srt, .vtt, .ttml, .utterances.json, .cast.json, .report.json."
        ),
    ] = Path("out"),
    source_locale: Annotated[str, typer.Option("--from", metavar="LOCALE", help="Locale of the speech. Default: told from what is heard.")] = "",
    no_lipsync: Annotated[bool, typer.Option("--no-lipsync", help="Leave the picture as it is: it is copied, not encoded again.")] = False,
    subtitles: Annotated[
        list[str] | None,
        typer.Option("--subtitles", metavar="LOCALE=FILE", help="SRT or WebVTT of what is to be said in a target: wins over machine translation. Repeatable."),
    ] = None,
    source_subtitles: Annotated[
        Path | None, typer.Option("--source-subtitles", metavar="FILE", help="SRT or WebVTT of what is said in the video: wins over recognition.")
    ] = None,
    glossary: Annotated[
        Path | None,
        typer.Option("--glossary", metavar="FILE", help="Terms whose translation is decided: TBX, or CSV: source,target,case_sensitive, or a column a locale."),
    ] = None,
    translator: Annotated[str, typer.Option("--translator", metavar="ENGINE", help="Translation engine by name; `locutor models` lists them.")] = "",
    speakers: Annotated[int, typer.Option("--speakers", min=0, max=2**32 - 1, help="How many people speak; 0: estimated.")] = 0,
    cast: Annotated[
        Path | None, typer.Option("--cast", metavar="FILE", help="Voices of people over many videos (JSON): read, and written with who was heard here.")
    ] = None,
    music_and_effects: Annotated[
        Path | None, typer.Option("--music-and-effects", metavar="FILE", help="The sound without the speech, as long as the video.")
    ] = None,
    background: Annotated[
        str,
        typer.Option(
            "--background",
            help="What is kept of the original sound: ducked (lowered under speech), separated (speech taken out), none; "
            "auto: separated where an engine for it is installed, else ducked.",
        ),
    ] = "auto",
    loudness: Annotated[str, typer.Option("--loudness", help="source, web (-16 LUFS) or broadcast (-23 LUFS).")] = "source",
    burn_in: Annotated[bool, typer.Option("--burn-in", help="Draw the subtitles into the picture.")] = False,
    audio_track: Annotated[int, typer.Option("--audio-track", min=0, max=2**32 - 1, help="Which of the video's sound tracks speaks, counted from 0.")] = 0,
    expression: Annotated[int | None, typer.Option("--expression", metavar="PERCENT", help="Strength of the lips, 0 to 150.", min=0, max=2**32 - 1)] = None,
    edit: Annotated[
        list[Path] | None, typer.Option("--edit", metavar="FILE", help="A changed NAME.LOCALE.utterances.json of an earlier dub of this video. Repeatable.")
    ] = None,
    consent: Annotated[str, typer.Option("--consent", metavar="TEXT", help="Required: why faces and voices of this video may be changed.")] = "",
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
    """Dub a video: the same picture and music, other languages, with subtitles and a report.

    Exit codes: 0 all made, 1 failed, 2 bad input, 3 some locales failed, 130 interrupted (the job is cancelled, what was finished is kept).
    """
    from locutor.cli import files, outputs, progress
    from locutor.cli.cast import check_cast, read_cast, write_cast
    from locutor.cli.choices import parse_choices
    from locutor.cli.connection import Connection
    from locutor.cli.dub_request import BACKGROUNDS, LOUDNESSES, DubRequest, choice, parse_subtitles
    from locutor.cli.edits import read_edits
    from locutor.cli.interruption import Interruption
    from locutor.cli.job_run import conclude
    from locutor.cli.plan import show_plan
    from locutor.cli.request import parse_locales
    from locutor.errors import Cancelled, InvalidInput
    from locutor.gateway.v1.job_pb2 import Consent

    if not (consent.strip() and consent_by.strip()):
        missing = "--consent-by" if consent.strip() else "--consent"
        message = "is not given; people's faces and voices may be changed only where somebody states that they may: "
        raise InvalidInput.of(missing, f"{message}--consent 'Everybody shown has agreed' --consent-by 'Your name'", "NO_CONSENT")
    locales = parse_locales(to)
    request = DubRequest(
        video=video,
        source_locale=source_locale,
        locales=locales,
        subtitles=parse_subtitles(subtitles or [], locales),
        source_subtitles=source_subtitles,
        music_and_effects=music_and_effects,
        background=choice("--background", background, BACKGROUNDS),
        loudness=choice("--loudness", loudness, LOUDNESSES),
        speakers=speakers,
        audio_track=audio_track,
        no_lipsync=no_lipsync,
        burn_in=burn_in,
        translator=translator,
        expression=expression,
        glossary=files.read_glossary(glossary, source_locale, locales) if glossary else [],
        glossary_file=glossary,
        cast=read_cast(cast) if cast else [],
        edits=[found for path in edit or [] for found in read_edits(path)],
        consent=Consent(stated_by=consent_by, statement=consent),
        choices=parse_choices(engine or [], locales, commercial=commercial, review=review, priority=priority),
    )
    for option, path in request.files.values():
        files.check_media(option, path)
    files.check_folder("--out", out)
    if cast is not None:
        check_cast(cast)
    interruption = Interruption()
    try:
        with Connection(gateway, token, tls_ca, tls_cert, tls_key).open(works=True, hears=True) as client:
            if plan:
                return show_plan(_asked(client.plan_job, client, request), as_json=as_json)
            reporter = progress.choose(as_json=as_json)
            with reporter:
                job = _run(client, request, reporter, interruption)
            saved = outputs.save(client, job, out, video.stem)
    except KeyboardInterrupt:
        raise Cancelled("interrupted before the job began; nothing was made") from None
    if cast is not None:
        write_cast(cast, request.cast, [output.path for output in saved if output.kind == "cast"])
    raise typer.Exit(conclude(job, saved, reporter, interruption))


def _run(client: LocutorClient, request: DubRequest, reporter: Reporter, interruption: Interruption) -> Job:
    """Upload, start, watch; returns the ended job."""
    import uuid
    from functools import partial

    from locutor.cli.job_run import follow

    create = partial(client.create_dub_job, request_id=uuid.uuid4().hex, priority=request.choices.priority)
    return follow(client, _asked(create, client, request), reporter, interruption)


def _asked(ask: Callable[[DubSpec], T], client: LocutorClient, request: DubRequest) -> T:
    """The answer to a request whose files are uploaded first. Raises `InvalidInput` in the words of the options."""
    from locutor.cli.job_run import about
    from locutor.errors import InvalidInput

    uris: dict[str, str] = {}
    for name, (option, path) in request.files.items():
        try:
            uris[name] = client.upload(path)
        except InvalidInput as error:
            raise about(option, error) from error
    try:
        return ask(request.spec(uris))
    except InvalidInput as error:
        raise request.in_options(error) from error
