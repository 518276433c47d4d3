"""Checks a request before any expensive work, and refuses it with all that is wrong with it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

from gateway.artifacts import StepResult, step_key
from gateway.content import MAX_SUBTITLE_BYTES, image_type
from gateway.dub.given import given_texts
from gateway.dub.plan import make_dub_plan, time_violations
from gateway.dub.source import MAX_VIDEO_S, check_length
from gateway.faces import inspect_face
from gateway.media_process import ProbedMedia, probe_media
from gateway.offer import Offer, read_offer
from gateway.present.plan import make_plan
from gateway.readable import ReadableMedia
from gateway.services import Services
from locutor.common.v1 import video_pb2
from locutor.errors import FieldViolation, InvalidInput
from locutor.gateway.v1 import dub_pb2, job_pb2
from locutor.glossary import glossary_violations
from locutor.lipsync.v1 import lipsync_pb2

T = TypeVar("T")

MAX_REQUEST_ID = 128
_MOST_PRIORITY = 10
_MAX_STATEMENT_CHARACTERS = 2_000
_MOST_PERCENT = 150


async def check_present(spec: job_pb2.PresentSpec, services: Services, media: ReadableMedia) -> None:
    """Raises `InvalidInput` with every violation, and what the services raise where they cannot be asked."""
    violations = [*_check_fields(spec)]
    offer, face, background = await asyncio.gather(
        read_offer(services, spec),
        _violations(_check_face(spec, services, media)),
        _violations(_check_background(spec, media)),
    )
    try:
        # Long scripts take seconds to read: other calls must not wait for that.
        await asyncio.to_thread(make_plan, spec, offer)
    except InvalidInput as error:
        violations = [*error.violations, *violations]
    violations += [*face, *background]
    if violations:
        raise InvalidInput(violations)


async def check_dub(spec: job_pb2.DubSpec, services: Services, media: ReadableMedia) -> None:
    """As `check_present`."""
    violations = [
        *_consent_violations(spec.consent, "dub", "this video, its faces and voices,"),
        *glossary_violations(spec.glossary, "dub.glossary"),
    ]
    if spec.performance.expression_percent > _MOST_PERCENT:
        found = f"found {spec.performance.expression_percent}; choose 0 to {_MOST_PERCENT}"
        violations.append(FieldViolation("dub.performance.expression_percent", found, "OUT_OF_RANGE"))
    offer = await read_offer(services, spec)
    of_media = await asyncio.gather(
        _violations(_check_video(spec, media)),
        _violations(_check_background_sound(spec, offer, media)),
        *(_violations(_check_subtitles(uri, field, media)) for uri, field in _subtitles(spec)),
    )
    try:
        await asyncio.to_thread(make_dub_plan, spec, offer)
    except InvalidInput as error:
        violations = [*error.violations, *violations]
    violations += [violation for found in of_media for violation in found]
    if violations:
        raise InvalidInput(violations)


def _subtitles(spec: job_pb2.DubSpec) -> list[tuple[str, str]]:
    found = [(spec.source_subtitles_uri, "dub.source_subtitles_uri")]
    found += [(target.subtitles_uri, f"dub.targets[{number}].subtitles_uri") for number, target in enumerate(spec.targets)]
    return [(uri, field) for uri, field in found if uri]


async def _check_video(spec: job_pb2.DubSpec, media: ReadableMedia) -> None:
    field = "dub.video_uri"
    found = await probed_media(spec.video_uri, field, media)
    tracks = len(found.sound_languages)
    if not found.has_video:
        raise InvalidInput.of(field, f"this file ({found.container}) has no video in it; give one that has", "NO_VIDEO")
    check_length(found.duration_s, field)
    if spec.audio_track >= max(1, tracks):
        raise InvalidInput.of("dub.audio_track", f"found {spec.audio_track}; the video has {tracks} sound tracks, counted from 0", "OUT_OF_RANGE")
    if not tracks and not _subtitles(spec):
        message = "this video has no sound, so nobody speaks in it; give one that has, or subtitles of what is to be said"
        raise InvalidInput.of(field, message, "NO_SPEECH")
    wrong = await asyncio.to_thread(time_violations, spec.edits, found.duration_s or MAX_VIDEO_S)
    if wrong:
        raise InvalidInput(wrong)


async def _check_background_sound(spec: job_pb2.DubSpec, offer: Offer, media: ReadableMedia) -> None:
    if spec.music_and_effects_uri:
        field = "dub.music_and_effects_uri"
        if not (await probed_media(spec.music_and_effects_uri, field, media)).sound_languages:
            raise InvalidInput.of(field, "this file has no sound; give the sound without the speech", "NO_AUDIO")
    elif spec.background_sound == dub_pb2.BACKGROUND_SOUND_SEPARATED:
        models = offer.models["separation"]
        if not any(model.installed for model in models):
            remedy = next((model.remedy for model in models if model.remedy), "see the documentation of the asr service")
            raise InvalidInput.of("dub.background_sound", f"no separation engine is installed; {remedy}, or choose another background", "NO_ENGINE")


async def _check_subtitles(uri: str, field: str, media: ReadableMedia) -> None:
    digest = await media.digest(uri, field, "subtitles")
    if (await media.store.blob(digest)).size_bytes > MAX_SUBTITLE_BYTES:
        raise InvalidInput.of(field, "this is no file of subtitles; upload SRT or WebVTT", "NOT_SUBTITLES")
    await asyncio.to_thread(given_texts, await media.store.read(digest), field, [])


async def probed_media(uri: str, field: str, media: ReadableMedia) -> ProbedMedia:
    """What the headers of a video or sound say. Raises `InvalidInput` with `field`."""
    digest = await media.digest(uri, field, "a video" if field.endswith("video_uri") else "a sound")
    key = step_key("probe", {"media": digest})
    kept = await media.store.find_step(key)
    if kept is None:
        with TemporaryDirectory(prefix="locutor-probe-") as folder:
            found = await probe_media(await media.store.fetch(digest, Path(folder) / "media"), field)
        kept = StepResult(facts=asdict(found))
        await media.store.save_step(key, kept)
    return ProbedMedia(**kept.facts)


def check_priority(priority: int) -> None:
    if abs(priority) > _MOST_PRIORITY:
        raise InvalidInput.of("priority", f"found {priority}; choose -{_MOST_PRIORITY} to {_MOST_PRIORITY}", "OUT_OF_RANGE")


def check_request_id(request_id: str) -> None:
    if len(request_id) > MAX_REQUEST_ID or not all(" " <= character <= "~" for character in request_id):
        found = f"found {len(request_id)} characters" if len(request_id) > MAX_REQUEST_ID else f"found {request_id!r}"
        raise InvalidInput.of("request_id", f"{found}; at most {MAX_REQUEST_ID} printable ASCII characters", "BAD_REQUEST_ID")


def _check_fields(spec: job_pb2.PresentSpec) -> list[FieldViolation]:
    found: list[FieldViolation] = []

    def refuse(field: str, message: str, reason: str) -> None:
        found.append(FieldViolation(f"present.{field}", message, reason))

    for name in ("expression_percent", "head_motion_percent", "gaze_percent"):
        if getattr(spec.performance, name) > 150:
            refuse(f"performance.{name}", f"found {getattr(spec.performance, name)}; choose 0 to 150", "OUT_OF_RANGE")
    if spec.performance.style not in video_pb2.Style.values():
        known = ", ".join(name for name, number in video_pb2.Style.items() if number)
        refuse("performance.style", f"found {spec.performance.style}, which is no style; choose from {known}", "UNKNOWN_STYLE")
    if spec.background.color_rgb > 0xFFFFFF:
        refuse("background.color_rgb", f"found {spec.background.color_rgb:#x}; write 0xRRGGBB", "OUT_OF_RANGE")
    return [*_consent_violations(spec.consent, "present", "this face"), *found, *glossary_violations(spec.glossary, "present.glossary")]


def _consent_violations(consent: job_pb2.Consent, kind: str, what: str) -> list[FieldViolation]:
    found = []
    for name in ("stated_by", "statement"):
        text, field = getattr(consent, name).strip(), f"{kind}.consent.{name}"
        if not text:
            found.append(FieldViolation(field, f"is empty; say who allowed {what} to be used, and for what", "NO_CONSENT"))
        elif len(text) > _MAX_STATEMENT_CHARACTERS:
            found.append(FieldViolation(field, f"has {len(text)} characters; the limit is {_MAX_STATEMENT_CHARACTERS}", "TOO_LONG"))
    return found


async def _check_face(spec: job_pb2.PresentSpec, services: Services, media: ReadableMedia) -> None:
    field = "present.face_uri"
    digest = await media.digest(spec.face_uri, field)
    inspection = await inspect_face(media.store, services, digest)
    errors = [finding for finding in inspection.findings if finding.severity == lipsync_pb2.SEVERITY_ERROR]
    if errors:
        raise InvalidInput([FieldViolation(field, finding.message, finding.reason) for finding in errors])
    if not inspection.usable:
        raise InvalidInput.of(field, "this image cannot be used as a face; give a portrait of one person who looks at the camera", "NOT_USABLE")


async def _check_background(spec: job_pb2.PresentSpec, media: ReadableMedia) -> None:
    field = "present.background_uri"
    if not spec.background.image:
        if spec.background_uri:
            raise InvalidInput.of(field, "is set, but the background is not to be an image; set background.image, or leave this empty", "UNUSED")
        return
    digest = await media.digest(spec.background_uri, field)
    with TemporaryDirectory() as folder:
        image_type(await media.store.fetch(digest, Path(folder) / "background"), field)


async def _violations(check: Awaitable[None]) -> tuple[FieldViolation, ...]:
    try:
        await check
    except InvalidInput as error:
        return error.violations
    return ()
