"""Edit files of `locutor dub --edit`: what a person changed in the utterances of a dub."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from google.protobuf.json_format import ParseDict, ParseError

from locutor.cli.files import read_text
from locutor.errors import InvalidInput
from locutor.gateway.v1.dub_pb2 import UtteranceEdit

_TEXTS = ("source_text", "text", "speaker", "voice")
_FLAGS = ("locked", "omitted")
_NUMBERS = ("rate", "start_s", "end_s")
_TIMES = {"start_s": "start_offset", "end_s": "end_offset"}


def read_edits(path: Path) -> list[UtteranceEdit]:
    """The edits that a file asks for: a job's utterances file, of which what was changed counts, or a list of changes.

    A list holds objects with an `id`, a `locale` (empty: all) and what is to change. Raises `InvalidInput`.
    """
    option = f"--edit {path}"
    text = read_text(option, path)
    try:
        document = json.loads(text)
    except ValueError as error:
        raise InvalidInput.of(option, f"is not JSON ({error}); change only what stands between quotes", "BAD_EDIT_FILE") from error
    if isinstance(document, list):
        document = {"utterances": document}
    if not isinstance(document, Mapping) or not isinstance(document.get("utterances"), list):
        raise InvalidInput.of(option, "has no list of utterances; give a file NAME.LOCALE.utterances.json of an earlier dub", "BAD_EDIT_FILE")
    locale = document.get("locale", "")
    made = document.get("as_made", {})
    try:
        edits = [ParseDict(edit, UtteranceEdit()) for edit in document.get("edits", [])]
    except ParseError as error:
        raise InvalidInput.of(option, f"its `edits` were changed and cannot be read ({error}); change the utterances instead", "BAD_EDIT_FILE") from error
    for number, row in enumerate(document["utterances"]):
        if not isinstance(row, Mapping) or not row.get("id"):
            raise InvalidInput.of(option, f"utterance {number + 1} has no id", "BAD_EDIT_FILE")
        edit = _edit(row, made.get(row["id"], {}), row.get("locale", locale), option)
        if edit is not None:
            _remember(edit, row, option)
            edits.append(edit)
    return edits


def _edit(row: Mapping[str, Any], made: Mapping[str, Any], locale: str, option: str) -> UtteranceEdit | None:
    """What of an utterance was changed; None: nothing."""
    edit = UtteranceEdit(id=row["id"], locale=locale)
    wanted = [*_TEXTS, *_FLAGS, *_NUMBERS]
    changed = [name for name in wanted if name in row and (name not in made or row[name] != made[name])]
    if row.get("locked") and "locked" in changed:
        # A lock holds what is there, so all of it is told.
        changed = sorted({*changed, *(name for name in ("text", "voice", "rate", "start_s", "end_s") if row.get("end_s") and row.get(name) not in (None, ""))})
    for name in changed:
        value: Any = row[name]
        kind = str if name in _TEXTS else bool if name in _FLAGS else (int, float)
        if not isinstance(value, kind) or (name in _NUMBERS and isinstance(value, bool)):
            raise InvalidInput.of(option, f"{name} of {row['id']} is {value!r}; write {_WRITE[name in _FLAGS, name in _NUMBERS]}", "BAD_EDIT_FILE")
        if name in _TIMES:
            getattr(edit, _TIMES[name]).FromNanoseconds(round(float(value) * 1000) * 1_000_000)
        else:
            setattr(edit, name, value)
    return edit if changed else None


def _remember(edit: UtteranceEdit, row: Mapping[str, Any], option: str) -> None:
    """For what speech an edit was made: its utterance is found by that where ids have shifted."""
    text, start_s = row.get("heard_text", ""), row.get("heard_start_s", 0.0)
    if not isinstance(text, str) or not isinstance(start_s, (int, float)):
        raise InvalidInput.of(option, f"heard_text and heard_start_s of {edit.id} were changed; leave them as they were", "BAD_EDIT_FILE")
    if text:
        edit.heard_text = text
        edit.heard_start_offset.FromNanoseconds(round(start_s * 1000) * 1_000_000)


_WRITE = {(False, False): "a text in quotes", (True, False): "true or false", (False, True): "a number, such as 12.5"}
