"""Big media to services and back: as bytes in messages, or, where a service shares the gateway's store, as URIs into it.

Which way it goes is no matter of what is made: both give the same bytes, under the same step.
"""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway.artifacts import ArtifactStore, Blob, digest_of
from gateway.services import CHUNK_BYTES
from locutor.common.v1 import stored_pb2
from locutor.errors import NotFound, Unavailable


@dataclass(frozen=True)
class Handed:
    """An input that is ready to be sent: what may go wrong with the store went wrong before the call, and is told as what it is."""

    uri: str
    """In the shared store; empty: it is sent."""
    source: Path | bytes
    """What is sent."""

    async def requests(self, request: Any, field: str) -> AsyncIterator[Any]:
        """Messages of the type `request` with it, in the bytes field `field` or by its URI."""
        if self.uri:
            yield request(**{f"{field}_uri": self.uri})
            return
        with self.source.open("rb") if isinstance(self.source, Path) else io.BytesIO(self.source) as file:
            while data := await asyncio.to_thread(file.read, CHUNK_BYTES):
                yield request(**{field: data})


async def hand_over(store: ArtifactStore, service: str, what: Path | Blob) -> Handed:
    """A file, or what is in the store, for a service."""
    if service in store.shared_with:
        blob = what if isinstance(what, Blob) else await store.put_file(what)
        return Handed(blob.uri, b"")
    return Handed("", what if isinstance(what, Path) else await store.read(what.sha256))


async def taken_over(store: ArtifactStore, stored: stored_pb2.StoredMedia, path: Path, sha256: str) -> Blob:
    """What a service made, in the store and in the file `path`: `stored` where it put it there, else it came as bytes, and is in the file.

    `sha256`: of the file's. Raises `Unavailable` where the service's store is not the gateway's.
    """
    if not stored.uri:
        return await store.put_file(path, sha256)
    try:
        blob = await store.adopt(Blob(digest_of(stored.uri), stored.size_bytes))
    except NotFound as error:
        text = f"a service put {stored.uri} into its store, but it is not in the gateway's; set the LOCUTOR_STORE of both to the same"
        raise Unavailable(text, reason="NOT_IN_STORE") from error
    await store.fetch(blob.sha256, path)
    return blob
