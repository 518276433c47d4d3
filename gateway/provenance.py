"""Provenance: every video carries a C2PA manifest that says it is synthetic, made by what, from what, and with whose consent."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import c2pa

from gateway.signing_key import SigningKey
from locutor.errors import InternalError, NotFound

DIGITAL_SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
"""IPTC's term for what a presenter video is: a given picture, moved, joined with a voice that a trained model made. `trainedAlgorithmicMedia`
would deny the portrait, `compositeSynthetic` the trained model; programs that label AI look for these words."""

_MEDIA_TYPE = "video/mp4"
_MANIFEST_TYPE = "application/c2pa"
_OTHER_VIDEO = "application/octet-stream"
_PRODUCTION = "locutor.production"
_CONSENT = "locutor.consent"
_PORTRAIT = "portrait"
_VIDEO = "video"
# No network while signing or reading, and no picture of the face beyond what the video shows.
_CONTEXT_SETTINGS: dict[str, Any] = {
    "verify": {"ocsp_fetch": False, "remote_manifest_fetch": False},
    "builder": {
        "thumbnail": {"enabled": False},
        # These are statements of the signer, not something that it merely passes on.
        "created_assertion_labels": ["c2pa.actions", "c2pa.ingredient", _PRODUCTION, _CONSENT],
    },
}


@dataclass(frozen=True)
class EngineUse:
    """One engine that took part."""

    stage: str
    """"translate", "speak" or "animate"."""
    engine: str
    engine_version: str
    model: str = ""
    weights: Mapping[str, str] = field(default_factory=dict)
    """File name to sha256 in hexadecimal."""


@dataclass(frozen=True)
class ConsentRecord:
    """Who allowed the face or the voice to be used, and for what."""

    stated_by: str
    statement: str
    stated_at: datetime | None = None
    """With its time zone."""


@dataclass(frozen=True)
class ProvenanceClaim:
    """What a video's manifest says of it."""

    title: str
    locale: str
    """BCP 47 locale of the speech."""
    engines: tuple[EngineUse, ...]
    script_sha256: str
    """Of the spoken text in UTF-8, in hexadecimal."""
    face: bytes = b""
    """The image file that was animated; empty: `video` is given."""
    face_media_type: str = ""
    """"image/png", "image/jpeg" or "image/webp"."""
    video: Path | None = None
    """The video that was dubbed, where it is signed."""
    video_sha256: str = ""
    moved_lips: bool = False
    """The video's picture was changed, not only its sound."""
    consent: ConsentRecord | None = None
    made_at: datetime | None = None
    """With its time zone; unset: now."""

    @property
    def inputs(self) -> dict[str, Any]:
        """All that the manifest says, but for when it was made and when consent was stated, as JSON."""
        consent = self.consent
        return {
            "title": self.title,
            "locale": self.locale,
            "engines": [[use.stage, use.engine, use.engine_version, use.model, dict(use.weights)] for use in self.engines],
            "script": self.script_sha256,
            "face": [hashlib.sha256(self.face).hexdigest(), self.face_media_type] if self.face else None,
            "video": self.video_sha256,
            "moved_lips": self.moved_lips,
            "consent": [consent.stated_by, consent.statement] if consent else None,
        }


@dataclass(frozen=True)
class SignedProvenance:
    """What was signed, for the report."""

    manifest: str
    """Label of the manifest in the video."""
    digital_source_type: str
    signer: str
    is_development: bool
    """Signed by a key made on this machine, which nobody else has a reason to trust."""


@dataclass(frozen=True)
class ReadManifest:
    """The manifest found in a video."""

    manifest: Mapping[str, Any]
    """The active manifest as c2pa gives it: title, assertions, ingredients, signature_info."""
    validation_state: str
    """"Trusted", "Valid" (intact, signed by somebody not on a trust list) or "Invalid"."""
    failures: tuple[str, ...]
    """C2PA's codes: "signingCredential.untrusted", "assertion.bmffHash.mismatch"."""

    @property
    def is_intact(self) -> bool:
        """Not changed since it was signed, whoever signed it."""
        return self.validation_state in ("Valid", "Trusted")

    def assertion(self, label: str) -> Mapping[str, Any]:
        """Data of the assertion `label`. Raises NotFound."""
        for assertion in self.manifest.get("assertions", ()):
            if assertion["label"] == label:
                return assertion["data"]
        raise NotFound(f"the manifest has no assertion {label!r}")


def sign_video(path_in: Path, path_out: Path, claim: ProvenanceClaim, key: SigningKey | None = None) -> SignedProvenance:
    """Write `path_in` (MP4) with its manifest to `path_out`; picture, sound and fast start stay as they are.

    Memory: C2PA's library hashes in blocks of 256 MB, of which it holds two, so a video of half a gigabyte or more takes that much.
    `key`: unset, the one that the environment names (`SigningKey.from_environment`). Nothing is asked of the network: there
    is no time stamp of an authority. `path_out` appears whole or not at all.
    """
    key = key or SigningKey.from_environment()
    partial = path_out.with_name(f".{path_out.name}.partial")
    try:
        with (
            c2pa.Context.from_dict(_CONTEXT_SETTINGS) as context,
            c2pa.Builder.from_json(json.dumps(_manifest(claim)), context) as builder,
            c2pa.Signer.from_info(c2pa.C2paSignerInfo(key.algorithm, key.certificates_pem, key.private_key_pem, None)) as signer,
            path_in.open("rb") as source,
            partial.open("w+b") as target,
        ):
            if claim.video is None:
                builder.add_ingredient(json.dumps(_face_ingredient(claim)), claim.face_media_type, io.BytesIO(claim.face))
            else:
                _add_video(builder, claim.video)
            manifest = builder.sign(signer, _MEDIA_TYPE, source, target)
        partial.replace(path_out)
    except c2pa.C2paError as error:
        raise InternalError(f"the video's provenance could not be signed: {error}") from error
    finally:
        partial.unlink(missing_ok=True)
    return SignedProvenance(_label_of(manifest), DIGITAL_SOURCE_TYPE, key.signer, key.is_development)


def _label_of(manifest: bytes) -> str:
    """The name of a manifest that stands by itself: the video need not be read again, which would take as long as signing it."""
    with c2pa.Context.from_dict(_CONTEXT_SETTINGS) as context, c2pa.Reader(_MANIFEST_TYPE, io.BytesIO(manifest), context=context) as reader:
        return str(json.loads(reader.json())["active_manifest"])


def read_manifest(path: Path) -> ReadManifest:
    """The manifest in the video `path`, and whether it still holds. Raises NotFound where there is none."""
    try:
        found = _read(path)
    except c2pa.C2paError.ManifestNotFound as error:
        raise NotFound(f"{path.name!r} carries no C2PA manifest") from error
    results = found.get("validation_results", {}).get("activeManifest", {})
    failures = tuple(entry["code"] for entry in results.get("failure", ()))
    return ReadManifest(found["manifests"][found["active_manifest"]], found["validation_state"], failures)


def _read(path: Path) -> dict[str, Any]:
    with c2pa.Context.from_dict(_CONTEXT_SETTINGS) as context, path.open("rb") as file, c2pa.Reader(_MEDIA_TYPE, file, context=context) as reader:
        return json.loads(reader.json())


def _manifest(claim: ProvenanceClaim) -> dict[str, Any]:
    generator = {"name": "Locutor", "version": version("locutor")}
    made_at = _second(claim.made_at or datetime.now(UTC))
    source = {"face_sha256": hashlib.sha256(claim.face).hexdigest()} if claim.video is None else {"video_sha256": claim.video_sha256}
    production = {
        "locale": claim.locale,
        "script_sha256": claim.script_sha256,
        **source,
        "engines": [
            {
                "stage": engine.stage,
                "engine": engine.engine,
                "engine_version": engine.engine_version,
                "model": engine.model,
                "weights_sha256": dict(engine.weights),
            }
            for engine in claim.engines
        ],
    }
    actions = [{**action, "when": made_at, "softwareAgent": generator} for action in (_presented() if claim.video is None else _dubbed(claim))]
    assertions = [
        {"label": "c2pa.actions.v2", "data": {"actions": actions}},
        {"label": _PRODUCTION, "data": production},
    ]
    if claim.consent is not None:
        consent = {"stated_by": claim.consent.stated_by, "statement": claim.consent.statement}
        if claim.consent.stated_at is not None:
            consent["stated_at"] = _second(claim.consent.stated_at)
        assertions.append({"label": _CONSENT, "data": consent})
    return {
        "claim_generator_info": [generator],
        "title": claim.title or ("Presenter video" if claim.video is None else "Dubbed video"),
        "format": _MEDIA_TYPE,
        "assertions": assertions,
    }


def _second(time: datetime) -> str:
    """As ISO 8601 has it, in UTC."""
    return time.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _presented() -> list[dict[str, Any]]:
    return [
        {
            "action": "c2pa.created",
            "digitalSourceType": DIGITAL_SOURCE_TYPE,
            "description": "A still portrait, animated to speak a script in a synthetic voice.",
            "parameters": {"ingredientIds": [_PORTRAIT]},
        }
    ]


def _dubbed(claim: ProvenanceClaim) -> list[dict[str, Any]]:
    actions: list[dict[str, Any]] = [
        {"action": "c2pa.opened", "parameters": {"ingredientIds": [_VIDEO]}},
        {
            "action": "c2pa.dubbed",
            "digitalSourceType": DIGITAL_SOURCE_TYPE,
            "description": f"What people say was replaced by synthetic speech in {claim.locale}.",
        },
    ]
    if claim.moved_lips:
        description = "Mouths were changed to match the synthetic speech."
        actions.append({"action": "c2pa.edited", "digitalSourceType": DIGITAL_SOURCE_TYPE, "description": description})
    return actions


def _add_video(builder: c2pa.Builder, path: Path) -> None:
    """The dubbed video's source: what it was made from, with the manifest that it brings. Only MP4 and its kin can bring one."""
    ingredient = {"title": "Source video", "relationship": "parentOf", "label": _VIDEO}
    with path.open("rb") as file:
        is_mp4 = file.read(8)[4:] == b"ftyp"
        file.seek(0)
        if is_mp4:
            builder.add_ingredient(json.dumps({**ingredient, "format": _MEDIA_TYPE}), _MEDIA_TYPE, file)
        else:
            # C2PA knows no such container: its digest stands in the production's record.
            builder.add_ingredient(json.dumps({**ingredient, "format": _OTHER_VIDEO}), _OTHER_VIDEO, io.BytesIO(b""))


def _face_ingredient(claim: ProvenanceClaim) -> dict[str, str]:
    """`inputTo`: what went into a process, as C2PA says of a model's input. A portrait that brings a manifest of its own keeps it."""
    return {"title": "Portrait", "format": claim.face_media_type, "relationship": "inputTo", "label": _PORTRAIT}
