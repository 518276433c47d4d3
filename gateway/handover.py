"""Big media to services and back: as bytes in messages, or, where a service shares the gateway's store, as URIs into it.

Which way it goes is no matter of what is made: both give the same bytes, under the same step.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from gateway.artifacts import ArtifactStore, Blob, digest_of
from gateway.services import CHUNK_BYTES
from locutor.common.v1 import stored_pb2
from locutor.errors import NotFound, Unavailable


async def file_requests(store: ArtifactStore, service: str, request: Any, field: str, path: Path) -> AsyncIterator[Any]:
    """Messages of the type `request` that hand a file to the service, in its bytes field `field` or by its URI."""
    if service in store.shared_with:
        yield request(**{f"{field}_uri": (await store.put_file(path)).uri})
        return
    with path.open("rb") as file:
        while data := await asyncio.to_thread(file.read, CHUNK_BYTES):
            yield request(**{field: data})


async def blob_requests(store: ArtifactStore, service: str, request: Any, field: str, blob: Blob) -> AsyncIterator[Any]:
    """As `file_requests`, of bytes that are in the store."""
    if service in store.shared_with:
        yield request(**{f"{field}_uri": blob.uri})
        return
    async for data in store.stream(blob.sha256):
        yield request(**{field: data})


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
