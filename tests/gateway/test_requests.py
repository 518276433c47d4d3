"""What the gateway refuses, and how: everything that is wrong at once, before any expensive work."""

from __future__ import annotations

import hashlib
import io
import threading
from typing import Any

import numpy as np
import pytest
from PIL import Image

from gateway.present.plan import PresentPlan, make_plan
from locutor.common.v1 import video_pb2
from locutor.errors import InvalidInput, LocutorError, NotFound, OutOfRange
from locutor.gateway.v1 import catalog_pb2, job_pb2, media_pb2
from locutor.lipsync.v1 import lipsync_pb2
from locutor.translate.v1 import translate_pb2
from tests.gateway.conftest import Client
from tests.gateway.fakes import Fakes


async def violations(client: Client, spec: job_pb2.PresentSpec) -> list[tuple[str, str]]:
    error = await client.refused(client.create(spec))
    assert isinstance(error, InvalidInput), error
    return [(violation.field, violation.reason) for violation in error.violations]


async def test_everything_wrong_is_told_at_once(client: Client, fakes: Fakes) -> None:
    spec = job_pb2.PresentSpec(
        script=job_pb2.Script(text="Good.\n\n[dance]", locale="en-US"),
        face_uri="media/" + "0" * 64,
        targets=[
            job_pb2.Target(locale="not a tag"),
            job_pb2.Target(locale="de"),
            job_pb2.Target(locale="pt-BR", voice="en_a", rate=3),
            job_pb2.Target(locale="PT_br"),
            job_pb2.Target(locale="es", voice="nobody"),
            job_pb2.Target(locale="en-GB", script="---\nlocale: fr\n---\nOui."),
        ],
        video=video_pb2.VideoFormat(width_pixels=1281, height_pixels=64, frame_rate_numerator=100),
        glossary=[translate_pb2.GlossaryTerm(source=" ")],
        background_uri="media/" + "1" * 64,
    )
    spec.performance.expression_percent, spec.performance.gaze_percent = 151, 1000
    spec.performance.style = 7  # type: ignore[assignment]
    assert await violations(client, spec) == [
        ("present.script.text", "UNKNOWN_CUE"),
        ("present.video.width_pixels", "BAD_VIDEO_FORMAT"),
        ("present.video.height_pixels", "BAD_VIDEO_FORMAT"),
        ("present.video.frame_rate_numerator", "BAD_VIDEO_FORMAT"),
        ("present.targets[0].locale", "UNKNOWN_LOCALE"),
        ("present.targets[1].locale", "NO_TRANSLATION"),
        ("present.targets[1].locale", "UNKNOWN_LOCALE"),
        ("present.targets[2].voice", "UNKNOWN_VOICE"),
        ("present.targets[2].rate", "OUT_OF_RANGE"),
        ("present.targets[3].locale", "DUPLICATE_TARGET"),
        ("present.targets[4].locale", "NO_TRANSLATION"),
        ("present.targets[4].voice", "UNKNOWN_VOICE"),
        ("present.targets[5].script", "SCRIPT_LOCALE"),
        ("present.consent.stated_by", "NO_CONSENT"),
        ("present.consent.statement", "NO_CONSENT"),
        ("present.performance.expression_percent", "OUT_OF_RANGE"),
        ("present.performance.gaze_percent", "OUT_OF_RANGE"),
        ("present.performance.style", "UNKNOWN_STYLE"),
        ("present.glossary[0].source", "EMPTY"),
        ("present.face_uri", "MEDIA_NOT_FOUND"),
        ("present.background_uri", "UNUSED"),
    ]
    assert not fakes.tts.calls["Synthesize"] and not fakes.lipsync.calls["Animate"]
    assert not (await client.jobs.ListJobs(job_pb2.ListJobsRequest())).jobs


async def test_messages_say_what_was_found_and_what_to_do(client: Client, spec: job_pb2.PresentSpec) -> None:
    spec.targets[1].locale = "es"
    spec.targets[0].voice = "es_a"
    error = await client.refused(client.create(spec))
    assert "the voice 'es_a' speaks es, not en-US; choose from en_a, en_b" in error.message
    assert "there is no translation from en-US to es (there are: en to pt-BR); give this target a script of its own" in error.message


@pytest.mark.parametrize(
    ("text", "locale", "reason"),
    [("", "en", "EMPTY_SCRIPT"), ("x" * 60_001, "en", "SCRIPT_TOO_LONG"), ("Hi.", "", "NO_LOCALE"), ("Hi.", "xyzzy", "UNKNOWN_LOCALE")],
)
async def test_scripts(client: Client, spec: job_pb2.PresentSpec, text: str, locale: str, reason: str) -> None:
    spec.script.text, spec.script.locale = text, locale
    assert reason in {found for _, found in await violations(client, spec)}


async def test_scripts_are_read_beside_the_event_loop(client: Client, spec: job_pb2.PresentSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[bool] = []

    def planned(*args: Any) -> PresentPlan:
        seen.append(threading.current_thread() is threading.main_thread())
        return make_plan(*args)

    for place in ("gateway.validate", "gateway.present.pipeline"):
        monkeypatch.setattr(f"{place}.make_plan", planned)
    await client.ended((await client.create(spec)).id)
    assert seen == [False, False]


async def test_the_front_matter_names_locale_and_voices(client: Client, fakes: Fakes, spec: job_pb2.PresentSpec) -> None:
    spec.script.locale = ""
    spec.script.text = "---\nlocale: en-US\nvoices: {en: en_b, pt-BR: pt_b}\n---\nHi there."
    assert await violations(client, spec) == [("present.script.text", "UNKNOWN_VOICE")]
    spec.script.text = spec.script.text.replace("pt_b", "pt_a")
    await client.ended((await client.create(spec)).id)
    assert {request.voice for request in fakes.tts.asked} == {"en_b", "pt_a"}


async def test_a_glossary_that_the_translation_would_refuse(client: Client, spec: job_pb2.PresentSpec) -> None:
    term = translate_pb2.GlossaryTerm
    spec.glossary.extend([term(source="!!"), term(source="door", target="porta"), term(source="x" * 201), term(source="Door ", target="portal")])
    assert await violations(client, spec) == [
        ("present.glossary[0].source", "EMPTY"),
        ("present.glossary[2]", "TERM_TOO_LONG"),
        ("present.glossary[3].target", "CONFLICTING_TERMS"),
    ]
    del spec.glossary[:]
    spec.glossary.extend(term(source=f"t{number}") for number in range(1001))
    assert await violations(client, spec) == [("present.glossary", "TOO_MANY_TERMS")]


async def test_no_targets_and_no_spec(client: Client, spec: job_pb2.PresentSpec) -> None:
    del spec.targets[:]
    assert await violations(client, spec) == [("present.targets", "NO_TARGET")]
    error = await client.refused(client.jobs.CreateJob(job_pb2.CreateJobRequest()))
    assert error.reason == "NO_SPEC"


async def test_what_is_wrong_with_the_face_is_the_request_s_fault(client: Client, fakes: Fakes, spec: job_pb2.PresentSpec) -> None:
    error, warning = lipsync_pb2.SEVERITY_ERROR, lipsync_pb2.SEVERITY_WARNING
    fakes.lipsync.findings = [
        lipsync_pb2.Finding(severity=error, reason="SEVERAL_FACES", message="shows 3 faces; crop it to one"),
        lipsync_pb2.Finding(severity=warning, reason="SOFT", message="a little soft"),
        lipsync_pb2.Finding(severity=error, reason="BLURRED", message="is blurred"),
    ]
    assert await violations(client, spec) == [("present.face_uri", "SEVERAL_FACES"), ("present.face_uri", "BLURRED")]
    assert fakes.lipsync.calls["Inspect"] == 1
    inspected = await client.catalog.InspectFace(catalog_pb2.InspectFaceRequest(face_uri=spec.face_uri))
    assert [finding.reason for finding in inspected.inspection.findings] == ["SEVERAL_FACES", "SOFT", "BLURRED"]
    assert fakes.lipsync.calls["Inspect"] == 1
    assert isinstance(await client.refused(client.catalog.InspectFace(catalog_pb2.InspectFaceRequest(face_uri="media/../x"))), InvalidInput)


async def test_a_background_image(client: Client, spec: job_pb2.PresentSpec) -> None:
    spec.background.image = True
    assert await violations(client, spec) == [("present.background_uri", "NO_MEDIA")]
    spec.background_uri = spec.face_uri
    assert (await client.ended((await client.create(spec)).id)).state == job_pb2.STATE_SUCCEEDED


async def test_uploads_come_back(client: Client, portrait: bytes) -> None:
    media = await client.upload(portrait, "me.png", "image/png")
    assert media == media_pb2.Media(uri=f"media/{hashlib.sha256(portrait).hexdigest()}", size_bytes=len(portrait), content_type="image/png", file_name="me.png")
    assert await client.upload(portrait, "me.png") == media
    assert await client.download(media.uri) == portrait
    assert await client.download(media.uri, 1000) == portrait[1000:]
    assert await client.download(media.uri, len(portrait)) == b""


def image(kind: str, size: tuple[int, int] = (40, 40)) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.zeros((size[1], size[0], 3), np.uint8)).save(buffer, kind)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("data", "declared", "reason", "words"),
    [
        (b"I am a text file.\n", "image/png", "NOT_AN_IMAGE", "the file is a text; give a PNG, JPEG or WebP image"),
        (b"", "image/png", "NOT_AN_IMAGE", "the file is empty"),
        (image("PNG")[:200] + b"\0" * 50, "text/plain", "TYPE_DIFFERS", "says text/plain, but the content is image/png"),
        (b"\x89PNG\r\n\x1a\n" + b"\xff" * 100, "image/png", "NOT_AN_IMAGE", "not an image that can be read"),
        (image("GIF"), "image/gif", "NOT_AN_IMAGE", "give a PNG, JPEG or WebP image"),
        (image("PNG", (8001, 8001)), "image/png", "TOO_LARGE", "8001x8001 = 64 megapixels"),
        (image("PNG", (20000, 20000)), "image/png", "TOO_LARGE", "megapixels"),
    ],
)
async def test_uploads_that_are_no_images(client: Client, data: bytes, declared: str, reason: str, words: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        await client.upload(data, "face.png", declared)
    assert caught.value.reason == reason and words in caught.value.message


async def test_uploads_are_bounded_and_in_order(client: Client) -> None:
    with pytest.raises(InvalidInput) as caught:
        await client.upload(image("PNG") + bytes(65 * 1024 * 1024))
    assert caught.value.violations[0].reason == "TOO_LARGE"

    async def sent(*requests: media_pb2.UploadMediaRequest) -> LocutorError:
        return await client.refused(client.media.UploadMedia(iter(requests)))

    config = media_pb2.UploadMediaRequest(config=media_pb2.UploadMediaConfig(file_name="x"))
    assert (await sent()).reason == "BAD_ORDER"
    assert (await sent(media_pb2.UploadMediaRequest(data=b"x"), config)).reason == "BAD_ORDER"
    assert (await sent(config, config)).reason == "BAD_ORDER"
    name = media_pb2.UploadMediaRequest(config=media_pb2.UploadMediaConfig(file_name="x" * 256))
    assert (await sent(name)).reason == "BAD_FILE_NAME"


async def test_downloads_reach_media_alone(client: Client, spec: job_pb2.PresentSpec, portrait: bytes) -> None:
    async def refused(uri: str, offset: int = 0) -> LocutorError:
        call = client.media.DownloadMedia(media_pb2.DownloadMediaRequest(uri=uri, offset_bytes=offset))

        async def first() -> None:
            await anext(aiter(call))

        return await client.refused(first())

    for uri in ("", "jobs.sqlite", "../jobs.sqlite", "media/../../jobs.sqlite", "file:///etc/passwd", "media/" + "0" * 64):
        assert isinstance(await refused(uri), NotFound)
    assert isinstance(await refused(spec.face_uri, len(portrait) + 1), OutOfRange)
