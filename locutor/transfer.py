"""Files to the gateway and back, in chunks."""

from __future__ import annotations

import hashlib
import os
import urllib.request
from collections.abc import Iterator
from http import HTTPStatus
from http.client import HTTPException
from pathlib import Path
from typing import BinaryIO

import grpc

from locutor.errors import ServiceLost
from locutor.gateway.v1 import media_pb2, media_pb2_grpc

CHUNK_BYTES = 256 * 1024
"""Size of an upload's messages."""
_STORE_TIMEOUT_S = 60.0


def image_type(head: bytes) -> str | None:
    """The content type of an image by its first 12 bytes; None where it is no PNG, JPEG or WebP."""
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if head.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "image/webp"
    return None


def upload_requests(source: BinaryIO, file_name: str) -> Iterator[media_pb2.UploadMediaRequest]:
    """The messages that upload what `source` holds from here on."""
    chunk = source.read(CHUNK_BYTES)
    config = media_pb2.UploadMediaConfig(file_name=file_name, content_type=image_type(chunk[:12]) or "application/octet-stream")
    yield media_pb2.UploadMediaRequest(config=config)
    while chunk:
        yield media_pb2.UploadMediaRequest(data=chunk)
        chunk = source.read(CHUNK_BYTES)


def download(stub: media_pb2_grpc.MediaServiceStub, uri: str, path: Path, *, direct: bool = False) -> media_pb2.Media:
    """Write the media `uri` to `path`, which appears only once it is whole and has the digest that its URI tells.

    `direct`: from the store itself, where it gives URLs. What an earlier, broken download left beside it
    (`.NAME.DIGEST.part`) is taken up where it ended. Raises what the
    server refuses with as `grpc.RpcError`, and `ServiceLost` where the stream ended early or brought other bytes.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # The URI is part of the name, so that the rest of another media is never taken for the rest of this one.
    part = path.with_name(f".{path.name}.{hashlib.sha256(uri.encode()).hexdigest()[:16]}.part")
    offset = part.stat().st_size if part.exists() else 0
    found = stub.GetDownloadUrl(media_pb2.GetDownloadUrlRequest(uri=uri)) if direct else None
    try:
        media, chunks = _from_store(found, offset) if found is not None and found.url else _from_gateway(stub, uri, offset)
    except grpc.RpcError as error:
        if error.code() is grpc.StatusCode.OUT_OF_RANGE:  # type: ignore[attr-defined]
            part.unlink()  # longer than the media: nothing to go on from
        raise
    with part.open("ab") as file:
        for chunk in chunks:
            file.write(chunk)
        size = file.tell()
        file.flush()
        os.fsync(file.fileno())
    if size != media.size_bytes:
        raise ServiceLost(f"the download of {uri} ended after {size} of {media.size_bytes} bytes; start it again")
    with part.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if media.uri != f"media/{digest}":
        part.unlink()
        raise ServiceLost(f"the download of {uri} is damaged: it has the sha256 {digest}; it was thrown away, start it again", reason="DAMAGED_DOWNLOAD")
    part.replace(path)
    return media


def _from_gateway(stub: media_pb2_grpc.MediaServiceStub, uri: str, offset: int) -> tuple[media_pb2.Media, Iterator[bytes]]:
    messages = stub.DownloadMedia(media_pb2.DownloadMediaRequest(uri=uri, offset_bytes=offset))
    return next(messages).media, (message.data for message in messages)


def _from_store(found: media_pb2.GetDownloadUrlResponse, offset: int) -> tuple[media_pb2.Media, Iterator[bytes]]:
    def chunks() -> Iterator[bytes]:
        if offset >= found.media.size_bytes:
            return
        request = urllib.request.Request(found.url, headers={"Range": f"bytes={offset}-"} if offset else {})
        try:
            with urllib.request.urlopen(request, timeout=_STORE_TIMEOUT_S) as response:
                if offset and response.status != HTTPStatus.PARTIAL_CONTENT:
                    raise ServiceLost(f"the store that holds {found.media.uri} sends no parts of it; download it without --direct")
                while chunk := response.read(CHUNK_BYTES):
                    yield chunk
        except (OSError, HTTPException) as error:
            # The URL itself is as good as a key: it is told to nobody.
            raise ServiceLost(f"the store that holds {found.media.uri} does not answer ({error}); download it without --direct") from error

    return found.media, chunks()
