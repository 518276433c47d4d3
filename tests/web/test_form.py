"""The form as a specification, and violations beside the inputs at fault."""

from __future__ import annotations

import pytest
from starlette.datastructures import FormData

from gateway.web.form import locales_of, spec_of, violations_by_input
from gateway.web.view import view_of
from locutor.common.v1 import video_pb2
from locutor.errors import FieldViolation, InvalidInput
from locutor.gateway.v1 import catalog_pb2, job_pb2
from locutor.translate.v1 import translate_pb2
from locutor.tts.v1 import tts_pb2

FILLED = [
    ("script", " Hello. "),
    ("script_locale", "en-US"),
    ("targets", "en-US"),
    ("targets", "es"),
    ("voice.es", "em_alex"),
    ("translation.es", "Hola."),
    ("size", "720x1280"),
    ("style", "friendly"),
    ("background", "color"),
    ("color", "#20303c"),
    ("consent", "yes"),
    ("consent_by", "Ada"),
]


def test_a_filled_form_becomes_a_specification() -> None:
    spec = spec_of(FormData(FILLED), "media/x")
    assert (spec.script.text, spec.script.locale, spec.face_uri) == ("Hello.", "en-US", "media/x")
    assert [(t.locale, t.voice, t.script) for t in spec.targets] == [("en-US", "", ""), ("es", "em_alex", "Hola.")]
    assert (spec.video.width_pixels, spec.video.height_pixels) == (720, 1280)
    assert spec.background.color_rgb == 0x20303C
    assert spec.performance.style == video_pb2.STYLE_FRIENDLY
    assert spec.consent.stated_by == "Ada"


def test_what_only_the_form_can_know_is_missing_is_said_at_once() -> None:
    with pytest.raises(InvalidInput) as caught:
        spec_of(FormData([("script", "Hello.")]), "")
    assert set(violations_by_input(caught.value)) == {"targets", "face", "consent"}


def test_a_violation_of_the_gateway_lands_beside_its_input_and_names_the_language() -> None:
    error = InvalidInput(
        [
            FieldViolation("present.script.text", "is empty"),
            FieldViolation("present.targets[1].voice", "no voice 'x'"),
            FieldViolation("present.face_uri", "no face was found"),
            FieldViolation("request_id", "is too long"),
        ]
    )
    assert violations_by_input(error, ["en-US", "pt-BR"]) == {
        "script": ["Is empty"],
        "targets": ["Portuguese (Brazil): no voice 'x'"],
        "face": ["No face was found"],
        "": ["Is too long"],
    }


def test_locales_have_names_their_default_voice_first_and_the_sources_they_are_translated_from() -> None:
    voice = tts_pb2.Voice
    catalog = catalog_pb2.GetCatalogResponse(
        voices=[
            voice(id="pm_alex", locale="pt-BR", gender=tts_pb2.GENDER_MALE, display_name="Alex"),
            voice(id="pf_dora", locale="pt-BR", gender=tts_pb2.GENDER_FEMALE, display_name="Dora", is_default=True),
            voice(id="ef_dora", locale="es", display_name="Dora"),
        ],
        pairs=[translate_pb2.Pair(source_locale="en", target_locale="pt-BR")],
    )
    portuguese, spanish = locales_of(catalog)
    assert (portuguese.name, portuguese.voices, portuguese.translates_from) == (
        "Portuguese (Brazil)",
        [("pf_dora", "Dora, female"), ("pm_alex", "Alex, male")],
        {"en"},
    )
    assert (spanish.name, spanish.voices, spanish.translates_from) == ("Spanish", [("ef_dora", "Dora")], set())


def test_a_job_is_shown_by_the_first_words_of_its_script() -> None:
    text = "---\nlocale: en-US\n---\n# Hello *world*\n\n[pause 800ms] One two three four five six seven eight nine."
    view = view_of(job_pb2.Job(id="j", state=job_pb2.STATE_RUNNING, progress=0.256, present=job_pb2.PresentSpec(script=job_pb2.Script(text=text))))
    assert view.title == "Hello world One two three four five six…"
    assert (view.percent, view.state, view.ended) == (26, "running", False)
