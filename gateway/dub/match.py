"""Finds the utterances that edits were made for, where a video was heard anew and the ids have shifted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import SequenceMatcher

from gateway.dub.lines import SourceLine, merge_edits, seconds
from locutor.gateway.v1 import dub_pb2

_SAME_TIME_S = 0.5
_SAME_WORDS = 0.8
"""Least likeness of two texts of one time that are the same utterance, heard a little differently."""
_SHOWN_CHARACTERS = 40


def match_edits(edits: Sequence[dub_pb2.UtteranceEdit], lines: Sequence[SourceLine]) -> tuple[list[dub_pb2.UtteranceEdit], list[str]]:
    """The edits with the ids that their utterances have among `lines` now, and warnings; one whose utterance is gone is left out.

    An edit that does not say what its utterance was heard to say is taken at its id. `lines`: as they are heard, before any edit.
    """
    known = {line.id: line for line in lines}
    places: dict[str, list[SourceLine]] = {}
    for one in lines:
        places.setdefault(_plain(one.text), []).append(one)
    found: list[dub_pb2.UtteranceEdit] = []
    warnings: dict[tuple[str, str], str] = {}
    for edit in edits:
        if not edit.heard_text and edit.id not in known:
            # An utterance that is not heard but only given; or none, which the locale tells.
            found.append(edit)
            continue
        line = _home(edit, known, places)
        if line is None:
            said = f"{edit.heard_text[:_SHOWN_CHARACTERS]!r} (it was at {seconds(edit.heard_start_offset):.1f} s)"
            warnings[edit.id, ""] = f"the edit of {edit.id} was not made: nobody is heard to say {said} any more"
            continue
        if line.id != edit.id:
            warnings[edit.id, line.id] = f"the edit of {edit.id} was made in {line.id}, which is what it was heard as ({line.start_s:.1f} s)"
        moved = dub_pb2.UtteranceEdit()
        moved.CopyFrom(edit)
        moved.id, moved.heard_text = line.id, line.text
        moved.heard_start_offset.FromNanoseconds(round(line.start_s * 1000) * 1_000_000)
        found.append(moved)
    return merge_edits(found), list(warnings.values())


def _home(edit: dub_pb2.UtteranceEdit, known: Mapping[str, SourceLine], places: Mapping[str, Sequence[SourceLine]]) -> SourceLine | None:
    """The utterance of an edit. `known`: by id. `places`: by what is said."""
    own, heard_s = known.get(edit.id), seconds(edit.heard_start_offset)
    if not edit.heard_text:
        return own
    same = places.get(_plain(edit.heard_text), [])
    if same:
        return min(same, key=lambda line: (abs(line.start_s - heard_s), line.id))
    return own if own is not None and _alike(own, edit.heard_text, heard_s) else None


def _alike(line: SourceLine, text: str, start_s: float) -> bool:
    return abs(line.start_s - start_s) <= _SAME_TIME_S and SequenceMatcher(None, _plain(line.text), _plain(text)).ratio() >= _SAME_WORDS


def _plain(text: str) -> str:
    return "".join(character for character in text.casefold() if character.isalnum())
