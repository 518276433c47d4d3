"""Cast files: who speaks with which voice, over many videos."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from locutor.cli.files import check_folder, read_text
from locutor.errors import InvalidInput
from locutor.gateway.v1.dub_pb2 import CastMember

_FORMAT = "locutor-cast/1"


def read_cast(path: Path) -> list[CastMember]:
    """The members in a cast file; none where there is no file yet. Raises `InvalidInput`."""
    if not path.exists():
        return []
    try:
        document = json.loads(read_text("--cast", path))
        return [CastMember(speaker=row["name"], embedding=row.get("embedding", []), voices=row.get("voices", {})) for row in document["speakers"]]
    except (ValueError, KeyError, TypeError) as error:
        example = '{"speakers": [{"name": "Anna", "voices": {"es": "ef_dora"}}]}'
        raise InvalidInput.of("--cast", f"{path} is no cast file ({type(error).__name__}: {error}); write for example {example}", "BAD_CAST") from error


def check_cast(path: Path) -> None:
    """Refuse a cast file that could not be written in the end. Raises `InvalidInput`."""
    check_folder("--cast", path.parent)
    if path.exists() and not (path.is_file() and os.access(path, os.W_OK)):
        raise InvalidInput.of("--cast", f"{path} cannot be written; check its permissions, or name another file", "NOT_WRITABLE")


def write_cast(path: Path, members: Iterable[CastMember], found: Iterable[Path]) -> None:
    """Keep the members with what cast files of a finished dub say of the speakers: their voices, and how they sound.

    Whoever cannot be known again by his voice, and was not named beforehand, is not kept: his name would go to another person.
    """
    rows: dict[str, dict[str, Any]] = {
        member.speaker: {"name": member.speaker, "voices": dict(member.voices), "embedding": [round(value, 5) for value in member.embedding]}
        for member in members
    }
    for file in found:
        for speaker in json.loads(file.read_text("utf-8"))["speakers"]:
            if not speaker["embedding"] and speaker["name"] not in rows:
                continue
            row = rows.setdefault(speaker["name"], {"name": speaker["name"], "voices": {}, "embedding": []})
            row["embedding"] = row["embedding"] or speaker["embedding"]
            row["voices"] = {**speaker["voices"], **row["voices"]}
    lines = ",\n ".join(json.dumps(row, ensure_ascii=False) for row in rows.values())
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'{{"format": "{_FORMAT}", "speakers": [\n {lines}\n]}}\n', "utf-8")
