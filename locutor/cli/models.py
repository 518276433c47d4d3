"""`locutor models list|fetch|verify`: the weights on this machine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from locutor.cli import options

if TYPE_CHECKING:
    from rich.progress import TaskID

    from services.weights import FetchProgress, ModelStore

app = typer.Typer(help="List, fetch and verify the weights that the services run.", no_args_is_help=True)

DEFAULTS = {
    "tts": ("kokoro-v1.0-int8", "kokoro-voices-v1.0"),
    "translate": ("bergamot-en-pt", "bergamot-pt-en"),
    "lipsync": ("mediapipe-face-landmarker", "mediapipe-selfie-segmentation"),
    "asr": ("whisper-base", "resemblyzer"),
}
"""Weights of each service's default engine."""

Names = Annotated[
    list[str] | None,
    typer.Argument(metavar="[NAME]...", help="As `locutor models list` shows them. Default: those of the default engines.", show_default=False),
]


def open_store() -> ModelStore:
    """Raises `MissingExtra` where the store's libraries are not installed."""
    from locutor.errors import MissingExtra

    try:
        from services.weights import ModelStore
    except ModuleNotFoundError as error:
        raise MissingExtra("model store", "serving", f"no module named {error.name!r}") from error
    return ModelStore()


def _check(store: ModelStore, names: list[str]) -> None:
    from locutor.errors import InvalidInput

    known = {state.artifact.name for state in store.list()}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise InvalidInput.of("NAME", f"{', '.join(unknown)} is not in the manifest; known are {', '.join(sorted(known))}", "UNKNOWN_WEIGHTS")


@app.command("list")
def list_weights(as_json: options.Json = False) -> None:
    """List all known weights, and which are on this machine."""
    import json

    from rich.console import Console
    from rich.table import Table

    store = open_store()
    states = store.list()
    if as_json:
        rows = [
            {
                "name": state.artifact.name,
                "title": state.artifact.title,
                "license": state.artifact.license,
                "commercial_use": state.artifact.commercial_use,
                "size_bytes": state.artifact.size_bytes,
                "installed": state.installed,
                "default": any(state.artifact.name in names for names in DEFAULTS.values()),
                "path": str(state.path),
                "problems": list(state.problems),
            }
            for state in states
        ]
        print(json.dumps(rows, ensure_ascii=False, indent=2))
        return
    table = Table()
    for column in ("Name", "MB", "Licence", "Commercial use", "Here"):
        table.add_column(column, no_wrap=column in ("Name", "MB"), overflow="fold", justify="right" if column == "MB" else "left")
    for state in states:
        artifact = state.artifact
        size, commercial, here = f"{artifact.size_bytes / 1e6:.0f}", "yes" if artifact.commercial_use else "no", "yes" if state.installed else ""
        table.add_row(artifact.name, size, artifact.license, commercial, here)
    console = Console()
    console.print(table)
    console.print(f"In {store.root}" + (", offline" if store.offline else ""), highlight=False)


@app.command("fetch")
def fetch(names: Names = None) -> None:
    """Fetch weights that are missing and verify those that are here; damaged files are fetched again."""
    store = open_store()
    wanted = names or [name for group in DEFAULTS.values() for name in group]
    _check(store, wanted)
    fetch_with_progress(store, wanted)


def fetch_with_progress(store: ModelStore, names: Sequence[str]) -> None:
    """Bring weights, with bars on a terminal and a line each elsewhere, on stderr. Raises `MissingWeights`."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn(), TextColumn("{task.fields[item]}"))
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        for name in names:
            task = progress.add_task(name, total=None, item="")

            def show(fetched: FetchProgress, task: TaskID = task) -> None:
                progress.update(task, completed=fetched.done_bytes, total=fetched.total_bytes, item=fetched.item)

            size = store.artifact(name).size_bytes
            if not console.is_terminal:
                console.print(f"{name}: {size / 1e6:.0f} MB ...", highlight=False)
            store.fetch(name, show)
            progress.update(task, completed=size, total=size, item="verified")
            if not console.is_terminal:
                console.print(f"{name}: verified", highlight=False)


@app.command("verify")
def verify(names: Names = None) -> None:
    """Hash every file of the weights that are here. Exit code 1 where one is damaged or, if named, missing."""
    from rich.console import Console

    store = open_store()
    _check(store, names or [])
    console = Console()
    wanted = names or [state.artifact.name for state in store.list() if state.path.is_dir()]
    damaged = False
    for name in wanted:
        problems = store.verify(name)
        damaged = damaged or bool(problems)
        console.print(f"{name}: " + ("; ".join(problems) or "verified"), highlight=False, soft_wrap=True)
    if not wanted:
        console.print(f"No weights in {store.root} yet; fetch them with: locutor models fetch", highlight=False, soft_wrap=True)
    if damaged:
        console.print("Fetch them anew with: locutor models fetch " + " ".join(names or []), highlight=False, soft_wrap=True)
        raise typer.Exit(1)
