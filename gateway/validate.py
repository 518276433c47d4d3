"""Checks a request before any expensive work, and refuses it with all that is wrong with it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

from gateway.content import image_type
from gateway.faces import inspect_face
from gateway.present.plan import make_plan
from gateway.readable import ReadableMedia
from gateway.services import Services
from locutor.errors import FieldViolation, InvalidInput
from locutor.gateway.v1 import job_pb2
from locutor.glossary import glossary_violations
from locutor.lipsync.v1 import lipsync_pb2

T = TypeVar("T")

MAX_REQUEST_ID = 128
_MAX_STATEMENT_CHARACTERS = 2_000


async def check_present(spec: job_pb2.PresentSpec, services: Services, media: ReadableMedia) -> None:
    """Raises `InvalidInput` with every violation, and what the services raise where they cannot be asked."""
    violations = [*_check_fields(spec)]
    voices, pairs, face, background = await asyncio.gather(
        services.voices(),
        services.pairs(),
        _violations(_check_face(spec, services, media)),
        _violations(_check_background(spec, media)),
    )
    try:
        # Long scripts take seconds to read: other calls must not wait for that.
        await asyncio.to_thread(make_plan, spec, voices, pairs)
    except InvalidInput as error:
        violations = [*error.violations, *violations]
    violations += [*face, *background]
    if violations:
        raise InvalidInput(violations)


def check_request_id(request_id: str) -> None:
    if len(request_id) > MAX_REQUEST_ID or not all(" " <= character <= "~" for character in request_id):
        found = f"found {len(request_id)} characters" if len(request_id) > MAX_REQUEST_ID else f"found {request_id!r}"
        raise InvalidInput.of("request_id", f"{found}; at most {MAX_REQUEST_ID} printable ASCII characters", "BAD_REQUEST_ID")


def _check_fields(spec: job_pb2.PresentSpec) -> list[FieldViolation]:
    found: list[FieldViolation] = []

    def refuse(field: str, message: str, reason: str) -> None:
        found.append(FieldViolation(f"present.{field}", message, reason))

    for name in ("stated_by", "statement"):
        text = getattr(spec.consent, name).strip()
        if not text:
            refuse(f"consent.{name}", "is empty; say who allowed this face to be used, and for what", "NO_CONSENT")
        elif len(text) > _MAX_STATEMENT_CHARACTERS:
            refuse(f"consent.{name}", f"has {len(text)} characters; the limit is {_MAX_STATEMENT_CHARACTERS}", "TOO_LONG")
    for name in ("expression_percent", "head_motion_percent"):
        if getattr(spec.performance, name) > 150:
            refuse(f"performance.{name}", f"found {getattr(spec.performance, name)}; choose 0 to 150", "OUT_OF_RANGE")
    if spec.background.color_rgb > 0xFFFFFF:
        refuse("background.color_rgb", f"found {spec.background.color_rgb:#x}; write 0xRRGGBB", "OUT_OF_RANGE")
    return [*found, *glossary_violations(spec.glossary, "present.glossary")]


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
