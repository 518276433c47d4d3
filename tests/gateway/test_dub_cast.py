"""Speakers to voices."""

from __future__ import annotations

from gateway.dub.cast import Heard, choose_voices, name_speakers, with_named
from locutor.gateway.v1.dub_pb2 import CastMember
from locutor.tts.v1 import tts_pb2

MAN, WOMAN = tts_pb2.GENDER_MALE, tts_pb2.GENDER_FEMALE
VOICES = [
    tts_pb2.Voice(id=name, locale=locale, gender=gender, is_default=default, quality=quality)
    for name, locale, gender, default, quality in (
        ("es_w", "es", WOMAN, True, tts_pb2.QUALITY_NEURAL),
        ("es_m1", "es", MAN, False, tts_pb2.QUALITY_NEURAL),
        ("es_m2", "es", MAN, False, tts_pb2.QUALITY_NEURAL),
        ("es_robot", "es", MAN, False, tts_pb2.QUALITY_FORMANT),
        ("en_m", "en-US", MAN, True, tts_pb2.QUALITY_NEURAL),
    )
]
ANNA, BOB, CARL = Heard((1.0, 0.0), 210.0), Heard((0.0, 1.0), 110.0), Heard((0.6, 0.8), 120.0)


def voices(*heard: Heard, cast: tuple[CastMember, ...] = ()) -> dict[str, str]:
    return {name: voice.id for name, voice in choose_voices(name_speakers(heard, cast), "es", VOICES).items()}


def test_voices_go_by_pitch_and_differ() -> None:
    assert voices(BOB, ANNA, CARL) == {"speaker1": "es_m1", "speaker2": "es_w", "speaker3": "es_m2"}


def test_where_voices_run_out_one_is_used_again_and_no_robot_speaks() -> None:
    found = voices(BOB, CARL, Heard((), 100.0))
    assert found["speaker3"] in {"es_m1", "es_m2"}


def test_a_speaker_of_unknown_pitch_gets_the_default() -> None:
    assert voices(Heard((), 0.0)) == {"speaker1": "es_w"}


def test_a_cast_member_is_known_by_his_voice_and_keeps_name_and_voice() -> None:
    cast = (CastMember(speaker="Carl", embedding=[0.0, 0.9], voices={"es": "es_m2"}), CastMember(speaker="Zoe", embedding=[-1.0, 0.0], voices={"es": "es_w"}))
    assert voices(ANNA, BOB, cast=cast) == {"speaker1": "es_w", "Carl": "es_m2"}


def test_without_an_embedding_the_name_decides() -> None:
    assert voices(BOB, cast=(CastMember(speaker="speaker1", voices={"es": "es_w"}),)) == {"speaker1": "es_w"}


def test_names_of_the_cast_are_not_given_twice() -> None:
    cast = (CastMember(speaker="speaker1", embedding=[0.0, 1.0], voices={"es": "es_m2"}),)
    assert voices(ANNA, BOB, cast=cast) == {"speaker2": "es_w", "speaker1": "es_m2"}


def test_nobody_gets_the_name_of_a_cast_member_with_another_voice() -> None:
    cast = (CastMember(speaker="speaker1", embedding=[-1.0, 0.0], voices={"es": "es_m2"}),)
    assert [role.name for role in name_speakers([ANNA, BOB], cast)] == ["speaker2", "speaker3"]


def test_a_speaker_whom_only_an_edit_names_has_his_cast_s_voice_however_its_locale_is_spelt() -> None:
    cast = (CastMember(speaker="Anna", embedding=[-1.0, 0.0], voices={"ES-es": "es_m2"}),)
    roles = with_named(name_speakers([BOB], cast), ["speaker1", "Anna", "Anna", "Zoe"], cast)
    assert [role.name for role in roles] == ["speaker1", "Anna", "Zoe"]
    assert choose_voices(roles, "es-ES", VOICES)["Anna"].id == "es_m2"
