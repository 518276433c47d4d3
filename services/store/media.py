"""Bytes under the digest of their content: "media/<sha256>".

Equal bytes are one object, whoever writes them; what is read is verified.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from locutor.errors import InternalError, NotFound
from services.store.objects import Objects

_CREATE_LIMIT_BYTES = 32 * 1024 * 1024
"""Above it a file is sent in parts, which cannot be create-only; the key is the content's digest, so a second writer writes the same bytes."""
_READ_CHUNK_BYTES = 256 * 1024
URL_VALID = timedelta(minutes=15)
"""How long a download's URL lasts."""


@dataclass(frozen=True)
class Blob:
    """Bytes in the store."""

    sha256: str
    """Lower-case hexadecimal."""
    size_bytes: int

    @classmethod
    def of(cls, data: bytes) -> Blob:
        """Bytes that need not be in a store."""
        return cls(hashlib.sha256(data).hexdigest(), len(data))

    @property
    def uri(self) -> str:
        return f"media/{self.sha256}"


class CorruptArtifact(InternalError):
    """Bytes in the store are not those that were written. They were removed, so that they are made again."""

    reason = "CORRUPT_ARTIFACT"


def digest_of(uri: str) -> str:
    """The digest in a "media/<sha256>" URI. Raises `NotFound` for anything else: a name is never taken for a path."""
    scheme, _, digest = uri.partition("/")
    if scheme != "media" or len(digest) != 64 or not set(digest) <= set("0123456789abcdef"):
        raise NotFound(f"{uri[:100]!r} is not the URI of a media; they look like media/<sha256>", reason="MEDIA_NOT_FOUND")
    return digest


class MediaStore:
    """Bytes in a folder, or in S3, Google Cloud Storage or Azure. Writes appear whole or not at all."""

    def __init__(self, url: str) -> None:
        """As `Objects`."""
        self.objects = Objects(url)

    async def put_bytes(self, data: bytes) -> Blob:
        blob = Blob(hashlib.sha256(data).hexdigest(), len(data))
        await self._put(blob, data)
        return blob

    async def put_file(self, path: Path, sha256: str | None = None) -> Blob:
        """Store a file. `sha256`: where it is already known."""
        digest = sha256 if sha256 is not None else await asyncio.to_thread(file_digest, path)
        blob = Blob(digest, await asyncio.to_thread(os.path.getsize, path))
        await self._put(blob, path)
        return blob

    async def has(self, sha256: str) -> bool:
        return await self._size(sha256) is not None

    async def blob(self, sha256: str) -> Blob:
        """Raises `NotFound`."""
        size = await self._size(sha256)
        if size is None:
            raise _not_found(sha256)
        return Blob(sha256, size)

    async def read(self, sha256: str) -> bytes:
        """All bytes, verified. For what is small. Raises `NotFound` and `CorruptArtifact`."""
        return b"".join([chunk async for chunk in self.stream(sha256)])

    async def stream(self, sha256: str, offset: int = 0) -> AsyncIterator[bytes]:
        """The bytes from `offset` on, in chunks of at most 256 KiB; read from the start, they are verified at the end.

        Raises `NotFound` and `CorruptArtifact`.
        """
        blob = await self.blob(sha256)
        hasher = hashlib.sha256()
        if offset < blob.size_bytes:
            try:
                async for chunk in self.objects.stream(_path(sha256), offset, _READ_CHUNK_BYTES):
                    hasher.update(chunk)
                    yield chunk
            except FileNotFoundError as error:
                raise _not_found(sha256) from error
        if offset == 0 and hasher.hexdigest() != sha256:
            await self.remove(sha256)
            raise CorruptArtifact(f"media/{sha256} is damaged and was removed from the store")

    async def fetch(self, sha256: str, path: Path) -> Path:
        """Copy to a local file, verified. Raises `NotFound` and `CorruptArtifact`; there is then no file."""
        try:
            with path.open("wb") as file:
                async for chunk in self.stream(sha256):
                    file.write(chunk)
        except BaseException:
            await asyncio.shield(asyncio.to_thread(path.unlink, missing_ok=True))
            raise
        return path

    async def remove(self, sha256: str) -> None:
        """No effect where it is gone already."""
        await self.objects.remove([_path(sha256)])

    async def download_url(self, sha256: str) -> str | None:
        """A URL that anybody may read the bytes by for `URL_VALID`; None where this store cannot give one: stream them."""
        return await self.objects.download_url(_path(sha256), URL_VALID)

    async def _put(self, blob: Blob, content: bytes | Path) -> bool:
        """Whether anything was written: it was not there yet, or was damaged so that its size shows it."""
        if blob.size_bytes <= _CREATE_LIMIT_BYTES and await self.objects.create(_path(blob.sha256), content):
            return True
        if await self._size(blob.sha256) == blob.size_bytes:
            return False
        await self.objects.put(_path(blob.sha256), content)
        return True

    async def _size(self, sha256: str) -> int | None:
        found = await self.objects.head(_path(sha256))
        return found.size_bytes if found is not None else None


def file_digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _path(sha256: str) -> str:
    return f"media/{sha256}"


def _not_found(sha256: str) -> NotFound:
    return NotFound(f"there is no media/{sha256}; it was never uploaded here, or has expired", reason="MEDIA_NOT_FOUND")
