"""The artifact store: bytes under the digest of their content, and results of steps under the digest of their inputs.

    media/<sha256>      bytes: uploads, intermediate results, outputs
    steps/<sha256>      what a step made: names, digests and sizes of its outputs, and small facts, as JSON

A step's key is made of all that its output depends on, so what was once made is never made again: not after a crash,
not for another job, not where another part of a script changed.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

import obstore
from obstore.exceptions import AlreadyExistsError
from obstore.store import LocalStore, from_url

from locutor.errors import InternalError, NotFound

_CREATE_LIMIT_BYTES = 32 * 1024 * 1024
"""Above it a file is sent in parts, which cannot be create-only; the key is the content's digest, so a second writer writes the same bytes."""
_READ_CHUNK_BYTES = 256 * 1024


@dataclass(frozen=True)
class Blob:
    """Bytes in the store."""

    sha256: str
    """Lower-case hexadecimal."""
    size_bytes: int

    @property
    def uri(self) -> str:
        return f"media/{self.sha256}"


@dataclass(frozen=True)
class StepResult:
    """What a step made."""

    blobs: Mapping[str, Blob] = field(default_factory=dict)
    """Its outputs by name."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """Small results, as JSON knows them."""


class CorruptArtifact(InternalError):
    """Bytes in the store are not those that were written. They were removed, so that they are made again."""

    reason = "CORRUPT_ARTIFACT"


def step_key(step: str, inputs: Mapping[str, Any]) -> str:
    """The key of a step's result: sha256 of the canonical JSON of its name and of all that its output depends on."""
    text = json.dumps({"step": step, "inputs": inputs}, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def digest_of(uri: str) -> str:
    """The digest in a "media/<sha256>" URI. Raises `NotFound` for anything else: a name is never taken for a path."""
    scheme, _, digest = uri.partition("/")
    if scheme != "media" or len(digest) != 64 or not set(digest) <= set("0123456789abcdef"):
        raise NotFound(f"{uri[:100]!r} is not the URI of a media; they look like media/<sha256>", reason="MEDIA_NOT_FOUND")
    return digest


class ArtifactStore:
    """Bytes and steps in a folder, or in S3, Google Cloud Storage or Azure. Writes appear whole or not at all."""

    def __init__(self, url: str) -> None:
        if url.startswith("file:"):
            self._store: Any = LocalStore(unquote(urlparse(url).path), mkdir=True)
        else:
            self._store = from_url(url)

    async def put_bytes(self, data: bytes) -> Blob:
        blob = Blob(hashlib.sha256(data).hexdigest(), len(data))
        await self._create(_media(blob.sha256), data)
        return blob

    async def put_file(self, path: Path, sha256: str | None = None) -> Blob:
        """Store a file. `sha256`: where it is already known."""
        digest = sha256 if sha256 is not None else await asyncio.to_thread(file_digest, path)
        blob = Blob(digest, await asyncio.to_thread(os.path.getsize, path))
        if blob.size_bytes <= _CREATE_LIMIT_BYTES:
            await self._create(_media(blob.sha256), path)
        elif not await self.has(blob.sha256):
            await obstore.put_async(self._store, _media(blob.sha256), path)
        return blob

    async def has(self, sha256: str) -> bool:
        return await self._size(sha256) is not None

    async def blob(self, sha256: str) -> Blob:
        """Raises `NotFound`."""
        size = await self._size(sha256)
        if size is None:
            raise NotFound(f"there is no media/{sha256}; it was never uploaded here, or has expired", reason="MEDIA_NOT_FOUND")
        return Blob(sha256, size)

    async def read(self, sha256: str) -> bytes:
        """All bytes, verified. For what is small. Raises `NotFound` and `CorruptArtifact`."""
        return b"".join([chunk async for chunk in self.stream(sha256)])

    async def stream(self, sha256: str, offset: int = 0) -> AsyncIterator[bytes]:
        """The bytes from `offset` on, in chunks of at most 256 KiB; read from the start, they are verified at the end.

        Raises `NotFound` and `CorruptArtifact`.
        """
        blob = await self.blob(sha256)
        if offset >= blob.size_bytes:
            return
        hasher = hashlib.sha256()
        result = await obstore.get_async(self._store, _media(sha256), options={"range": {"offset": offset}})
        async for part in result.stream(min_chunk_size=_READ_CHUNK_BYTES):
            data = bytes(part)
            hasher.update(data)
            for begin in range(0, len(data), _READ_CHUNK_BYTES):
                yield data[begin : begin + _READ_CHUNK_BYTES]
        if offset == 0 and hasher.hexdigest() != sha256:
            await self.remove(sha256)
            raise CorruptArtifact(f"media/{sha256} is damaged and was removed from the store")

    async def fetch(self, sha256: str, path: Path) -> Path:
        """Copy to a local file, verified. Raises `NotFound` and `CorruptArtifact`."""
        with path.open("wb") as file:
            async for chunk in self.stream(sha256):
                file.write(chunk)
        return path

    async def remove(self, sha256: str) -> None:
        """No effect where it is gone already."""
        with suppress(FileNotFoundError):
            await obstore.delete_async(self._store, _media(sha256))

    async def remove_before(self, time: datetime, keep: Collection[str]) -> int:
        """Remove steps and bytes that were written before `time`, but for the digests to keep; returns how many."""
        old: list[str] = []
        async for batch in obstore.list(self._store):
            old += [entry["path"] for entry in batch if entry["last_modified"] < time and entry["path"].removeprefix("media/") not in keep]
        if old:
            await obstore.delete_async(self._store, old)
        return len(old)

    async def find_step(self, key: str) -> StepResult | None:
        """What the step made, or None where it was not done, or where an output of it is gone."""
        try:
            record = json.loads(bytes(await (await obstore.get_async(self._store, _step(key))).bytes_async()))
            blobs = {name: Blob(sha256, size) for name, (sha256, size) in record["blobs"].items()}
            complete = all([await self._size(blob.sha256) == blob.size_bytes for blob in blobs.values()])
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError):
            complete = False
        if not complete:
            with suppress(FileNotFoundError):
                await obstore.delete_async(self._store, _step(key))
            return None
        return StepResult(blobs, record["facts"])

    async def save_step(self, key: str, result: StepResult) -> None:
        record = {"blobs": {name: [blob.sha256, blob.size_bytes] for name, blob in result.blobs.items()}, "facts": dict(result.facts)}
        await self._create(_step(key), json.dumps(record, sort_keys=True, ensure_ascii=False).encode())

    async def _size(self, sha256: str) -> int | None:
        try:
            return int((await obstore.head_async(self._store, _media(sha256)))["size"])
        except FileNotFoundError:
            return None

    async def _create(self, path: str, content: bytes | Path) -> None:
        # The key says all about the content: who came first wrote the same.
        with suppress(AlreadyExistsError):
            await obstore.put_async(self._store, path, content, mode="create")


def file_digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _media(sha256: str) -> str:
    return f"media/{sha256}"


def _step(key: str) -> str:
    return f"steps/{key}"
