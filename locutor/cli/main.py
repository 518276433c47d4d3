"""`locutor`: the commands put together, and the one place where an error ends the program."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from locutor.cli import doctor, dub, engines, failures, gc, inspect, jobs, models, present, review, up, utterances, version, voices
from locutor.errors import LocutorError

app = typer.Typer(
    name="locutor",
    help="Presenter videos from a script and a face image, and dubbed videos, in many languages.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("present")(present.present)
app.command("dub")(dub.dub)
app.command("utterances")(utterances.utterances)
app.command("up", context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(up.up)
jobs.app.command("review")(review.review)
app.add_typer(jobs.app, name="jobs")
app.command("inspect")(inspect.inspect)
app.command("voices")(voices.voices)
app.command("engines")(engines.engines)
app.add_typer(models.app, name="models")
app.command("gc")(gc.gc)
app.command("doctor")(doctor.doctor)
app.command("version")(version.version)


@app.callback()
def _locutor(debug: Annotated[bool, typer.Option("--debug", help="Show the whole traceback of an error, and the services' log.")] = False) -> None:
    from locutor import logs

    logs.set_up(level="DEBUG" if debug else "ERROR")


def main() -> None:
    """Entry point of the console script."""
    try:
        app()
    except LocutorError as error:
        if "--debug" in sys.argv:
            raise
        sys.exit(failures.show(error, as_json="--json" in sys.argv))
    except Exception as error:  # the one place where a defect of ours becomes a sentence
        if "--debug" in sys.argv:
            raise
        print(
            # The arguments are not repeated: a token may be among them, and this text ends in logs.
            f"error: a defect of locutor: {type(error).__name__}: {error}\nPlease report it with what the same command says after: locutor --debug",
            file=sys.stderr,
        )
        sys.exit(failures.FAILED)


if __name__ == "__main__":
    main()
