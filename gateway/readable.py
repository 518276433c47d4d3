"""The media that a tenant may name in a request: those that he sent, or that his jobs made, and whose bytes are still there."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.artifacts import ArtifactStore, digest_of
from gateway.media_table import MediaTable
from locutor.errors import InvalidInput, NotFound


@dataclass(frozen=True)
class ReadableMedia:
    """The media of one tenant."""

    store: ArtifactStore
    table: MediaTable
    tenant: str

    async def digest(self, uri: str, field: str, what: str = "an image") -> str:
        """The digest of a media that is there and the tenant's. `what`: it should be. Raises `InvalidInput` with `field`."""
        if not uri:
            raise InvalidInput.of(field, f"is empty; upload {what} and give its URI", "NO_MEDIA")
        try:
            digest = digest_of(uri)
            await self.table.get(digest, self.tenant)
            await self.store.blob(digest)
        except NotFound as error:
            raise InvalidInput.of(field, error.message, error.reason) from error
        return digest
