"""What is said, line by line: the source's, and for each locale what is to be said instead, with the changes that people made."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from google.protobuf.duration_pb2 import Duration

from locutor.errors import InvalidInput
from locutor.gateway.v1 import dub_pb2


@dataclass(frozen=True)
class SourceLine:
    """An utterance of the source under its speaker's name. Seconds count from the first picture."""

    id: str
    start_s: float
    end_s: float
    speaker: str
    text: str


@dataclass(frozen=True)
class TargetLine:
    """An utterance in one locale, before it is spoken."""

    source: SourceLine
    text: str | None = None
    """As given; None: to be translated."""
    voice: str = ""
    """Voice id for this utterance alone; empty: its speaker's."""
    start_s: float | None = None
    """Where a person wants the dubbed speech to begin; None: with the source's."""
    end_s: float | None = None
    rate: float | None = None
    """Speaking rate that a person wants; None: what fits."""
    is_locked: bool = False
    is_omitted: bool = False
    """Nothing is said."""

    @property
    def begin_s(self) -> float:
        """Where the dubbed speech wants to begin."""
        return self.source.start_s if self.start_s is None else self.start_s

    @property
    def until_s(self) -> float:
        """Where it should end."""
        if self.end_s is None:
            return self.begin_s + self.source.end_s - self.source.start_s
        return self.end_s


def merge_edits(edits: Iterable[dub_pb2.UtteranceEdit]) -> list[dub_pb2.UtteranceEdit]:
    """One edit for each utterance and locale, what comes later laid over what came before; in order of ids and locales.

    Edits of one id that were made for different speech are of different utterances.
    """
    merged: dict[tuple[str, str, str], dub_pb2.UtteranceEdit] = {}
    for edit in edits:
        known = merged.setdefault((edit.id, edit.locale, edit.heard_text), dub_pb2.UtteranceEdit(id=edit.id, locale=edit.locale))
        for name in ("start_offset", "end_offset", "heard_start_offset"):
            # Messages are merged field by field: half of an old time must not stay.
            if edit.HasField(name):
                known.ClearField(name)
        known.MergeFrom(edit)
    return [merged[key] for key in sorted(merged)]


def locked(edit: dub_pb2.UtteranceEdit, said: dub_pb2.Utterance) -> dub_pb2.UtteranceEdit:
    """An edit that locks an utterance, with text, voice, times and rate as they are said now, where it sets no others; one that is not said stays unsaid."""
    if not said.HasField("start_offset"):
        return edit
    full = dub_pb2.UtteranceEdit(id=edit.id, locale=edit.locale, heard_text=edit.heard_text, text=said.text, voice=said.voice, rate=said.rate)
    full.start_offset.CopyFrom(said.start_offset)
    full.end_offset.CopyFrom(said.end_offset)
    return merge_edits([full, edit])[0]


def edit_source(lines: Sequence[SourceLine], edits: Iterable[dub_pb2.UtteranceEdit]) -> list[SourceLine]:
    """The source's lines with the edits that hold for all locales, in order of time. Raises `InvalidInput` for an end before its start."""
    own = {edit.id: edit for edit in edits if not edit.locale}
    return sorted((_edited(line, own[line.id]) if line.id in own else line for line in lines), key=lambda line: (line.start_s, line.id))


def edit_target(lines: Sequence[TargetLine], edits: Iterable[dub_pb2.UtteranceEdit], locale: str) -> list[TargetLine]:
    """A locale's lines with its edits, in order of the time at which they want to begin. Raises `InvalidInput` for an end before its start."""
    own = {edit.id: edit for edit in edits if edit.locale == locale}
    changed = []
    for line in lines:
        edit = own.get(line.source.id)
        if edit is not None:
            source = replace(line.source, text=edit.source_text) if edit.HasField("source_text") else line.source
            line = TargetLine(
                source=replace(source, speaker=edit.speaker) if edit.HasField("speaker") else source,
                # A text that was given for another source text is no translation of this one.
                text=edit.text if edit.HasField("text") else None if edit.HasField("source_text") else line.text,
                voice=edit.voice if edit.HasField("voice") else line.voice,
                start_s=seconds(edit.start_offset) if edit.HasField("start_offset") else line.start_s,
                end_s=seconds(edit.end_offset) if edit.HasField("end_offset") else line.end_s,
                rate=round(edit.rate, 3) if edit.HasField("rate") else line.rate,
                is_locked=edit.locked,
                is_omitted=edit.omitted,
            )
            _check_times(line.source.id, line.begin_s, line.until_s)
        changed.append(line)
    return sorted(changed, key=lambda line: (line.begin_s, line.source.id))


def seconds(offset: Duration) -> float:
    return offset.ToNanoseconds() / 1e9


def _check_times(name: str, start_s: float, end_s: float) -> None:
    if end_s < start_s:
        message = f"{name} would end at {end_s:g} s, before it begins at {start_s:g} s; give it a later end or an earlier start"
        raise InvalidInput.of("dub.edits", message, "OUT_OF_RANGE")


def _edited(line: SourceLine, edit: dub_pb2.UtteranceEdit) -> SourceLine:
    start_s = seconds(edit.start_offset) if edit.HasField("start_offset") else line.start_s
    end_s = seconds(edit.end_offset) if edit.HasField("end_offset") else line.end_s
    _check_times(line.id, start_s, end_s)
    return SourceLine(
        line.id,
        start_s,
        end_s,
        edit.speaker if edit.HasField("speaker") else line.speaker,
        edit.source_text if edit.HasField("source_text") else line.text,
    )
