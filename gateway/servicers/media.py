"""MediaService: files in and out."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from tempfile import NamedTemporaryFile

import grpc.aio

from gateway.artifacts import ArtifactStore, digest_of
from gateway.content import content_type
from gateway.media_table import MediaTable
from gateway.settings import GatewaySettings
from locutor.errors import InvalidInput, OutOfRange
from locutor.gateway.v1 import media_pb2, media_pb2_grpc
from services.serving.interceptors import tenant
from services.store import URL_VALID

_MAX_NAME_CHARACTERS = 255
_UNTOLD = {"", "application/octet-stream"}
"""Declared types that claim nothing."""


class MediaServicer(media_pb2_grpc.MediaServiceServicer):
    full_name = "locutor.gateway.v1.MediaService"

    def __init__(self, settings: GatewaySettings, table: MediaTable, store: ArtifactStore, folder: Path) -> None:
        """`folder`: for files in progress."""
        self._folder = folder
        self._settings = settings
        self._table = table
        self._store = store

    def register(self, server: grpc.aio.Server) -> None:
        media_pb2_grpc.add_MediaServiceServicer_to_server(self, server)

    async def load(self) -> None:
        """Nothing to load."""

    async def close(self) -> None:
        """Nothing to let go of."""

    async def UploadMedia(
        self, request_iterator: AsyncIterator[media_pb2.UploadMediaRequest], context: grpc.aio.ServicerContext
    ) -> media_pb2.UploadMediaResponse:
        config: media_pb2.UploadMediaConfig | None = None
        hasher = hashlib.sha256()
        size = 0
        with NamedTemporaryFile(prefix="upload-", dir=self._folder) as file:
            async for request in request_iterator:
                if request.WhichOneof("payload") == "config":
                    if config is not None:
                        raise InvalidInput.of("config", "was sent twice; send it once, first", "BAD_ORDER")
                    config = _checked(request.config)
                    continue
                if config is None:
                    raise InvalidInput.of("config", "is missing; send it before the data", "BAD_ORDER")
                size += len(request.data)
                if size > self._settings.max_upload_bytes:
                    limit = self._settings.max_upload_bytes // 1024 // 1024
                    raise InvalidInput.of("data", f"is larger than {limit} MiB, which is the limit; send a smaller file", "TOO_LARGE")
                hasher.update(request.data)
                file.write(request.data)
            if config is None:
                raise InvalidInput.of("config", "is missing; send it before the data", "BAD_ORDER")
            file.flush()
            found = await content_type(Path(file.name), config.content_type, "data")
            if config.content_type not in _UNTOLD and _kind(config.content_type) != _kind(found):
                raise InvalidInput.of("config.content_type", f"says {config.content_type[:80]}, but the content is {found}", "TYPE_DIFFERS")
            blob = await self._store.put_file(Path(file.name), hasher.hexdigest())
        media = media_pb2.Media(uri=blob.uri, size_bytes=blob.size_bytes, content_type=found, file_name=config.file_name)
        await self._table.add(media, tenant.get())
        return media_pb2.UploadMediaResponse(media=media)

    async def DownloadMedia(self, request: media_pb2.DownloadMediaRequest, context: grpc.aio.ServicerContext) -> AsyncIterator[media_pb2.DownloadMediaResponse]:
        digest = digest_of(request.uri)
        media = await self._table.get(digest, tenant.get())
        if request.offset_bytes > media.size_bytes:
            raise OutOfRange.of("offset_bytes", f"found {request.offset_bytes}; the media has {media.size_bytes} bytes", "OUT_OF_RANGE")
        yield media_pb2.DownloadMediaResponse(media=media)
        async for data in self._store.stream(digest, request.offset_bytes):
            yield media_pb2.DownloadMediaResponse(data=data)

    async def GetDownloadUrl(self, request: media_pb2.GetDownloadUrlRequest, context: grpc.aio.ServicerContext) -> media_pb2.GetDownloadUrlResponse:
        digest = digest_of(request.uri)
        response = media_pb2.GetDownloadUrlResponse(media=await self._table.get(digest, tenant.get()))
        # A URL of bytes that have gone would be found out by whoever opens it.
        await self._store.blob(digest)
        url = await self._store.download_url(digest)
        if url is not None:
            response.url = url
            response.expire_time.FromDatetime(datetime.now(UTC) + URL_VALID)
        return response


def _kind(content_type: str) -> str:
    """Image, sound or video; of subtitles there are many names."""
    kind = content_type.partition("/")[0]
    return "subtitles" if kind in {"text", "application"} else "recording" if kind in {"audio", "video"} else kind


def _checked(config: media_pb2.UploadMediaConfig) -> media_pb2.UploadMediaConfig:
    if len(config.file_name) > _MAX_NAME_CHARACTERS or not config.file_name.isprintable():
        raise InvalidInput.of("config.file_name", f"is longer than {_MAX_NAME_CHARACTERS} characters, or not printable; send a plain name", "BAD_FILE_NAME")
    return config
