"""Who speaks with which voice: by a cast file where the speaker is known, else by gender and pitch, the same for the whole video."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import langcodes
import numpy as np

from gateway.locales import same_language, voice_for
from locutor.gateway.v1 import dub_pb2
from locutor.tts.v1 import tts_pb2

MALE_BELOW_HERTZ = 165.0
"""Between the usual pitch of men (about 120 Hz) and of women (about 210 Hz)."""
SAME_VOICE = 0.75
"""Least cosine of two embeddings of one voice: other voices of one sex reach about 0.7 at most."""


@dataclass(frozen=True)
class Heard:
    """A speaker as he is heard in the video."""

    embedding: tuple[float, ...]
    """Of length 1; empty where too little was heard."""
    pitch_hertz: float
    """0 where too little was heard."""


@dataclass(frozen=True)
class Role:
    """A speaker of the video under his name, with a voice for each locale."""

    name: str
    """"speaker1", or as the cast file has it."""
    heard: Heard
    voices: Mapping[str, str]
    """Locale to voice id, as decided beforehand."""


def name_speakers(speakers: Sequence[Heard], cast: Sequence[dub_pb2.CastMember], names: Sequence[str] = ()) -> list[Role]:
    """The speakers of the video, in their order, with names and voices of the cast members that they are.

    `names`: one a speaker where he is known already, empty where not; the cast's member of that name is he. Else a member
    with an embedding is the speaker whose voice is nearest, if it is near, and nobody else is given his name; one without is
    the speaker who would have his name anyway.
    """
    likeness = [(_cosine(speaker.embedding, member.embedding), index, number) for index, speaker in enumerate(speakers) for number, member in enumerate(cast)]
    numbers = {member.speaker: number for number, member in enumerate(cast)}
    known: dict[int, dub_pb2.CastMember] = {}
    taken: set[int] = set()
    for index, name in enumerate(names):
        if name:
            known[index] = cast[numbers[name]] if name in numbers else dub_pb2.CastMember(speaker=name)
            taken |= {numbers[name]} if name in numbers else set()
    for cosine, index, number in sorted(likeness, reverse=True):
        if cosine >= SAME_VOICE and index not in known and number not in taken:
            known[index] = cast[number]
            taken.add(number)
    by_name = {member.speaker: member for member in cast if not member.embedding}
    used = {member.speaker for member in known.values()} | {member.speaker for member in cast if member.embedding}
    roles = []
    number = 0
    for index, speaker in enumerate(speakers):
        member = known.get(index)
        if member is None:
            number += 1
            while f"speaker{number}" in used:
                number += 1
            member = by_name.get(f"speaker{number}", dub_pb2.CastMember(speaker=f"speaker{number}"))
        roles.append(Role(member.speaker, speaker, dict(member.voices)))
    return roles


def with_named(roles: Sequence[Role], names: Sequence[str], cast: Sequence[dub_pb2.CastMember]) -> list[Role]:
    """The roles, with one more for each further of `names`: people whom somebody names, but nobody has heard."""
    voices = {member.speaker: dict(member.voices) for member in cast}
    known = {role.name for role in roles}
    return [*roles, *(Role(name, Heard((), 0.0), voices.get(name, {})) for name in dict.fromkeys(names) if name not in known)]


def choose_voices(roles: Sequence[Role], locale: str, voices: Sequence[tts_pb2.Voice]) -> dict[str, tts_pb2.Voice]:
    """A voice for each role's name. Different speakers get different voices as far as there are.

    Raises `ValueError` where no voice speaks the locale: the plan has seen to it.
    """
    speaking = [voice for voice in voices if same_language(locale, voice.locale)]
    best = max((voice.quality for voice in speaking), default=0)
    # The nearest locale's voices of the best quality come first, its default before the others.
    offered = sorted(
        (voice for voice in speaking if voice.quality == best), key=lambda voice: (langcodes.tag_distance(locale, voice.locale), not voice.is_default, voice.id)
    )
    chosen: dict[str, tts_pb2.Voice] = {}
    use: Counter[str] = Counter()
    for role in roles:
        decided = voice_for(locale, role.voices)
        found = next((voice for voice in speaking if voice.id == decided), None)
        if found is not None:
            chosen[role.name] = found
            use[found.id] += 1
    for role in roles:
        if role.name not in chosen:
            wanted = _gender(role.heard.pitch_hertz)
            chosen[role.name] = min(offered, key=lambda voice: (wanted not in (None, voice.gender), use[voice.id], offered.index(voice)))
            use[chosen[role.name].id] += 1
    return chosen


def _gender(pitch_hertz: float) -> tts_pb2.Gender.ValueType | None:
    if not pitch_hertz:
        return None
    return tts_pb2.GENDER_MALE if pitch_hertz < MALE_BELOW_HERTZ else tts_pb2.GENDER_FEMALE


def _cosine(one: Sequence[float], other: Sequence[float]) -> float:
    if not one or len(one) != len(other):
        return 0.0
    first, second = np.asarray(one, np.float64), np.asarray(other, np.float64)
    lengths = float(np.linalg.norm(first) * np.linalg.norm(second))
    return float(first @ second) / lengths if lengths else 0.0
